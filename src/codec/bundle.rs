//! Several notifications in one message (BND-001): what the encoder made, put together once more.
//!
//! Invariant: applying what comes out gives the same as applying what went in, message by message. A bundle has the
//! prefix that all its members share, the time of its first member, which is that of no member by more than the window
//! (BND-007), and no path twice (BND-008): a path that is in the bundle already, or below or above one that changes the
//! other way, goes to the next bundle. How long a bundle may wait is for the caller to know.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;

use super::Encoded;
use super::notification::{
    NOTIFICATION_DELETE, NOTIFICATION_PREFIX, NOTIFICATION_TIMESTAMP, NOTIFICATION_UPDATE, PATH_TARGET,
    RESPONSE_UPDATE, UPDATE_PATH,
};
use super::protobuf::{Fields, HEAD_MAX, backfill_head, put_head, put_nested, put_varint};

/// How notifications are bundled (C-38).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bundling {
    /// Longest span of time in a bundle, and longest time that a notification is held back.
    pub window: Duration,
    /// Most notifications in a bundle.
    pub count_max: usize,
}

/// What was bundled so far (BND-013).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BundleSizes {
    /// Bundles that are finished.
    pub bundles: u64,
    /// Notifications in all of them.
    pub notifications: u64,
    /// Notifications in the smallest.
    pub smallest: u64,
    /// Notifications in the largest.
    pub largest: u64,
    /// Longest span of time in one.
    pub span: Duration,
}

/// Puts the notifications of one subscription together.
#[derive(Debug)]
pub struct Bundler {
    bundling: Bundling,
    message_bytes_max: usize,
    open: Option<Bundle>,
    opened: u64,
    sizes: BundleSizes,
}

impl Bundler {
    /// A bundler with nothing in it. A bundle is larger than `message_bytes_max` only when a single member is.
    pub fn new(bundling: Bundling, message_bytes_max: usize) -> Self {
        Self { bundling, message_bytes_max, open: None, opened: 0, sizes: BundleSizes::default() }
    }

    /// Takes the next message and tells `finished` those that are complete. Everything but notifications, above all the
    /// sync, goes through at once, behind what was held back (BND-009).
    pub fn push(&mut self, message: Encoded, mut finished: impl FnMut(Encoded)) {
        let Some(member) = Member::read(message.0.clone()) else {
            self.close(&mut finished);
            return finished(message);
        };
        let fits = self.open.as_ref().is_some_and(|open| {
            let bytes = open.bytes + member.message.len();
            let span = member.time.abs_diff(open.time);
            bytes <= self.message_bytes_max
                && u128::from(span) <= self.bundling.window.as_nanos()
                && !open.disagrees(&member)
        });
        if !fits {
            self.close(&mut finished);
            self.opened += 1;
        }
        let open = self.open.get_or_insert_with(|| Bundle::new(&member));
        open.add(member);
        if open.members.len() >= self.bundling.count_max {
            self.close(finished);
        }
    }

    /// Finishes the bundle that is being put together.
    pub fn close(&mut self, mut finished: impl FnMut(Encoded)) {
        let Some(bundle) = self.open.take() else { return };
        self.sizes.add(&bundle);
        finished(bundle.encode());
    }

    /// The bundle that is being put together, as a number that grows from one to the next.
    pub fn open(&self) -> Option<u64> {
        self.open.as_ref().map(|_| self.opened)
    }

    /// How long a notification may be held back.
    pub fn window(&self) -> Duration {
        self.bundling.window
    }

    /// What was bundled so far.
    pub fn sizes(&self) -> BundleSizes {
        self.sizes
    }
}

impl BundleSizes {
    fn add(&mut self, bundle: &Bundle) {
        let size = bundle.members.len() as u64;
        self.smallest = if self.bundles == 0 { size } else { self.smallest.min(size) };
        self.largest = self.largest.max(size);
        self.bundles += 1;
        self.notifications += size;
        self.span = self.span.max(Duration::from_nanos(bundle.span));
    }
}

/// A bundle that is being put together.
#[derive(Debug)]
struct Bundle {
    members: Vec<Member>,
    /// Time of the first member.
    time: i64,
    /// Nanoseconds that any other one is away from it.
    span: u64,
    bytes: usize,
    /// Elements of the first member's prefix that all others share.
    common: usize,
    /// Branches with updates, and the members they are in. All of this by the bytes of its elements.
    branches: BTreeMap<Vec<u8>, Vec<usize>>,
    /// Places that are gone.
    deletes: HashSet<Vec<u8>>,
}

impl Bundle {
    fn new(first: &Member) -> Self {
        Self {
            members: Vec::new(),
            time: first.time,
            span: 0,
            bytes: 0,
            common: first.elems.len(),
            branches: BTreeMap::new(),
            deletes: HashSet::new(),
        }
    }

    /// Whether a member says something about a path that is in here already (SUB-040), or updates what is deleted in
    /// here, or deletes what is updated in here: in one notification nothing tells what comes first.
    fn disagrees(&self, member: &Member) -> bool {
        let branch = member.branch();
        let twice = |path: &[u8]| {
            let same = self.branches.get(branch).into_iter().flatten().filter_map(|&index| self.members.get(index));
            same.flat_map(Member::update_paths).any(|earlier| earlier == path)
        };
        let revisits = self.branches.contains_key(branch);
        if revisits && (member.update_paths().any(twice) || member.delete_paths().any(twice)) {
            return true;
        }
        if !member.updates.is_empty() && !self.deletes.is_empty() {
            let above = member.elems.iter().filter_map(|elem| member.branch_to(elem.end));
            let mut leaves = member.update_paths().map(|path| [branch, path].concat());
            if above.into_iter().any(|place| self.deletes.contains(place))
                || leaves.any(|leaf| self.deletes.contains(&leaf))
            {
                return true;
            }
        }
        member.delete_paths().any(|path| {
            let place = [branch, path].concat();
            let below = self.branches.range(place.clone()..).next();
            self.deletes.contains(&place) || below.is_some_and(|(branch, _)| branch.starts_with(&place))
        })
    }

    fn add(&mut self, member: Member) {
        let index = self.members.len();
        self.bytes += member.message.len();
        self.span = self.span.max(member.time.abs_diff(self.time));
        if !member.updates.is_empty() {
            self.branches.entry(member.branch().to_vec()).or_default().push(index);
        }
        self.deletes.extend(member.delete_paths().map(|path| [member.branch(), path].concat()));
        let first = self.members.first().unwrap_or(&member);
        let shared = first.elems.iter().zip(&member.elems).take_while(|(ours, theirs)| {
            first.message.get(ours.start..ours.end) == member.message.get(theirs.start..theirs.end)
        });
        self.common = self.common.min(shared.count());
        self.members.push(member);
    }

    fn encode(self) -> Encoded {
        let first = match &*self.members {
            [only] => return Encoded(only.message.clone()),
            [first, ..] => first,
            [] => return Encoded::default(),
        };
        let mut out = Vec::with_capacity(self.bytes);
        out.extend_from_slice(&[0; HEAD_MAX]);
        put_varint(&mut out, NOTIFICATION_TIMESTAMP, self.time.cast_unsigned());
        let elems = first.split(self.common).0;
        let length = elems.len() + first.target.len();
        if length > 0 {
            put_head(&mut out, NOTIFICATION_PREFIX, length);
            out.extend_from_slice(elems);
            out.extend_from_slice(first.bytes(&first.target));
        }
        for member in &self.members {
            let below = member.split(self.common).1;
            for update in &member.updates {
                put_nested(&mut out, NOTIFICATION_UPDATE, |out| {
                    put_nested(out, UPDATE_PATH, |out| {
                        out.extend_from_slice(below);
                        out.extend_from_slice(member.bytes(&update.path));
                    });
                    out.extend_from_slice(member.bytes(&update.rest));
                });
            }
        }
        for member in &self.members {
            let below = member.split(self.common).1;
            for path in member.delete_paths() {
                put_nested(&mut out, NOTIFICATION_DELETE, |out| {
                    out.extend_from_slice(below);
                    out.extend_from_slice(path);
                });
            }
        }
        let start = backfill_head(&mut out, RESPONSE_UPDATE, HEAD_MAX);
        Encoded(Bytes::from(out).slice(start..))
    }
}

/// A notification, and where its parts stand in the message.
#[derive(Debug)]
struct Member {
    message: Bytes,
    time: i64,
    /// The elements of the prefix, which stand one behind the other.
    elems: Vec<Range<usize>>,
    /// The target in the prefix, as a field.
    target: Range<usize>,
    updates: Vec<Update>,
    /// Elements of each path.
    deletes: Vec<Range<usize>>,
}

#[derive(Debug)]
struct Update {
    /// Elements of the path.
    path: Range<usize>,
    /// The fields behind it.
    rest: Range<usize>,
}

impl Member {
    /// Finds the parts of a notification; none when it holds anything that cannot be put into a bundle.
    fn read(message: Bytes) -> Option<Self> {
        let mut member = Self {
            message: Bytes::new(),
            time: 0,
            elems: Vec::new(),
            target: 0..0,
            updates: Vec::new(),
            deletes: Vec::new(),
        };
        let mut response = Fields::new(&message, 0..message.len());
        let body = response.next()?.ok().filter(|field| field.key == RESPONSE_UPDATE)?.content;
        if response.next().is_some() {
            return None;
        }
        for field in Fields::new(&message, body) {
            let field = field.ok()?;
            match field.key {
                NOTIFICATION_TIMESTAMP => member.time = field.number.cast_signed(),
                NOTIFICATION_PREFIX => member.read_prefix(&message, field.content)?,
                NOTIFICATION_UPDATE => {
                    let path = Fields::new(&message, field.content.clone()).next()?.ok()?;
                    let path = Some(path).filter(|path| path.key == UPDATE_PATH)?;
                    // Longer paths could be those of another branch, and the root is above all of them (BYTES).
                    if Fields::new(&message, path.content.clone()).count() != 1 {
                        return None;
                    }
                    let rest = path.content.end..field.content.end;
                    member.updates.push(Update { path: path.content, rest });
                }
                NOTIFICATION_DELETE => member.deletes.push(field.content),
                _ => return None,
            }
        }
        Some(Self { message, ..member })
    }

    fn read_prefix(&mut self, message: &[u8], prefix: Range<usize>) -> Option<()> {
        for field in Fields::new(message, prefix) {
            let field = field.ok()?;
            if field.key == PATH_TARGET {
                self.target = field.whole;
            } else {
                self.elems.push(field.whole);
            }
        }
        Some(())
    }

    fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.message.get(range.clone()).unwrap_or_default()
    }

    /// The elements of the prefix up to where one of them ends.
    fn branch_to(&self, end: usize) -> Option<&[u8]> {
        self.message.get(self.elems.first()?.start..end)
    }

    fn branch(&self) -> &[u8] {
        self.elems.last().and_then(|last| self.branch_to(last.end)).unwrap_or_default()
    }

    /// The first so many elements of the prefix, and those behind them.
    fn split(&self, count: usize) -> (&[u8], &[u8]) {
        let taken = self.elems.iter().take(count).map(ExactSizeIterator::len).sum();
        self.branch().split_at_checked(taken).unwrap_or_default()
    }

    fn update_paths(&self) -> impl Iterator<Item = &[u8]> {
        self.updates.iter().map(|update| self.bytes(&update.path))
    }

    fn delete_paths(&self) -> impl Iterator<Item = &[u8]> {
        self.deletes.iter().map(|path| self.bytes(path))
    }
}

#[cfg(test)]
mod tests;
