//! The simulated element in virtual time.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::Settings;
use super::element::Sim;
use crate::platform::bench::{Bench, changes};
use crate::platform::map::Gaps;
use crate::schema::{Input, Rule};
use crate::store::{Author, Content, Edit, Leaf, StateBatch, Tree};
use crate::time::{Clock, Timestamp};
use crate::value::Value;

const START: Timestamp = Timestamp::from_nanos(1_772_359_200_000_000_000);

const PORT: &str = "/configure/port[port-id=2/1/2]/admin-state";
const INTERFACE: &str = "/configure/router[router-name=Base]/interface[interface-name=sim-2]/admin-state";
const OPENCONFIG: &str = "/interfaces/interface[name=sim-2]/config/enabled";

fn sim(bench: &Bench, ports: u32) -> Sim {
    let settings = Settings { ports, packets_per_second: 1000, octets_per_packet: 500, ..Settings::default() };
    Sim::new(bench.schema.clone(), settings, START, &mut Gaps::default())
}

fn after(millis: u64) -> Timestamp {
    START.plus(Duration::from_millis(millis))
}

/// The newest tree with a leaf of configuration in it.
fn with(bench: &Bench, tree: &Tree, path: &str, value: &str) -> Tree {
    let path = bench.place(path);
    let node = path.node().unwrap();
    let value = bench.schema.node(node).ty().unwrap().accept(Input::Text(value), Rule::Text, "").unwrap();
    let mut tree = tree.clone();
    tree.branch_mut(&bench.schema, path.parent().steps(), START).put_leaf(node, Leaf::new(value, START));
    tree
}

fn in_packets(bench: &Bench, port: &str) -> String {
    bench.value(&format!("/state/port[port-id={port}]/statistics/in-packets"))
}

#[test]
fn counters_are_a_function_of_time_and_port() {
    let bench = Bench::new();
    let mut sim = sim(&bench, 3);
    let empty = Tree::default();
    bench.commit(&sim.poll(START, &empty), START);
    assert_eq!(in_packets(&bench, "2/1/3"), "3");
    bench.commit(&sim.poll(after(2500), &empty), after(2500));
    for (path, value) in [
        ("/state/port[port-id=2/1/3]/oper-state", "up"),
        ("/state/port[port-id=2/1/3]/statistics/in-packets", "2503"),
        ("/state/port[port-id=2/1/3]/statistics/in-octets", "1251500"),
        ("/state/port[port-id=2/1/3]/statistics/out-packets", "2506"),
        ("/state/router[router-name=Base]/interface[interface-name=sim-1]/statistics/ip/in-packets", "2501"),
        ("/interfaces/interface[name=sim-2]/state/counters/in-unicast-pkts", "2502"),
        ("/interfaces/interface[name=sim-2]/ethernet/state/port-speed", "openconfig-if-ethernet:SPEED_10GB"),
        ("/state/card[slot-number=2]/mda[mda-slot=1]/equipped-ports", "3"),
    ] {
        assert_eq!(bench.value(path), value, "{path}");
    }
    // A clock that is set back does not turn counters back.
    let before = bench.store.newest().generation;
    bench.commit(&sim.poll(after(500), &empty), after(500));
    assert_eq!(bench.store.newest().generation, before);
    // Another simulation of the same element at the same time shows the same, however often it is looked at.
    let other = Bench::new();
    let mut again = self::sim(&other, 3);
    other.commit(&again.poll(after(2500), &empty), after(2500));
    assert_eq!(other.value("/state/port[port-id=2/1/3]/statistics/in-octets"), "1251500");
}

#[test]
fn a_port_that_is_switched_off_stands_still() {
    for (path, off) in [(PORT, "disable"), (INTERFACE, "disable"), (OPENCONFIG, "false")] {
        let bench = Bench::new();
        let mut sim = sim(&bench, 2);
        bench.commit(&sim.poll(START, &Tree::default()), START);
        let tree = with(&bench, &bench.store.newest().tree, path, off);
        let changes = bench.commit(&sim.follow(after(1500), &tree), after(1500));
        assert!(changes.contains("/state/port[port-id=2/1/2]/oper-state down"), "{path}: {changes}");
        assert!(changes.contains("/interfaces/interface[name=sim-2]/state/oper-status DOWN"), "{path}: {changes}");
        assert!(!changes.contains("2/1/1"), "{path}: {changes}");
        // The counters stop where they were when it went down.
        bench.commit(&sim.poll(after(9000), &tree), after(9000));
        assert_eq!((&*in_packets(&bench, "2/1/2"), &*in_packets(&bench, "2/1/1")), ("1502", "9001"), "{path}");
        // Back without that leaf, they go on from there.
        let changes = bench.commit(&sim.follow(after(10_000), &Tree::default()), after(10_000));
        assert!(changes.contains("/state/port[port-id=2/1/2]/oper-state up"), "{path}: {changes}");
        bench.commit(&sim.poll(after(11_000), &Tree::default()), after(11_000));
        assert_eq!(in_packets(&bench, "2/1/2"), "2502", "{path}");
    }
}

#[test]
fn events_take_ports_down_in_turn_and_up_again() {
    let bench = Bench::new();
    let mut sim = sim(&bench, 2);
    bench.commit(&sim.poll(START, &Tree::default()), START);
    for (event, port, state) in [(1, 1, "down"), (2, 2, "down"), (3, 1, "up"), (4, 2, "up")] {
        let changes = bench.commit(&sim.flap(after(event)), after(event));
        assert!(changes.contains(&format!("/state/port[port-id=2/1/{port}]/oper-state {state}")), "{changes}");
    }
}

/// An event is no command of an administrator, and an administrator's command outlasts it.
#[test]
fn events_leave_configuration_alone() {
    let bench = Bench::new();
    let mut sim = sim(&bench, 2);
    let path = "/configure/router[router-name=Base]/interface[interface-name=to-b]";
    let state = "/state/router[router-name=Base]/interface[interface-name=to-b]";
    bench.commit(&sim.poll(START, &Tree::default()), START);
    let tree = with(&bench, &bench.store.newest().tree, PORT, "disable");
    let tree = with(&bench, &tree, &format!("{path}/port"), "2/1/1");
    bench.commit(&sim.follow(after(1), &tree), after(1));
    let changes = bench.commit(&sim.flap(after(2)), after(2));
    assert!(changes.contains("/interfaces/interface[name=sim-1]/state/oper-status DOWN"), "{changes}");
    assert!(changes.contains("/interface[interface-name=sim-1]/ipv4/down-reason port-down"), "{changes}");
    assert!(changes.contains(&format!("{state}/oper-state down")), "{changes}");
    assert!(!changes.contains("admin-status") && !changes.contains("enabled"), "{changes}");
    assert!(sim.flap(after(3)).is_empty(), "port 2/1/2 is switched off");
    // Other configuration of the interface does not end the event.
    let other = with(&bench, &tree, &INTERFACE.replace("sim-2]/admin-state", "sim-1]/description"), "other");
    assert!(!bench.commit(&sim.follow(after(4), &other), after(4)).contains("oper-state"));
    let changes = bench.commit(&sim.flap(after(5)), after(5));
    assert!(changes.contains(&format!("{state}/oper-state up")), "{changes}");
}

#[test]
fn configured_interfaces_appear_and_vanish() {
    let bench = Bench::new();
    let mut sim = sim(&bench, 1);
    let none = bench.store.newest().tree.clone();
    bench.commit(&sim.poll(START, &none), START);
    let path = "/configure/router[router-name=Base]/interface[interface-name=to-b]";
    let state = "/state/router[router-name=Base]/interface[interface-name=to-b]";
    let tree = with(&bench, &bench.store.newest().tree, &format!("{path}/port"), "2/1/1:100");
    bench.commit(&sim.follow(after(100), &tree), after(100));
    assert_eq!(bench.value(&format!("{state}/oper-state")), "up");
    bench.commit(&sim.poll(after(1100), &tree), after(1100));
    assert_eq!(bench.value(&format!("{state}/statistics/ip/in-packets")), "1000");
    // It goes down with the port it is bound to.
    let off = with(&bench, &tree, "/configure/port[port-id=2/1/1]/admin-state", "disable");
    bench.commit(&sim.follow(after(1200), &off), after(1200));
    assert_eq!(bench.value(&format!("{state}/oper-state")), "down");
    let gone = bench.commit(&sim.follow(after(1300), &none), after(1300));
    assert!(gone.contains(&format!("- {state}")), "{gone}");
}

#[test]
fn an_interface_of_the_kernel_is_left_alone() {
    let bench = Bench::new();
    let mut sim = sim(&bench, 1);
    let state = "/state/router[router-name=Base]/interface[interface-name=eth0]";
    let kernel = with(&bench, &Tree::default(), &format!("{state}/if-index"), "2");
    let both = with(
        &bench,
        &kernel,
        "/configure/router[router-name=Base]/interface[interface-name=eth0]/admin-state",
        "enable",
    );
    sim.poll(START, &kernel);
    let mut tree = bench.store.newest().tree.clone();
    for batch in [sim.follow(after(1), &both), sim.follow(after(2), &kernel)] {
        let before = tree.clone();
        bench.commit(&batch, START);
        tree = bench.store.newest().tree.clone();
        assert_eq!(changes(&bench.schema, &before, &tree), "");
    }
}

/// What is configured takes effect without waiting for a tick or for any other time to pass.
#[tokio::test(start_paused = true)]
async fn a_set_switches_a_port_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let (bench, config) = Bench::configurable(directory.path());
    let settings = Settings { ports: 2, tick: Duration::from_secs(60), ..Settings::default() };
    let token = CancellationToken::new();
    let mut handle = super::start(settings, &bench.store, bench.writer.clone(), Clock::System, &token).unwrap();
    let state = "/state/port[port-id=2/1/2]/oper-state";
    assert_eq!(bench.value(state), "up");
    let set = |path: &str, value: &str| {
        let edit = Edit::Update(bench.place(path), Content::Leaf(Value::Enum(value.into())));
        config.commit(&[edit], &Author::default(), Clock::System.now()).unwrap();
    };
    let began = tokio::time::Instant::now();
    set(PORT, "disable");
    let took = bench.until(state, "down").await;
    eprintln!("down {took:?} after the commit");
    bench.until("/interfaces/interface[name=sim-2]/state/oper-status", "DOWN").await;
    set(PORT, "enable");
    bench.until(state, "up").await;
    let interface = "/configure/router[router-name=Base]/interface[interface-name=new]/admin-state";
    set(interface, "enable");
    let new = "/state/router[router-name=Base]/interface[interface-name=new]/oper-state";
    bench.until(new, "up").await;
    let path = bench.place(interface).parent();
    let gone = Edit::Delete(vec![crate::path::Pattern::exactly(&path, &bench.schema)]);
    config.commit(&[gone], &Author::default(), Clock::System.now()).unwrap();
    bench.until(new, "").await;
    assert_eq!(began.elapsed(), Duration::ZERO);
    token.cancel();
    handle.stopped().await;
}

/// What a tick of a large element costs. The bound is generous; the figures are for the log.
#[test]
fn a_tick_is_cheap() {
    let ports = 2_000;
    let bench = Bench::new();
    let mut sim = sim(&bench, ports);
    bench.commit(&sim.poll(START, &Tree::default()), START);
    let mut best = (Duration::MAX, Duration::MAX, Duration::MAX);
    let mut leaves = 0;
    for tick in 1..=5 {
        let before = bench.store.newest();
        let now = after(tick * 1000);
        let began = Instant::now();
        let batch: StateBatch = sim.poll(now, &before.tree);
        let polled = began.elapsed();
        bench.writer.commit(&batch, now).unwrap();
        let committed = began.elapsed() - polled;
        let began = Instant::now();
        sim.follow(now, &bench.store.newest().tree);
        let followed = began.elapsed();
        leaves = changes(&bench.schema, &before.tree, &bench.store.newest().tree).lines().count();
        best = (best.0.min(polled), best.1.min(committed), best.2.min(followed));
    }
    let per_leaf = |time: Duration| time / u32::try_from(leaves).unwrap();
    eprintln!(
        "{ports} ports, {leaves} leaves: mapping {:?} ({:?} a leaf), commit {:?} ({:?} a leaf), following {:?}",
        best.0,
        per_leaf(best.0),
        best.1,
        per_leaf(best.1),
        best.2
    );
    assert!(best.0 + best.1 < Duration::from_secs(5));
}
