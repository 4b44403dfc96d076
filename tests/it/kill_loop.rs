//! The daemon as a process, killed at random moments while it is being configured.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ganymede::pb::gnmi::SetRequest;
use tonic::transport::Endpoint;

use crate::harness::{Client, eventually};
use crate::lab::{PLAIN, free_port};
use crate::request::*;
use crate::text::get_text;

/// Kills in `make test`; `make soak` asks for more.
const ROUNDS: u64 = 25;
/// Names the number of kills.
const ROUNDS_VARIABLE: &str = "GANYMEDE_KILL_ROUNDS";

/// Clients that write at the same time.
const WRITERS: usize = 4;

const START_PATIENCE: Duration = Duration::from_secs(60);

/// A daemon and its directory.
struct Daemon {
    file: PathBuf,
    port: u16,
    process: Child,
}

impl Daemon {
    fn start(directory: &Path, port: u16) -> Self {
        let file = directory.join("daemon.toml");
        let data = directory.join("data");
        let plain = PLAIN.replace("PORT", &port.to_string());
        let text = format!(
            "data-dir = {data:?}\n[listen]\naddress = \"127.0.0.1\"\n[log]\nlevel = \"warn\"\n\
             [platform.linux]\nenabled = false\n{plain}\
             [[configure.system.security.aaa.local-profiles.profile]]\nuser-profile-name = \"administrative\"\n\
             default-action = \"permit-all\"\n\
             [[configure.system.security.user-params.local-user.user]]\nuser-name = \"admin\"\n\
             password = \"admin\"\naccess.grpc = true\nconsole.member = [\"administrative\"]\n\
             [configure.system.management-interface.yang-modules]\nnokia-combined-modules = true\n"
        );
        std::fs::write(&file, text).unwrap();
        Self { process: Self::spawn(&file), file, port }
    }

    fn spawn(file: &Path) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ganymede"));
        let log = OpenOptions::new().create(true).append(true).open(file.with_extension("log")).unwrap();
        command.arg("run").arg("--config").arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command.spawn().unwrap()
    }

    fn restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = Self::spawn(&self.file);
    }

    /// A client, as soon as the daemon listens; it has to, whatever it was killed at.
    async fn client(&mut self) -> Client {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let deadline = Instant::now() + START_PATIENCE;
        while tokio::net::TcpStream::connect(address).await.is_err() {
            if let Some(status) = self.process.try_wait().unwrap() {
                let log = std::fs::read_to_string(self.file.with_extension("log")).unwrap();
                panic!("the daemon does not start: {status}\n{log}");
            }
            assert!(Instant::now() < deadline, "the daemon does not listen");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Client::connect(Endpoint::from_shared(format!("http://{address}")).unwrap(), "admin").await
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn interface(writer: usize) -> String {
    format!("/configure/router[router-name=Base]/interface[interface-name=if{writer}]/description")
}

fn port(writer: usize) -> String {
    format!("/configure/port[port-id=1/1/{}]/description", writer + 1)
}

/// One Set in two places, so that one done by half would show.
fn write(writer: usize, number: u64) -> SetRequest {
    let value = format!("\"n{number}\"");
    set().update(&interface(writer), json(&value)).update(&port(writer), json(&value))
}

/// What a writer has sent, and what was acknowledged.
#[derive(Default)]
struct Progress {
    sent: AtomicU64,
    acknowledged: AtomicU64,
}

/// Writes until the daemon is no more.
async fn load(client: Client, writer: usize, progress: Arc<Progress>) {
    loop {
        let number = progress.sent.fetch_add(1, Ordering::SeqCst) + 1;
        if client.set(write(writer, number)).await.is_err() {
            return;
        }
        progress.acknowledged.store(number, Ordering::SeqCst);
    }
}

/// The number that stands at a path; none yet is zero.
async fn number(client: &Client, path: &str) -> u64 {
    let Ok(response) = client.get(get([path])).await else { return 0 };
    let text = get_text(&response).concat();
    let value = text.rsplit_once("\"n").unwrap_or_else(|| panic!("{path}: {text:?}")).1;
    value.trim_end_matches('"').parse().unwrap()
}

/// SET-051: after a kill at any moment the file opens, every Set that was acknowledged is there, and none by half.
#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_nothing() {
    let rounds = std::env::var(ROUNDS_VARIABLE).map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(directory.path(), free_port());
    let progress: Vec<Arc<Progress>> = (0..WRITERS).map(|_| Arc::default()).collect();
    let (mut total, started) = (0, Instant::now());
    for round in 0..rounds {
        let client = daemon.client().await;
        let mut found = BTreeMap::new();
        for (writer, progress) in progress.iter().enumerate() {
            let (here, there) = (number(&client, &interface(writer)).await, number(&client, &port(writer)).await);
            assert_eq!(here, there, "round {round}: half of a Set of writer {writer}");
            let (acknowledged, sent) =
                (progress.acknowledged.load(Ordering::SeqCst), progress.sent.load(Ordering::SeqCst));
            assert!((acknowledged..=sent).contains(&here), "round {round}: {here}, not {acknowledged} to {sent}");
            progress.acknowledged.store(here, Ordering::SeqCst);
            found.insert(writer, here);
        }
        total = found.values().sum();
        let mut writers = tokio::task::JoinSet::new();
        for (writer, progress) in progress.iter().enumerate() {
            writers.spawn(load(daemon.client().await, writer, progress.clone()));
        }
        // Every other kill comes when each writer has got an answer, however fast the machine is.
        if round % 2 == 0 {
            let answered = |(writer, progress): (&usize, &Arc<Progress>)| {
                progress.acknowledged.load(Ordering::SeqCst) > found[writer]
            };
            eventually(true, async || found.keys().zip(&progress).all(answered)).await;
        }
        // Most kills come while Sets are answered, some while the daemon still opens what the last one left.
        let moment = round * 7_919_317 % 150_000;
        tokio::time::sleep(Duration::from_micros(moment)).await;
        daemon.restart();
        if round % 5 == 4 {
            tokio::time::sleep(Duration::from_micros(moment * 2)).await;
            daemon.restart();
        }
        while writers.join_next().await.is_some() {}
    }
    assert!(total > rounds, "only {total} Sets in {rounds} rounds prove nothing");
    println!("{rounds} rounds, {total} Sets, {:?}", started.elapsed());
}
