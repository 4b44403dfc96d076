//! RADIUS packets: requests are written here, replies are checked and read (RFC 2865, RFC 2866, RFC 3579 section 3.2).
//!
//! Invariant: nothing of a reply is believed before its authenticator, and its Message-Authenticator when it has one,
//! prove that it answers this very request by somebody who knows the secret. Reading never leaves the 4096 bytes that a
//! packet may have, whatever lengths it claims.

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};

/// Most bytes of a packet (RFC 2865 section 3).
pub(super) const PACKET_BYTES_MAX: usize = 4096;
/// Most bytes of a password (RFC 2865 section 5.2).
pub(super) const PASSWORD_BYTES_MAX: usize = 128;
/// Most bytes of an attribute's value.
pub(super) const VALUE_BYTES_MAX: usize = 253;

const HEADER_BYTES: usize = 20;
const DIGEST_BYTES: usize = 16;
const VENDOR_SPECIFIC: u8 = 26;
const MESSAGE_AUTHENTICATOR: u8 = 80;

pub(super) const ACCESS_REQUEST: u8 = 1;
pub(super) const ACCESS_ACCEPT: u8 = 2;
pub(super) const ACCESS_REJECT: u8 = 3;
pub(super) const ACCOUNTING_REQUEST: u8 = 4;
pub(super) const ACCOUNTING_RESPONSE: u8 = 5;
pub(super) const ACCESS_CHALLENGE: u8 = 11;

pub(super) const USER_NAME: u8 = 1;
pub(super) const USER_PASSWORD: u8 = 2;
pub(super) const NAS_IP_ADDRESS: u8 = 4;
pub(super) const CALLING_STATION_ID: u8 = 31;
pub(super) const NAS_IDENTIFIER: u8 = 32;
pub(super) const ACCT_STATUS_TYPE: u8 = 40;
pub(super) const ACCT_SESSION_ID: u8 = 44;
pub(super) const ACCT_SESSION_TIME: u8 = 46;
pub(super) const NAS_PORT_TYPE: u8 = 61;
pub(super) const NAS_IPV6_ADDRESS: u8 = 95;

/// What a NAS-Port-Type says that has no port of its own.
pub(super) const VIRTUAL_PORT: u32 = 5;

/// A request on its way.
pub(super) struct Request {
    bytes: Vec<u8>,
}

/// A request being written. Values longer than an attribute holds are cut; who cares looks first.
pub(super) struct Draft {
    bytes: Vec<u8>,
}

impl Draft {
    /// A request for access. `authenticator` has to be random (RFC 2865 section 3).
    pub(super) fn access(identifier: u8, authenticator: [u8; DIGEST_BYTES]) -> Self {
        let mut draft = Self::begun(ACCESS_REQUEST, identifier, authenticator);
        // In front of everything else, so that nobody can put something before it that is digested the same.
        draft.put(MESSAGE_AUTHENTICATOR, &[0; DIGEST_BYTES]);
        draft
    }

    /// A record of what somebody did.
    pub(super) fn accounting(identifier: u8) -> Self {
        Self::begun(ACCOUNTING_REQUEST, identifier, [0; DIGEST_BYTES])
    }

    fn begun(code: u8, identifier: u8, authenticator: [u8; DIGEST_BYTES]) -> Self {
        let mut bytes = vec![code, identifier, 0, 0];
        bytes.extend(authenticator);
        Self { bytes }
    }

    pub(super) fn put(&mut self, kind: u8, value: &[u8]) {
        let value = value.get(..VALUE_BYTES_MAX).unwrap_or(value);
        if self.bytes.len() + 2 + value.len() > PACKET_BYTES_MAX {
            return;
        }
        self.bytes.extend([kind, byte(value.len() + 2)]);
        self.bytes.extend(value);
    }

    pub(super) fn put_number(&mut self, kind: u8, value: u32) {
        self.put(kind, &value.to_be_bytes());
    }

    /// An attribute of a vendor.
    pub(super) fn put_of_vendor(&mut self, vendor: u32, kind: u8, value: &[u8]) {
        let value = value.get(..VALUE_BYTES_MAX - 6).unwrap_or(value);
        let mut inner = vendor.to_be_bytes().to_vec();
        inner.extend([kind, byte(value.len() + 2)]);
        inner.extend(value);
        self.put(VENDOR_SPECIFIC, &inner);
    }

    /// The password, hidden from those who do not know the secret (RFC 2865 section 5.2).
    pub(super) fn put_password(&mut self, password: &[u8], secret: &[u8]) {
        let blocks = password.len().div_ceil(DIGEST_BYTES).clamp(1, PASSWORD_BYTES_MAX / DIGEST_BYTES);
        let mut hidden = password.to_vec();
        hidden.resize(blocks * DIGEST_BYTES, 0);
        let mut before = self.authenticator().to_vec();
        for block in hidden.chunks_mut(DIGEST_BYTES) {
            let mask = Md5::new().chain_update(secret).chain_update(&before).finalize();
            block.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
            before = block.to_vec();
        }
        self.put(USER_PASSWORD, &hidden);
    }

    /// The finished request.
    pub(super) fn signed(mut self, secret: &[u8]) -> Request {
        let length = u16::try_from(self.bytes.len()).unwrap_or(u16::MAX).to_be_bytes();
        self.bytes.splice(2..4, length);
        if self.bytes.first() == Some(&ACCESS_REQUEST) {
            let digest = message_digest(secret, &[&self.bytes]);
            self.bytes.splice(HEADER_BYTES + 2..HEADER_BYTES + 2 + DIGEST_BYTES, digest);
        } else {
            let digest: [u8; DIGEST_BYTES] =
                Md5::new().chain_update(&self.bytes).chain_update(secret).finalize().into();
            self.bytes.splice(4..HEADER_BYTES, digest);
        }
        Request { bytes: self.bytes }
    }

    fn authenticator(&self) -> &[u8] {
        self.bytes.get(4..HEADER_BYTES).unwrap_or_default()
    }
}

impl Request {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn authenticator(&self) -> &[u8] {
        self.bytes.get(4..HEADER_BYTES).unwrap_or_default()
    }
}

/// Why something that came is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unbelievable {
    #[error("what comes is no RADIUS packet")]
    Malformed,
    #[error("what comes answers another request")]
    Stray,
    #[error("its answers are not signed with our secret")]
    Forged,
    #[error("its answer lacks the Message-Authenticator that it sent before")]
    Unsigned,
}

/// A reply that is one.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) code: u8,
    /// Whether it has a Message-Authenticator.
    pub(super) is_signed: bool,
    attributes: Vec<u8>,
}

impl Reply {
    /// Checks and reads what came in answer to a request.
    pub(super) fn read(bytes: &[u8], request: &Request, secret: &[u8]) -> Result<Self, Unbelievable> {
        let &[code, identifier, high, low, ..] = bytes else { return Err(Unbelievable::Malformed) };
        let length = usize::from(u16::from_be_bytes([high, low]));
        // What stands behind the length is padding (RFC 2865 section 3).
        let packet = bytes.get(..length).filter(|packet| packet.len() <= PACKET_BYTES_MAX);
        let packet = packet.ok_or(Unbelievable::Malformed)?;
        let (header, attributes) = packet.split_at_checked(HEADER_BYTES).ok_or(Unbelievable::Malformed)?;
        let (front, authenticator) = header.split_at_checked(4).ok_or(Unbelievable::Malformed)?;
        if request.bytes.get(1) != Some(&identifier) {
            return Err(Unbelievable::Stray);
        }
        let digest = Md5::new()
            .chain_update(front)
            .chain_update(request.authenticator())
            .chain_update(attributes)
            .chain_update(secret)
            .finalize();
        if aws_lc_rs::constant_time::verify_slices_are_equal(&digest, authenticator).is_err() {
            return Err(Unbelievable::Forged);
        }
        let mut is_signed = false;
        let mut rest = attributes;
        let mut at = 0;
        while !rest.is_empty() {
            let (kind, value, after) = attribute(rest).ok_or(Unbelievable::Malformed)?;
            if kind == MESSAGE_AUTHENTICATOR {
                let (before, behind) = attributes.split_at_checked(at + 2).ok_or(Unbelievable::Malformed)?;
                let behind = behind.get(value.len()..).unwrap_or_default();
                let parts: [&[u8]; 5] = [front, request.authenticator(), before, &[0; DIGEST_BYTES], behind];
                let mac = parts.iter().fold(keyed(secret), |mac, part| mac.chain_update(part));
                mac.verify_slice(value).map_err(|_| Unbelievable::Forged)?;
                is_signed = true;
            }
            at += rest.len() - after.len();
            rest = after;
        }
        Ok(Self { code, is_signed, attributes: attributes.to_vec() })
    }

    /// The attributes of a vendor, in their order.
    pub(super) fn of_vendor(&self, vendor: u32) -> impl Iterator<Item = (u8, &[u8])> {
        let ours = attributes(&self.attributes).filter(|(kind, _)| *kind == VENDOR_SPECIFIC);
        let ours = ours.filter_map(move |(_, value)| value.strip_prefix(&vendor.to_be_bytes()));
        ours.flat_map(attributes)
    }
}

/// Attributes up to the first that is cut off.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (kind, value, rest) = attribute(bytes)?;
        bytes = rest;
        Some((kind, value))
    })
}

/// The first attribute, and what stands behind it.
fn attribute(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let &[kind, length, ..] = bytes else { return None };
    let (whole, rest) = bytes.split_at_checked(length.into())?;
    Some((kind, whole.get(2..)?, rest))
}

fn message_digest(secret: &[u8], parts: &[&[u8]]) -> [u8; DIGEST_BYTES] {
    parts.iter().fold(keyed(secret), |mac, part| mac.chain_update(part)).finalize().into_bytes().into()
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
fn keyed(secret: &[u8]) -> Hmac<Md5> {
    Hmac::new_from_slice(secret).expect("any length")
}

/// A length that was cut to fit one byte.
fn byte(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests;
