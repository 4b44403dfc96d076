//! TACACS+ servers (RFC 8907): the password, the privilege level where that selects a profile, leave for each change, and
//! records.
//!
//! Invariant: each exchange has a connection of its own and ends within the time an answer is awaited.

mod packet;

use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::grant::Grant;
use super::remote::{Answer, Command, Fault, Question, quoted, random};
use super::settings::{Method, Server, Servers};
use packet::{Broken, Kind, Proof, Session, Standing, Subject, Verdict};

/// The port that servers are told: there is no line to name.
const PORT: &str = "grpc";

/// Whether a request has room for name and password.
pub(super) fn has_room(question: &Question<'_>) -> bool {
    question.user.len().max(question.password.len()) <= packet::FIELD_BYTES_MAX
}

/// Whether a request has room for a change. What is cut short might be something else that is permitted.
pub(super) fn has_room_for(command: &Command<'_>) -> bool {
    let lengths = command.arguments.iter().map(String::len);
    lengths.chain([command.arguments.len(), command.user.len()]).all(|length| length <= packet::FIELD_BYTES_MAX)
}

/// Asks one server about a user.
pub(super) async fn login(server: &Server, servers: &Servers, question: Question<'_>) -> Result<Answer, Fault> {
    let address = question.client.to_string();
    let subject = Subject { user: question.user, port: PORT, address: &address };
    let proving = authenticate(server, subject, question.password, servers.interactive);
    if !within(servers.timeout, proving).await? {
        return Ok(Answer::Rejected);
    }
    let mut grant = Grant::plain(Method::Tacplus);
    if question.wants_level {
        let arguments = ["service=shell".to_owned(), "cmd=".to_owned()];
        match within(servers.timeout, authorize(server, subject, &arguments)).await? {
            Verdict::Pass { arguments: said, .. } if understands(server, servers, &said, &arguments) => {
                grant.level = said.iter().find_map(|argument| level(argument));
            }
            Verdict::Pass { .. } | Verdict::Fail => return Ok(Answer::Rejected),
            Verdict::Error => return Err(Fault::Server(String::new())),
        }
    }
    Ok(Answer::Accepted(grant))
}

/// Asks one server whether a user may make a change (RFC 8907 section 6).
pub(super) async fn command(server: &Server, servers: &Servers, command: Command<'_>) -> Result<Answer, Fault> {
    let Command { user, client, arguments } = command;
    let address = client.to_string();
    let subject = Subject { user, port: PORT, address: &address };
    Ok(match within(servers.timeout, authorize(server, subject, arguments)).await? {
        // A change cannot become another one on its way.
        Verdict::Pass { replaces: true, arguments: said } if said != arguments => Answer::Denied,
        Verdict::Pass { arguments: said, .. } if understands(server, servers, &said, arguments) => Answer::Permitted,
        Verdict::Pass { .. } | Verdict::Fail => Answer::Denied,
        Verdict::Error => return Err(Fault::Server(String::new())),
    })
}

/// Whether what a server demands is known here; who does not know a demand has to take it for a refusal (RFC 8907 section
/// 6.2), unless that is switched off.
fn understands(server: &Server, servers: &Servers, said: &[String], asked: &[String]) -> bool {
    const KNOWN: [&str; 4] = ["service", "cmd", "cmd-arg", "priv-lvl"];
    let is_unknown = |argument: &&String| {
        let name = argument.split(['=', '*']).next().unwrap_or_default();
        let demands = argument.get(name.len()..).is_some_and(|rest| rest.starts_with('='));
        demands && !KNOWN.contains(&name) && !asked.contains(argument)
    };
    let unknown = said.iter().find(is_unknown).filter(|_| !servers.ignores_unknown);
    if let Some(unknown) = unknown {
        tracing::warn!(
            "TACACS+ {server} demands what is not known here{}: taken for a refusal",
            quoted(unknown.as_bytes())
        );
    }
    unknown.is_none()
}

/// What is recorded of an RPC.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) user: &'a str,
    /// Who vouches for the user.
    pub(super) by: Method,
    pub(super) client: IpAddr,
    pub(super) is_start: bool,
    pub(super) arguments: &'a [String],
}

/// Has one server keep a record. It may not want to: some know only their own users.
pub(super) async fn record(server: &Server, servers: &Servers, record: Record<'_>) -> Result<Answer, Fault> {
    let address = record.client.to_string();
    let subject = Subject { user: record.user, port: PORT, address: &address };
    let method = match record.by {
        Method::Local => packet::METHOD_LOCAL,
        Method::Radius => packet::METHOD_RADIUS,
        Method::Tacplus => packet::METHOD_TACACS,
    };
    let body = packet::accounting(subject, method, record.is_start, record.arguments);
    let keeping = async {
        let mut exchange = Exchange::open(server, Kind::Accounting, 0).await?;
        let reply = exchange.ask(body).await?;
        Ok(packet::accounting_reply(&reply)?)
    };
    Ok(if within(servers.timeout, keeping).await? { Answer::Kept } else { Answer::Refused })
}

/// Whether a server accepts connections.
pub(super) async fn is_there(server: &Server, patience: Duration) -> bool {
    matches!(timeout(patience, TcpStream::connect(server.address)).await, Ok(Ok(_)))
}

async fn within<T>(patience: Duration, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout(patience, work).await.unwrap_or(Err(Fault::Silent { timeout: patience, attempts: 1 }))
}

/// Whether the password is the user's.
async fn authenticate(
    server: &Server,
    subject: Subject<'_>,
    password: &[u8],
    interactive: bool,
) -> Result<bool, Fault> {
    let (proof, minor) = if interactive { (Proof::Ascii, 0) } else { (Proof::Pap(password), 1) };
    let mut exchange = Exchange::open(server, Kind::Authentication, minor).await?;
    let mut reply = exchange.ask(packet::start(subject, proof)).await?;
    // A server that goes on asking gets no more than the name and the password.
    for _ in 0..2 {
        let next = match packet::authentication_reply(&reply)?.0 {
            Standing::GetPassword if interactive => password,
            Standing::GetUser if interactive => subject.user.as_bytes(),
            _ => break,
        };
        reply = exchange.ask(packet::carry_on(next)).await?;
    }
    match packet::authentication_reply(&reply)? {
        (Standing::Pass, _) => Ok(true),
        (Standing::Fail, _) => Ok(false),
        (Standing::Error, message) => Err(Fault::Server(quoted(message))),
        (Standing::GetPassword | Standing::GetUser | Standing::GetData, _) => {
            tracing::warn!("TACACS+ {server} asks further questions, which gRPC cannot: taken for a rejection");
            Ok(false)
        }
    }
}

async fn authorize(server: &Server, subject: Subject<'_>, arguments: &[String]) -> Result<Verdict, Fault> {
    let mut exchange = Exchange::open(server, Kind::Authorization, 0).await?;
    let reply = exchange.ask(packet::authorization(subject, arguments)).await?;
    Ok(packet::authorization_reply(&reply)?)
}

/// The privilege level, if that is what an argument says: `priv-lvl=15`, or `priv-lvl*15` where it may be ignored.
fn level(argument: &str) -> Option<u32> {
    let value = argument.strip_prefix("priv-lvl")?.strip_prefix(['=', '*'])?;
    value.parse().ok()
}

/// A connection for one exchange.
struct Exchange<'a> {
    stream: TcpStream,
    session: Session<'a>,
    sequence: u8,
}

impl<'a> Exchange<'a> {
    async fn open(server: &'a Server, kind: Kind, minor: u8) -> Result<Self, Fault> {
        let stream = TcpStream::connect(server.address).await?;
        // An exchange is a packet at a time: nothing is gained by waiting for more.
        stream.set_nodelay(true)?;
        let id = u32::from_be_bytes(random::<4>()?);
        Ok(Self { stream, session: Session { kind, id, secret: &server.secret.0, minor }, sequence: 0 })
    }

    /// Sends a body and reads that of the reply.
    async fn ask(&mut self, body: Vec<u8>) -> Result<Vec<u8>, Fault> {
        self.sequence += 1;
        self.stream.write_all(&self.session.packet(self.sequence, body)).await?;
        self.sequence += 1;
        let mut header = [0; packet::HEADER_BYTES];
        self.stream.read_exact(&mut header).await.map_err(closed)?;
        let mut body = vec![0; self.session.body_length(self.sequence, header)?];
        self.stream.read_exact(&mut body).await.map_err(closed)?;
        self.session.obfuscate(header[0], self.sequence, &mut body);
        Ok(body)
    }
}

/// A server that cannot read us hangs up.
fn closed(error: std::io::Error) -> Fault {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset => {
            Fault::Reply("it closes the connection instead of answering".to_owned())
        }
        kind => Fault::Io(kind),
    }
}

impl From<Broken> for Fault {
    fn from(broken: Broken) -> Self {
        Self::Reply(broken.to_string())
    }
}
