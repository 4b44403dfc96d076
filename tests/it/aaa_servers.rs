//! Small RADIUS and TACACS+ servers that do what a test tells them, and note what they were asked.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::door::eventually;

pub(crate) const SECRET: &str = "between-us";

/// What a fake server is to do. Shared with the test, which changes it while the server runs.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// Users and their passwords.
    pub(crate) users: Vec<(&'static str, &'static str)>,
    /// The server's idea of the secret.
    pub(crate) secret: &'static str,
    /// Attributes of a RADIUS accept: vendor type and value.
    pub(crate) attributes: Vec<(u8, Vec<u8>)>,
    /// Arguments of a TACACS+ authorization.
    pub(crate) arguments: Vec<&'static str>,
    /// Commands that a TACACS+ server does not permit: `delete system location`.
    pub(crate) denied: Vec<&'static str>,
    /// Whether the arguments are to take the place of those that were asked about.
    pub(crate) replaces: bool,
    /// Whether answers wait until this is false.
    pub(crate) holds: bool,
    /// Whether a RADIUS answer has a Message-Authenticator.
    pub(crate) signs: bool,
    /// Whether a TACACS+ server reports an error of its own.
    pub(crate) fails: bool,
    /// Whether a TACACS+ server wants no records.
    pub(crate) refuses_records: bool,
}

impl Script {
    pub(crate) fn with(users: &[(&'static str, &'static str)]) -> Self {
        Self {
            users: users.to_vec(),
            secret: SECRET,
            attributes: Vec::new(),
            arguments: Vec::new(),
            denied: Vec::new(),
            replaces: false,
            holds: false,
            signs: true,
            fails: false,
            refuses_records: false,
        }
    }
}

/// A server that runs until it is dropped.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    script: watch::Sender<Script>,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    /// A RADIUS server on a port of its own.
    pub(crate) async fn radius(script: Script) -> Self {
        Self::radius_at((Ipv4Addr::LOCALHOST, 0).into(), script).await
    }

    /// A RADIUS server at an address.
    pub(crate) async fn radius_at(address: SocketAddr, script: Script) -> Self {
        let socket = UdpSocket::bind(address).await.unwrap();
        let address = socket.local_addr().unwrap();
        let (script, follow) = watch::channel(script);
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let task = tokio::spawn(serve_radius(Arc::new(socket), follow, asked.clone()));
        Self { address, script, asked, task }
    }

    /// A TACACS+ server.
    pub(crate) async fn tacplus(script: Script) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (script, follow) = watch::channel(script);
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let notes = asked.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve_tacplus(stream, follow.clone(), notes.clone()));
            }
        });
        Self { address, script, asked, task }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Script)) {
        self.script.send_modify(change);
    }

    /// What it was asked, one line each.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// How often it was asked about a password.
    pub(crate) fn logins(&self) -> usize {
        self.asked().iter().filter(|line| line.starts_with("login ")).count()
    }

    pub(crate) async fn is_asked(&self, times: usize) {
        eventually(|| self.logins() >= times).await;
    }

    /// The tables that make an agent ask it, whichever kind it is. It has time for its answer, however busy the machine is.
    pub(crate) fn as_radius(&self, more: &str) -> String {
        let SocketAddr::V4(address) = self.address else { panic!("no IPv4") };
        radius(address.port(), &[(1, (*address.ip()).into())], more)
    }

    pub(crate) fn as_tacplus(&self, more: &str) -> String {
        format!(
            "[configure.system.security.aaa.remote-servers.tacplus]\nserver-timeout = 60\n{more}\n\
             [[configure.system.security.aaa.remote-servers.tacplus.server]]\nindex = 1\naddress = \"{}\"\nport = {}\n\
             secret = \"{SECRET}\"\n",
            self.address.ip(),
            self.address.port()
        )
    }
}

/// The tables of some RADIUS servers, which share a port.
pub(crate) fn radius(port: u16, servers: &[(u32, IpAddr)], more: &str) -> String {
    let table = "configure.system.security.aaa.remote-servers.radius";
    let mut text = format!("[{table}]\nport = {port}\nserver-timeout = 60\nserver-retry = 1\n{more}\n");
    for (index, address) in servers {
        text += &format!("[[{table}.server]]\nindex = {index}\naddress = \"{address}\"\nsecret = \"{SECRET}\"\n");
    }
    text
}

pub(crate) fn order(methods: &[&str], exit_on_reject: bool) -> String {
    format!(
        "[configure.system.security.user-params.authentication-order]\norder = {methods:?}\n\
         exit-on-reject = {exit_on_reject}\n"
    )
}

/// A template that gives access, with a profile.
pub(crate) fn template(name: &str, profile: &str) -> String {
    format!(
        "[[configure.system.security.aaa.user-template]]\nuser-template-name = \"{name}\"\naccess.grpc = true\n\
         profile = \"{profile}\"\n"
    )
}

async fn serve_radius(socket: Arc<UdpSocket>, follow: watch::Receiver<Script>, asked: Arc<Mutex<Vec<String>>>) {
    let mut answers = tokio::task::JoinSet::new();
    let mut buffer = vec![0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let (packet, socket, mut follow, asked) =
            (buffer[..length].to_vec(), socket.clone(), follow.clone(), asked.clone());
        answers.spawn(async move {
            let secret = follow.borrow().secret;
            let request = Radius::read(&packet, secret);
            asked.lock().unwrap().push(request.line());
            let script = follow.wait_for(|script| !script.holds).await.unwrap().clone();
            socket.send_to(&request.answer(&packet, &script), from).await.unwrap();
        });
    }
}

struct Radius {
    code: u8,
    signed: bool,
    user: String,
    password: String,
    attributes: Vec<(u8, Vec<u8>)>,
}

impl Radius {
    fn read(packet: &[u8], secret: &str) -> Self {
        let mut attributes = Vec::new();
        let (mut rest, mut cleared, mut at) = (&packet[20..], packet.to_vec(), 20);
        let mut signature = None;
        while let [kind, length, ..] = rest {
            let (one, after) = rest.split_at(usize::from(*length));
            if *kind == 80 {
                signature = Some(one[2..].to_vec());
                cleared[at + 2..at + 18].fill(0);
            }
            attributes.push((*kind, one[2..].to_vec()));
            at += one.len();
            rest = after;
        }
        let mac = Hmac::<Md5>::new_from_slice(secret.as_bytes()).unwrap().chain_update(&cleared);
        let text = |kind| {
            let found = attributes.iter().find(|(of, _)| *of == kind);
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
        };
        let mut password = Vec::new();
        let mut before = packet[4..20].to_vec();
        for block in attributes.iter().filter(|(kind, _)| *kind == 2).flat_map(|(_, value)| value.chunks(16)) {
            let mask = Md5::new().chain_update(secret).chain_update(&before).finalize();
            password.extend(block.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
            before = block.to_vec();
        }
        let password = String::from_utf8_lossy(&password).trim_end_matches('\0').to_owned();
        let signed = signature.is_some_and(|signature| mac.verify_slice(&signature).is_ok());
        Self { code: packet[0], signed, user: text(1), password, attributes }
    }

    fn line(&self) -> String {
        if self.code == 4 {
            let status = self.attributes.iter().find(|(kind, _)| *kind == 40).map(|(_, value)| value[3]);
            let command = self.attributes.iter().find(|(kind, _)| *kind == 26).map(|(_, value)| value[6..].to_vec());
            let command = String::from_utf8(command.unwrap_or_default()).unwrap();
            return format!("record {} {status:?} {command}", self.user);
        }
        let nas = self.attributes.iter().find(|(kind, _)| *kind == 32).map(|(_, value)| value.clone());
        let nas = String::from_utf8(nas.unwrap_or_default()).unwrap();
        format!("login {} signed={} nas={nas}", self.user, self.signed)
    }

    fn answer(&self, request: &[u8], script: &Script) -> Vec<u8> {
        let known = script.users.iter().any(|(user, password)| self.user == *user && self.password == *password);
        let code = match self.code {
            4 => 5,
            _ if known => 2,
            _ => 3,
        };
        let mut attributes = Vec::new();
        for (kind, value) in script.attributes.iter().filter(|_| code == 2) {
            attributes.extend([26, 8 + value.len() as u8]);
            attributes.extend(6527_u32.to_be_bytes());
            attributes.extend([*kind, 2 + value.len() as u8]);
            attributes.extend(value);
        }
        if script.signs {
            attributes.extend([80, 18]);
            attributes.extend([0; 16]);
        }
        let mut header = vec![code, request[1]];
        header.extend((20 + attributes.len() as u16).to_be_bytes());
        if script.signs {
            let mac = Hmac::<Md5>::new_from_slice(script.secret.as_bytes()).unwrap();
            let mac = mac.chain_update(&header).chain_update(&request[4..20]).chain_update(&attributes);
            let at = attributes.len() - 16;
            attributes[at..].copy_from_slice(&mac.finalize().into_bytes());
        }
        let digest = Md5::new().chain_update(&header).chain_update(&request[4..20]).chain_update(&attributes);
        let digest = digest.chain_update(script.secret).finalize();
        [&header[..], &digest[..], &attributes[..]].concat()
    }
}

async fn serve_tacplus(mut stream: TcpStream, mut follow: watch::Receiver<Script>, asked: Arc<Mutex<Vec<String>>>) {
    let mut user = String::new();
    loop {
        let mut header = [0; 12];
        if stream.read_exact(&mut header).await.is_err() {
            return;
        }
        let secret = follow.borrow().secret;
        let mut body = vec![0; u32::from_be_bytes(header[8..].try_into().unwrap()) as usize];
        stream.read_exact(&mut body).await.unwrap();
        pad(&header, secret, &mut body);
        let (line, reply) = match header[1] {
            1 if header[2] == 1 => {
                let (user_length, password) = (usize::from(body[4]), usize::from(body[7]));
                let Some(name) = body.get(8..8 + user_length) else { return };
                user = String::from_utf8_lossy(name).into_owned();
                let password = String::from_utf8_lossy(&body[body.len().saturating_sub(password)..]).into_owned();
                match body[2] {
                    1 => (format!("start {user}"), Reply::Password),
                    _ => (format!("login {user}"), Reply::Checked(password)),
                }
            }
            1 => (format!("login {user}"), Reply::Checked(String::from_utf8_lossy(&body[5..]).into_owned())),
            2 => {
                let texts = texts(&body, 4);
                let command = texts.split(' ').filter_map(|text| text.split_once('=')).skip(1);
                let command = command.map(|(_, word)| word).collect::<Vec<_>>().join(" ");
                (format!("authorize {texts}"), Reply::Authorized(command))
            }
            _ => (format!("record {} by {} {}", body[0], body[1], texts(&body, 5)), Reply::Recorded),
        };
        asked.lock().unwrap().push(line);
        let script = follow.wait_for(|script| !script.holds).await.unwrap().clone();
        let mut reply = reply.body(&user, &script);
        header[2] += 1;
        header[8..].copy_from_slice(&(reply.len() as u32).to_be_bytes());
        pad(&header, secret, &mut reply);
        stream.write_all(&[&header[..], &reply].concat()).await.unwrap();
    }
}

/// The user and the arguments of an authorization or a record, whose lengths begin at `at`.
fn texts(body: &[u8], at: usize) -> String {
    let count = usize::from(body[at + 3]);
    let lengths: Vec<usize> =
        body[at..at + 3].iter().chain(&body[at + 4..at + 4 + count]).map(|&it| it.into()).collect();
    let mut rest = &body[at + 4 + count..];
    let mut texts = Vec::new();
    for length in lengths {
        let (text, after) = rest.split_at(length);
        texts.push(String::from_utf8(text.to_vec()).unwrap());
        rest = after;
    }
    // Port, address and the time are the same in every test, or differ in each.
    let is_said = |(place, text): &(usize, &String)| {
        *place != 1 && *place != 2 && !text.contains("_time=") && !text.contains("task_id=")
    };
    texts.iter().enumerate().filter(is_said).map(|(_, text)| text.clone()).collect::<Vec<_>>().join(" ")
}

enum Reply {
    Password,
    Checked(String),
    Authorized(String),
    Recorded,
}

impl Reply {
    fn body(&self, user: &str, script: &Script) -> Vec<u8> {
        match self {
            _ if script.fails => vec![7, 0, 0, 0, 0, 0],
            Self::Password => vec![5, 1, 0, 0, 0, 0],
            Self::Checked(password) => {
                let known = script.users.iter().any(|(name, right)| user == *name && password == *right);
                vec![if known { 1 } else { 2 }, 0, 0, 0, 0, 0]
            }
            Self::Authorized(command) if script.denied.contains(&command.as_str()) => vec![0x10, 0, 0, 0, 0, 0],
            Self::Authorized(_) => {
                let mut body = vec![if script.replaces { 2 } else { 1 }, script.arguments.len() as u8, 0, 0, 0, 0];
                body.extend(script.arguments.iter().map(|argument| argument.len() as u8));
                body.extend(script.arguments.concat().as_bytes());
                body
            }
            Self::Recorded => vec![0, 0, 0, 0, if script.refuses_records { 2 } else { 1 }],
        }
    }
}

fn pad(header: &[u8; 12], secret: &str, body: &mut [u8]) {
    let mut before = Vec::new();
    for chunk in body.chunks_mut(16) {
        let pad = Md5::new().chain_update(&header[4..8]).chain_update(secret).chain_update([header[0], header[2]]);
        let pad = pad.chain_update(&before).finalize();
        chunk.iter_mut().zip(pad).for_each(|(byte, pad)| *byte ^= pad);
        before = pad.to_vec();
    }
}
