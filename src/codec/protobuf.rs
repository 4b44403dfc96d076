//! Protobuf wire primitives, for messages that are spliced together rather than built as objects.
//!
//! Invariant: everything is appended, lengths are as short as they can be, so the bytes are those prost would write.
//! Only what gNMI responses need is here. Decoding is left to prost, but for finding the fields of what was written here.

use std::ops::Range;

/// A key: field number and wire type. Every field of gNMI has a number below 16, so a key is one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(u8);

impl Key {
    /// Key of a varint field.
    pub(super) const fn varint(field: u8) -> Self {
        Self(field << 3)
    }

    /// Key of a 64-bit field.
    pub(super) const fn fixed64(field: u8) -> Self {
        Self(field << 3 | 1)
    }

    /// Key of a field with a length: text, bytes, a message.
    pub(super) const fn sized(field: u8) -> Self {
        Self(field << 3 | 2)
    }
}

/// A key of a field with a length, whose number may need more than the one byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct WideKey(u32);

impl WideKey {
    /// Key of a field with a length.
    pub(super) const fn sized(field: u32) -> Self {
        Self(field << 3 | 2)
    }

    /// Appends the key.
    #[inline]
    pub(super) fn put(self, out: &mut Vec<u8>) {
        match u8::try_from(self.0) {
            Ok(short @ 0..0x80) => out.push(short),
            _ => varint(out, self.0.into()),
        }
    }
}

/// Longest varint.
const VARINT_MAX: usize = 10;

/// Longest key and length together, for lengths up to 32 GiB.
pub(super) const HEAD_MAX: usize = 6;

/// Appends a varint field.
pub(super) fn put_varint(out: &mut Vec<u8>, key: Key, value: u64) {
    out.push(key.0);
    varint(out, value);
}

/// Appends a double.
pub(super) fn put_double(out: &mut Vec<u8>, key: Key, value: f64) {
    out.push(key.0);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends text or bytes.
pub(super) fn put_bytes(out: &mut Vec<u8>, key: Key, bytes: &[u8]) {
    put_head(out, key, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends the key and length of a field whose content follows.
pub(super) fn put_head(out: &mut Vec<u8>, key: Key, length: usize) {
    out.push(key.0);
    varint(out, length as u64);
}

/// Appends a field whose content `write` appends. Short contents, the rule here, are written once; the length of a long
/// one needs more room than was left for it, and the content moves up.
#[inline]
pub(super) fn put_nested(out: &mut Vec<u8>, key: Key, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(&[key.0, 0]);
    let start = out.len();
    write(out);
    close_nested(out, start);
}

/// The same under a key of any length.
#[inline]
pub(super) fn put_wide_nested(out: &mut Vec<u8>, key: WideKey, write: impl FnOnce(&mut Vec<u8>)) {
    key.put(out);
    out.push(0);
    let start = out.len();
    write(out);
    close_nested(out, start);
}

/// Writes the length of a field whose content begins at `start` and ends where `out` does, over the one byte that was
/// left for it.
#[inline]
#[expect(clippy::indexing_slicing, reason = "the caller left this room")]
pub(super) fn close_nested(out: &mut Vec<u8>, start: usize) {
    let length = out.len() - start;
    match u8::try_from(length) {
        Ok(short @ 0..0x80) => out[start - 1] = short,
        _ => widen(out, start, length),
    }
}

/// Writes the length of a field in front of its content at `start`, where one byte was left for it.
#[cold]
#[expect(clippy::indexing_slicing, reason = "the caller left this room")]
fn widen(out: &mut Vec<u8>, start: usize, length: usize) {
    let (bytes, width) = varint_bytes(length as u64);
    out.resize(out.len() + width - 1, 0);
    out.copy_within(start..start + length, start + width - 1);
    out[start - 1..start - 1 + width].copy_from_slice(&bytes[..width]);
}

/// Writes key and length so that they end right before `content`, over room that was left there; returns where they
/// begin.
#[expect(clippy::indexing_slicing, reason = "the caller left this room")]
pub(super) fn backfill_head(out: &mut [u8], key: Key, content: usize) -> usize {
    let (bytes, width) = varint_bytes((out.len() - content) as u64);
    let start = content - width - 1;
    out[start] = key.0;
    out[start + 1..content].copy_from_slice(&bytes[..width]);
    start
}

#[inline]
fn varint(out: &mut Vec<u8>, value: u64) {
    let (bytes, width) = varint_bytes(value);
    // Copying a fixed number of bytes takes two moves, copying just the right number a call.
    out.extend_from_slice(&bytes);
    out.truncate(out.len() - bytes.len() + width);
}

/// The bytes of a varint and how many of them count. Counters have every length from one byte to eight, which a loop
/// would guess wrong at its last round each time; so all of them are spread at once, without a branch.
fn varint_bytes(value: u64) -> ([u8; VARINT_MAX], usize) {
    let mut bytes = [0; VARINT_MAX];
    let width = (70 - (value | 1).leading_zeros() as usize) / 7;
    // Seven bits go to each byte, by halves: 28 bits to each 32, 14 to each 16, 7 to each 8.
    let low = value & 0x00ff_ffff_ffff_ffff;
    let low = low & 0x0fff_ffff | (low & 0x00ff_ffff_f000_0000) << 4;
    let low = low & 0x0000_3fff_0000_3fff | (low & 0x0fff_c000_0fff_c000) << 2;
    let low = low & 0x007f_007f_007f_007f | (low & 0x3f80_3f80_3f80_3f80) << 1;
    // Every byte but the last says that another one follows.
    let follows = 0x8080_8080_8080_8080 & (1u64 << (8 * (width - 1)).min(63)).wrapping_sub(1);
    bytes[..8].copy_from_slice(&(low | follows).to_le_bytes());
    if width > 8 {
        bytes[7] |= 0x80;
        bytes[8] = (value >> 56) as u8 & 0x7f | u8::from(width > 9) << 7;
        bytes[9] = (value >> 63) as u8;
    }
    (bytes, width)
}

/// The fields of a message, one after the other, without looking into them.
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

/// A field, as places in the bytes it was found in.
pub(super) struct Field {
    pub(super) key: Key,
    /// Key, length and content.
    pub(super) whole: Range<usize>,
    /// What a sized field holds; empty for others.
    pub(super) content: Range<usize>,
    /// What a varint field holds.
    pub(super) number: u64,
}

/// Bytes that are no fields.
#[derive(Debug)]
pub(super) struct Malformed;

impl<'a> Fields<'a> {
    /// The fields of the message that stands in a part of `bytes`.
    pub(super) fn new(bytes: &'a [u8], message: Range<usize>) -> Self {
        Self { bytes, at: message.start, end: message.end.min(bytes.len()) }
    }

    fn read(&mut self) -> Result<Field, Malformed> {
        let start = self.at;
        let mut rest = self.bytes.get(start..self.end).ok_or(Malformed)?;
        let key = Key(*rest.split_off_first().ok_or(Malformed)?);
        let number = prost::decode_length_delimiter(&mut rest).map_err(|_| Malformed)?;
        let content = self.end - rest.len();
        let end = match key.0 & 7 {
            0 => content,
            2 if number <= rest.len() => content + number,
            _ => return Err(Malformed),
        };
        self.at = end;
        Ok(Field { key, whole: start..end, content: content..end, number: number as u64 })
    }
}

impl Iterator for Fields<'_> {
    type Item = Result<Field, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.at = self.end;
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_prost_writes() {
        for length in [0, 1, 127, 128, 300, 16_383, 16_384, 3_000_000] {
            let content = vec![7u8; length];
            let mut expected = Vec::new();
            prost::encoding::bytes::encode(3, &content, &mut expected);
            let mut nested = vec![9];
            put_nested(&mut nested, Key::sized(3), |out| out.extend_from_slice(&content));
            assert_eq!(nested[1..], expected);
            let mut room = [&[0; HEAD_MAX][..], &content].concat();
            let start = backfill_head(&mut room, Key::sized(3), HEAD_MAX);
            assert_eq!(room[start..], expected);
        }
        let edges = (0..64).flat_map(|bit| [1u64 << bit, (1 << bit) - 1, (1 << bit) | 1]).chain([u64::MAX]);
        for value in edges {
            let (mut ours, mut expected) = (Vec::new(), Vec::new());
            put_varint(&mut ours, Key::varint(3), value);
            prost::encoding::uint64::encode(3, &value, &mut expected);
            assert_eq!(ours, expected);
        }
    }
}
