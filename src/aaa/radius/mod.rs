//! Logins through a RADIUS server (RFC 2865): the password by PAP, and what the server says about the user.
//!
//! Invariant: every request has a Message-Authenticator (RFC 3579), and a server that has once answered with one has to
//! do so always; so an answer cannot be forged by somebody between us who can make collisions.

mod packet;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::grant::Grant;
use super::profile::{Action, DefaultAction, Entry, Profile};
use super::remote::{Answer, Fault, Question, random};
use super::settings::{Method, Server, Servers};
use packet::{Draft, Reply, Request, Unbelievable};

/// The number of the vendor whose attributes say what a user may do.
const VENDOR: u32 = 6527;
const TIMETRA_ACCESS: u8 = 1;
const TIMETRA_PROFILE: u8 = 4;
const TIMETRA_DEFAULT_ACTION: u8 = 5;
const TIMETRA_CMD: u8 = 6;
const TIMETRA_ACTION: u8 = 7;
/// Timetra-Access is a sum: FTP 1, console 2, NETCONF 4, gRPC 8.
const ACCESS_GRPC: u32 = 8;

/// Profiles of one user, as for local ones.
const PROFILES_MAX: usize = 8;
/// Commands of one user.
const COMMANDS_MAX: usize = 64;

/// Whether a request has room for name and password.
pub(super) fn has_room(question: &Question<'_>) -> bool {
    question.password.len() <= packet::PASSWORD_BYTES_MAX && question.user.len() <= packet::VALUE_BYTES_MAX
}

/// Asks one server about a user. Tells besides whether the answer had a Message-Authenticator.
pub(super) async fn login(
    server: &Server,
    servers: &Servers,
    question: Question<'_>,
    signs: bool,
) -> Result<(Answer, bool), Fault> {
    let (socket, own) = open(server.address).await?;
    let secret = &server.secret.0;
    let [identifier, authenticator @ ..] = random::<17>()?;
    let mut draft = Draft::access(identifier, authenticator);
    draft.put(packet::USER_NAME, question.user.as_bytes());
    draft.put_password(question.password, secret);
    identify(&mut draft, own, question.client, question.element);
    let request = draft.signed(secret);
    let reply = exchange(&socket, &request, secret, servers, signs).await?;
    let answer = match reply.code {
        packet::ACCESS_ACCEPT => Answer::Accepted(grant(&reply, question.user)),
        packet::ACCESS_REJECT => Answer::Rejected,
        packet::ACCESS_CHALLENGE => {
            tracing::warn!("RADIUS {server} asks further questions, which gRPC cannot: taken for a rejection");
            Answer::Rejected
        }
        _ => return Err(Fault::Reply("its answer is none to a login".to_owned())),
    };
    Ok((answer, reply.is_signed))
}

/// What is recorded of an RPC.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) user: &'a str,
    pub(super) client: IpAddr,
    pub(super) element: &'a str,
    pub(super) id: &'a str,
    pub(super) command: &'a str,
    /// How long it took; none at its beginning.
    pub(super) took: Option<Duration>,
}

/// Has one server keep a record.
pub(super) async fn record(server: &Server, servers: &Servers, record: Record<'_>) -> Result<Answer, Fault> {
    let (socket, own) = open(SocketAddr::new(server.address.ip(), servers.accounting_port)).await?;
    let [identifier] = random::<1>()?;
    let secret = &server.secret.0;
    let mut draft = Draft::accounting(identifier);
    draft.put_number(packet::ACCT_STATUS_TYPE, if record.took.is_some() { 2 } else { 1 });
    draft.put(packet::USER_NAME, record.user.as_bytes());
    draft.put(packet::ACCT_SESSION_ID, record.id.as_bytes());
    if let Some(took) = record.took {
        draft.put_number(packet::ACCT_SESSION_TIME, u32::try_from(took.as_secs()).unwrap_or(u32::MAX));
    }
    identify(&mut draft, own, record.client, record.element);
    draft.put_of_vendor(VENDOR, TIMETRA_CMD, record.command.as_bytes());
    let request = draft.signed(secret);
    let reply = exchange(&socket, &request, secret, servers, false).await?;
    match reply.code {
        packet::ACCOUNTING_RESPONSE => Ok(Answer::Kept),
        _ => Err(Fault::Reply("its answer is none to a record".to_owned())),
    }
}

/// A socket of its own for each request, so that an answer cannot be taken for that to another one; and our address.
async fn open(server: SocketAddr) -> Result<(UdpSocket, IpAddr), Fault> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    let own = socket.local_addr()?.ip();
    Ok((socket, own))
}

/// Who asks, for whom.
fn identify(draft: &mut Draft, own: IpAddr, client: IpAddr, element: &str) {
    match own {
        IpAddr::V4(address) => draft.put(packet::NAS_IP_ADDRESS, &address.octets()),
        IpAddr::V6(address) => draft.put(packet::NAS_IPV6_ADDRESS, &address.octets()),
    }
    draft.put(packet::NAS_IDENTIFIER, element.as_bytes());
    draft.put_number(packet::NAS_PORT_TYPE, packet::VIRTUAL_PORT);
    draft.put(packet::CALLING_STATION_ID, client.to_string().as_bytes());
}

/// Sends a request until something comes that answers it. What cannot be believed is passed over: it may come from
/// anybody, and the answer after it.
async fn exchange(
    socket: &UdpSocket,
    request: &Request,
    secret: &[u8],
    servers: &Servers,
    signs: bool,
) -> Result<Reply, Fault> {
    let &Servers { attempts, timeout, .. } = servers;
    let mut buffer = vec![0; packet::PACKET_BYTES_MAX];
    let mut doubt = None;
    for _ in 0..attempts {
        socket.send(request.bytes()).await?;
        let deadline = Instant::now() + timeout;
        while let Ok(received) = timeout_at(deadline, socket.recv(&mut buffer)).await {
            match Reply::read(buffer.get(..received?).unwrap_or_default(), request, secret) {
                Ok(reply) if signs && !reply.is_signed => doubt = Some(Unbelievable::Unsigned),
                Ok(reply) => return Ok(reply),
                Err(why) => doubt = Some(why),
            }
        }
    }
    Err(doubt.map_or(Fault::Silent { timeout, attempts }, |doubt| Fault::Reply(doubt.to_string())))
}

/// What the attributes of a reply say about a user.
fn grant(reply: &Reply, user: &str) -> Grant {
    let mut grant = Grant::plain(Method::Radius);
    let (mut default_action, mut commands) = (None, Vec::<(String, Option<Action>)>::new());
    for (kind, value) in reply.of_vendor(VENDOR) {
        let number = || <[u8; 4]>::try_from(value).ok().map(u32::from_be_bytes);
        let text = || std::str::from_utf8(value).ok().map(|text| text.trim_end_matches('\0'));
        match kind {
            TIMETRA_ACCESS => {
                let grpc = number().is_some_and(|access| access & ACCESS_GRPC != 0);
                grant.access = Some(grant.access == Some(true) || grpc);
            }
            TIMETRA_PROFILE => grant.profiles.extend(text().map(Arc::from)),
            TIMETRA_DEFAULT_ACTION => {
                default_action = Some(match number() {
                    Some(1) => DefaultAction::PermitAll,
                    Some(3) => DefaultAction::None,
                    Some(4) => DefaultAction::ReadOnlyAll,
                    _ => DefaultAction::DenyAll,
                });
            }
            TIMETRA_CMD => {
                let lines = text().into_iter().flat_map(|lines| lines.split(';')).map(str::trim);
                commands.extend(lines.filter(|line| !line.is_empty()).map(|line| (line.to_owned(), None)));
            }
            TIMETRA_ACTION => {
                let action = match number() {
                    Some(1) => Action::Permit,
                    _ => Action::Deny,
                };
                commands.iter_mut().for_each(|(_, of)| *of = of.or(Some(action)));
            }
            _ => {}
        }
    }
    if grant.profiles.len() > PROFILES_MAX || commands.len() > COMMANDS_MAX {
        // What would be left out may be what denies.
        tracing::warn!(
            "RADIUS gives a user more than {PROFILES_MAX} profiles or {COMMANDS_MAX} commands: nothing is permitted"
        );
        (grant.profiles, default_action, commands) = (Vec::new(), Some(DefaultAction::DenyAll), Vec::new());
    }
    if default_action.is_some() || !commands.is_empty() {
        // A command without an action is denied, and so is everything when nothing is said about the rest.
        let entry = |(number, (line, action)): (u32, (String, Option<Action>))| Entry {
            number,
            line: line.into(),
            action: action.unwrap_or(Action::Deny),
        };
        grant.own = Some(Arc::new(Profile {
            name: user.into(),
            entries: (1..).zip(commands).map(entry).collect(),
            default_action: default_action.unwrap_or(DefaultAction::DenyAll),
            li: false,
            denied_rpcs: Vec::new(),
        }));
    }
    grant
}
