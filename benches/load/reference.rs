//! The references: bare tonic servers with nothing behind them, run as processes of their own and measured by the same
//! client as the daemon. They answer every gNMI RPC without looking at the request.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use ganymede::pb::gnmi;
use ganymede::time::{Clock, Timestamp};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tonic::body::Body;
use tonic::codec::Streaming;
use tonic::server::{Grpc, NamedService, StreamingService, UnaryService};
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower_service::Service;

use crate::Result;
use crate::reference_messages::{COUNTERS, Splicing, Step, Table, object};
use crate::verbatim::Verbatim;

/// How the messages are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Making {
    /// A prost object is built for each message, as most gNMI servers do.
    Objects,
    /// Paths are encoded once, timestamp and value are spliced in: the most that tonic lets through.
    Spliced,
}

impl Making {
    /// The value of `--making`.
    pub(crate) fn argument(self) -> &'static str {
        match self {
            Self::Objects => "objects",
            Self::Spliced => "spliced",
        }
    }
}

/// What one reference server does.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Settings {
    /// Address to serve.
    #[arg(long)]
    pub(crate) listen: SocketAddr,
    /// How messages are made.
    #[arg(long, value_enum, default_value_t = Making::Spliced)]
    pub(crate) making: Making,
    /// One message for each entry, a prefix and ten leaves, instead of one for each leaf.
    #[arg(long)]
    pub(crate) bundled: bool,
    /// List entries of ten counters each.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) entries: usize,
    /// Stream single leaves at this many a second for ever, instead of all leaves once.
    #[arg(long, conflicts_with = "sample_ms")]
    pub(crate) rate: Option<u32>,
    /// Stream all leaves again and again, so many milliseconds apart, instead of once.
    #[arg(long)]
    pub(crate) sample_ms: Option<u64>,
    /// Bytes of the reply to Capabilities, Get and Set.
    #[arg(long, default_value_t = 100)]
    pub(crate) reply_bytes: usize,
}

/// Serves until the process is killed.
pub(crate) async fn serve(settings: Settings) -> Result<()> {
    let listen = settings.listen;
    let service = Reference {
        table: Arc::new(Table::new(settings.entries)),
        reply: vec![0; settings.reply_bytes].into(),
        settings,
    };
    Ok(Server::builder().tcp_nodelay(true).add_service(service).serve(listen).await?)
}

#[derive(Clone, Debug)]
struct Reference {
    settings: Settings,
    table: Arc<Table>,
    reply: Bytes,
}

impl NamedService for Reference {
    const NAME: &'static str = "gnmi.gNMI";
}

impl Service<http::Request<Body>> for Reference {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let subscribe = request.uri().path().ends_with("/Subscribe");
            Ok(match (subscribe, this.settings.making) {
                (false, _) => Grpc::new(Verbatim).unary(Unary(this.reply), request).await,
                (true, Making::Objects) => {
                    Grpc::new(ProstCodec::default()).streaming(Objects(this.settings), request).await
                }
                (true, Making::Spliced) => {
                    Grpc::new(Splicing(this.table)).streaming(Spliced(this.settings), request).await
                }
            })
        })
    }
}

/// Answers with the same bytes each time.
struct Unary(Bytes);

impl UnaryService<Bytes> for Unary {
    type Response = Bytes;
    type Future = Ready<std::result::Result<Response<Bytes>, Status>>;

    fn call(&mut self, _: Request<Bytes>) -> Self::Future {
        ready(Ok(Response::new(self.0.clone())))
    }
}

type Messages<T> = Pin<Box<dyn Stream<Item = std::result::Result<T, Status>> + Send>>;

struct Objects(Settings);

impl StreamingService<()> for Objects {
    type Response = gnmi::SubscribeResponse;
    type ResponseStream = Messages<gnmi::SubscribeResponse>;
    type Future = Ready<std::result::Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Streaming<()>>) -> Self::Future {
        ready(Ok(Response::new(messages(&self.0, request, object))))
    }
}

struct Spliced(Settings);

impl StreamingService<Bytes> for Spliced {
    type Response = Step;
    type ResponseStream = Messages<Step>;
    type Future = Ready<std::result::Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        ready(Ok(Response::new(messages(&self.0, request, |step| step))))
    }
}

/// The steps of a subscription, each made into a message. Holds the request side, whose end would end the call.
fn messages<T: 'static, R: Send + 'static>(
    settings: &Settings,
    request: Request<Streaming<R>>,
    make: impl Fn(Step) -> T + Send + 'static,
) -> Messages<T> {
    let make = move |step| {
        let _held = &request;
        Ok(make(step))
    };
    let Settings { entries, bundled, .. } = *settings;
    match (settings.rate, settings.sample_ms) {
        (Some(rate), _) => Box::pin(paced(rate, entries).map(make)),
        (None, Some(millis)) => Box::pin(sampled(Duration::from_millis(millis), entries, bundled).map(make)),
        (None, None) => Box::pin(stream::iter(sweep(entries, bundled).chain([Step::Sync])).map(make)),
    }
}

/// Every leaf once, all with the time of the start.
fn sweep(entries: usize, bundled: bool) -> impl Iterator<Item = Step> + Send {
    let stamp = Clock::System.now();
    let messages = if bundled { entries } else { entries * COUNTERS.len() };
    let step = move |message| {
        if bundled {
            Step::Entry { entry: message, stamp }
        } else {
            Step::Leaf { entry: message / COUNTERS.len(), counter: message % COUNTERS.len(), stamp }
        }
    };
    (0..messages).map(step)
}

/// The sync response, then every leaf at each tick, all with the time of the tick.
fn sampled(every: Duration, entries: usize, bundled: bool) -> impl Stream<Item = Step> + Send {
    let sweeps = stream::unfold(interval(every), move |mut due| async move {
        due.tick().await;
        Some((stream::iter(sweep(entries, bundled)), due))
    });
    stream::iter([Step::Sync]).chain(sweeps.flatten())
}

/// The sync response, then single leaves at `rate` a second, each with the time at which it is made.
fn paced(rate: u32, entries: usize) -> impl Stream<Item = Step> + Send {
    let pace = Pace { rate, sent: 0, started: Instant::now(), tick: ticks() };
    let changes = stream::unfold(pace, move |mut pace| async move {
        let entry = pace.next().await % entries.max(1);
        let step = Step::Leaf { entry, counter: 0, stamp: now() };
        Some((step, pace))
    });
    stream::iter([Step::Sync]).chain(changes)
}

/// Releases a number of things a second. The runtime's timer ticks each millisecond, so above 1,000 a second several
/// are released together, as a platform that reads events in batches does.
struct Pace {
    rate: u32,
    sent: usize,
    started: Instant,
    tick: Interval,
}

impl Pace {
    /// Waits until the next one is due; its number.
    async fn next(&mut self) -> usize {
        while self.sent as f64 >= self.started.elapsed().as_secs_f64() * f64::from(self.rate) {
            self.tick.tick().await;
        }
        self.sent += 1;
        self.sent
    }
}

fn ticks() -> Interval {
    let mut ticks = interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}

fn now() -> Timestamp {
    Clock::System.now()
}
