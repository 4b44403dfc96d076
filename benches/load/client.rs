//! The load client: unary calls, and any number of subscriptions over any number of connections, counted and not decoded.
//!
//! It runs on one thread. It knows nothing of the server but gNMI, so the same client measures the daemon, the bare
//! tonic references and any other gNMI target.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::uri::PathAndQuery;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Streaming};

use crate::Result;
use crate::verbatim::Verbatim;
use crate::wire::{Counting, Seen};

/// How long a server may be silent before its sync response, or before it ends a ONCE.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Where to connect and as whom.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    endpoint: Endpoint,
    login: Option<(MetadataValue<Ascii>, MetadataValue<Ascii>)>,
    /// Address, authority and name of a TLS target.
    tls: Option<(String, Vec<u8>, String)>,
}

impl Target {
    /// A plaintext target, `host:port`.
    pub(crate) fn plain(address: &str) -> Result<Self> {
        Ok(Self {
            endpoint: Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true),
            login: None,
            tls: None,
        })
    }

    /// A TLS target whose certificate chains to `ca` (PEM) and carries `name`.
    pub(crate) fn tls(address: &str, ca: Vec<u8>, name: &str) -> Result<Self> {
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&ca)).domain_name(name);
        let endpoint = Endpoint::from_shared(format!("https://{address}"))?.tcp_nodelay(true).tls_config(tls)?;
        Ok(Self { endpoint, login: None, tls: Some((address.to_owned(), ca, name.to_owned())) })
    }

    /// With `username` and `password` in the metadata of each RPC.
    pub(crate) fn login(self, username: &str, password: &str) -> Result<Self> {
        Ok(Self { login: Some((username.parse()?, password.parse()?)), ..self })
    }

    /// The same without a memory of earlier TLS sessions.
    pub(crate) fn fresh(&self) -> Result<Self> {
        let Some((address, ca, name)) = self.tls.clone() else { return Ok(self.clone()) };
        Ok(Self { login: self.login.clone(), ..Self::tls(&address, ca, &name)? })
    }

    /// With connections from this address.
    pub(crate) fn from(self, address: Ipv4Addr) -> Self {
        Self { endpoint: self.endpoint.local_address(Some(address.into())), ..self }
    }

    /// With HTTP/2 windows of these sizes: what a server may send before the client has read.
    pub(crate) fn windows(self, stream: u32, connection: u32) -> Self {
        let endpoint = self.endpoint.initial_stream_window_size(stream).initial_connection_window_size(connection);
        Self { endpoint, ..self }
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> String {
        self.endpoint.uri().authority().map(ToString::to_string).unwrap_or_default()
    }

    /// One connection.
    pub(crate) async fn connect(&self) -> Result<Session> {
        let channel = self.endpoint.connect().await?;
        let grpc = Grpc::new(channel).max_decoding_message_size(usize::MAX);
        Ok(Session { grpc, target: self.clone() })
    }
}

/// One connection; clones share it.
#[derive(Clone)]
pub(crate) struct Session {
    grpc: Grpc<Channel>,
    target: Target,
}

impl Session {
    /// The same connection with other credentials.
    pub(crate) fn login(self, username: &str, password: &str) -> Result<Self> {
        Ok(Self { target: self.target.login(username, password)?, ..self })
    }

    /// Calls Capabilities; the encoded reply.
    pub(crate) async fn capabilities(&mut self) -> Result<Bytes> {
        self.unary("/gnmi.gNMI/Capabilities", Bytes::new()).await
    }

    /// Calls Get with an encoded request; the encoded reply.
    pub(crate) async fn get(&mut self, request: Bytes) -> Result<Bytes> {
        self.unary("/gnmi.gNMI/Get", request).await
    }

    /// Calls Set with an encoded request; the encoded reply.
    pub(crate) async fn set(&mut self, request: Bytes) -> Result<Bytes> {
        self.unary("/gnmi.gNMI/Set", request).await
    }

    /// Opens one subscription.
    pub(crate) async fn subscribe(&mut self, request: Bytes) -> Result<Subscription> {
        self.grpc.ready().await?;
        let (open, requests) = mpsc::channel(1);
        open.send(request).await?;
        let request = self.request(ReceiverStream::new(requests));
        let path = PathAndQuery::from_static("/gnmi.gNMI/Subscribe");
        let messages = self.grpc.streaming(request, path, Counting).await?.into_inner();
        Ok(Subscription { messages, _open: open })
    }

    async fn unary(&mut self, path: &'static str, message: Bytes) -> Result<Bytes> {
        self.grpc.ready().await?;
        let request = self.request(message);
        Ok(self.grpc.unary(request, PathAndQuery::from_static(path), Verbatim).await?.into_inner())
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some((username, password)) = &self.target.login {
            request.metadata_mut().insert("username", username.clone());
            request.metadata_mut().insert("password", password.clone());
        }
        request
    }
}

/// A subscription whose request side is open, as most collectors leave it, until this is dropped. Were it open for ever,
/// dropping the messages would not cancel the call. While nobody reads it, its HTTP/2 window stays closed.
pub(crate) struct Subscription {
    messages: Streaming<Seen>,
    _open: mpsc::Sender<Bytes>,
}

impl Subscription {
    /// The next message; none when the server has ended the subscription.
    pub(crate) async fn next(&mut self) -> Result<Option<Seen>> {
        Ok(self.messages.next().await.transpose()?)
    }
}

/// When a subscription of the load client ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ends {
    /// When the server ends it: ONCE.
    ByServer,
    /// This long after the sync response.
    After(Duration),
}

/// What a set of subscriptions received.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) messages: u64,
    pub(crate) leaves: u64,
    pub(crate) deletes: u64,
    pub(crate) bytes: u64,
    /// Sync responses, one per subscription that came that far.
    pub(crate) syncs: u64,
    /// Receive time minus notification timestamp of each notification after the sync response.
    pub(crate) latencies: Vec<Duration>,
    /// From the first request to the last message of the slowest subscription.
    pub(crate) wall: Duration,
}

impl Totals {
    fn count(&mut self, seen: &Seen) {
        self.bytes += seen.bytes as u64;
        self.leaves += seen.leaves;
        self.deletes += seen.deletes;
        self.messages += 1;
        match seen.stamp {
            None => self.syncs += 1,
            Some(stamp) if self.syncs > 0 => self.latencies.push(seen.received.since(stamp)),
            Some(_) => {}
        }
    }

    /// Adds what another subscription received.
    fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.leaves += other.leaves;
        self.deletes += other.deletes;
        self.bytes += other.bytes;
        self.syncs += other.syncs;
        self.latencies.extend(other.latencies);
        self.wall = self.wall.max(other.wall);
    }
}

/// Runs `streams` identical subscriptions at the same time, spread over the connections in `sessions`.
pub(crate) async fn subscribe_all(sessions: &[Session], request: &Bytes, streams: usize, ends: Ends) -> Result<Totals> {
    let started = Instant::now();
    let mut running = JoinSet::new();
    for session in sessions.iter().cycle().take(streams) {
        running.spawn(subscribe_one(session.clone(), request.clone(), ends));
    }
    let mut totals = Totals::default();
    while let Some(one) = running.join_next().await {
        totals.add(one??);
    }
    totals.wall = started.elapsed();
    Ok(totals)
}

/// Runs one subscription to its end. One that is silent for too long before that is an error.
async fn subscribe_one(mut session: Session, request: Bytes, ends: Ends) -> Result<Totals> {
    let started = Instant::now();
    let mut totals = Totals::default();
    let mut subscription = session.subscribe(request).await?;
    let mut end = None;
    loop {
        let until = end.unwrap_or_else(|| Instant::now() + SILENCE_MAX);
        match tokio::time::timeout_at(until.into(), subscription.next()).await.map(Result::transpose) {
            Ok(Some(seen)) => {
                let seen = seen?;
                totals.count(&seen);
                if let (Ends::After(time), true) = (ends, seen.is_sync()) {
                    end = Some(Instant::now() + time);
                }
            }
            Err(_) if end.is_none() => return Err(format!("no message for {SILENCE_MAX:?} before the end").into()),
            Ok(None) | Err(_) => break,
        }
    }
    totals.wall = started.elapsed();
    Ok(totals)
}

/// A unary RPC.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    Capabilities,
    Get,
    Set,
}

/// Calls with each request in turn, one call after the other, until the time is up.
pub(crate) async fn timed(
    session: &mut Session,
    call: Call,
    requests: &[Bytes],
    time: Duration,
) -> Result<Vec<Duration>> {
    let mut durations = Vec::new();
    let begun = Instant::now();
    for request in requests.iter().cycle() {
        if begun.elapsed() > time {
            break;
        }
        let request = request.clone();
        let started = Instant::now();
        match call {
            Call::Capabilities => session.capabilities().await?,
            Call::Get => session.get(request).await?,
            Call::Set => session.set(request).await?,
        };
        durations.push(started.elapsed());
    }
    Ok(durations)
}

/// Opens `count` connections, once the server has had the time to see that earlier ones are gone: the daemon admits
/// eight sessions.
pub(crate) async fn connect_all(target: &Target, count: usize) -> Result<Vec<Session>> {
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut sessions = Vec::with_capacity(count);
    for _ in 0..count {
        sessions.push(target.connect().await?);
    }
    Ok(sessions)
}
