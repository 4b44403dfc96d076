//! Server processes: started on a core of their own, watched through /proc, ended with their owner.

use std::fmt;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::time::{clock_getcpuclockid, clock_gettime};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Result;
use crate::client::{Session, Target};

/// How long a server may take to answer its first RPC.
const START_MAX: Duration = Duration::from_secs(30);

/// How long a server may take to end after SIGTERM.
const STOP_MAX: Duration = Duration::from_secs(5);

/// A server process; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    target: Target,
    started: Instant,
    /// Ended because it was asked to.
    stopped: bool,
}

impl Server {
    /// Starts `command`, which will serve `target`, on the server's core. The calling thread must be the client's only
    /// one: a child inherits the core of the thread that starts it.
    pub(crate) fn start(command: &mut Command, target: Target, cores: Cores) -> Result<Self> {
        cores.enter(cores.server)?;
        let started = Instant::now();
        let child = command.stdin(Stdio::null()).spawn();
        cores.enter(cores.client)?;
        Ok(Self { child: child?, target, started, stopped: false })
    }

    /// Connects again and again until Capabilities is answered; the session, and the time since the start.
    pub(crate) async fn ready(&mut self) -> Result<(Session, Duration)> {
        loop {
            let refused = match self.first_answer().await {
                Ok(session) => return Ok((session, self.started.elapsed())),
                Err(refused) => refused,
            };
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the server ended at its start: {status}").into());
            }
            if self.started.elapsed() > START_MAX {
                return Err(format!("no answer {START_MAX:?} after the start: {refused}").into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Where it serves.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// What the kernel knows of it.
    pub(crate) fn usage(&self) -> Usage {
        Usage { pid: self.child.id() }
    }

    /// SIGTERM, then waits; a server that does not end in time is an error.
    pub(crate) async fn stop(mut self) -> Result<ExitStatus> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM)?;
        let asked = Instant::now();
        while asked.elapsed() < STOP_MAX {
            if let Some(status) = self.child.try_wait()? {
                self.stopped = true;
                return Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Err(format!("the server still runs {STOP_MAX:?} after SIGTERM").into())
    }

    async fn first_answer(&self) -> Result<Session> {
        let mut session = self.target.connect().await?;
        session.capabilities().await?;
        Ok(session)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Not asked to end, so whatever was being measured is not; the status says why better than a refused connection.
        if let (false, Ok(Some(status))) = (self.stopped, self.child.try_wait()) {
            eprintln!("load: a server ended before its time: {status}");
            return;
        }
        // Both fail only when it has ended in between.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The resources a process uses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pid: u32,
}

impl Usage {
    /// Of the process with this id.
    pub(crate) fn of(pid: u32) -> Self {
        Self { pid }
    }

    /// Of this process.
    pub(crate) fn own() -> Self {
        Self { pid: std::process::id() }
    }

    /// User and system CPU time so far, in seconds. The clock of the process counts nanoseconds, /proc only ticks of
    /// 10 ms.
    pub(crate) fn cpu_seconds(self) -> Result<f64> {
        let pid = nix::unistd::Pid::from_raw(self.pid.try_into()?);
        let time = clock_gettime(clock_getcpuclockid(pid)?)?;
        Ok(Duration::from(time).as_secs_f64())
    }

    /// Resident memory in bytes.
    pub(crate) fn resident_bytes(self) -> Result<f64> {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.pid))?;
        let pages: u64 = statm.split_whitespace().nth(1).ok_or("malformed /proc/PID/statm")?.parse()?;
        Ok(pages as f64 * rustix::param::page_size() as f64)
    }
}

/// A loopback address whose port nothing listens on.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Which cores server and client run on: the first two that this process may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    server: usize,
    client: usize,
}

impl Cores {
    /// Chooses the cores and moves the calling thread to the client's.
    pub(crate) fn choose() -> Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut numbers = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let server = numbers.next().unwrap_or(0);
        let cores = Self { server, client: numbers.next().unwrap_or(server) };
        cores.enter(cores.client)?;
        Ok(cores)
    }

    fn enter(self, core: usize) -> Result<()> {
        let mut only = CpuSet::new();
        only.set(core);
        Ok(sched_setaffinity(None, &only)?)
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.server == self.client {
            return write!(f, "server and client share the only core");
        }
        write!(f, "server on core {}, client on core {}", self.server, self.client)
    }
}
