//! Readings of made-up links and machines, and the leaves they become.

use std::net::IpAddr;
use std::time::Duration;

use crate::platform::bench::{Bench, changes};
use crate::platform::links::Links;
use crate::platform::map::value::Make;
use crate::platform::map::{Datum, Gaps};
use crate::platform::reading::{
    Address, Counters, CpuSample, CpuTimes, Ethernet, EthernetCounters, Filesystem, Layer, Link, Load, Machine, Memory,
    Oper, Origin, Process, Sensor,
};
use crate::platform::system::{Moment, System};
use crate::schema::{Input, Rule};
use crate::store::{StateBatch, Tree};
use crate::time::Timestamp;

const START: Timestamp = Timestamp::from_nanos(1_772_359_200_000_000_000);

fn eth0() -> Link {
    Link {
        index: 4,
        name: "eth0".into(),
        layer: Layer::Ethernet,
        kind: None,
        mac: Some([2, 0xfc, 0, 0, 0, 1]),
        permanent_mac: Some([2, 0xfc, 0, 0, 0, 1]),
        mtu: Some(1400),
        admin_up: true,
        oper: Oper::Up,
        carrier: Some(true),
        alias: None,
    }
}

fn counters() -> Counters {
    Counters {
        in_octets: 309_145_922,
        in_packets: 18_048,
        in_multicast: Some(3),
        in_errors: 1,
        in_discards: 2,
        out_octets: 1_381_052,
        out_packets: 12_773,
        out_errors: 4,
        out_discards: 5,
        ethernet: Some(EthernetCounters { crc_errors: 7, ..EthernetCounters::default() }),
        carrier_changes: Some(2),
        ..Counters::default()
    }
}

fn address(ip: &str, prefix_length: u8, origin: Origin) -> Address {
    let ip: IpAddr = ip.parse().unwrap();
    Address { ip, prefix_length, secondary: false, usable: true, duplicate: false, origin: Some(origin) }
}

#[test]
fn the_embedded_models_have_every_node() {
    let bench = Bench::new();
    let mut gaps = Gaps::default();
    Links::new(bench.schema.clone(), &mut gaps);
    System::new(bench.schema.clone(), &mut gaps);
    assert_eq!(gaps.missing(), [""; 0]);
}

/// Links with eth0 in the tree.
fn with_eth0(bench: &Bench) -> Links {
    let mut links = Links::new(bench.schema.clone(), &mut Gaps::default());
    let mut batch = StateBatch::new();
    links.see(eth0(), Some("1/1/1".into()), START, &mut batch);
    links.complete();
    links.count(4, counters(), &mut batch);
    links.run(
        4,
        Ethernet { speed: Some(1000), full_duplex: Some(true), autonegotiation: Some(true), driver: None },
        &mut batch,
    );
    let addresses = vec![
        address("192.0.2.1", 24, Origin::Static),
        address("2001:db8::1", 64, Origin::Static),
        address("fe80::1", 64, Origin::LinkLayer),
    ];
    links.addresses(4, addresses, &mut batch);
    bench.commit(&batch, START);
    links
}

#[test]
fn a_link_is_a_port_an_interface_and_an_openconfig_interface() {
    let bench = Bench::new();
    with_eth0(&bench);
    for (path, value) in [
        ("/state/port[port-id=1/1/1]/port-id", "1/1/1"),
        ("/state/port[port-id=1/1/1]/oper-state", "up"),
        ("/state/port[port-id=1/1/1]/port-state", "up"),
        ("/state/port[port-id=1/1/1]/physical-link", "true"),
        ("/state/port[port-id=1/1/1]/if-index", "4"),
        ("/state/port[port-id=1/1/1]/hardware-mac-address", "02:fc:00:00:00:01"),
        ("/state/port[port-id=1/1/1]/user-assigned-mac", "false"),
        ("/state/port[port-id=1/1/1]/ethernet/oper-speed", "1000"),
        ("/state/port[port-id=1/1/1]/ethernet/oper-duplex", "full"),
        ("/state/port[port-id=1/1/1]/linux/interface-name", "eth0"),
        ("/state/port[port-id=1/1/1]/statistics/in-octets", "309145922"),
        ("/state/port[port-id=1/1/1]/statistics/out-packets", "12773"),
        ("/state/port[port-id=1/1/1]/statistics/in-multicast-packets", "3"),
        ("/state/port[port-id=1/1/1]/statistics/counter-discontinuity-time", "2026-03-01T10:00:00.0Z"),
        ("/state/port[port-id=1/1/1]/ethernet/statistics/crc-align-errors", "7"),
        ("/state/router[router-name=Base]/interface[interface-name=eth0]/oper-state", "up"),
        ("/state/router[router-name=Base]/interface[interface-name=eth0]/oper-ip-mtu", "1400"),
        ("/state/router[router-name=Base]/interface[interface-name=eth0]/statistics/ip/in-packets", "18048"),
        ("/state/router[router-name=Base]/interface[interface-name=eth0]/ipv4/oper-state", "up"),
        ("/state/router[router-name=Base]/interface[interface-name=eth0]/ipv4/primary/oper-address", "192.0.2.1"),
        (
            "/state/router[router-name=Base]/interface[interface-name=eth0]/ipv6/link-local-address/oper-address",
            "fe80::1",
        ),
        (
            "/state/router[router-name=Base]/interface[interface-name=eth0]/ipv6/address[ipv6-address=2001:db8::1]\
             /oper-prefix-length",
            "64",
        ),
        ("/interfaces/interface[name=eth0]/state/name", "eth0"),
        ("/interfaces/interface[name=eth0]/state/type", "iana-if-type:ethernetCsmacd"),
        ("/interfaces/interface[name=eth0]/state/mtu", "1400"),
        ("/interfaces/interface[name=eth0]/state/oper-status", "UP"),
        ("/interfaces/interface[name=eth0]/state/admin-status", "UP"),
        ("/interfaces/interface[name=eth0]/state/ifindex", "4"),
        ("/interfaces/interface[name=eth0]/state/counters/in-octets", "309145922"),
        ("/interfaces/interface[name=eth0]/state/counters/out-discards", "5"),
        ("/interfaces/interface[name=eth0]/ethernet/state/mac-address", "02:FC:00:00:00:01"),
        ("/interfaces/interface[name=eth0]/ethernet/state/port-speed", "openconfig-if-ethernet:SPEED_1GB"),
        (
            "/interfaces/interface[name=eth0]/subinterfaces/subinterface[index=0]/ipv4/addresses\
             /address[ip=192.0.2.1]/state/prefix-length",
            "24",
        ),
        // What could not be read is absent: the kernel does not tell unicast from broadcast.
        ("/state/port[port-id=1/1/1]/statistics/in-unicast-packets", ""),
        ("/state/port[port-id=1/1/1]/oper-state-last-changed", ""),
    ] {
        assert_eq!(bench.value(path).to_lowercase(), value.to_lowercase(), "{path}");
    }
}

#[test]
fn going_down_changes_state_and_nothing_else() {
    // OCH-004: siblings that did not change are not written again.
    let bench = Bench::new();
    let mut links = with_eth0(&bench);
    let later = START.plus(Duration::from_secs(5));
    let mut batch = StateBatch::new();
    let down = Link { oper: Oper::Down, carrier: Some(false), ..eth0() };
    links.see(down, Some("1/1/1".into()), later, &mut batch);
    let time = "2026-03-01T10:00:05.0Z";
    let nanos = later.nanos();
    let expected = [
        "/interfaces/interface[name=eth0]/state/last-change {nanos}",
        "/interfaces/interface[name=eth0]/state/oper-status DOWN",
        "/interfaces/interface[name=eth0]/subinterfaces/subinterface[index=0]/state/last-change {nanos}",
        "/interfaces/interface[name=eth0]/subinterfaces/subinterface[index=0]/state/oper-status DOWN",
        "/state/port[port-id=1/1/1]/oper-state down",
        "/state/port[port-id=1/1/1]/oper-state-last-changed {time}",
        "/state/port[port-id=1/1/1]/physical-link false",
        "/state/port[port-id=1/1/1]/port-state link-down",
        "/state/router[router-name=Base]/interface[interface-name=eth0]/ipv4/down-reason port-down",
        "/state/router[router-name=Base]/interface[interface-name=eth0]/ipv4/oper-state down",
        "/state/router[router-name=Base]/interface[interface-name=eth0]/ipv6/down-reason port-down",
        "/state/router[router-name=Base]/interface[interface-name=eth0]/ipv6/oper-state down",
        "/state/router[router-name=Base]/interface[interface-name=eth0]/last-oper-change {time}",
        "/state/router[router-name=Base]/interface[interface-name=eth0]/oper-state down",
    ];
    let expected = expected.map(|line| line.replace("{time}", time).replace("{nanos}", &nanos.to_string()));
    let changes = bench.commit(&batch, later);
    let mut changes: Vec<_> = changes.lines().collect();
    changes.sort_unstable();
    assert_eq!(changes, expected);
}

#[test]
fn the_same_reading_again_writes_nothing() {
    let bench = Bench::new();
    let mut links = with_eth0(&bench);
    let mut batch = StateBatch::new();
    links.see(eth0(), Some("1/1/1".into()), START, &mut batch);
    links.count(4, counters(), &mut batch);
    assert!(batch.is_empty());
}

/// Moments are not held against the pattern of `date-and-time` one by one: here is why that is right.
#[test]
fn every_moment_is_a_date_and_time() {
    let bench = Bench::new();
    for path in ["/state/port[port-id=x]/oper-state-last-changed", "/system/state/current-datetime"] {
        let leaf = bench.place(path).node().unwrap();
        let make = Make::new(&bench.schema, leaf).unwrap();
        let by_rule = bench.schema.node(leaf).ty().unwrap();
        for nanos in [i64::MIN, -1, 0, 1, 951_782_400_000_000_000, 1_772_359_200_123_456_789, i64::MAX] {
            let time = Timestamp::from_nanos(nanos);
            let value = by_rule.accept(Input::Text(&time.to_string()), Rule::Text, "").unwrap();
            assert_eq!(make.value(Datum::Time(time)), Some(value), "{path} {time}");
        }
        assert_eq!(make.value(Datum::word("2026-03-01")), None, "{path}");
    }
}

#[test]
fn a_renamed_link_moves_with_all_it_has() {
    let bench = Bench::new();
    let mut links = with_eth0(&bench);
    let mut batch = StateBatch::new();
    links.see(Link { name: "wan".into(), ..eth0() }, Some("1/1/1".into()), START, &mut batch);
    let changes = bench.commit(&batch, START);
    assert!(changes.contains("- /state/router[router-name=Base]/interface[interface-name=eth0]"), "{changes}");
    assert!(changes.contains("- /interfaces/interface[name=eth0]"), "{changes}");
    assert_eq!(bench.value("/state/port[port-id=1/1/1]/linux/interface-name"), "wan");
    assert_eq!(bench.value("/interfaces/interface[name=wan]/state/counters/in-octets"), "309145922");
    let primary = "/state/router[router-name=Base]/interface[interface-name=wan]/ipv4/primary/oper-address";
    assert_eq!(bench.value(primary), "192.0.2.1");
}

#[test]
fn a_link_that_goes_leaves_nothing() {
    let bench = Bench::new();
    let mut links = with_eth0(&bench);
    let mut batch = StateBatch::new();
    links.drop_address(4, "192.0.2.1".parse().unwrap(), &mut batch);
    bench.commit(&batch, START);
    let primary = "/state/router[router-name=Base]/interface[interface-name=eth0]/ipv4/primary/oper-address";
    assert_eq!(bench.value(primary), "");
    let mut batch = StateBatch::new();
    links.forget(4, &mut batch);
    bench.commit(&batch, START);
    let left = changes(&bench.schema, &Tree::default(), &bench.store.newest().tree);
    assert_eq!(left, "/state/router[router-name=Base]/router-name Base");
}

#[test]
fn the_machine_is_mapped() {
    let bench = Bench::new();
    let mut gaps = Gaps::default();
    let mut system = System::new(bench.schema.clone(), &mut gaps);
    let mut batch = StateBatch::new();
    system.machine(&machine(), &mut batch);
    system.moment(Moment { now: START, uptime: Duration::from_millis(90_061_500) }, &mut batch);
    system.cpu(START, cpu(0, 0), &mut batch);
    system.cpu(START.plus(Duration::from_secs(1)), cpu(25, 75), &mut batch);
    let memory = Memory { total: 4 << 30, free: 1 << 30, available: Some(3 << 30), ..Memory::default() };
    system.memory(&memory, &mut batch);
    system.load(&Load { one: 20, five: 118, fifteen: 5, running: 1, tasks: 80 }, &mut batch);
    system.filesystems(&[root()], &mut batch);
    system.processes(&[init()], &mut batch);
    system.sensors(&[core_temperature()], &[], &mut batch);
    bench.commit(&batch, START);
    for (path, value) in [
        ("/state/system/oper-name", "box"),
        ("/state/system/kernel-version", "6.12.0"),
        ("/state/system/version/version-number", "26.3.R1"),
        ("/state/system/operating-system/name", "Debian GNU/Linux 13 (trixie)"),
        ("/state/system/last-reboot/time", "2026-03-01T10:00:00.0Z"),
        ("/state/system/up-time", "90061500"),
        ("/state/system/current-time", "2026-03-01T10:00:00.0Z"),
        ("/state/system/cpu[sample-period=1]/summary/usage/cpu-usage", "25.0"),
        ("/state/system/cpu[sample-period=300]/summary/idle/cpu-usage", "75.0"),
        ("/state/system/cpu[sample-period=1]/summary/usage/time-used", "250000"),
        ("/state/system/memory-pools/summary/available-memory", "3221225472"),
        ("/state/system/load-average/five-minutes", "1.18"),
        ("/state/system/filesystem[mount-point=/]/size", "1000"),
        ("/state/system/process[pid=1]/name", "init"),
        ("/state/system/process[pid=1]/cpu-time", "1500"),
        ("/state/system/temperature-sensor[name=coretemp]/temperature", "41.5"),
        ("/state/card[slot-number=1]/hardware-data/temperature", "41"),
        ("/state/cpm[cpm-slot=A]/number-of-cpus", "1"),
        ("/state/cpm[cpm-slot=A]/memory-capacity", "4096"),
        ("/state/cpm[cpm-slot=A]/flash[flash-id=cf3]/used", "400"),
        ("/state/cpm[cpm-slot=A]/hardware-data/oper-state", "in-service"),
        ("/system/state/hostname", "box"),
        ("/system/state/boot-time", "1772359200000000000"),
        ("/system/state/up-time", "90061500000000"),
        ("/system/memory/state/physical", "4294967296"),
        ("/system/cpus/cpu[index=ALL]/state/total/instant", "25"),
        ("/system/cpus/cpu[index=0]/state/user/instant", "25"),
        ("/system/processes/process[pid=1]/state/name", "init"),
        ("/components/component[name=chassis]/state/type", "openconfig-platform-types:CHASSIS"),
        ("/components/component[name=cpu-0]/cpu/utilization/state/instant", "25"),
        ("/components/component[name=coretemp]/state/temperature/instant", "41.5"),
    ] {
        assert_eq!(bench.value(path), value, "{path}");
    }
    // A process that ended is gone.
    let mut batch = StateBatch::new();
    system.processes(&[], &mut batch);
    let changes = bench.commit(&batch, START);
    assert!(changes.contains("- /state/system/process[pid=1]"), "{changes}");
}

fn machine() -> Machine {
    Machine {
        hostname: "box".into(),
        architecture: "x86_64".into(),
        kernel: "6.12.0".into(),
        system: Some("Debian GNU/Linux 13 (trixie)".into()),
        system_version: Some("13".into()),
        model: Some("Virtual Machine".into()),
        maker: None,
        serial: None,
        uuid: None,
        cpu_model: None,
        base_mac: Some([2, 0, 0, 0, 0, 1]),
        version: Some("26.3.R1".into()),
        boot: Some(START),
    }
}

fn cpu(user: u64, idle: u64) -> CpuSample {
    let user = Duration::from_millis(user * 10);
    let times = CpuTimes { user, idle: Duration::from_millis(idle * 10), ..CpuTimes::default() };
    CpuSample { total: times, cores: vec![times] }
}

fn root() -> Filesystem {
    Filesystem {
        mount_point: "/".into(),
        device: "/dev/vda1".into(),
        kind: "ext4".into(),
        size: 1000,
        used: 400,
        available: 550,
    }
}

fn init() -> Process {
    Process {
        pid: 1,
        name: "init".into(),
        start: Some(START),
        user: Duration::from_secs(1),
        system: Duration::from_millis(500),
        memory: 4096,
        threads: 1,
        state: 'S',
        cpu_hundredths: None,
    }
}

fn core_temperature() -> Sensor {
    Sensor { name: "coretemp".into(), millidegrees: 41_500, high: Some(80_000), critical: None }
}
