//! The security log: one JSON line for each session, authentication and RPC (AUTH-025, AUTH-026, AUTH-039).
//!
//! Invariant: no line is lost silently, and no RPC waits for the disk. Events go through a bounded queue to one writer
//! thread, which makes the lines of them. A line that the disk refuses, or for which a slow disk leaves no room in the
//! queue, goes to the operational log. The last handle ends the thread after it has written what is queued.

mod files;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;

use crate::time::Timestamp;
use files::Files;

/// Lines that may wait for the disk. At 225 channels that is half a minute of trouble.
const QUEUE_LINES: usize = 8192;

/// How often queued lines are written.
const WRITE_INTERVAL: Duration = Duration::from_millis(20);

/// Where the log is written and how much of it is kept.
#[derive(Clone, Debug)]
pub struct SecurityLogSettings {
    /// The file in use; older ones get `.1`, `.2` and so on behind the name.
    pub path: PathBuf,
    /// Bytes at which a new file is begun.
    pub bytes: usize,
    /// Files kept, the one in use included.
    pub files: usize,
}

/// Whether something was allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was.
    Authorized,
    /// It was not.
    Unauthorized,
    /// It was not, and neither will the next ones be: the user is locked out from now on.
    LocksOut,
}

/// What a line says.
#[derive(Clone, Debug)]
pub struct Event {
    /// When.
    pub time: Timestamp,
    /// `session-open`, `session-close`, `authentication` or `rpc`.
    pub kind: &'static str,
    /// The user name as given; empty when none was.
    pub user: String,
    /// Address and port of the client.
    pub client: SocketAddr,
    /// Number of the session.
    pub session: u64,
    /// The RPC, `/gnmi.gNMI/Get`; empty for sessions.
    pub rpc: String,
    /// What it is about, as far as known.
    pub paths: String,
    /// Whether it was allowed; none where that is no question.
    pub verdict: Option<Verdict>,
    /// Why not, or how it ended; empty when there is nothing to say.
    pub reason: String,
}

/// An event as it is written, in this order. Empty fields are left out.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    event: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    user: &'a str,
    client: String,
    port: u16,
    session: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    rpc: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    paths: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    verdict: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
}

impl Event {
    /// What the router that is imitated calls the event; empty where it has none (AUTH-037, AUTH-039).
    fn name(&self) -> &'static str {
        match (self.kind, self.verdict) {
            ("session-open", _) => "grpc_user_login",
            ("session-close", _) => "grpc_user_logout",
            ("authentication", Some(Verdict::Unauthorized)) => "grpc_user_login_failed",
            ("authentication", Some(Verdict::LocksOut)) => "grpc_user_login_max_attempts",
            ("rpc", Some(Verdict::Authorized)) => "grpc_auth",
            ("rpc", Some(Verdict::Unauthorized | Verdict::LocksOut)) => "grpc_unauth",
            _ => "",
        }
    }

    /// The line, without its end.
    fn line(&self) -> String {
        let line = Line {
            time: self.time.to_string(),
            event: self.kind,
            name: self.name(),
            user: &self.user,
            client: self.client.ip().to_canonical().to_string(),
            port: self.client.port(),
            session: self.session,
            rpc: &self.rpc,
            paths: &self.paths,
            verdict: match self.verdict {
                Some(Verdict::Authorized) => "authorized",
                Some(Verdict::Unauthorized | Verdict::LocksOut) => "unauthorized",
                None => "",
            },
            reason: &self.reason,
        };
        // Strings and numbers under fixed names always make JSON.
        serde_json::to_string(&line).unwrap_or_default()
    }
}

/// Writes security log lines. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SecurityLog {
    writer: Arc<Writer>,
}

#[derive(Debug)]
struct Writer {
    /// None only while the last handle is being dropped.
    queue: Option<SyncSender<Event>>,
    thread: Option<JoinHandle<()>>,
}

/// Why the log cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("security log {}: {source}", path.display())]
pub struct OpenError {
    /// The file.
    path: PathBuf,
    /// What the system says.
    source: io::Error,
}

impl SecurityLog {
    /// Opens the file for appending, readable by its owner and group, and starts the writer.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when the file cannot be opened or no thread can be started.
    pub fn open(settings: &SecurityLogSettings) -> Result<Self, OpenError> {
        let failed = |source| OpenError { path: settings.path.clone(), source };
        let files = Files::open(settings.clone()).map_err(failed)?;
        let (queue, events) = sync_channel(QUEUE_LINES);
        let thread = std::thread::Builder::new().name("security-log".to_owned());
        let thread = thread.spawn(move || write_all(files, &events)).map_err(failed)?;
        Ok(Self { writer: Arc::new(Writer { queue: Some(queue), thread: Some(thread) }) })
    }

    /// Queues an event.
    pub fn write(&self, event: Event) {
        let Some(queue) = &self.writer.queue else { return };
        match queue.try_send(event) {
            Ok(()) => {}
            Err(TrySendError::Full(event)) => {
                tracing::error!("security log: the disk is too slow; line not written: {}", event.line());
            }
            Err(TrySendError::Disconnected(event)) => {
                tracing::error!("security log: its writer is gone; line not written: {}", event.line());
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Writes lines until the last handle is gone. It looks at the queue only now and then: a thread that sleeps on the queue
/// would have to be woken for each RPC, which costs the RPC more than all the rest of the line.
fn write_all(mut files: Files, events: &Receiver<Event>) {
    while let Ok(first) = events.recv() {
        std::thread::sleep(WRITE_INTERVAL);
        let lines = std::iter::once(first).chain(events.try_iter().take(QUEUE_LINES)).map(|event| event.line());
        files.write(lines);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(user: &str) -> Event {
        Event {
            time: Timestamp::EPOCH,
            kind: "rpc",
            user: user.to_owned(),
            client: "[::ffff:192.0.2.1]:40000".parse().unwrap(),
            session: 7,
            rpc: "/gnmi.gNMI/Get".to_owned(),
            paths: String::new(),
            verdict: Some(Verdict::Unauthorized),
            reason: "wrong \"password\"".to_owned(),
        }
    }

    fn settings(path: PathBuf) -> SecurityLogSettings {
        SecurityLogSettings { path, bytes: 500, files: 3 }
    }

    /// AUTH-025: user, time, RPC, client address and verdict are in the line.
    #[test]
    fn writes_one_json_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log/security.log");
        let log = SecurityLog::open(&settings(path.clone())).unwrap();
        log.write(event("eve\n"));
        drop(log);
        let text = std::fs::read_to_string(path).unwrap();
        assert!(
            text.starts_with(r#"{"time":"1970-01-01T00:00:00.0Z","event":"rpc","name":"grpc_unauth","user":"eve\n","#)
        );
        let line: serde_json::Value = serde_json::from_str(text.strip_suffix('\n').unwrap()).unwrap();
        let expected = json!({
            "time": "1970-01-01T00:00:00.0Z", "event": "rpc", "name": "grpc_unauth", "user": "eve\n", "client": "192.0.2.1", "port": 40000,
            "session": 7, "rpc": "/gnmi.gNMI/Get", "verdict": "unauthorized", "reason": "wrong \"password\"",
        });
        assert_eq!(line, expected);
    }

    /// AUTH-025: nobody waits for a writer that hangs, however much there is to say.
    #[test]
    fn nobody_waits_for_the_disk() {
        let (queue, events) = sync_channel(1);
        let log = SecurityLog { writer: Arc::new(Writer { queue: Some(queue), thread: None }) };
        for _ in 0..10 {
            log.write(event("admin"));
        }
        drop(log);
        assert_eq!(events.iter().count(), 1);
    }

    #[test]
    fn keeps_so_many_files_of_so_many_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("security.log");
        let log = SecurityLog::open(&settings(path.clone())).unwrap();
        for _ in 0..20 {
            log.write(event("admin"));
        }
        drop(log);
        let mut names: Vec<_> = directory.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["security.log", "security.log.1", "security.log.2"]);
        for name in names {
            let bytes = std::fs::metadata(directory.path().join(name)).unwrap().len();
            assert!((1..=500).contains(&bytes), "{bytes}");
        }
        // Opened again, it goes on where it was.
        let before = std::fs::metadata(&path).unwrap().len();
        SecurityLog::open(&settings(path.clone())).unwrap().write(event("admin"));
        assert_ne!(std::fs::metadata(&path).unwrap().len(), before);
    }
}
