//! TACACS+ packets (RFC 8907).
//!
//! Invariant: a reply is read only when its header answers the packet that was sent, its body has at most
//! [`BODY_BYTES_MAX`] bytes and the lengths in it add up; anything else is a broken reply, which in practice is what a
//! wrong secret makes of a good one. Replies without obfuscation are refused.

use md5::{Digest, Md5};

/// Most bytes of a body that are read. Longer ones are legal and senseless: a reply is a status and a line of text.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a header.
pub(super) const HEADER_BYTES: usize = 12;
/// Most bytes of a name, an address, an argument or a password in one packet: their lengths are one byte.
pub(super) const FIELD_BYTES_MAX: usize = 255;

const MAJOR_VERSION: u8 = 0xc0;
const UNENCRYPTED: u8 = 0x01;

const LOGIN: u8 = 1;
const SERVICE_LOGIN: u8 = 1;
const PRIVILEGE: u8 = 1;
/// How a user was authenticated (RFC 8907 section 6.1).
pub(super) const METHOD_LOCAL: u8 = 5;
pub(super) const METHOD_TACACS: u8 = 6;
pub(super) const METHOD_RADIUS: u8 = 0x10;

/// What a packet is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Authentication = 1,
    Authorization = 2,
    Accounting = 3,
}

/// How a user proves who he is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof<'a> {
    /// The password at once (RFC 8907 section 5.4.2.2).
    Pap(&'a [u8]),
    /// The password when the server asks for it (section 5.4.2.1).
    Ascii,
}

/// Who wants something, and from where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub(super) user: &'a str,
    pub(super) port: &'a str,
    pub(super) address: &'a str,
}

/// One exchange of packets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session<'a> {
    pub(super) kind: Kind,
    pub(super) id: u32,
    pub(super) secret: &'a [u8],
    /// PAP came with minor version 1; all else stays with 0.
    pub(super) minor: u8,
}

/// Why a reply is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    #[error("what comes does not answer our request")]
    Header,
    #[error("its answer is not obfuscated")]
    Clear,
    #[error("its answer is longer than {BODY_BYTES_MAX} bytes")]
    Long,
    #[error("its answers cannot be read with our secret")]
    Body,
}

impl Session<'_> {
    /// A packet with its header, obfuscated.
    pub(super) fn packet(&self, sequence: u8, mut body: Vec<u8>) -> Vec<u8> {
        let mut packet = vec![MAJOR_VERSION | self.minor, self.kind as u8, sequence, 0];
        packet.extend(self.id.to_be_bytes());
        packet.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.obfuscate(MAJOR_VERSION | self.minor, sequence, &mut body);
        packet.extend(body);
        packet
    }

    /// How long the body is that belongs to a header.
    pub(super) fn body_length(&self, sequence: u8, header: [u8; HEADER_BYTES]) -> Result<usize, Broken> {
        let [version, kind, number, flags, a, b, c, d, length @ ..] = header;
        let answers = version & 0xf0 == MAJOR_VERSION
            && kind == self.kind as u8
            && number == sequence
            && u32::from_be_bytes([a, b, c, d]) == self.id;
        if !answers {
            return Err(Broken::Header);
        }
        if flags & UNENCRYPTED != 0 {
            return Err(Broken::Clear);
        }
        usize::try_from(u32::from_be_bytes(length)).ok().filter(|&length| length <= BODY_BYTES_MAX).ok_or(Broken::Long)
    }

    /// Hides a body, or shows it again: the pad is a chain of digests (RFC 8907 section 4.5).
    pub(super) fn obfuscate(&self, version: u8, sequence: u8, body: &mut [u8]) {
        let mut before: Vec<u8> = Vec::new();
        for chunk in body.chunks_mut(16) {
            let pad = Md5::new()
                .chain_update(self.id.to_be_bytes())
                .chain_update(self.secret)
                .chain_update([version, sequence])
                .chain_update(&before)
                .finalize();
            chunk.iter_mut().zip(pad).for_each(|(byte, pad)| *byte ^= pad);
            before = pad.to_vec();
        }
    }
}

/// The first packet of an authentication.
pub(super) fn start(subject: Subject<'_>, proof: Proof<'_>) -> Vec<u8> {
    let (kind, data): (u8, &[u8]) = match proof {
        Proof::Ascii => (1, &[]),
        Proof::Pap(password) => (2, cut(password)),
    };
    let fields = [cut(subject.user.as_bytes()), cut(subject.port.as_bytes()), cut(subject.address.as_bytes()), data];
    let mut body = vec![LOGIN, PRIVILEGE, kind, SERVICE_LOGIN];
    body.extend(fields.map(length));
    body.extend(fields.concat());
    body
}

/// What the user says when asked.
pub(super) fn carry_on(message: &[u8]) -> Vec<u8> {
    let message = message.get(..usize::from(u16::MAX)).unwrap_or(message);
    let mut body = u16::try_from(message.len()).unwrap_or(u16::MAX).to_be_bytes().to_vec();
    body.extend([0, 0, 0]);
    body.extend(message);
    body
}

/// A request to authorize something.
pub(super) fn authorization(subject: Subject<'_>, arguments: &[String]) -> Vec<u8> {
    request(vec![METHOD_TACACS], subject, arguments)
}

/// A record of something: at its beginning, or at its end.
pub(super) fn accounting(subject: Subject<'_>, method: u8, is_start: bool, arguments: &[String]) -> Vec<u8> {
    request(vec![if is_start { 0x02 } else { 0x04 }, method], subject, arguments)
}

fn request(mut body: Vec<u8>, subject: Subject<'_>, arguments: &[String]) -> Vec<u8> {
    let arguments = arguments.get(..FIELD_BYTES_MAX).unwrap_or(arguments);
    let fields = [subject.user, subject.port, subject.address].map(|text| cut(text.as_bytes()));
    let arguments: Vec<&[u8]> = arguments.iter().map(|text| cut(text.as_bytes())).collect();
    body.extend([PRIVILEGE, 1, SERVICE_LOGIN]);
    body.extend(fields.map(length));
    body.push(u8::try_from(arguments.len()).unwrap_or(u8::MAX));
    body.extend(arguments.iter().map(|argument| length(argument)));
    body.extend(fields.concat());
    body.extend(arguments.concat());
    body
}

/// How an authentication stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Pass,
    Fail,
    /// The password is asked for.
    GetPassword,
    /// The name is asked for again.
    GetUser,
    /// Something else is asked for.
    GetData,
    /// The server cannot say.
    Error,
}

/// Reads the body of a reply to an authentication packet: how it stands, and what the server says about it.
#[expect(clippy::indexing_slicing, reason = "as many parts as lengths")]
pub(super) fn authentication_reply(body: &[u8]) -> Result<(Standing, &[u8]), Broken> {
    let &[status, _flags, a, b, c, d, ref texts @ ..] = body else { return Err(Broken::Body) };
    let message = split(texts, &[u16::from_be_bytes([a, b]).into(), u16::from_be_bytes([c, d]).into()])?[0];
    let standing = match status {
        1 => Standing::Pass,
        // FOLLOW is a refusal to those who do not follow (RFC 8907 section 5.4.3).
        2 | 0x21 => Standing::Fail,
        3 => Standing::GetData,
        4 => Standing::GetUser,
        5 => Standing::GetPassword,
        6 | 7 => Standing::Error,
        _ => return Err(Broken::Body),
    };
    Ok((standing, message))
}

/// What a server says to a request for authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may be, with these arguments besides or instead.
    Pass {
        /// Whether they take the place of those that were asked about.
        replaces: bool,
        /// The arguments.
        arguments: Vec<String>,
    },
    Fail,
    /// The server cannot say.
    Error,
}

/// Reads the body of a reply to a request for authorization.
pub(super) fn authorization_reply(body: &[u8]) -> Result<Verdict, Broken> {
    let &[status, count, a, b, c, d, ref rest @ ..] = body else { return Err(Broken::Body) };
    let (lengths, texts) = rest.split_at_checked(count.into()).ok_or(Broken::Body)?;
    let texts_of_server = [u16::from_be_bytes([a, b]).into(), u16::from_be_bytes([c, d]).into()];
    let all: Vec<usize> =
        texts_of_server.into_iter().chain(lengths.iter().map(|&length| usize::from(length))).collect();
    let parts = split(texts, &all)?;
    match status {
        1 | 2 => {
            let arguments = parts.into_iter().skip(2).map(|part| String::from_utf8_lossy(part).into_owned());
            Ok(Verdict::Pass { replaces: status == 2, arguments: arguments.collect() })
        }
        0x10 | 0x21 => Ok(Verdict::Fail),
        0x11 => Ok(Verdict::Error),
        _ => Err(Broken::Body),
    }
}

/// Reads the body of a reply to a record; whether it has been kept.
pub(super) fn accounting_reply(body: &[u8]) -> Result<bool, Broken> {
    let &[a, b, c, d, status, ref texts @ ..] = body else { return Err(Broken::Body) };
    split(texts, &[u16::from_be_bytes([a, b]).into(), u16::from_be_bytes([c, d]).into()])?;
    match status {
        1 => Ok(true),
        2 | 0x21 => Ok(false),
        _ => Err(Broken::Body),
    }
}

/// Parts of these lengths, which have to be all there is.
fn split<'a>(mut bytes: &'a [u8], lengths: &[usize]) -> Result<Vec<&'a [u8]>, Broken> {
    let mut parts = Vec::with_capacity(lengths.len());
    for &length in lengths {
        let (part, rest) = bytes.split_at_checked(length).ok_or(Broken::Body)?;
        parts.push(part);
        bytes = rest;
    }
    if bytes.is_empty() { Ok(parts) } else { Err(Broken::Body) }
}

fn cut(field: &[u8]) -> &[u8] {
    field.get(..FIELD_BYTES_MAX).unwrap_or(field)
}

/// The length of a field that was cut.
fn length(field: &[u8]) -> u8 {
    u8::try_from(field.len()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests;
