//! The platforms that feed the tree: this machine, simulated ports, or both.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::StartError;
use crate::config::Config;
use crate::platform::linux::{self, apply};
use crate::platform::{Handle, sim};
use crate::store::{StateWriter, Store};
use crate::time::Clock;

/// The running platforms. They stop with this value.
#[derive(Debug)]
pub(super) struct Element {
    stop: CancellationToken,
    _running: Vec<Handle>,
}

impl Element {
    /// Starts what the file asks for. When this returns, the tree holds what was read.
    pub(super) async fn start(config: &Config, store: &Arc<Store>, clock: &Clock) -> Result<Self, StartError> {
        let stop = CancellationToken::new();
        let writer = StateWriter::new(store.clone());
        let mut running = Vec::new();
        let (linux, sim) = (&config.platform.linux, &config.platform.sim);
        if linux.enabled {
            let settings = linux::Settings {
                ports: linux.ports.clone(),
                interval: linux.interval,
                version: Some(config.release.as_str().to_owned()),
            };
            running.push(linux::Linux::start(settings, writer.clone(), clock.clone(), stop.clone()).await?);
        }
        if !linux.apply.is_empty() {
            let settings = apply::Settings {
                appliers: linux.apply.clone(),
                ports: linux.ports.clone(),
                resolv_conf: linux.resolv_conf.clone(),
                data_dir: config.data_dir.clone(),
            };
            let started = apply::start(settings, store, clock.clone(), &stop);
            running.push(started.map_err(StartError::Appliers)?);
        }
        if sim.ports > 0 {
            let settings = sim::Settings {
                ports: u32::try_from(sim.ports).unwrap_or(u32::MAX),
                packets_per_second: sim.packets_per_second as u64,
                octets_per_packet: sim.octets_per_packet as u64,
                tick: sim.tick,
                event_rate: u32::try_from(sim.event_rate).unwrap_or(u32::MAX),
            };
            running.push(sim::start(settings, store, writer, clock.clone(), &stop)?);
        }
        Ok(Self { stop, _running: running })
    }

    /// Ends the collectors.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }
}
