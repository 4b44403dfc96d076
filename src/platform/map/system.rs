//! The machine as nokia-state has it: system, one card with one MDA, one CPM.

use super::table::Row;
use super::value::Datum;
use crate::platform::cpu::{CpuUse, hundredths};
use crate::platform::reading::{Fan, Filesystem, Load, Machine, Memory, Process, RouteCounts, Sensor};
use crate::platform::system::{Card, Moment, Processors};

/// `/state/system`.
pub(crate) const SYSTEM: &str = "nokia-state:state/system";
/// `/state/system/cpu`.
pub(crate) const CPU: &str = "nokia-state:state/system/cpu";
/// `/state/card`.
pub(crate) const CARD: &str = "nokia-state:state/card";
/// `/state/card/mda`.
pub(crate) const MDA: &str = "nokia-state:state/card/mda";
/// `/state/cpm`.
pub(crate) const CPM: &str = "nokia-state:state/cpm";
/// `/state/cpm/cpu`.
pub(crate) const CPM_CPU: &str = "nokia-state:state/cpm/cpu";
/// `/state/cpm/flash`.
pub(crate) const FLASH: &str = "nokia-state:state/cpm/flash";
/// `/state/chassis`.
pub(crate) const CHASSIS: &str = "nokia-state:state/chassis";
/// `/state/chassis/fan`.
pub(crate) const CHASSIS_FAN: &str = "nokia-state:state/chassis/fan";
/// `/state/router/route-table/unicast/ipv4/statistics`.
pub(crate) const IPV4_ROUTES: &str = "nokia-state:state/router/route-table/unicast/ipv4/statistics";
/// `/state/router/route-table/unicast/ipv6/statistics`.
pub(crate) const IPV6_ROUTES: &str = "nokia-state:state/router/route-table/unicast/ipv6/statistics";
/// `/state/system/temperature-sensor`.
pub(crate) const TEMPERATURE_SENSOR: &str = "nokia-state:state/system/temperature-sensor";
/// `/state/system/fan-sensor`.
pub(crate) const FAN_SENSOR: &str = "nokia-state:state/system/fan-sensor";
/// `/state/system/process`.
pub(crate) const PROCESS: &str = "nokia-state:state/system/process";
/// `/state/system/filesystem`.
pub(crate) const FILESYSTEM: &str = "nokia-state:state/system/filesystem";

/// What the machine is.
pub(crate) const SYSTEM_FACTS: &[Row<Machine>] = &[
    Row("oper-name", |machine| Some(Datum::Shared(&machine.hostname))),
    Row("platform", |machine| Some(Datum::Shared(machine.model.as_ref().unwrap_or(&machine.architecture)))),
    Row("kernel-version", |machine| Some(Datum::Shared(&machine.kernel))),
    Row("base-mac-address", |machine| machine.base_mac.map(Datum::Mac)),
    Row("active-cpm-slot", |_| Some(Datum::word("A"))),
    Row("version/version-number", |machine| machine.version.as_ref().map(Datum::Shared)),
    Row("version/version-string", |machine| machine.system.as_ref().map(Datum::Shared)),
    Row("last-reboot/time", |machine| machine.boot.map(Datum::Time)),
    Row("operating-system/name", |machine| machine.system.as_ref().map(Datum::Shared)),
    Row("operating-system/version", |machine| machine.system_version.as_ref().map(Datum::Shared)),
    Row("operating-system/architecture", |machine| Some(Datum::Shared(&machine.architecture))),
    Row("operating-system/hostname", |machine| Some(Datum::Shared(&machine.hostname))),
    Row("operating-system/boot-time", |machine| machine.boot.map(Datum::Time)),
];

/// What time it is.
pub(crate) const SYSTEM_MOMENT: &[Row<Moment>] = &[
    Row("up-time", |moment| Some(Datum::Number(i128::try_from(moment.uptime.as_millis()).ok()?))),
    Row("current-time", |moment| Some(Datum::Time(moment.now))),
];

/// Memory. Pools are what programs and caches hold; in use is what could not be had back.
pub(crate) const SYSTEM_MEMORY: &[Row<Memory>] = &[
    Row("memory-pools/summary/current-total-size", |memory| {
        Some(Datum::Number(memory.total.saturating_sub(memory.free).into()))
    }),
    Row("memory-pools/summary/total-in-use", |memory| {
        Some(Datum::Number(memory.total.saturating_sub(memory.available?).into()))
    }),
    Row("memory-pools/summary/available-memory", |memory| Some(Datum::Number(memory.available?.into()))),
];

/// Load averages.
pub(crate) const SYSTEM_LOAD: &[Row<Load>] = &[
    Row("load-average/one-minute", |load| Some(Datum::hundredths(load.one.into()))),
    Row("load-average/five-minutes", |load| Some(Datum::hundredths(load.five.into()))),
    Row("load-average/fifteen-minutes", |load| Some(Datum::hundredths(load.fifteen.into()))),
];

/// Active routes of one IP version of the Base router, by who put them there.
pub(crate) const ROUTE_COUNTS: &[Row<RouteCounts>] = &[
    Row("total/active-routes", |routes| Some(Datum::Number(routes.total.into()))),
    Row("local/active-routes", |routes| Some(Datum::Number(routes.local.into()))),
    Row("static/active-routes", |routes| Some(Datum::Number(routes.fixed.into()))),
    Row("bgp/active-routes", |routes| Some(Datum::Number(routes.bgp.into()))),
    Row("isis/active-routes", |routes| Some(Datum::Number(routes.isis.into()))),
    Row("ospf/active-routes", |routes| Some(Datum::Number(routes.ospf.into()))),
    Row("rip/active-routes", |routes| Some(Datum::Number(routes.rip.into()))),
];

/// Processor use over one period; `/state/system/cpu` and `/state/cpm/cpu` have the same leaves.
pub(crate) const CPU_USE: &[Row<CpuUse>] = &[
    Row("summary/total/time-used", |cpu| micros(cpu.total)),
    Row("summary/total/cpu-usage", |cpu| hundredths(cpu.total, cpu.total).map(Datum::hundredths)),
    Row("summary/idle/time-used", |cpu| micros(cpu.idle)),
    Row("summary/idle/cpu-usage", |cpu| hundredths(cpu.idle, cpu.total).map(Datum::hundredths)),
    Row("summary/usage/time-used", |cpu| micros(cpu.busy)),
    Row("summary/usage/cpu-usage", |cpu| hundredths(cpu.busy, cpu.total).map(Datum::hundredths)),
    Row("summary/busiest-core-utilization/time-used", |cpu| micros(cpu.busiest)),
    Row("summary/busiest-core-utilization/cpu-usage", |cpu| hundredths(cpu.busiest, cpu.core).map(Datum::hundredths)),
];

/// The card that ports stand on.
pub(crate) const CARD_FACTS: &[Row<Card>] = &[
    Row("hardware-data/oper-state", |_| Some(Datum::word("in-service"))),
    Row("available-mda-slots", |_| Some(Datum::Number(1))),
    Row("installed-mda-slots", |_| Some(Datum::Number(1))),
];

/// The MDA that ports stand on.
pub(crate) const MDA_FACTS: &[Row<Card>] = &[
    Row("hardware-data/oper-state", |_| Some(Datum::word("in-service"))),
    Row("equipped-ports", |card| Some(Datum::Number(card.ports.into()))),
];

/// The machine as the one CPM.
pub(crate) const CPM_FACTS: &[Row<Machine>] = &[
    Row("redundancy-status", |_| Some(Datum::word("singleton"))),
    Row("universally-unique-identifier", |machine| machine.uuid.as_ref().map(Datum::Shared)),
    Row("hardware-data/oper-state", |_| Some(Datum::word("in-service"))),
    Row("hardware-data/serial-number", |machine| machine.serial.as_ref().map(Datum::Shared)),
    Row("hardware-data/software-code-version", |machine| machine.version.as_ref().map(Datum::Shared)),
    Row("hardware-data/software-last-boot-time", |machine| machine.boot.map(Datum::Time)),
    Row("hardware-data/base-mac-address", |machine| machine.base_mac.map(Datum::Mac)),
];

/// Its processors and memory.
pub(crate) const CPM_PROCESSORS: &[Row<Processors>] = &[
    Row("number-of-cpus", |processors| Some(Datum::Number(processors.cores.into()))),
    Row("memory-capacity", |processors| Some(Datum::Number((processors.memory >> 20).into()))),
];

/// Temperature of the machine, by its hottest sensor. Written to card and CPM, which are the same machine.
pub(crate) const HARDWARE_TEMPERATURE: &[Row<Option<Sensor>>] = &[
    Row("hardware-data/contains-temperature-sensor", |hottest| Some(Datum::Flag(hottest.is_some()))),
    Row("hardware-data/temperature", |hottest| Some(Datum::Number((hottest.as_ref()?.millidegrees / 1000).into()))),
    Row("hardware-data/temperature-threshold", |hottest| {
        Some(Datum::Number((hottest.as_ref()?.limit()? / 1000).into()))
    }),
];

/// A process.
pub(crate) const PROCESS_FACTS: &[Row<Process>] = &[
    Row("name", |process| Some(Datum::Shared(&process.name))),
    Row("state", |process| process_state(process.state).map(Datum::word)),
    Row("threads", |process| Some(Datum::Number(process.threads.into()))),
    Row("resident-memory", |process| Some(Datum::Number(process.memory.into()))),
    Row("cpu-time", |process| Some(Datum::Number(i128::try_from((process.user + process.system).as_millis()).ok()?))),
    Row("start-time", |process| process.start.map(Datum::Time)),
];

/// A filesystem.
pub(crate) const FILESYSTEM_FACTS: &[Row<Filesystem>] = &[
    Row("device", |filesystem| Some(Datum::Shared(&filesystem.device))),
    Row("type", |filesystem| Some(Datum::Shared(&filesystem.kind))),
    Row("size", |filesystem| Some(Datum::Number(filesystem.size.into()))),
    Row("used", |filesystem| Some(Datum::Number(filesystem.used.into()))),
    Row("available", |filesystem| Some(Datum::Number(filesystem.available.into()))),
];

/// A filesystem as storage of the CPM.
pub(crate) const FLASH_FACTS: &[Row<Filesystem>] = &[
    Row("oper-state", |_| Some(Datum::word("in-service"))),
    Row("capacity", |filesystem| Some(Datum::Number(filesystem.size.into()))),
    Row("used", |filesystem| Some(Datum::Number(filesystem.used.into()))),
    Row("free", |filesystem| Some(Datum::Number(filesystem.available.into()))),
];

/// The machine as chassis.
pub(crate) const CHASSIS_FACTS: &[Row<Machine>] = &[
    Row("hardware-data/serial-number", |machine| machine.serial.as_ref().map(Datum::Shared)),
    Row("hardware-data/oper-state", |_| Some(Datum::word("in-service"))),
];

/// A fan that could be read, as part of the chassis. How fast it could turn is not known, so neither is the share.
pub(crate) const CHASSIS_FAN_FACTS: &[Row<(u32, Fan)>] =
    &[Row("hardware-data/oper-state", |_| Some(Datum::word("in-service")))];

/// A temperature sensor.
pub(crate) const TEMPERATURE_SENSOR_FACTS: &[Row<Sensor>] = &[
    Row("temperature", |sensor| Some(Datum::thousandths(sensor.millidegrees))),
    Row("high-threshold", |sensor| sensor.high.map(Datum::thousandths)),
    Row("critical-threshold", |sensor| sensor.critical.map(Datum::thousandths)),
];

/// A fan.
pub(crate) const FAN_SENSOR_FACTS: &[Row<Fan>] = &[Row("speed", |fan| Some(Datum::Number(fan.rpm.into())))];

fn micros(time: std::time::Duration) -> Option<Datum<'static>> {
    Some(Datum::Number(i128::try_from(time.as_micros()).ok()?))
}

fn process_state(letter: char) -> Option<&'static str> {
    Some(match letter {
        'R' => "running",
        'S' => "sleeping",
        'D' => "disk-sleep",
        'I' => "idle",
        'T' => "stopped",
        't' => "tracing-stop",
        'Z' => "zombie",
        'X' | 'x' => "dead",
        'P' => "parked",
        _ => return None,
    })
}
