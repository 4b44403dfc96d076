//! W6: floods and storms, and what a client that means well notices of them.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::ValueEnum;
use ganymede::pb::gnmi::Encoding;

use crate::Result;
use crate::bench::Bench;
use crate::client::Session;
use crate::daemon::{Door, Home, Sim};
use crate::process::Server;
use crate::report::{Basis, Goal, Table};
use crate::request;
use crate::stats::{Figure, Samples};
use crate::storm::Kind;

/// Time between two Gets of the good client.
const PACE: Duration = Duration::from_millis(5);
/// Time between two of its logins on new connections.
const LOGIN_PACE: Duration = Duration::from_millis(400);
/// Time for a storm to get going, and for the server to rest after it.
const REST: Duration = Duration::from_millis(700);

/// A storm as it is measured.
struct Planned {
    kind: Kind,
    everywhere: bool,
    what: &'static str,
}

const fn from_one(kind: Kind, what: &'static str) -> Planned {
    Planned { kind, everywhere: false, what }
}

const fn from_everywhere(kind: Kind, what: &'static str) -> Planned {
    Planned { kind, everywhere: true, what }
}

/// Abuse of HTTP/2, whose figures are those of the goal.
const FLOODS: [Planned; 7] = [
    from_one(Kind::RapidReset, "rapid reset"),
    from_one(Kind::ZeroWindow, "window updates of zero"),
    from_one(Kind::Continuation, "CONTINUATION without end"),
    from_one(Kind::Ping, "PING"),
    from_one(Kind::Settings, "SETTINGS"),
    from_one(Kind::Churn, "reconnecting without a pause"),
    from_one(Kind::Slowloris, "slowloris"),
];

/// Storms of strangers; the last ones need TLS.
const STORMS: [Planned; 5] = [
    from_one(Kind::Silence, "10,000 silent connections"),
    from_everywhere(Kind::Silence, "the same from 10,000 addresses"),
    from_everywhere(Kind::Churn, "reconnecting, from everywhere"),
    from_one(Kind::Passwords, "wrong passwords"),
    from_everywhere(Kind::Passwords, "wrong passwords, from everywhere"),
];
const HANDSHAKES: [Planned; 2] = [
    from_one(Kind::Handshakes, "TLS handshakes"),
    from_everywhere(Kind::Handshakes, "TLS handshakes, from everywhere"),
];

/// Measures all storms, each between two rests.
pub(crate) async fn run(bench: &mut Bench) -> Result<()> {
    let mut table = Table::new(&[
        "",
        "connections/s",
        "MB/s or guesses/s",
        "Get p50/p99/max ms",
        "new login p50/max ms",
        "resident MB",
        "after it",
        "server cores",
    ]);
    let home = Home::new()?;
    let mut daemon = home.start(Sim { ports: 100, ..Sim::default() }, bench.cores)?;
    daemon.ready().await?;
    let calm = observe(bench, &daemon, None, &home).await?;
    calm.print_to(&mut table, "nothing");
    let mut floods = Worst::default();
    for planned in &FLOODS {
        let observed = observe(bench, &daemon, Some(planned), &home).await?;
        observed.print_to(&mut table, planned.what);
        floods.see(&observed, &calm);
    }
    let mut storms = Worst::default();
    for planned in &STORMS {
        let observed = observe(bench, &daemon, Some(planned), &home).await?;
        observed.print_to(&mut table, planned.what);
        storms.see(&observed, &calm);
    }
    daemon.stop().await?;
    let home = Home::new()?;
    let tls = Door { tls: true, ..Door::default() };
    let mut daemon = home.start_with(tls, Sim { ports: 100, ..Sim::default() }, bench.cores)?;
    daemon.ready().await?;
    let calm_tls = observe(bench, &daemon, None, &home).await?;
    calm_tls.print_to(&mut table, "nothing, TLS");
    for planned in &HANDSHAKES {
        let observed = observe(bench, &daemon, Some(planned), &home).await?;
        observed.print_to(&mut table, planned.what);
        storms.see(&observed, &calm_tls);
    }
    daemon.stop().await?;
    print!("\nW6  a client that calls Get 200 times a second, beside floods and storms from other addresses\n{table}");
    let growth = ("memory growth, HTTP/2 floods", floods.growth);
    bench.goals.extend(goals(("Get beside HTTP/2 floods, p99", floods.p99), growth, &calm));
    let left = ("memory growth that storms leave", storms.left);
    bench.goals.extend(goals(("Get beside storms of strangers, p99", storms.p99), left, &calm));
    Ok(())
}

/// What the good client notices.
struct Observed {
    seconds: f64,
    connections: f64,
    bytes: f64,
    get: Samples,
    login: Samples,
    /// Most during the storm, and once it is over.
    resident: f64,
    after: f64,
    cores: f64,
}

/// The largest figures of several storms.
#[derive(Default)]
struct Worst {
    p99: f64,
    growth: f64,
    left: f64,
}

impl Worst {
    fn see(&mut self, observed: &Observed, calm: &Observed) {
        self.p99 = self.p99.max(observed.get.p99());
        self.growth = self.growth.max(observed.resident - calm.resident);
        self.left = self.left.max(observed.after - calm.resident);
    }
}

async fn observe(bench: &Bench, daemon: &Server, storm: Option<&Planned>, home: &Home) -> Result<Observed> {
    let time = bench.budget.compare;
    let mut caller = daemon.target().connect().await?;
    let request = request::get("/state/port[port-id=2/1/1]/oper-state", Encoding::Proto)?;
    caller.get(request.clone()).await?;
    let millis = (REST + time).as_millis();
    let process = storm.map(|planned| start(planned, daemon, home, millis)).transpose()?;
    tokio::time::sleep(REST).await;
    let (cpu, begun) = (daemon.usage().cpu_seconds()?, Instant::now());
    let (calls, logins) = tokio::join!(calls(&mut caller, &request, daemon, time), logins(daemon, time));
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), daemon.usage().cpu_seconds()? - cpu);
    let ((resident, get), login) = (calls?, logins?);
    let (mut connections, mut bytes) = (0.0, 0.0);
    if let Some(process) = process {
        let output = String::from_utf8(process.wait_with_output()?.stdout)?;
        let mut counts = output.split_whitespace().map(str::parse::<f64>);
        let mut next = || -> Result<f64> { Ok(counts.next().ok_or("the storm ended without a word")??) };
        (connections, bytes) = (next()?, next()?);
    }
    tokio::time::sleep(REST).await;
    let after = daemon.usage().resident_bytes()?;
    let stormed = millis as f64 / 1e3;
    let passwords = storm.is_some_and(|planned| planned.kind == Kind::Passwords);
    let bytes = if passwords { bytes } else { bytes / 1e6 } / stormed;
    Ok(Observed { seconds, connections: connections / stormed, bytes, get, login, resident, after, cores: cpu })
}

fn start(planned: &Planned, daemon: &Server, home: &Home, millis: u128) -> Result<std::process::Child> {
    let kind = planned.kind.to_possible_value().ok_or("a storm without a name")?;
    let mut command = Command::new("nice");
    command.args(["-n", "19"]).arg(std::env::current_exe()?).args(["storm", "--target", &daemon.target().address()]);
    command.args(["--kind", kind.get_name(), "--millis", &millis.to_string()]);
    if planned.everywhere {
        command.arg("--everywhere");
    }
    if planned.kind == Kind::Handshakes {
        command.arg("--ca").arg(home.ca());
    }
    Ok(command.stdout(Stdio::piped()).spawn()?)
}

/// Calls Get for one leaf at an even pace; the most memory seen, and how long each call took.
async fn calls(caller: &mut Session, request: &Bytes, daemon: &Server, time: Duration) -> Result<(f64, Samples)> {
    let (begun, mut resident, mut millis) = (Instant::now(), 0.0_f64, Vec::new());
    while begun.elapsed() < time {
        let started = Instant::now();
        caller.get(request.clone()).await?;
        millis.push(started.elapsed().as_secs_f64() * 1e3);
        resident = resident.max(daemon.usage().resident_bytes()?);
        tokio::time::sleep(PACE).await;
    }
    Ok((resident, Samples::new(millis)))
}

/// Connects anew and logs in, again and again.
async fn logins(daemon: &Server, time: Duration) -> Result<Samples> {
    let (begun, mut millis) = (Instant::now(), Vec::new());
    while begun.elapsed() < time {
        let started = Instant::now();
        daemon.target().connect().await?.capabilities().await?;
        millis.push(started.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(LOGIN_PACE).await;
    }
    Ok(Samples::new(millis))
}

impl Observed {
    fn print_to(&self, table: &mut Table, what: &str) {
        let [p50, p99, max] = [self.get.median(), self.get.p99(), self.get.max()].map(Figure);
        let [login, longest] = [self.login.median(), self.login.max()].map(Figure);
        table.row(&[
            &what,
            &Figure(self.connections),
            &Figure(self.bytes),
            &format!("{p50}/{p99}/{max}"),
            &format!("{login}/{longest}"),
            &Figure(self.resident / 1e6),
            &Figure(self.after / 1e6),
            &Figure(self.cores / self.seconds),
        ]);
    }
}

fn goals(latency: (&'static str, f64), memory: (&'static str, f64), calm: &Observed) -> [Goal; 2] {
    let latency = Goal {
        id: "G9",
        what: latency.0,
        unit: "ms",
        measured: latency.1,
        reference: calm.get.p99(),
        reference_is: "the same without",
        must: 10.0,
        // As without, give or take what two of these figures differ by anyway.
        aim: (2.0 * calm.get.p99()).min(10.0),
        basis: Basis::Stated,
    };
    let memory = Goal {
        what: memory.0,
        unit: "MB",
        measured: memory.1.max(0.0) / 1e6,
        reference: calm.resident / 1e6,
        reference_is: "resident without",
        must: 10.0,
        aim: 1.0,
        ..latency.clone()
    };
    [latency, memory]
}
