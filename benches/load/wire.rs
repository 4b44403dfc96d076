//! Reading a `SubscribeResponse` without building it, and the codec that carries it through tonic.
//!
//! Only what the load client counts is read: the timestamp (field 1 of the notification), how many updates (field 4)
//! and deletes (field 5) there are, the duplicates (field 4 of an update), and whether this is the sync response. Values
//! and paths are skipped, so the client costs far less than any server and stays off the measurement.

use bytes::{Buf, Bytes};
use ganymede::time::{Clock, Timestamp};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder};

use crate::verbatim::Verbatim;

/// What one message of a subscription amounts to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Length of the message.
    pub(crate) bytes: usize,
    /// Updates in it. With one leaf per update, which is what every encoding but a JSON container does, the leaves.
    pub(crate) leaves: u64,
    /// Values that the updates say the client has missed.
    pub(crate) duplicates: u64,
    /// Deleted paths in it.
    pub(crate) deletes: u64,
    /// Timestamp of the notification; `None` in a sync response.
    pub(crate) stamp: Option<Timestamp>,
    /// When the client had it.
    pub(crate) received: Timestamp,
}

impl Seen {
    /// Reads one encoded `SubscribeResponse`; `None` when it is no protobuf.
    pub(crate) fn read(message: &[u8], received: Timestamp) -> Option<Self> {
        let mut seen = Self { bytes: message.len(), received, ..Self::default() };
        let mut rest = message;
        while !rest.is_empty() {
            if let (1, Field::Bytes(notification)) = next_field(&mut rest)? {
                seen.read_notification(notification)?;
            }
        }
        Some(seen)
    }

    /// True for `sync_response`.
    pub(crate) fn is_sync(&self) -> bool {
        self.stamp.is_none()
    }

    fn read_notification(&mut self, mut rest: &[u8]) -> Option<()> {
        // A timestamp of zero is not on the wire at all.
        self.stamp = Some(Timestamp::EPOCH);
        while !rest.is_empty() {
            match next_field(&mut rest)? {
                (1, Field::Number(nanos)) => self.stamp = Some(Timestamp::from_nanos(nanos.cast_signed())),
                (4, Field::Bytes(update)) => {
                    self.leaves += 1;
                    self.duplicates += duplicates(update)?;
                }
                (5, Field::Bytes(_)) => self.deletes += 1,
                _ => {}
            }
        }
        Some(())
    }
}

fn duplicates(mut update: &[u8]) -> Option<u64> {
    let mut duplicates = 0;
    while !update.is_empty() {
        if let (4, Field::Number(number)) = next_field(&mut update)? {
            duplicates = number;
        }
    }
    Some(duplicates)
}

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// Takes one field off the front: its number and content.
fn next_field<'a>(rest: &mut &'a [u8]) -> Option<(u64, Field<'a>)> {
    let key = varint(rest)?;
    let field = match key & 7 {
        0 => Field::Number(varint(rest)?),
        1 => take(rest, 8).map(|_| Field::Fixed)?,
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            Field::Bytes(take(rest, length)?)
        }
        5 => take(rest, 4).map(|_| Field::Fixed)?,
        _ => return None,
    };
    Some((key >> 3, field))
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

/// Requests go out as encoded, messages of a subscription come in counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counting;

impl Codec for Counting {
    type Encode = Bytes;
    type Decode = Seen;
    type Encoder = Verbatim;
    type Decoder = Self;

    fn encoder(&mut self) -> Verbatim {
        Verbatim
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Decoder for Counting {
    type Item = Seen;
    type Error = Status;

    fn decode(&mut self, src: &mut DecodeBuf<'_>) -> Result<Option<Seen>, Status> {
        // tonic hands over one whole message in one piece.
        let seen = Seen::read(src.chunk(), Clock::System.now())
            .filter(|seen| seen.bytes == src.remaining())
            .ok_or_else(|| Status::internal("a message that is no SubscribeResponse"))?;
        src.advance(seen.bytes);
        Ok(Some(seen))
    }
}
