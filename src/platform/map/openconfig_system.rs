//! The machine as openconfig-system and openconfig-platform have it.

use std::borrow::Cow;
use std::time::Duration;

use super::table::Row;
use super::value::Datum;
use crate::platform::cpu::{CpuShares, hundredths, sum};
use crate::platform::links::Seen;
use crate::platform::reading::{CpuTimes, Fan, Filesystem, Machine, Memory, Process, Sensor};
use crate::platform::system::Moment;

/// `/system`.
pub(crate) const SYSTEM: &str = "openconfig-system:system";
/// `/system/cpus/cpu`.
pub(crate) const CPU: &str = "openconfig-system:system/cpus/cpu";
/// `/system/processes/process`.
pub(crate) const PROCESS: &str = "openconfig-system:system/processes/process";
/// `/system/mount-points/mount-point`.
pub(crate) const MOUNT_POINT: &str = "openconfig-system:system/mount-points/mount-point";
/// `/components/component`.
pub(crate) const COMPONENT: &str = "openconfig-platform:components/component";

/// Name of the component for the whole machine.
pub(crate) const CHASSIS: &str = "chassis";
/// Name of the component for the card that ports stand on.
pub(crate) const LINECARD: &str = "card-1";

/// What the machine is.
pub(crate) const SYSTEM_FACTS: &[Row<Machine>] = &[
    Row("state/hostname", |machine| Some(Datum::Shared(&machine.hostname))),
    Row("state/boot-time", |machine| machine.boot.map(Datum::Time)),
    Row("state/software-version", |machine| machine.version.as_ref().map(Datum::Shared)),
];

/// What time it is.
pub(crate) const SYSTEM_MOMENT: &[Row<Moment>] = &[
    Row("state/current-datetime", |moment| Some(Datum::Time(moment.now))),
    Row("state/up-time", |moment| nanos(moment.uptime)),
];

/// Memory.
pub(crate) const SYSTEM_MEMORY: &[Row<Memory>] = &[
    Row("memory/state/physical", |memory| Some(Datum::Number(memory.total.into()))),
    Row("memory/state/free", |memory| Some(Datum::Number(memory.free.into()))),
    Row("memory/state/used", |memory| Some(Datum::Number(memory.total.saturating_sub(memory.available?).into()))),
];

/// How a processor, or all, spent its time since the last reading.
pub(crate) const CPU_SHARES: &[Row<CpuShares>] = &[
    Row("state/index", |shares| Some(cpu_index(shares))),
    Row("state/total/instant", |shares| percent(shares, |times| sum(times).saturating_sub(times.idle + times.wait))),
    Row("state/user/instant", |shares| percent(shares, |times| times.user)),
    Row("state/kernel/instant", |shares| percent(shares, |times| times.system)),
    Row("state/nice/instant", |shares| percent(shares, |times| times.nice)),
    Row("state/idle/instant", |shares| percent(shares, |times| times.idle)),
    Row("state/wait/instant", |shares| percent(shares, |times| times.wait)),
    Row("state/hardware-interrupt/instant", |shares| percent(shares, |times| times.hardware_interrupt)),
    Row("state/software-interrupt/instant", |shares| percent(shares, |times| times.software_interrupt)),
];

/// A processor as a component.
pub(crate) const CPU_COMPONENT: &[Row<CpuShares>] = &[
    Row("state/name", |shares| Some(cpu_name(shares))),
    Row("state/type", |_| Some(Datum::word("CPU"))),
    Row("state/parent", |_| Some(Datum::word(CHASSIS))),
    Row("state/oper-status", |_| Some(Datum::word("ACTIVE"))),
    Row("cpu/utilization/state/instant", |shares| {
        percent(shares, |times| sum(times).saturating_sub(times.idle + times.wait))
    }),
];

/// The machine as a component.
pub(crate) const CHASSIS_COMPONENT: &[Row<Machine>] = &[
    Row("state/name", |_| Some(Datum::word(CHASSIS))),
    Row("state/type", |_| Some(Datum::word("CHASSIS"))),
    Row("state/oper-status", |_| Some(Datum::word("ACTIVE"))),
    Row("state/description", |machine| machine.model.as_ref().map(Datum::Shared)),
    Row("state/mfg-name", |machine| machine.maker.as_ref().map(Datum::Shared)),
    Row("state/serial-no", |machine| machine.serial.as_ref().map(Datum::Shared)),
    Row("state/software-version", |machine| machine.version.as_ref().map(Datum::Shared)),
    Row("state/boot-time", |machine| machine.boot.map(Datum::Time)),
];

/// Memory of the machine as a component.
pub(crate) const CHASSIS_MEMORY: &[Row<Memory>] = &[
    Row("state/memory/available", |memory| Some(Datum::Number(memory.available?.into()))),
    Row("state/memory/utilized", |memory| Some(Datum::Number(memory.total.saturating_sub(memory.available?).into()))),
];

/// The card that ports stand on.
pub(crate) const LINECARD_COMPONENT: &[Row<Machine>] = &[
    Row("state/name", |_| Some(Datum::word(LINECARD))),
    Row("state/type", |_| Some(Datum::word("LINECARD"))),
    Row("state/parent", |_| Some(Datum::word(CHASSIS))),
    Row("state/oper-status", |_| Some(Datum::word("ACTIVE"))),
];

/// A port as a component.
pub(crate) const PORT_COMPONENT: &[Row<Seen>] = &[
    Row("state/name", |seen| seen.port_component().map(|name| Datum::Text(name.into()))),
    Row("state/type", |_| Some(Datum::word("PORT"))),
    Row("state/id", |seen| seen.port_id.as_ref().map(Datum::Shared)),
    Row("state/description", |seen| Some(Datum::Shared(&seen.link.name))),
];

/// A temperature sensor as a component.
pub(crate) const SENSOR_COMPONENT: &[Row<Sensor>] = &[
    Row("state/name", |sensor| Some(Datum::Shared(&sensor.name))),
    Row("state/type", |_| Some(Datum::word("SENSOR"))),
    Row("state/parent", |_| Some(Datum::word(CHASSIS))),
    Row("state/temperature/instant", |sensor| Some(Datum::thousandths(sensor.millidegrees))),
    Row("state/temperature/alarm-threshold", |sensor| Some(Datum::Number((sensor.limit()? / 1000).into()))),
];

/// A fan as a component.
pub(crate) const FAN_COMPONENT: &[Row<Fan>] = &[
    Row("state/name", |fan| Some(Datum::Shared(&fan.name))),
    Row("state/type", |_| Some(Datum::word("FAN"))),
    Row("state/parent", |_| Some(Datum::word(CHASSIS))),
    Row("fan/state/speed", |fan| Some(Datum::Number(fan.rpm.into()))),
];

/// A process.
pub(crate) const PROCESS_FACTS: &[Row<Process>] = &[
    Row("state/pid", |process| Some(Datum::Number(process.pid.into()))),
    Row("state/name", |process| Some(Datum::Shared(&process.name))),
    Row("state/start-time", |process| process.start.map(Datum::Time)),
    Row("state/cpu-usage-user", |process| nanos(process.user)),
    Row("state/cpu-usage-system", |process| nanos(process.system)),
    Row("state/cpu-utilization", |process| Some(Datum::Number((process.cpu_hundredths? / 100).min(100).into()))),
    Row("state/memory-usage", |process| Some(Datum::Number(process.memory.into()))),
];

/// A filesystem.
pub(crate) const MOUNT_POINT_FACTS: &[Row<Filesystem>] = &[
    Row("state/name", |filesystem| Some(Datum::Shared(&filesystem.mount_point))),
    Row("state/size", |filesystem| Some(Datum::Number((filesystem.size >> 20).into()))),
    Row("state/available", |filesystem| Some(Datum::Number((filesystem.available >> 20).into()))),
    Row("state/utilized", |filesystem| Some(Datum::Number((filesystem.used >> 20).into()))),
];

/// The key of a processor: its number, or ALL.
pub(crate) fn cpu_index(shares: &CpuShares) -> Datum<'static> {
    match shares.core {
        Some(core) => Datum::Text(Cow::Owned(core.to_string())),
        None => Datum::word("ALL"),
    }
}

/// The name of a processor as a component.
pub(crate) fn cpu_name(shares: &CpuShares) -> Datum<'static> {
    match shares.core {
        Some(core) => Datum::Text(Cow::Owned(format!("cpu-{core}"))),
        None => Datum::word("cpu"),
    }
}

fn percent(shares: &CpuShares, part: fn(&CpuTimes) -> Duration) -> Option<Datum<'static>> {
    let hundredths = hundredths(part(&shares.times), sum(&shares.times))?;
    Some(Datum::Number(((hundredths + 50) / 100).into()))
}

fn nanos(time: Duration) -> Option<Datum<'static>> {
    Some(Datum::Number(i128::try_from(time.as_nanos()).ok()?))
}
