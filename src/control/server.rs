//! The side of the daemon.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{Instrument, Span};

use super::{Answer, Operator, QUESTION_MAX, Question, SessionFacts, Subscription, socket};
use crate::admission::{Session, Sessions};
use crate::feed::{Account, Registry};
use crate::telemetry::ListMode;

/// Time to hear a question, and to be heard. An answer takes the time that it takes.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time for the subscriptions of a session that ends to tell their clients.
const GRACE: Duration = Duration::from_millis(500);
/// Conversations at the same time; more of them wait.
const CONVERSATIONS_MAX: usize = 8;

/// The socket is not to be had.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct OpenError {
    path: PathBuf,
    source: io::Error,
}

/// The open socket. Taken away when dropped.
pub struct Door {
    path: PathBuf,
    listener: UnixListener,
    parts: Parts,
}

/// What the administrator asks about.
#[derive(Clone)]
pub struct Parts {
    /// The sessions.
    pub sessions: Arc<Sessions>,
    /// The subscriptions.
    pub subscriptions: Arc<Registry>,
    /// Who knows the configuration.
    pub operator: Arc<dyn Operator>,
}

impl Door {
    /// Opens the socket in a data directory that no other daemon has.
    ///
    /// # Errors
    ///
    /// [`OpenError`], for one when the path is longer than a socket may have (107 bytes).
    pub fn open(data_dir: &Path, parts: Parts) -> Result<Self, OpenError> {
        let path = socket(data_dir);
        let listener = listen(&path).map_err(|source| OpenError { path: path.clone(), source })?;
        Ok(Self { path, listener, parts })
    }

    /// Answers until it is dropped.
    pub async fn serve(self) {
        let mut conversations = JoinSet::new();
        loop {
            tokio::select! {
                Some(_) = conversations.join_next() => {}
                accepted = self.listener.accept(), if conversations.len() < CONVERSATIONS_MAX => match accepted {
                    Ok((stream, _)) => {
                        conversations.spawn(converse(stream, self.parts.clone()).in_current_span());
                    }
                    Err(error) => {
                        tracing::warn!("control socket: {error}");
                        tokio::time::sleep(PATIENCE).await;
                    }
                },
            }
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    // What an earlier daemon left; the journal has made sure that none runs here now.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn converse(stream: UnixStream, parts: Parts) -> io::Result<()> {
    let user = user(&stream);
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    timeout(PATIENCE, BufReader::new(reader.take(QUESTION_MAX)).read_line(&mut line)).await??;
    let asked = serde_json::from_str(&line);
    drop(line);
    let answer = match asked {
        // Waiting for the disk blocks.
        Ok(Question::Configuration(task)) => {
            let span = Span::current();
            tokio::task::spawn_blocking(move || span.in_scope(|| parts.operator.answer(task, &user))).await?
        }
        Ok(question) => answer(&question, &parts).await,
        Err(error) => Answer::Refused { reason: format!("the question cannot be read: {error}") },
    };
    let mut line = serde_json::to_string(&answer)?;
    line.push('\n');
    timeout(PATIENCE, writer.write_all(line.as_bytes())).await?
}

/// Who is on the other side, as the kernel knows it.
fn user(stream: &UnixStream) -> String {
    match stream.peer_cred().map(|credentials| credentials.uid()) {
        Ok(0) => "root".to_owned(),
        Ok(uid) => format!("uid {uid}"),
        Err(_) => "unknown".to_owned(),
    }
}

async fn answer(question: &Question, parts: &Parts) -> Answer {
    let Parts { sessions, subscriptions: registry, .. } = parts;
    match *question {
        // Answered where it may block.
        Question::Configuration(_) => Answer::Refused { reason: "not here".to_owned() },
        Question::Subscriptions => {
            let subscriptions = registry.running().iter().map(|account| subscription(account)).collect();
            Answer::Subscriptions { subscriptions }
        }
        Question::EndSubscription { id } if registry.end(id) => {
            tracing::info!(id, "subscription ended by an administrator");
            Answer::Ended { count: 1 }
        }
        Question::EndSubscription { id } => Answer::Refused { reason: format!("there is no subscription {id}") },
        Question::Sessions => {
            let seated = sessions.seated();
            let others = sessions.connections().saturating_sub(seated.len());
            let limit = sessions.limits().sessions;
            Answer::Sessions { sessions: seated.iter().map(|seated| session(seated)).collect(), limit, others }
        }
        Question::EndSession { id } => match sessions.seated().into_iter().find(|session| session.id() == id) {
            None => Answer::Refused { reason: format!("there is no session {id}") },
            Some(session) => {
                end(&session, registry).await;
                tracing::info!(id, client = %session.peer(), "session ended by an administrator");
                Answer::Ended { count: 1 }
            }
        },
        Question::EndSubscriptions => {
            let count = registry.end_all();
            tracing::info!(count, "all subscriptions ended by an administrator");
            Answer::Ended { count }
        }
    }
}

/// Ends the subscriptions of a session, so that their clients read why, and then its connection.
async fn end(session: &Session, subscriptions: &Registry) {
    for account in subscriptions.running() {
        if account.description().peer == session.peer() {
            subscriptions.end(account.id());
        }
    }
    tokio::time::sleep(GRACE).await;
    session.end();
}

fn session(session: &Session) -> SessionFacts {
    SessionFacts {
        id: session.id(),
        user: session.user().unwrap_or_default(),
        client: session.peer().to_string(),
        tls: session.is_encrypted(),
        since: session.opened().to_string(),
        active: session.active_rpcs(),
        total: session.total_rpcs(),
    }
}

fn subscription(account: &Account) -> Subscription {
    let described = account.description();
    let mode = match described.mode {
        ListMode::Stream => "stream",
        ListMode::Once => "once",
        ListMode::Poll => "poll",
    };
    Subscription {
        id: account.id(),
        user: described.user.clone(),
        destination: described.peer.to_string(),
        mode: mode.to_owned(),
        encoding: described.encoding.name(),
        since: described.since.to_string(),
        notifications: account.notifications(),
        paths: described.paths.iter().map(|path| path.path.clone()).collect(),
    }
}
