//! An agent on a port of the model, with the operator's file on disk, so that both can change while it runs.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ganymede::agent::{Agent, StartError};
use ganymede::config;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Endpoint;

use crate::harness::{ADMIN, Client, eventually, whole_lines};

const BASE: &str = r#"
[platform.linux]
enabled = false

[configure.system.management-interface.yang-modules]
nokia-combined-modules = true
"#;

/// What serves in plaintext, on the port of the lab: the default one is anybody's.
pub(crate) const PLAIN: &str = "[configure.system.grpc]\nadmin-state = \"enable\"\nallow-unsecure-connection = true\n\
                                listening-port = PORT\n";

/// What serves over TLS by the profile `door`, with the certificates of the profile `own`. Keys of `door` may follow.
pub(crate) const DOOR: &str = r#"
[configure.system.grpc]
admin-state = "enable"
listening-port = PORT
tls-server-profile = "door"

[[configure.system.security.tls.server-tls-profile]]
server-profile-name = "door"
admin-state = "enable"
cert-profile = "own"
"#;

/// A running agent with a data directory of its own. Ends with the value.
pub(crate) struct Lab {
    pub(crate) agent: Arc<Agent>,
    data: TempDir,
    /// The port of the model that it starts on.
    pub(crate) port: u16,
    keys: String,
    shutdown: DropGuard,
    task: JoinHandle<()>,
}

impl Lab {
    /// An agent with these tables, on `127.0.0.1` unless a table says where; `PORT` in them is a free port.
    pub(crate) async fn start(tables: &str) -> Self {
        Self::try_start("", tables).await.unwrap()
    }

    /// The same with keys outside of tables; fails when the agent does not start.
    pub(crate) async fn try_start(keys: &str, tables: &str) -> Result<Self, StartError> {
        let data = tempfile::tempdir().unwrap();
        Self::start_in(data, keys, tables).await
    }

    /// The same in a directory that is there already.
    pub(crate) async fn start_in(data: TempDir, keys: &str, tables: &str) -> Result<Self, StartError> {
        let port = free_port();
        write_file(data.path(), keys, port, tables);
        let agent = Arc::new(Agent::bind(config::load(&file(data.path())).unwrap()).await?);
        let shutdown = CancellationToken::new();
        let (running, token) = (agent.clone(), shutdown.clone());
        let task = tokio::spawn(async move { running.run(token).await });
        Ok(Self { agent, data, port, keys: keys.to_owned(), shutdown: shutdown.drop_guard(), task })
    }

    /// Changes the tables of the file and makes the agent read it.
    pub(crate) fn reload(&self, tables: &str) -> Result<usize, StartError> {
        self.write(tables);
        self.agent.reload(&file(self.data.path())).map(|reloaded| reloaded.changes.len())
    }

    /// Changes the tables of the file.
    pub(crate) fn write(&self, tables: &str) {
        write_file(self.data.path(), &self.keys, self.port, tables);
    }

    /// Its file.
    pub(crate) fn file(&self) -> PathBuf {
        file(self.data.path())
    }

    /// What the security log holds so far.
    pub(crate) fn security_log(&self) -> String {
        whole_lines(&self.data.path().join("security.log"))
    }

    /// Where it listens at present.
    pub(crate) fn address(&self) -> SocketAddr {
        self.agent.address().unwrap()
    }

    /// Waits until it listens, or does not.
    pub(crate) async fn listens(&self, wanted: bool) {
        eventually(wanted, async || self.agent.address().is_some()).await;
    }

    /// Waits until it listens on this port.
    pub(crate) async fn listens_on(&self, port: u16) {
        eventually(Some(port), async || self.agent.address().map(|address| address.port())).await;
    }

    /// A client without TLS, on a connection of its own.
    pub(crate) async fn client(&self) -> Client {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address())).unwrap();
        Client::connect(endpoint, "admin").await
    }

    /// Ends the agent and waits for that.
    pub(crate) async fn stop(self) -> TempDir {
        self.shutdown.disarm().cancel();
        self.task.await.unwrap();
        self.data
    }
}

fn file(directory: &Path) -> PathBuf {
    directory.join("lab.toml")
}

fn write_file(directory: &Path, keys: &str, port: u16, tables: &str) {
    let data = directory.to_str().unwrap();
    // The port of the model is somebody else's where no table asks for another one.
    let listen = match (tables.contains("[listen]"), tables.contains("listening-port")) {
        (true, _) => "",
        (false, true) => "[listen]\naddress = \"127.0.0.1\"\n",
        (false, false) => "[listen]\naddress = \"127.0.0.1\"\nport = 0\n",
    };
    let tables = tables.replace("PORT", &port.to_string());
    let text = format!("data-dir = {data:?}\n{keys}\n{listen}\n{BASE}\n{ADMIN}\n{tables}");
    std::fs::write(file(directory), text).unwrap();
}

/// A port that the model takes and that nobody has, below those that the system gives to clients.
pub(crate) fn free_port() -> u16 {
    let start = std::process::id() as u16 % 10_000;
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    // Tests of this binary run side by side: each asks for another one.
    static NEXT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
    loop {
        let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let port = 12_000 + (start + next) % 18_000;
        if free(&port) {
            return port;
        }
    }
}
