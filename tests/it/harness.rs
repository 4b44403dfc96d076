//! An agent in this process, and clients of it.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use ganymede::agent::Agent;
use ganymede::config;
use ganymede::pb::gnmi::g_nmi_client::GNmiClient;
use ganymede::pb::gnmi::{
    CapabilityRequest, CapabilityResponse, GetRequest, GetResponse, SetRequest, SetResponse, SubscribeRequest,
    SubscribeResponse, SubscriptionList, subscribe_request, subscribe_response, subscription_list,
};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status, Streaming};

use crate::text::{extension_text, get_text, notification_text};

/// How long a test waits for what has to come. Virtual time in tests that start paused.
const PATIENCE: Duration = Duration::from_secs(60);

const BASE: &str = r#"
[listen]
address = "127.0.0.1"
port = 0

[platform.linux]
enabled = false

[configure.system]
name = "it"

[configure.system.grpc]
admin-state = "enable"
allow-unsecure-connection = true

[configure.system.management-interface.yang-modules]
openconfig-modules = true
"#;

/// A user `admin` who may do all; the password is `admin` too.
pub(crate) const ADMIN: &str = r#"
[[configure.system.security.aaa.local-profiles.profile]]
user-profile-name = "administrative"
default-action = "permit-all"

[[configure.system.security.user-params.local-user.user]]
user-name = "admin"
password = "admin"
access.grpc = true
console.member = ["administrative"]
"#;

const SELF_SIGNED: &str = "\n[tls]\nself-signed = true\n";

/// A running agent with a data directory of its own. Ends with the value.
pub(crate) struct Harness {
    address: String,
    text: String,
    data: TempDir,
    shutdown: DropGuard,
    task: JoinHandle<()>,
}

impl Harness {
    /// An agent with the models for tests and a user `admin`.
    pub(crate) async fn start() -> Self {
        Self::start_with("").await
    }

    /// The same, with more TOML tables.
    pub(crate) async fn start_with(tables: &str) -> Self {
        Self::start_from("", "", tables).await
    }

    /// The same, with more keys outside of tables.
    pub(crate) async fn start_at(keys: &str) -> Self {
        Self::start_from(keys, "", "").await
    }

    /// The same, as another release, with more TOML tables.
    pub(crate) async fn start_as(release_profile: &str, tables: &str) -> Self {
        Self::start_from(&format!("release-profile = {release_profile:?}"), "", tables).await
    }

    /// The same, with more keys in the table `[yang]`.
    pub(crate) async fn start_yang(keys: &str) -> Self {
        Self::start_from("", keys, "").await
    }

    /// An agent with nothing but these tables of models.
    pub(crate) async fn start_alone(tables: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let keys = "[yang]\ntest-modules = true\n[listen]\naddress = \"127.0.0.1\"\nport = 0\n\
                    [platform.linux]\nenabled = false\n";
        let text = format!("data-dir = {:?}\n{keys}{tables}", data.path().to_str().unwrap());
        Self::serve(text, data).await
    }

    async fn start_from(top: &str, yang: &str, tables: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let directory = data.path().to_str().unwrap();
        let text =
            format!("data-dir = {directory:?}\n{top}\n[yang]\ntest-modules = true\n{yang}\n{BASE}\n{ADMIN}\n{tables}");
        Self::serve(text, data).await
    }

    /// Address and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Ends the agent and starts another one on the same data directory.
    pub(crate) async fn restart(self) -> Self {
        let Self { text, data, shutdown, task, .. } = self;
        shutdown.disarm().cancel();
        task.await.unwrap();
        Self::serve(text, data).await
    }

    /// Ends the agent and starts another one on the same data directory, its first key replaced by `keys`.
    pub(crate) async fn restart_as(mut self, keys: &str) -> Self {
        let rest = self.text.split_once("\nrelease-profile = ").and_then(|(_, rest)| rest.split_once('\n'));
        self.text = format!("data-dir = {:?}\n{keys}\n{}", self.data.path().to_str().unwrap(), rest.unwrap().1);
        self.restart().await
    }

    async fn serve(mut text: String, data: TempDir) -> Self {
        // That release serves nothing in plaintext (TLS-015).
        if text.contains("release-profile = \"15.0\"") && !text.contains(SELF_SIGNED) {
            text += SELF_SIGNED;
        }
        let agent = Agent::bind(config::parse("it.toml", &text).unwrap()).await.unwrap();
        let address = agent.address().unwrap().to_string();
        let shutdown = CancellationToken::new();
        let running = shutdown.clone();
        let task = tokio::spawn(async move { agent.run(running).await });
        Self { address, text, data, shutdown: shutdown.drop_guard(), task }
    }

    /// A client on a connection of its own; the password is the user's name.
    pub(crate) async fn client(&self, user: &'static str) -> Client {
        Client::connect(self.endpoint(), user).await
    }

    /// A client whose connection holds no more than 64 KiB that it has not read.
    pub(crate) async fn narrow_client(&self, user: &'static str) -> Client {
        let endpoint = self.endpoint().initial_stream_window_size(65_535).initial_connection_window_size(65_535);
        Client::connect(endpoint, user).await
    }

    /// Its data directory.
    pub(crate) fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// What the security log holds so far.
    pub(crate) fn security_log(&self) -> String {
        whole_lines(&self.data.path().join("security.log"))
    }

    /// Where a client connects to.
    pub(crate) fn endpoint(&self) -> Endpoint {
        if self.text.contains(SELF_SIGNED) {
            let authority = std::fs::read(self.data.path().join("tls/ca.pem")).unwrap();
            let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority)).domain_name("localhost");
            return Endpoint::from_shared(format!("https://{}", self.address)).unwrap().tls_config(tls).unwrap();
        }
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap()
    }
}

/// Puts user name and password into the metadata of every call.
#[derive(Clone)]
struct Login(&'static str);

impl Interceptor for Login {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("username", MetadataValue::from_static(self.0));
        request.metadata_mut().insert("password", MetadataValue::from_static(self.0));
        Ok(request)
    }
}

/// One connection. A clone uses the same one.
#[derive(Clone)]
pub(crate) struct Client {
    inner: GNmiClient<InterceptedService<Channel, Login>>,
}

impl Client {
    pub(crate) async fn connect(endpoint: Endpoint, user: &'static str) -> Self {
        let channel = endpoint.connect().await.unwrap();
        Self { inner: GNmiClient::with_interceptor(channel, Login(user)).max_decoding_message_size(usize::MAX) }
    }

    pub(crate) async fn capabilities(&self, request: CapabilityRequest) -> Result<CapabilityResponse, Status> {
        self.inner.clone().capabilities(request).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn get(&self, request: GetRequest) -> Result<GetResponse, Status> {
        self.inner.clone().get(request).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn set(&self, request: SetRequest) -> Result<SetResponse, Status> {
        self.inner.clone().set(request).await.map(tonic::Response::into_inner)
    }

    /// A Set that has to succeed.
    pub(crate) async fn apply(&self, request: SetRequest) {
        self.set(request).await.unwrap();
    }

    /// Checks the answer to a Get: one line for each notification.
    pub(crate) async fn check_get(&self, request: GetRequest, expected: &[&str]) {
        let response = self.get(request.clone()).await.unwrap_or_else(|status| panic!("{request:?}: {status:?}"));
        assert_eq!(get_text(&response), expected, "{request:?}");
    }

    /// Checks what a ONCE list brings: one line for each message.
    pub(crate) async fn check_once(&self, list: SubscriptionList, expected: &[&str]) {
        assert_eq!(self.subscribe(list.clone()).await.round().await, expected, "{list:?}");
    }

    /// Opens a Subscribe whose first message holds `list`. Panics when it is refused at once.
    pub(crate) async fn subscribe(&self, list: SubscriptionList) -> Subscription {
        self.open(subscribe(list)).await.unwrap()
    }

    /// Opens a Subscribe with any first message.
    pub(crate) async fn open(&self, first: SubscribeRequest) -> Result<Subscription, Status> {
        let once = i32::from(subscription_list::Mode::Once);
        let is_once = matches!(&first.request, Some(subscribe_request::Request::Subscribe(list)) if list.mode == once);
        let (requests, receiver) = mpsc::channel(8);
        requests.send(first).await.unwrap();
        let responses = self.inner.clone().subscribe(ReceiverStream::new(receiver)).await?.into_inner();
        Ok(Subscription { requests: Some(requests), responses, is_once })
    }

    /// The status a Subscribe ends with before any data.
    pub(crate) async fn refusal(&self, first: SubscribeRequest) -> Status {
        match self.open(first).await {
            Err(status) => status,
            Ok(mut subscription) => match subscription.response().await {
                Err(status) => status,
                Ok(response) => panic!("expected a refusal, got {response:?}"),
            },
        }
    }
}

/// The first message of a Subscribe.
pub(crate) fn subscribe(list: SubscriptionList) -> SubscribeRequest {
    SubscribeRequest { request: Some(subscribe_request::Request::Subscribe(list)), extension: Vec::new() }
}

/// A running Subscribe.
pub(crate) struct Subscription {
    requests: Option<mpsc::Sender<SubscribeRequest>>,
    responses: Streaming<SubscribeResponse>,
    is_once: bool,
}

impl Subscription {
    /// The next response; none at the end with status OK.
    pub(crate) async fn response(&mut self) -> Result<Option<SubscribeResponse>, Status> {
        within(self.responses.message()).await
    }

    /// The next message in short: updates and deletes with their full paths, `sync`, `end`, or the code of an error.
    pub(crate) async fn next(&mut self) -> String {
        match self.response().await {
            Ok(Some(response)) if !response.extension.is_empty() => {
                assert!(response.response.is_none(), "an extension beside a response: {response:?}");
                response.extension.iter().map(extension_text).collect::<Vec<_>>().join("; ")
            }
            Ok(Some(response)) => match response.response {
                Some(subscribe_response::Response::Update(notification)) => notification_text(&notification),
                Some(subscribe_response::Response::SyncResponse(true)) => "sync".to_owned(),
                other => panic!("{other:?}"),
            },
            Ok(None) => "end".to_owned(),
            Err(status) => format!("{:?}: {}", status.code(), status.message()),
        }
    }

    /// Everything up to the next sync, or up to the end of a ONCE list, which comes last.
    pub(crate) async fn round(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            let text = self.next().await;
            let last = text == "end" || text == "sync" && !self.is_once;
            texts.push(text);
            if last {
                return texts;
            }
        }
    }

    /// Sends another message.
    pub(crate) async fn send(&self, request: subscribe_request::Request) {
        let request = SubscribeRequest { request: Some(request), extension: Vec::new() };
        self.requests.as_ref().unwrap().send(request).await.unwrap();
    }

    /// Says that no more messages come from this side.
    pub(crate) fn half_close(&mut self) {
        self.requests = None;
    }
}

/// What a log holds so far, without a last line that is still being written.
pub(crate) fn whole_lines(log: &Path) -> String {
    let mut text = std::fs::read_to_string(log).unwrap();
    text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
    text
}

/// The result of what has to happen soon.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it did not happen in time")
}

/// Asks again and again until the answer is the one expected.
pub(crate) async fn eventually<T: PartialEq + std::fmt::Debug>(expected: T, mut ask: impl AsyncFnMut() -> T) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let answer = ask().await;
        if answer == expected {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "still {answer:?}, not {expected:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
