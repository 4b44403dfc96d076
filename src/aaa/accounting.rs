//! Accounting: RADIUS and TACACS+ servers are told which RPCs their element has served.
//!
//! Invariant: an RPC never waits for a record. Records go through a queue of [`QUEUE_RECORDS`] to one sender; one that
//! finds the queue full, or no server to take it, is lost, and a line in the log says how many were.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::time::Instant;

use super::remote::{Answer, Errand, Fault, Remote};
use super::settings::{Method, Server, Servers};
use super::{radius, tacplus};
use crate::store::Tree;
use crate::time::Timestamp;

/// Records that may wait for a server.
const QUEUE_RECORDS: usize = 1024;
/// How often lost records are spoken of.
const LOSS_INTERVAL: Duration = Duration::from_secs(30);
/// Bytes of what an RPC is about that a record has room for.
const ABOUT_BYTES_MAX: usize = 200;

/// Where records wait.
#[derive(Debug)]
pub(super) struct Queue {
    sender: mpsc::Sender<Record>,
    receiver: Mutex<mpsc::Receiver<Record>>,
    lost: Arc<AtomicU64>,
}

impl Default for Queue {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_RECORDS);
        Self { sender, receiver: Mutex::new(receiver), lost: Arc::default() }
    }
}

/// An RPC as its records tell of it.
#[derive(Clone, Debug)]
pub struct Served {
    /// Number of the RPC.
    pub id: u32,
    /// Who made it.
    pub user: String,
    /// Who vouches for the user.
    pub by: Method,
    /// Where the client is.
    pub client: IpAddr,
    /// Its HTTP path.
    pub rpc: String,
    /// When it began.
    pub began: Timestamp,
}

impl Served {
    /// Tells the records of this RPC from those of any other, also of the time before a restart (RFC 2866 section 5.5).
    fn key(&self) -> String {
        format!("{:x}-{}", self.began.nanos(), self.id)
    }
}

/// A record on its way.
#[derive(Debug)]
pub(super) struct Record {
    method: Method,
    servers: Servers,
    element: String,
    served: Served,
    about: String,
    /// How long it took; none at its beginning.
    took: Option<Duration>,
}

/// The accounts of an RPC that runs. Dropped, it is recorded as ended.
#[derive(Debug)]
pub struct Account {
    sender: mpsc::Sender<Record>,
    lost: Arc<AtomicU64>,
    methods: Vec<(Method, Servers)>,
    element: String,
    served: Served,
    about: String,
    since: Instant,
}

impl Account {
    /// Notes what the RPC is about, as far as a record has room for it.
    pub fn about(&mut self, mut text: String) {
        text.truncate(text.floor_char_boundary(ABOUT_BYTES_MAX));
        self.about = text;
    }

    fn send(&self, method: Method, servers: &Servers, took: Option<Duration>) {
        let (element, served, about) = (self.element.clone(), self.served.clone(), self.about.clone());
        let record = Record { method, servers: servers.clone(), element, served, about, took };
        if self.sender.try_send(record).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let took = self.since.elapsed();
        for (method, servers) in &self.methods {
            self.send(*method, servers, Some(took));
        }
    }
}

impl Remote {
    /// Opens the accounts of an RPC; none when nobody wants to know of it.
    pub(super) fn account(&self, tree: &Tree, served: impl FnOnce() -> Served) -> Option<Account> {
        let wanted =
            [(Method::Radius, self.nodes.radius_records(tree)), (Method::Tacplus, self.nodes.tacplus_records(tree))];
        let wanted = wanted.into_iter().filter_map(|(method, starts)| Some((method, starts?)));
        let wanted = wanted.filter_map(|(method, starts)| Some((method, self.servers(tree, method)?, starts)));
        let (mut methods, mut starting) = (Vec::new(), Vec::new());
        for (method, servers, starts) in wanted {
            starting.push(starts);
            methods.push((method, servers));
        }
        if methods.is_empty() {
            return None;
        }
        let account = Account {
            sender: self.records.sender.clone(),
            lost: self.records.lost.clone(),
            methods,
            element: self.nodes.system_name(tree).to_owned(),
            served: served(),
            about: String::new(),
            since: Instant::now(),
        };
        for ((method, servers), starts) in account.methods.iter().zip(starting) {
            if starts {
                account.send(*method, servers, None);
            }
        }
        Some(account)
    }

    /// Takes records to servers for as long as it is polled.
    pub(super) async fn keep_records(&self) {
        let mut queue = self.records.receiver.lock().await;
        let mut told = Instant::now();
        let mut due = tokio::time::interval(LOSS_INTERVAL);
        loop {
            tokio::select! {
                record = queue.recv() => match record {
                    Some(record) => self.keep(&record).await,
                    None => return,
                },
                _ = due.tick() => {}
            }
            let lost = self.records.lost.load(Ordering::Relaxed);
            if lost > 0 && told.elapsed() >= LOSS_INTERVAL {
                tracing::warn!("{lost} accounting records were lost: no server took them");
                self.records.lost.fetch_sub(lost, Ordering::Relaxed);
                told = Instant::now();
            }
        }
    }

    async fn keep(&self, record: &Record) {
        if self.run(record.method, &record.servers, Errand::Record(record)).await != Some(Answer::Kept) {
            self.records.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Record {
    /// Takes it to a server.
    pub(super) async fn send(&self, server: &Server) -> Result<Answer, Fault> {
        let Self { method, servers, element, served, about, took } = self;
        let (rpc, id) = (served.rpc.trim_start_matches('/'), served.key());
        match method {
            Method::Radius => {
                let command = format!("{rpc} {about}");
                let record = radius::Record {
                    user: &served.user,
                    client: served.client,
                    element,
                    id: &id,
                    command: command.trim_end(),
                    took: *took,
                };
                radius::record(server, servers, record).await
            }
            Method::Tacplus => {
                let mut arguments = vec![
                    format!("task_id={id}"),
                    format!("start_time={}", served.began.nanos() / 1_000_000_000),
                    "service=shell".to_owned(),
                    format!("cmd={rpc}"),
                ];
                if !about.is_empty() {
                    arguments.push(format!("cmd-arg={about}"));
                }
                arguments.extend(took.map(|took| format!("elapsed_time={}", took.as_secs())));
                let &Served { ref user, by, client, .. } = served;
                let record = tacplus::Record { user, by, client, is_start: took.is_none(), arguments: &arguments };
                tacplus::record(server, servers, record).await
            }
            Method::Local => Ok(Answer::Refused),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RPCs are numbered anew with each start.
    #[test]
    fn keys_outlive_a_restart() {
        let key = |id, nanos| {
            let (user, rpc, client) = ("ann".to_owned(), "/gnmi.gNMI/Get".to_owned(), [127, 0, 0, 1].into());
            Served { id, user, by: Method::Local, client, rpc, began: Timestamp::from_nanos(nanos) }.key()
        };
        assert_eq!(key(1, 5), key(1, 5));
        assert_ne!(key(1, 5), key(2, 5));
        assert_ne!(key(1, 5), key(1, 6));
    }
}
