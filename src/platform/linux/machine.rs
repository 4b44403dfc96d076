//! The collectors of the machine: a quick one for what is cheap to read, a slow one for what is not.
//!
//! Both write through the same [`System`], in turn, never holding it over an `.await`. What may block goes to the threads
//! for blocking work.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use procfs::ProcError;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::{proc, sysfs};
use crate::platform::condition::Condition;
use crate::platform::reading::{Machine, Process, Routes};
use crate::platform::system::{Moment, System};
use crate::store::{StateBatch, StateWriter};
use crate::time::{Clock, Timestamp};
use crate::value::Text;

/// What both collectors need.
#[derive(Clone)]
pub(super) struct Collector {
    pub(super) system: Arc<Mutex<System>>,
    pub(super) writer: StateWriter,
    pub(super) clock: Clock,
    pub(super) interval: Duration,
}

impl Collector {
    /// Puts what `read` brings into the tree.
    pub(super) fn publish(&self, write: impl FnOnce(&mut System, Timestamp, &mut StateBatch)) {
        let now = self.clock.now();
        let mut batch = StateBatch::new();
        {
            let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
            write(&mut system, now, &mut batch);
        }
        if !batch.is_empty()
            && let Err(error) = self.writer.commit(&batch, now)
        {
            tracing::error!(%error, "state of the machine not published");
        }
    }

    /// Time, processors, memory, load, routes, until the future is dropped.
    pub(super) async fn run_quick(self, mut routes: watch::Receiver<Option<Routes>>) {
        let mut conditions = ["uptime", "processors", "memory", "load"].map(Condition::new);
        let mut tick = tokio::time::interval(self.interval);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let [uptime, cpu, memory, load] = &mut conditions;
            let uptime = uptime.note(proc::uptime());
            let cpu = cpu.note(proc::cpu());
            let memory = memory.note(proc::memory());
            let load = load.note(proc::load());
            let routes = *routes.borrow_and_update();
            self.publish(|system, now, batch| {
                uptime.into_iter().for_each(|uptime| system.moment(Moment { now, uptime }, batch));
                cpu.into_iter().for_each(|sample| system.cpu(now, sample, batch));
                memory.iter().for_each(|memory| system.memory(memory, batch));
                load.iter().for_each(|load| system.load(load, batch));
                routes.iter().for_each(|routes| system.routes(routes, batch));
            });
        }
    }

    /// What the machine is, its filesystems, processes, temperatures and fans, until the future is dropped.
    pub(super) async fn run_slow(self, version: Option<Text>) {
        let mut conditions = ["machine", "filesystems", "processes"].map(Condition::new);
        let mut tick = tokio::time::interval(self.interval);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = Usage::default();
        loop {
            tick.tick().await;
            let version = version.clone();
            let [machine, filesystems, processes] = &mut conditions;
            let slow = tokio::task::spawn_blocking(move || SlowReading::take(version)).await;
            let Some(slow) = machine.note(slow) else { continue };
            let filesystems = filesystems.note(slow.filesystems);
            let processes = processes.note(slow.processes);
            self.publish(|system, now, batch| {
                system.machine(&slow.machine, batch);
                filesystems.iter().for_each(|all| system.filesystems(all, batch));
                if let Some(mut all) = processes {
                    before.fill(now, &mut all);
                    system.processes(&all, batch);
                }
                let (sensors, fans) = &slow.sensors;
                system.sensors(sensors, fans, batch);
            });
        }
    }
}

struct SlowReading {
    machine: Machine,
    filesystems: Result<Vec<crate::platform::reading::Filesystem>, ProcError>,
    processes: Result<Vec<Process>, ProcError>,
    sensors: (Vec<crate::platform::reading::Sensor>, Vec<crate::platform::reading::Fan>),
}

impl SlowReading {
    /// Blocks.
    fn take(version: Option<Text>) -> Self {
        let machine = proc::machine(version);
        Self {
            filesystems: proc::filesystems(),
            processes: proc::processes(machine.boot),
            sensors: sysfs::sensors(Path::new("/sys")),
            machine,
        }
    }
}

/// Processor time of each process at the last reading, to tell how busy it was since.
#[derive(Default)]
struct Usage {
    time: Timestamp,
    spent: BTreeMap<u32, Duration>,
}

impl Usage {
    fn fill(&mut self, now: Timestamp, processes: &mut [Process]) {
        let elapsed = now.since(self.time);
        for process in processes.iter_mut() {
            let spent = process.user + process.system;
            process.cpu_hundredths = self.spent.get(&process.pid).and_then(|before| {
                let parts = spent.checked_sub(*before)?.as_nanos().checked_mul(10_000)?;
                u32::try_from(parts.checked_div(elapsed.as_nanos())?).ok()
            });
        }
        self.spent = processes.iter().map(|process| (process.pid, process.user + process.system)).collect();
        self.time = now;
    }
}
