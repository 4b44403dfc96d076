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
use crate::net::{Listener, OpenPort, Reception, Tls, Transport, local_addresses};
use crate::pki::{Files, Identity, Offer, Tally, TlsProfile};
use crate::profile::Profile;
use crate::schema::{NodeId, Schema};
use crate::store::{StateWriter, Store};
use crate::time::{Clock, Timestamp};
use hall::Hall;
pub(super) use hall::{Services, Telling};
use report::{Condition, Down, Report};
pub(super) use wish::is_allowed;
use wish::{Security, Settings, Wish};

/// What clients are told when the daemon ends.
const SHUTDOWN: &str = "server shutdown";

/// Time until a port is tried again that could not be had.
const PORT_RETRY: Duration = Duration::from_secs(1);
/// Longest time until the clock is asked again whether a certificate or list has run out: clocks are set.
const CLOCK_CHECK: Duration = Duration::from_secs(60);

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
            services,
            clock: clock.clone(),
            report: Report::new(StateWriter::new(store.clone()), clock.clone()),
            started: Instant::now(),
            transport: None,
            port: None,
            plain: None,
            tls: None,
            warned: false,
            condition: None,
        };
        // The file is the operator's and read at start; what it names has to be there.
        if server.wish(&settings).security == Security::File {
            let transport = Ok(Transport::Tls(file_tls(&settings, clock).await?));
            server.transport = Some(Made { from: Security::File, transport, until: None });
        }
        server.follow(&settings, Cause::Start).await;
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
        let Settings { tls, .. } = Settings::of(config);
        if let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) {
            Tls::new(&[Identity::from_files(certificate, key)?], &Offer::of(&tls.versions), None)?;
        }
        Ok(())
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
            let cause = if settings.has_changed().unwrap_or(false) { Cause::Reload } else { Cause::Commit };
            if cause == Cause::Reload || configurations != Some(seen) || again.is_some_and(|at| at <= Instant::now()) {
                configurations = Some(seen);
                let wanted = settings.borrow_and_update().clone();
                again = server.follow(&wanted, cause).await;
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

/// Why the server looks at its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Start,
    Commit,
    /// Files may have other contents.
    Reload,
}

/// The parts of the server that exist at present.
#[derive(Debug)]
struct Server {
    store: Arc<Store>,
    profile: Profile,
    services: Services,
    clock: Clock,
    report: Report,
    started: Instant,
    transport: Option<Made>,
    /// The port, or why it could not be had, and which was asked for.
    port: Option<Result<(SocketAddr, OpenPort), crate::net::BindError>>,
    plain: Option<Hall>,
    tls: Option<Hall>,
    /// Whether somebody has been warned about plaintext (TLS-016).
    warned: bool,
    condition: Option<Condition>,
}

/// What the port speaks.
#[derive(Debug)]
struct Made {
    /// What it was made from.
    from: Security,
    /// It, or why there is none.
    transport: Result<Transport, String>,
    /// When it has to be made anew because a certificate or list has run out.
    until: Option<Timestamp>,
}

impl Made {
    fn new(from: &Security, made: Result<(Transport, Option<Timestamp>), String>) -> Self {
        let (transport, until) = match made {
            Ok((transport, until)) => (Ok(transport), until),
            Err(reason) => (Err(reason), None),
        };
        Self { from: from.clone(), transport, until }
    }
}

impl Server {
    fn wish(&self, settings: &Settings) -> Wish {
        Wish::read(settings, &self.profile, self.store.schema(), &self.store.newest().tree)
    }

    /// Becomes what the configuration asks for. Returns when to look again without a change.
    async fn follow(&mut self, settings: &Settings, cause: Cause) -> Option<Instant> {
        let wish = self.wish(settings);
        let limit = self.services.sessions.limits().request_message_bytes;
        self.services.message_limit.set(wish.message_bytes.map_or(limit, |knob| knob.min(limit)));
        let condition = match self.bring_up(&wish, settings, cause).await {
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
            Condition::Up { .. } => self.runs_out(),
            Condition::Down(_) => None,
        }
    }

    /// When to look whether what is used has run out.
    fn runs_out(&self) -> Option<Instant> {
        let until = self.transport.as_ref()?.until?;
        Some(Instant::now() + until.since(self.clock.now()).min(CLOCK_CHECK))
    }

    async fn bring_up(&mut self, wish: &Wish, settings: &Settings, cause: Cause) -> Result<Condition, Down> {
        if !wish.enabled {
            return Err(Down::Admin);
        }
        if !wish.allowed {
            return Err(Down::Forbidden);
        }
        if Instant::now() < self.started + wish.delay {
            return Err(Down::Delay);
        }
        let transport = self.transport(&wish.security, settings, cause).await.map_err(Down::Security)?;
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

    /// What the port is to speak, made anew where it has changed.
    async fn transport(&mut self, security: &Security, settings: &Settings, cause: Cause) -> Result<Transport, String> {
        let now = self.clock.now();
        let before = self.transport.take_if(|made| made.from == *security);
        let before = before.filter(|made| made.transport.is_ok() && made.until.is_none_or(|until| now < until));
        let made = match (before, cause) {
            (Some(before), Cause::Start | Cause::Commit) => before,
            (before, _) => {
                let made = Made::new(security, self.make(security, settings).await);
                match (&made.transport, before) {
                    (Err(reason), Some(before)) => {
                        tracing::error!("{reason}; the certificates in use stay");
                        before
                    }
                    _ => made,
                }
            }
        };
        self.transport.insert(made).transport.clone()
    }

    async fn make(&self, security: &Security, settings: &Settings) -> Result<(Transport, Option<Timestamp>), String> {
        match security {
            Security::Plain => Ok((Transport::Plain, None)),
            Security::Impossible(reason) => Err(reason.clone()),
            Security::Profile(profile) => {
                let (profile, files) = (profile.clone(), settings.files.clone());
                let (checks, now) = (self.services.checks.clone(), self.clock.now());
                let made = tokio::task::spawn_blocking(move || profile_tls(&profile, &files, &checks, now)).await;
                let (tls, until) = made.map_err(|error| error.to_string())??;
                Ok((Transport::Tls(tls), until))
            }
            Security::File => match file_tls(settings, &self.clock).await {
                Ok(tls) => Ok((Transport::Tls(tls), None)),
                Err(error) => Err(error.to_string()),
            },
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

fn profile_tls(
    profile: &TlsProfile,
    files: &Files,
    checks: &Tally,
    now: Timestamp,
) -> Result<(Tls, Option<Timestamp>), String> {
    let loaded = profile.load(files, checks, now).map_err(|unusable| unusable.to_string())?;
    let clients = loaded.judge.map(|judge| judge as _);
    let tls = Tls::new(&loaded.identities, &profile.offer, clients);
    let tls = tls.map_err(|error| format!("{} - {error}", profile.path))?.named(&profile.path);
    loaded.identities.iter().for_each(tell_fingerprint);
    Ok((tls, loaded.until))
}

async fn file_tls(settings: &Settings, clock: &Clock) -> Result<Tls, StartError> {
    let identity = match (&settings.tls.certificate, &settings.tls.key) {
        (Some(certificate), Some(key)) => Identity::from_files(certificate, key)?,
        _ => {
            let mut addresses = local_addresses().await;
            addresses.push(settings.listen.address);
            Identity::self_signed(&settings.own, &addresses, clock.now())?
        }
    };
    tell_fingerprint(&identity);
    Ok(Tls::new(&[identity], &Offer::of(&settings.tls.versions), None)?)
}

fn tell_fingerprint(identity: &Identity) {
    tracing::info!("TLS certificate, SHA-256 fingerprint {}", identity.fingerprint());
}
