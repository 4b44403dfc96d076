//! The kernel that the tests run on, against the tree.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::{Linux, Settings};
use crate::platform::Handle;
use crate::platform::bench::{Bench, PATIENCE};
use crate::time::Clock;

async fn start(bench: &Bench, interval: Duration) -> Handle {
    let settings = Settings { interval, version: Some("26.3.R1".to_owned()), ..Settings::default() };
    let token = CancellationToken::new();
    Linux::start(settings, bench.writer.clone(), Clock::System, token).await.unwrap()
}

fn sys_counter(name: &str, counter: &str) -> u64 {
    let path = format!("/sys/class/net/{name}/statistics/{counter}");
    fs::read_to_string(path).unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn counters_are_those_of_the_kernel() {
    let bench = Bench::new();
    let interval = Duration::from_millis(100);
    let _handle = start(&bench, interval).await;
    let names: Vec<String> =
        fs::read_dir("/sys/class/net").unwrap().map(|link| link.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().any(|name| name == "lo"), "{names:?}");
    for name in names.iter().filter(|name| fs::exists(format!("/sys/class/net/{name}/statistics")).unwrap()) {
        let state = format!("/interfaces/interface[name={name}]/state/counters");
        let ip = format!("/state/router[router-name=Base]/interface[interface-name={name}]/statistics/ip");
        let pairs = [
            ("rx_bytes", format!("{state}/in-octets")),
            ("tx_packets", format!("{state}/out-pkts")),
            ("rx_dropped", format!("{state}/in-discards")),
            ("rx_packets", format!("{ip}/in-packets")),
            ("tx_bytes", format!("{ip}/out-octets")),
        ];
        let before = pairs.clone().map(|(counter, _)| sys_counter(name, counter));
        tokio::time::sleep(interval * 3).await;
        let seen = pairs.clone().map(|(_, path)| bench.value(&path).parse::<u64>().unwrap());
        let after = pairs.clone().map(|(counter, _)| sys_counter(name, counter));
        for (position, (counter, path)) in pairs.iter().enumerate() {
            let (before, seen, after) = (before[position], seen[position], after[position]);
            assert!((before..=after).contains(&seen), "{name} {counter}: {before} <= {seen} <= {after} at {path}");
        }
    }
}

#[tokio::test]
async fn the_machine_is_the_one_proc_shows() {
    let uptime = || {
        let text = fs::read_to_string("/proc/uptime").unwrap();
        // Hundredths of a second, two digits of them in any case.
        Duration::from_millis(text.split_whitespace().next().unwrap().replace('.', "").parse::<u64>().unwrap() * 10)
    };
    let before = uptime();
    let bench = Bench::new();
    let _handle = start(&bench, Duration::from_millis(100)).await;
    let hostname = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    bench.until("/system/state/hostname", hostname.trim()).await;
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    bench.until("/state/system/kernel-version", release.trim()).await;
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")).unwrap();
    let total: u64 = total.parse().unwrap();
    bench.until("/system/memory/state/physical", &(total * 1024).to_string()).await;
    let pid = std::process::id();
    let name = fs::read_to_string("/proc/self/comm").unwrap();
    bench.until(&format!("/state/system/process[pid={pid}]/name"), name.trim()).await;
    let shown = Duration::from_millis(bench.value("/state/system/up-time").parse().unwrap());
    let after = uptime();
    assert!((before..=after).contains(&shown), "{before:?} <= {shown:?} <= {after:?}");
}

#[tokio::test]
async fn collectors_end_with_their_token() {
    let bench = Bench::new();
    let token = CancellationToken::new();
    let settings = Settings { interval: Duration::from_millis(100), ..Settings::default() };
    let mut handle = Linux::start(settings, bench.writer.clone(), Clock::System, token.clone()).await.unwrap();
    token.cancel();
    tokio::time::timeout(PATIENCE, handle.stopped()).await.unwrap();
    let generation = bench.store.newest().generation;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(bench.store.newest().generation, generation);
}

/// Runs the test below in a network namespace of its own, which takes root.
#[test]
fn links_come_and_go_in_a_namespace() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can make a network namespace");
        return;
    }
    let own = std::env::current_exe().unwrap();
    let inner = "platform::linux::tests::inside_a_namespace";
    let output = Command::new("unshare")
        .arg("--net")
        .arg(own)
        .args(["--exact", inner, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output();
    let Ok(output) = output else {
        eprintln!("skipped: the program 'unshare' is not there");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    eprintln!("{text}");
    assert!(output.status.success() && text.contains("1 passed"), "{}", String::from_utf8_lossy(&output.stderr));
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split_whitespace()).status().unwrap();
    assert!(status.success(), "ip {arguments}");
}

/// Set for the process that runs in a namespace of its own.
const INSIDE: &str = "GANYMEDE_TEST_INSIDE_NAMESPACE";

/// Not a test of its own: what `links_come_and_go_in_a_namespace` starts. Elsewhere it must not touch any link.
#[tokio::test]
async fn inside_a_namespace() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }
    let bench = Bench::new();
    ip("link set lo up");
    ip("link add east type veth peer name west");
    ip("link set east up");
    ip("link set west up");
    // Counters are read rarely here, so what comes quickly came by an event.
    let _handle = start(&bench, Duration::from_secs(60)).await;
    let east = "/state/router[router-name=Base]/interface[interface-name=east]";
    bench.until(&format!("{east}/oper-state"), "up").await;
    follows_events(&bench, east).await;
    follows_speed(&bench).await;
    follows_addresses(&bench, east).await;
    follows_names(&bench).await;
}

/// OCH-002: an event reaches the tree within milliseconds: as many as it takes to start some programs, on a machine where
/// that takes long.
async fn follows_events(bench: &Bench, east: &str) {
    for round in 0..5 {
        let began = Instant::now();
        ip("link set west down");
        let command = began.elapsed();
        let after_command = bench.until(&format!("{east}/oper-state"), "lower-layer-down").await;
        let all = began.elapsed();
        eprintln!("round {round}: down seen {after_command:?} after the command, {all:?} after its start");
        assert!(all < Duration::from_millis(100).max(command * 10), "{all:?}");
        bench.until("/interfaces/interface[name=east]/state/oper-status", "LOWER_LAYER_DOWN").await;
        ip("link set west up");
        bench.until(&format!("{east}/oper-state"), "up").await;
    }
}

async fn follows_speed(bench: &Bench) {
    bench
        .until("/interfaces/interface[name=east]/ethernet/state/port-speed", "openconfig-if-ethernet:SPEED_10GB")
        .await;
    bench.until("/interfaces/interface[name=east]/ethernet/state/duplex-mode", "FULL").await;
}

async fn follows_addresses(bench: &Bench, east: &str) {
    ip("address add 192.0.2.1/24 dev east");
    let took = bench.until(&format!("{east}/ipv4/primary/oper-address"), "192.0.2.1").await;
    eprintln!("address seen after {took:?}");
    bench.until(&format!("{east}/ipv4/oper-state"), "up").await;
    ip("address add 192.0.2.2/24 dev east");
    bench.until(&format!("{east}/ipv4/secondary[address=192.0.2.2]/oper-prefix-length"), "24").await;
    ip("address del 192.0.2.1/24 dev east");
    bench.until(&format!("{east}/ipv4/primary/oper-address"), "").await;
}

async fn follows_names(bench: &Bench) {
    ip("link set east down");
    ip("link set east name north");
    bench.until("/interfaces/interface[name=north]/state/name", "north").await;
    bench.until("/interfaces/interface[name=east]/state/name", "").await;
    ip("link add extra type veth peer name further");
    bench.until("/interfaces/interface[name=extra]/state/oper-status", "DOWN").await;
    let ports = "/state/card[slot-number=1]/mda[mda-slot=1]/equipped-ports";
    bench.until(ports, "4").await;
    assert_eq!(bench.value("/state/port[port-id=1/1/3]/linux/kind"), "veth");
    // Both ends go.
    ip("link del extra");
    bench.until("/interfaces/interface[name=extra]/state/name", "").await;
    bench.until("/state/port[port-id=1/1/3]/port-id", "").await;
    ip("link del north");
    bench.until("/state/port[port-id=1/1/1]/port-id", "").await;
    bench.until(ports, "0").await;
}
