//! Asking remote servers about users.
//!
//! Invariant: an ask ends in bounded time, whatever a server does, and holds nothing that others need: at most
//! [`Remote`]'s number of asks run for each kind of server, so a dead kind holds up neither the other nor the local users
//! (AUTH-036). Servers are asked in the order of their index; one that fails is reported in one line and left alone for a
//! while, so that only the first login after its death waits for it. Passwords and secrets are in no text made here.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::accounting::{Queue, Record};
use super::grant::Grant;
use super::secrets::Vault;
use super::settings::{Configured, Method, Server, Servers, SettingsNodes};
use super::{radius, tacplus};
use crate::schema::Schema;
use crate::store::Tree;

/// Asks servers.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) nodes: SettingsNodes,
    pub(super) vault: Arc<Vault>,
    pub(super) records: Queue,
    radius: Asking,
    tacplus: Asking,
    /// Apart from logins: a server that keeps no records can still tell who somebody is.
    radius_records: Asking,
    tacplus_records: Asking,
    /// A server that authorizes nothing can, too.
    tacplus_commands: Asking,
}

/// What is known of the servers of one kind.
#[derive(Debug)]
struct Asking {
    method: Method,
    turns: Semaphore,
    /// Counts asks, for those that go round.
    asked: AtomicUsize,
    servers: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Those that are no longer configured like this are forgotten with the next ask.
    health: HashMap<Server, Health>,
    /// Reasons that were reported, by index.
    unusable: HashMap<u32, &'static str>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Health {
    /// Since when it has not answered, and until when it is left alone.
    down: Option<(Instant, Option<Instant>)>,
    /// Whether it has ever signed an answer with a Message-Authenticator; then all have to be.
    signs: bool,
}

/// What is asked.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) user: &'a str,
    pub(super) password: &'a [u8],
    /// Where the client is.
    pub(super) client: IpAddr,
    /// The name of this element.
    pub(super) element: &'a str,
    /// Whether the privilege level of the user is wanted, too.
    pub(super) wants_level: bool,
}

/// What a server is asked to do.
#[derive(Clone, Copy)]
pub(super) enum Errand<'a> {
    Login(Question<'a>),
    Record(&'a Record),
    Command(Command<'a>),
}

/// A change that a server is to permit.
#[derive(Clone, Copy)]
pub(super) struct Command<'a> {
    pub(super) user: &'a str,
    pub(super) client: IpAddr,
    /// As the server reads it: `cmd=configure`, `cmd-arg=system`.
    pub(super) arguments: &'a [String],
}

impl Errand<'_> {
    /// What is answered in place of servers that can be told no name, password or change of such a length. Records are
    /// cut.
    fn unaskable(&self, method: Method) -> Option<Answer> {
        match (method, self) {
            (Method::Radius, Self::Login(question)) if !radius::has_room(question) => Some(Answer::Rejected),
            (Method::Tacplus, Self::Login(question)) if !tacplus::has_room(question) => Some(Answer::Rejected),
            (_, Self::Command(command)) if !tacplus::has_room_for(command) => Some(Answer::Denied),
            _ => None,
        }
    }
}

fn unsigned(answer: Result<Answer, Fault>) -> Result<(Answer, bool), Fault> {
    answer.map(|answer| (answer, false))
}

/// What the servers of a kind say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The password is right.
    Accepted(Grant),
    /// It is not, or the user may not log in.
    Rejected,
    /// The change may be made.
    Permitted,
    /// It may not.
    Denied,
    /// The record is kept.
    Kept,
    /// The record is not kept: the server does not want it.
    Refused,
    /// No server could be asked.
    Unreachable,
}

/// Why a server gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("no answer within {} s{}", .timeout.as_secs(), times(*.attempts))]
    Silent { timeout: Duration, attempts: u32 },
    #[error("{0}")]
    Io(std::io::ErrorKind),
    /// Something came that cannot be believed or read.
    #[error("{0}; is the secret the same on both sides?")]
    Reply(String),
    /// The server says that it cannot answer.
    #[error("it reports an error{0}")]
    Server(String),
    #[error("the system has no random numbers")]
    Random,
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error.kind())
    }
}

fn times(attempts: u32) -> String {
    if attempts > 1 { format!(", asked {attempts} times") } else { String::new() }
}

/// A server's own words as they may stand in a log: short, on one line.
pub(super) fn quoted(text: &[u8]) -> String {
    const CHARS_MAX: usize = 120;
    let text: String =
        String::from_utf8_lossy(text).chars().filter(|symbol| !symbol.is_control()).take(CHARS_MAX).collect();
    if text.is_empty() { text } else { format!(": '{text}'") }
}

impl Remote {
    /// With at most so many asks at a time for each kind of server.
    pub(super) fn new(schema: &Schema, vault: Arc<Vault>, asks: usize) -> Self {
        let asking = |method| Asking {
            method,
            turns: Semaphore::new(asks),
            asked: AtomicUsize::new(0),
            servers: Mutex::default(),
        };
        Self {
            nodes: SettingsNodes::new(schema),
            vault,
            records: Queue::default(),
            radius: asking(Method::Radius),
            tacplus: asking(Method::Tacplus),
            radius_records: asking(Method::Radius),
            tacplus_records: asking(Method::Tacplus),
            tacplus_commands: asking(Method::Tacplus),
        }
    }

    /// The servers of a kind; none while there are none to ask.
    pub(super) fn servers(&self, tree: &Tree, method: Method) -> Option<Servers> {
        match method {
            Method::Radius => self.nodes.radius(tree, &self.vault),
            Method::Tacplus => self.nodes.tacplus(tree, &self.vault),
            Method::Local => None,
        }
    }

    /// Asks the servers of a kind about a user; none when there are none.
    pub(super) async fn ask(&self, tree: &Tree, method: Method, question: Question<'_>) -> Option<Answer> {
        let servers = self.servers(tree, method)?;
        Some(self.ask_servers(method, &servers, Errand::Login(question)).await)
    }

    /// Asks servers when there is a turn for it.
    pub(super) async fn ask_servers(&self, method: Method, servers: &Servers, errand: Errand<'_>) -> Answer {
        // The semaphore is never closed, so there is always a turn to wait for.
        let _turn = self.asking(method, &errand).turns.acquire().await;
        self.run(method, servers, errand).await.unwrap_or(Answer::Unreachable)
    }

    /// The answer of the first server that gives one.
    pub(super) async fn run(&self, method: Method, servers: &Servers, errand: Errand<'_>) -> Option<Answer> {
        let asking = self.asking(method, &errand);
        let candidates = asking.candidates(servers);
        if let Some(answer) = errand.unaskable(method).filter(|_| !candidates.is_empty()) {
            tracing::warn!("{method} is not asked: it has no room for a name, password or change of that length");
            return Some(answer);
        }
        for (place, (server, signs)) in candidates.iter().enumerate() {
            let answer = match (method, errand) {
                (Method::Radius, Errand::Login(question)) => radius::login(server, servers, question, *signs).await,
                (_, Errand::Login(question)) => unsigned(tacplus::login(server, servers, question).await),
                (_, Errand::Record(record)) => unsigned(record.send(server).await),
                (_, Errand::Command(command)) => unsigned(tacplus::command(server, servers, command).await),
            };
            match answer {
                Ok((answer, signed)) => {
                    asking.answered(server, signed);
                    return Some(answer);
                }
                Err(fault) => asking.failed(server, servers, &fault, candidates.get(place + 1).map(|(next, _)| next)),
            }
        }
        None
    }

    fn asking(&self, method: Method, errand: &Errand<'_>) -> &Asking {
        match (method, errand) {
            (Method::Radius, Errand::Login(_)) => &self.radius,
            (Method::Radius, Errand::Record(_)) => &self.radius_records,
            (_, Errand::Login(_)) => &self.tacplus,
            (_, Errand::Record(_)) => &self.tacplus_records,
            (_, Errand::Command(_)) => &self.tacplus_commands,
        }
    }

    /// Tells whether TACACS+ servers that are left alone answer again, by opening a connection.
    pub(super) async fn probe(&self, tree: &Tree) {
        let Some(servers) = self.nodes.tacplus(tree, &self.vault) else { return };
        for configured in &servers.servers {
            let Configured::Server(server) = configured else { continue };
            let asking = [&self.tacplus, &self.tacplus_records, &self.tacplus_commands];
            let down: Vec<_> = asking.into_iter().filter(|it| it.is_down(server)).collect();
            if !down.is_empty() && tacplus::is_there(server, servers.timeout).await {
                down.iter().for_each(|asking| asking.answered(server, false));
            }
        }
    }
}

impl Asking {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_down(&self, server: &Server) -> bool {
        self.lock().health.get(server).is_some_and(|health| health.down.is_some())
    }

    /// The servers to ask, in their order, and whether each signs its answers.
    fn candidates(&self, servers: &Servers) -> Vec<(Server, bool)> {
        let (mut known, now) = (self.lock(), Instant::now());
        let is_it = |server: &Server, it: &Configured| matches!(it, Configured::Server(it) if it == server);
        known.health.retain(|server, _| servers.servers.iter().any(|it| is_it(server, it)));
        let mut candidates = Vec::new();
        for configured in &servers.servers {
            match configured {
                Configured::Server(server) => {
                    known.unusable.remove(&server.index);
                    let health = known.health.get(server).copied().unwrap_or_default();
                    if health.down.and_then(|(_, until)| until).is_none_or(|until| until <= now) {
                        candidates.push((server.clone(), health.signs));
                    }
                }
                Configured::Unusable { index, reason } => {
                    if known.unusable.insert(*index, reason) != Some(reason) {
                        tracing::warn!("{} server {index} is passed over: {reason}", self.method);
                    }
                }
            }
        }
        if servers.round_robin && !candidates.is_empty() {
            let first = self.asked.fetch_add(1, Ordering::Relaxed) % candidates.len();
            candidates.rotate_left(first);
        }
        candidates
    }

    fn answered(&self, server: &Server, signed: bool) {
        let mut known = self.lock();
        let health = known.health.entry(server.clone()).or_default();
        health.signs |= signed;
        if let Some((since, _)) = health.down.take() {
            let seconds = since.elapsed().as_secs();
            tracing::info!("{} {server} answers again, after {seconds} s", self.method);
        }
    }

    fn failed(&self, server: &Server, servers: &Servers, fault: &Fault, next: Option<&Server>) {
        let now = Instant::now();
        let mut known = self.lock();
        let health = known.health.entry(server.clone()).or_default();
        let since = health.down.map_or(now, |(since, _)| since);
        health.down = Some((since, servers.rest.map(|rest| now + rest)));
        drop(known);
        let next = next.map_or_else(|| "no other server".to_owned(), ToString::to_string);
        let rest = servers.rest.map(|rest| format!(", left alone for {} s", rest.as_secs())).unwrap_or_default();
        tracing::warn!("{} {server} failed: {fault}; next: {next}{rest}", self.method);
    }
}

/// So many random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Fault::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
