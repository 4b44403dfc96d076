//! The gRPC server as the configuration wants it: one task watches commits and makes the server follow.
//!
//! Invariant: what is served is what the newest configuration asks for, and never less protected. Switching the server
//! off ends its RPCs with a status; moving the port, other certificates and other limits leave open sessions alone;
//! sessions without TLS end once plaintext is not allowed any more. Whatever keeps the server down is said in the log
//! and in the state, and looked at again with every change.
//!
//! ```text
//! commits, reloads --> Wish --> port (listener) --> entrance --> hall (tonic, one for plaintext, one for TLS)
//! ```

mod hall;
mod report;
#[cfg(test)]
mod tests;
mod transport;
mod wish;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::StartError;
use crate::config::Config;
use crate::net::{Listener, OpenPort, Reception, Transport};
use crate::profile::Profile;
use crate::schema::{NodeId, Schema};
use crate::store::{StateWriter, Store};
use crate::time::Clock;
use hall::Hall;
pub(super) use hall::{Services, Telling};
use report::{Condition, Down, Report};
use transport::Transports;
pub(super) use wish::is_allowed;
use wish::{Security, Settings, Wish};

/// What clients are told when the daemon ends.
const SHUTDOWN: &str = "server shutdown";

/// Time until a port is tried again that could not be had.
const PORT_RETRY: Duration = Duration::from_secs(1);

/// The server. Nothing of it is left once this is dropped.
#[derive(Debug)]
pub(super) struct Endpoint {
    settings: watch::Sender<Settings>,
    address: watch::Sender<Option<SocketAddr>>,
    /// Taken by `run`.
    server: Mutex<Option<Server>>,
}

impl Endpoint {
    /// Makes the server what the configuration asks for. By itself it does not follow changes; `run` does.
    pub(super) async fn start(
        config: &Config,
        store: &Arc<Store>,
        services: Services,
        clock: &Clock,
    ) -> Result<Self, StartError> {
        let settings = Settings::of(config);
        let mut server = Server {
            store: store.clone(),
            profile: config.profile.clone(),
            transports: Transports::new(services.checks.clone(), clock.clone()),
            services,
            report: Report::new(StateWriter::new(store.clone()), clock.clone()),
            started: Instant::now(),
            port: None,
            plain: None,
            tls: None,
            warned: false,
            condition: None,
        };
        // The file is the operator's and read at start; what it names has to be there.
        if server.wish(&settings).security == Security::File {
            server.transports.begin_with_file(&settings).await?;
        }
        server.follow(&settings, false).await;
        // Later a port that is taken is waited for; at start somebody is there to be told.
        if let Some(Err(error)) = server.port.take_if(|port| port.is_err()) {
            return Err(error.into());
        }
        let address = watch::Sender::new(server.address());
        Ok(Self { settings: watch::Sender::new(settings), address, server: Mutex::new(Some(server)) })
    }

    /// The leaves that say how the server is.
    pub(super) fn leaves(schema: &Schema) -> BTreeSet<NodeId> {
        report::leaves(schema)
    }

    /// Where it listens at present.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        *self.address.borrow()
    }

    /// Says whether the server could do what the file says about TLS, without doing it.
    pub(super) fn check(config: &Config) -> Result<(), StartError> {
        transport::check(&Settings::of(config))
    }

    /// Follows the file as it is now. Certificates are read again, changed or not.
    pub(super) fn reload(&self, config: &Config) {
        self.settings.send_replace(Settings::of(config));
    }

    /// Reads the certificates in use again.
    pub(super) fn refresh(&self) {
        self.settings.send_modify(|_| {});
    }

    /// Follows the configuration until the token is cancelled, and then ends every session. A second call only waits.
    pub(super) async fn run(&self, shutdown: CancellationToken) {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut server) = server else { return shutdown.cancelled().await };
        let mut commits = server.store.watch_configuration();
        let mut settings = self.settings.subscribe();
        // A commit between the start and here.
        let mut configurations = None;
        let mut again = None;
        loop {
            let seen = commits.borrow_and_update().configurations;
            let reload = settings.has_changed().unwrap_or(false);
            if reload || configurations != Some(seen) || again.is_some_and(|at| at <= Instant::now()) {
                configurations = Some(seen);
                let wanted = settings.borrow_and_update().clone();
                again = server.follow(&wanted, reload).await;
                self.address.send_replace(server.address());
            }
            let retry = async {
                match again {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => break,
                _ = commits.changed() => {}
                _ = settings.changed() => settings.mark_changed(),
                () = retry => {}
            }
        }
        self.address.send_replace(None);
        server.end().await;
    }
}

/// The parts of the server that exist at present.
#[derive(Debug)]
struct Server {
    store: Arc<Store>,
    profile: Profile,
    services: Services,
    transports: Transports,
    report: Report,
    started: Instant,
    /// The port, or why it could not be had, and which was asked for.
    port: Option<Result<(SocketAddr, OpenPort), crate::net::BindError>>,
    plain: Option<Hall>,
    tls: Option<Hall>,
    /// Whether somebody has been warned about plaintext (TLS-016).
    warned: bool,
    condition: Option<Condition>,
}

impl Server {
    fn wish(&self, settings: &Settings) -> Wish {
        Wish::read(settings, &self.profile, self.store.schema(), &self.store.newest().tree)
    }

    /// Becomes what the configuration asks for, with files read again where they may have other contents. Returns when to
    /// look again without a change.
    async fn follow(&mut self, settings: &Settings, again: bool) -> Option<Instant> {
        let wish = self.wish(settings);
        let limit = self.services.sessions.limits().request_message_bytes;
        self.services.message_limit.set(wish.message_bytes.map_or(limit, |knob| knob.min(limit)));
        let condition = match self.bring_up(&wish, settings, again).await {
            Ok(condition) => condition,
            Err(down) => {
                self.port.take_if(|port| port.is_ok());
                Condition::Down(down)
            }
        };
        if wish.security != Security::Plain {
            end(self.plain.take(), "plaintext is not allowed any more");
        }
        if let Condition::Down(down @ (Down::Admin | Down::Forbidden)) = &condition {
            let reason = down.to_string();
            end(self.plain.take(), &reason);
            end(self.tls.take(), &reason);
        }
        self.tell(&condition);
        match condition {
            Condition::Down(Down::Delay) => Some(self.started + wish.delay),
            Condition::Down(Down::Port(_)) => Some(Instant::now() + PORT_RETRY),
            Condition::Up { .. } => self.transports.runs_out(),
            Condition::Down(_) => None,
        }
    }

    async fn bring_up(&mut self, wish: &Wish, settings: &Settings, again: bool) -> Result<Condition, Down> {
        if !wish.enabled {
            return Err(Down::Admin);
        }
        if !wish.allowed {
            return Err(Down::Forbidden);
        }
        if Instant::now() < self.started + wish.delay {
            return Err(Down::Delay);
        }
        let transport = self.transports.get(&wish.security, settings, again).await.map_err(Down::Security)?;
        let tls = matches!(transport, Transport::Tls(_));
        let hall = if tls { &mut self.tls } else { &mut self.plain };
        let entrance = hall.get_or_insert_with(|| Hall::open(&self.services)).entrance();
        let reception = Reception { transport, keepalive: wish.keepalive, entrance };
        match &self.port {
            Some(Ok((wanted, port))) if *wanted == wish.address => port.receive(reception),
            _ => {
                // The old port goes once the new one is there, unless they are the same.
                let old = self.port.take();
                let opened = Listener::bind(wish.address);
                drop(old);
                let opened = opened.map(|listener| listener.open(self.services.sessions.clone(), reception));
                self.port = Some(opened.map(|port| (wish.address, port)));
            }
        }
        match &self.port {
            Some(Ok((_, port))) => Ok(Condition::Up { address: port.local_addr(), tls }),
            Some(Err(error)) => Err(Down::Port(error.to_string())),
            None => Err(Down::Port(format!("{} is not open", wish.address))),
        }
    }

    fn address(&self) -> Option<SocketAddr> {
        self.port.as_ref().and_then(|port| port.as_ref().ok()).map(|(_, port)| port.local_addr())
    }

    /// Log and state, when something has changed.
    fn tell(&mut self, condition: &Condition) {
        if self.condition.as_ref() == Some(condition) {
            return;
        }
        match condition {
            Condition::Up { address, tls } => tracing::info!(%address, tls, "serving"),
            Condition::Down(reason) => tracing::warn!("gRPC is down: {reason}"),
        }
        if let Condition::Up { tls, .. } = condition {
            if !tls && !self.warned {
                tracing::warn!(
                    "gRPC is served without TLS: everybody who can capture packets reads user names, passwords and \
                     data; for closed labs only"
                );
            }
            self.warned = !tls;
        }
        self.report.write(condition);
        self.condition = Some(condition.clone());
    }

    /// Ends every session.
    async fn end(mut self) {
        self.port = None;
        let ending = [end(self.plain.take(), SHUTDOWN), end(self.tls.take(), SHUTDOWN)];
        for hall in ending.into_iter().flatten() {
            let _ = hall.await;
        }
        tracing::info!("stopped");
    }
}

fn end(hall: Option<Hall>, reason: &str) -> Option<JoinHandle<()>> {
    hall.and_then(|hall| hall.close(reason))
}
