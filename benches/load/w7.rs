//! W7: what TLS costs: full handshakes, and the stream of W1.

use std::time::Instant;

use ganymede::pb::gnmi::Encoding;

use crate::Result;
use crate::bench::Bench;
use crate::daemon::{Door, Home, Sim, load};
use crate::process::Server;
use crate::report::{Basis, Goal, Table};
use crate::request::Subscribe;
use crate::stats::{Figure, Samples};
use crate::w1::{self, Leaves};

/// Measures a daemon without TLS and one with it.
pub(crate) async fn run(bench: &mut Bench) -> Result<()> {
    let mut table = w1::table();
    let mut connects = Table::new(&["", "connections/s", "ms each", "ms server CPU each"]);
    let mut costs = Vec::new();
    for tls in [false, true] {
        let home = Home::new()?;
        let mut daemon = home.start_with(Door { tls, eager: true }, Sim::default(), bench.cores)?;
        let (mut session, _) = daemon.ready().await?;
        load(&mut session, 0, w1::ENTRIES).await?;
        drop(session);
        for streams in [1, 8] {
            let request = Subscribe::once("/test/bulk/entry", Encoding::Proto).encode()?;
            let cost = w1::cost(bench, &daemon, &request, streams, Leaves::AtLeast(w1::LEAVES)).await?;
            cost.print_to(&mut table, if tls { "TLS" } else { "plaintext" }, streams);
            if streams == 1 {
                costs.push(cost);
            }
        }
        connect(bench, &daemon, &mut connects, if tls { "TLS, full handshake" } else { "plaintext" }).await?;
        daemon.stop().await?;
    }
    print!("\nW7  ONCE over {} entries with and without TLS: median (lowest-highest)\n{table}", w1::ENTRIES);
    print!(
        "  A new connection, its handshake, a login with a cheap hash, Capabilities; one after the other\n{connects}"
    );
    let [plain, tls] = &costs[..] else { return Err("two costs".into()) };
    let cpu = Goal {
        id: "G12",
        what: "server CPU a leaf, ONCE PROTO under TLS",
        unit: "us",
        measured: tls.cpu.median(),
        reference: plain.cpu.median(),
        reference_is: "plaintext",
        must: 1.4 * plain.cpu.median(),
        aim: 1.2 * plain.cpu.median(),
        basis: Basis::Stated,
    };
    // In microseconds a leaf, because less is better.
    let [measured, reference] = [tls, plain].map(|cost| 1e3 / cost.rate.median());
    let time = Goal {
        what: "time a leaf, ONCE PROTO under TLS",
        measured,
        reference,
        must: 1.4 * reference,
        aim: 1.2 * reference,
        ..cpu.clone()
    };
    bench.goals.extend([cpu, time]);
    Ok(())
}

/// Connects and calls Capabilities, one connection after the other.
async fn connect(bench: &Bench, daemon: &Server, table: &mut Table, what: &str) -> Result<()> {
    let (mut each, begun, cpu) = (Vec::new(), Instant::now(), daemon.usage().cpu_seconds()?);
    while begun.elapsed() < bench.budget.window {
        let started = Instant::now();
        // Made anew, so that no handshake resumes an earlier one.
        daemon.target().fresh()?.connect().await?.capabilities().await?;
        each.push(started.elapsed().as_secs_f64() * 1e3);
    }
    let (count, seconds) = (each.len() as f64, begun.elapsed().as_secs_f64());
    let cpu = (daemon.usage().cpu_seconds()? - cpu) * 1e3 / count;
    table.row(&[&what, &Figure(count / seconds), &Figure(Samples::new(each).median()), &Figure(cpu)]);
    Ok(())
}
