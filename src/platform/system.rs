//! The machine in the tree: what it is, how busy it is, what runs on it. Pure: readings go in, a batch of state comes out.
//!
//! Links are in [`super::links`]. Every kind of reading is written by its own method, since they are read at different
//! intervals.

use std::sync::Arc;
use std::time::Duration;

use super::cpu::{self, CpuShares, CpuUse, Window};
use super::map::{Datum, Gaps, Listing, Row, Single, nokia::ROUTER, openconfig_system as oc, system as nokia};
use super::reading::{CpuSample, Fan, Filesystem, Load, Machine, Memory, Process, RouteCounts, Routes, Sensor};
use crate::schema::Schema;
use crate::store::StateBatch;
use crate::time::Timestamp;
use crate::value::Text;

/// The slot that nokia-state shows the machine's processors in.
const CPM_SLOT: &str = "A";

/// The storage that nokia-state shows the root filesystem as: the one that holds the system on such routers.
const FLASH: &str = "cf3";

/// Sample periods of nokia-state, in seconds.
const PERIODS: [u64; 3] = [1, 60, 300];

/// What time it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Now.
    pub(crate) now: Timestamp,
    /// Time since boot.
    pub(crate) uptime: Duration,
}

/// What the machine computes with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Processors {
    /// How many.
    pub(crate) cores: u32,
    /// Memory in bytes.
    pub(crate) memory: u64,
}

/// The card that ports stand on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Card {
    /// How many ports it has.
    pub(crate) ports: u32,
}

/// The machine.
pub(crate) struct System {
    schema: Arc<Schema>,
    machine: Vec<Single<Machine>>,
    moment: [Single<Moment>; 2],
    memory: [Single<Memory>; 4],
    load: Single<Load>,
    routes: [Single<RouteCounts>; 2],
    processors: Single<Processors>,
    temperature: [Single<Option<Sensor>>; 2],
    windows: Vec<(Window, [Single<CpuUse>; 2])>,
    shares: [Listing<CpuShares, Option<usize>>; 2],
    last_cpu: Option<CpuSample>,
    filesystems: [Listing<Filesystem, Text>; 2],
    processes: [Listing<Process, u32>; 2],
    flash: Single<Filesystem>,
    sensors: [Listing<Sensor, Text>; 2],
    fans: [Listing<Fan, Text>; 2],
    chassis_fans: Listing<(u32, Fan), u32>,
}

impl System {
    /// Looks everything up.
    pub(crate) fn new(schema: Arc<Schema>, gaps: &mut Gaps) -> Self {
        let s = &*schema;
        let cpm = || [Datum::word(CPM_SLOT)];
        let chassis = || [Datum::word("router"), Datum::Number(1)];
        let component = |name: &'static str| [Datum::word(name)];
        let windows = PERIODS.map(|seconds| {
            let period = Datum::Number(seconds.into());
            let [slot] = cpm();
            let uses = [
                Single::new(s, nokia::CPU, std::slice::from_ref(&period), nokia::CPU_USE, gaps),
                Single::new(s, nokia::CPM_CPU, &[slot, period], nokia::CPU_USE, gaps),
            ];
            (Window::new(Duration::from_secs(seconds)), uses)
        });
        Self {
            machine: vec![
                Single::new(s, nokia::SYSTEM, &[], nokia::SYSTEM_FACTS, gaps),
                Single::new(s, nokia::CPM, &cpm(), nokia::CPM_FACTS, gaps),
                Single::new(s, nokia::CHASSIS, &chassis(), nokia::CHASSIS_FACTS, gaps),
                Single::new(s, oc::SYSTEM, &[], oc::SYSTEM_FACTS, gaps),
                Single::new(s, oc::COMPONENT, &component(oc::CHASSIS), oc::CHASSIS_COMPONENT, gaps),
                Single::new(s, oc::COMPONENT, &component(oc::LINECARD), oc::LINECARD_COMPONENT, gaps),
            ],
            moment: [
                Single::new(s, nokia::SYSTEM, &[], nokia::SYSTEM_MOMENT, gaps),
                Single::new(s, oc::SYSTEM, &[], oc::SYSTEM_MOMENT, gaps),
            ],
            memory: [
                Single::new(s, nokia::SYSTEM, &[], nokia::SYSTEM_MEMORY, gaps),
                Single::new(s, nokia::CPM, &cpm(), nokia::SYSTEM_MEMORY, gaps),
                Single::new(s, oc::SYSTEM, &[], oc::SYSTEM_MEMORY, gaps),
                Single::new(s, oc::COMPONENT, &component(oc::CHASSIS), oc::CHASSIS_MEMORY, gaps),
            ],
            load: Single::new(s, nokia::SYSTEM, &[], nokia::SYSTEM_LOAD, gaps),
            routes: [nokia::IPV4_ROUTES, nokia::IPV6_ROUTES]
                .map(|path| Single::new(s, path, &[Datum::word(ROUTER)], nokia::ROUTE_COUNTS, gaps)),
            processors: Single::new(s, nokia::CPM, &cpm(), nokia::CPM_PROCESSORS, gaps),
            temperature: [
                Single::new(s, nokia::CARD, &[Datum::Number(1)], nokia::HARDWARE_TEMPERATURE, gaps),
                Single::new(s, nokia::CPM, &cpm(), nokia::HARDWARE_TEMPERATURE, gaps),
            ],
            windows: windows.into(),
            shares: [
                Listing::new(s, oc::CPU, oc::CPU_SHARES, |cpu| cpu.core, |cpu| vec![oc::cpu_index(cpu)], gaps),
                Listing::new(s, oc::COMPONENT, oc::CPU_COMPONENT, |cpu| cpu.core, |cpu| vec![oc::cpu_name(cpu)], gaps),
            ],
            last_cpu: None,
            filesystems: [
                filesystems(s, nokia::FILESYSTEM, nokia::FILESYSTEM_FACTS, gaps),
                filesystems(s, oc::MOUNT_POINT, oc::MOUNT_POINT_FACTS, gaps),
            ],
            processes: [
                processes(s, nokia::PROCESS, nokia::PROCESS_FACTS, gaps),
                processes(s, oc::PROCESS, oc::PROCESS_FACTS, gaps),
            ],
            flash: Single::new(s, nokia::FLASH, &[Datum::word(CPM_SLOT), Datum::word(FLASH)], nokia::FLASH_FACTS, gaps),
            sensors: [
                sensors(s, nokia::TEMPERATURE_SENSOR, nokia::TEMPERATURE_SENSOR_FACTS, gaps),
                sensors(s, oc::COMPONENT, oc::SENSOR_COMPONENT, gaps),
            ],
            fans: [
                fans(s, nokia::FAN_SENSOR, nokia::FAN_SENSOR_FACTS, gaps),
                fans(s, oc::COMPONENT, oc::FAN_COMPONENT, gaps),
            ],
            chassis_fans: Listing::new(
                s,
                nokia::CHASSIS_FAN,
                nokia::CHASSIS_FAN_FACTS,
                |(slot, _)| *slot,
                |(slot, _)| vec![Datum::word("router"), Datum::Number(1), Datum::Number((*slot).into())],
                gaps,
            ),
            schema,
        }
    }

    /// What the machine is.
    pub(crate) fn machine(&mut self, machine: &Machine, batch: &mut StateBatch) {
        self.machine.iter_mut().for_each(|single| single.write(machine, batch));
    }

    /// What time it is.
    pub(crate) fn moment(&mut self, moment: Moment, batch: &mut StateBatch) {
        self.moment.iter_mut().for_each(|single| single.write(&moment, batch));
    }

    /// Processor times since boot.
    pub(crate) fn cpu(&mut self, now: Timestamp, sample: CpuSample, batch: &mut StateBatch) {
        for (window, uses) in &mut self.windows {
            if let Some(used) = window.take(now, &sample) {
                uses.iter_mut().for_each(|single| single.write(&used, batch));
            }
        }
        if let Some(last) = &self.last_cpu {
            let shares = cpu::shares(last, &sample);
            self.shares.iter_mut().for_each(|listing| listing.write(&self.schema, &shares, batch));
        }
        self.last_cpu = Some(sample);
    }

    /// Memory.
    pub(crate) fn memory(&mut self, memory: &Memory, batch: &mut StateBatch) {
        self.memory.iter_mut().for_each(|single| single.write(memory, batch));
        if let Some(cpu) = &self.last_cpu {
            let cores = u32::try_from(cpu.cores.len()).unwrap_or(u32::MAX);
            self.processors.write(&Processors { cores, memory: memory.total }, batch);
        }
    }

    /// Load averages.
    pub(crate) fn load(&mut self, load: &Load, batch: &mut StateBatch) {
        self.load.write(load, batch);
    }

    /// Routes.
    pub(crate) fn routes(&mut self, routes: &Routes, batch: &mut StateBatch) {
        let [ipv4, ipv6] = &mut self.routes;
        ipv4.write(&routes.ipv4, batch);
        ipv6.write(&routes.ipv6, batch);
    }

    /// All filesystems.
    pub(crate) fn filesystems(&mut self, all: &[Filesystem], batch: &mut StateBatch) {
        self.filesystems.iter_mut().for_each(|listing| listing.write(&self.schema, all, batch));
        if let Some(root) = all.iter().find(|filesystem| &*filesystem.mount_point == "/") {
            self.flash.write(root, batch);
        }
    }

    /// All processes.
    pub(crate) fn processes(&mut self, all: &[Process], batch: &mut StateBatch) {
        self.processes.iter_mut().for_each(|listing| listing.write(&self.schema, all, batch));
    }

    /// All temperatures and fans.
    pub(crate) fn sensors(&mut self, sensors: &[Sensor], fans: &[Fan], batch: &mut StateBatch) {
        let hottest = sensors.iter().max_by_key(|sensor| sensor.millidegrees).cloned();
        self.temperature.iter_mut().for_each(|single| single.write(&hottest, batch));
        self.sensors.iter_mut().for_each(|listing| listing.write(&self.schema, sensors, batch));
        self.fans.iter_mut().for_each(|listing| listing.write(&self.schema, fans, batch));
        let slots: Vec<(u32, Fan)> = (1..).zip(fans.iter().cloned()).collect();
        self.chassis_fans.write(&self.schema, &slots, batch);
    }
}

fn filesystems(schema: &Schema, path: &str, rows: &[Row<Filesystem>], gaps: &mut Gaps) -> Listing<Filesystem, Text> {
    let id = |filesystem: &Filesystem| filesystem.mount_point.clone();
    Listing::new(schema, path, rows, id, |filesystem| vec![Datum::Shared(&filesystem.mount_point)], gaps)
}

fn processes(schema: &Schema, path: &str, rows: &[Row<Process>], gaps: &mut Gaps) -> Listing<Process, u32> {
    Listing::new(schema, path, rows, |process| process.pid, |process| vec![Datum::Number(process.pid.into())], gaps)
}

fn sensors(schema: &Schema, path: &str, rows: &[Row<Sensor>], gaps: &mut Gaps) -> Listing<Sensor, Text> {
    let id = |sensor: &Sensor| sensor.name.clone();
    Listing::new(schema, path, rows, id, |sensor| vec![Datum::Shared(&sensor.name)], gaps)
}

fn fans(schema: &Schema, path: &str, rows: &[Row<Fan>], gaps: &mut Gaps) -> Listing<Fan, Text> {
    Listing::new(schema, path, rows, |fan: &Fan| fan.name.clone(), |fan| vec![Datum::Shared(&fan.name)], gaps)
}
