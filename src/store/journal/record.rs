//! Commits as they are kept: who, when, and every row before and after.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use redb::{ReadableTable, Table};

use super::Fault;
use super::code::{Reader, Row, put_bytes};
use crate::store::author::{Author, Interface};
use crate::time::Timestamp;

/// Who makes a commit, when and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When.
    pub time: Timestamp,
    /// Who.
    pub author: Author,
    /// What the author says of it.
    pub comment: Option<Box<str>>,
}

/// A commit as the journal keeps it: enough to say what it did and to undo it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastCommit {
    /// Its number.
    pub commit_id: u64,
    /// Who made it and when.
    pub record: Record,
    /// The rows it changed, by key.
    pub changes: Vec<RowChange>,
}

/// A row before and after a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    /// The path of the row with module names and typed keys: `/nokia-conf:configure/system/name`.
    pub key: Box<str>,
    /// What stood there, encoded.
    pub old: Option<Box<[u8]>>,
    /// What stands there now, encoded.
    pub new: Option<Box<[u8]>>,
}

impl Record {
    pub(super) fn encode(&self, changes: &[RowChange]) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(self.time.nanos().to_le_bytes());
        put_bytes(&mut out, self.author.user.as_bytes());
        put_bytes(&mut out, self.author.source.as_bytes());
        out.extend(self.author.session.to_le_bytes());
        self.encode_more(&mut out);
        for change in changes {
            put_bytes(&mut out, change.key.as_bytes());
            for row in [&change.old, &change.new] {
                out.push(u8::from(row.is_some()));
                if let Some(row) = row {
                    put_bytes(&mut out, row);
                }
            }
        }
        out
    }

    /// Appends what came to records later, in the form of a row whose key no place has. Who does not know of it reads a
    /// row that is not there.
    fn encode_more(&self, out: &mut Vec<u8>) {
        let mut more = Vec::new();
        put_bytes(&mut more, self.author.interface.word().as_bytes());
        put_bytes(&mut more, self.comment.as_deref().unwrap_or_default().as_bytes());
        put_bytes(out, MORE.as_bytes());
        out.extend([0, 1]);
        put_bytes(out, &more);
    }

    fn decode_more(&mut self, bytes: &[u8]) -> Option<()> {
        let mut more = Reader(bytes);
        self.author.interface = Interface::named(more.text()?);
        self.comment = Some(more.text()?).filter(|text| !text.is_empty()).map(Box::from);
        Some(())
    }
}

/// The key of what is no row.
const MORE: &str = "";

impl RowChange {
    /// Whether it is about a leaf, and not an entry or an order.
    pub(super) fn is_leaf(&self) -> bool {
        [&self.old, &self.new].into_iter().flatten().any(|row| row.first() == Some(&b'v'))
    }
}

impl PastCommit {
    /// None when the bytes are not those of a commit.
    pub(super) fn decode(commit_id: u64, bytes: &[u8]) -> Option<Self> {
        let mut bytes = Reader(bytes);
        let time = bytes.time()?;
        let (user, source) = (bytes.text()?.to_owned(), bytes.text()?.to_owned());
        let author = Author { user, source, session: bytes.number()?, ..Author::default() };
        let mut record = Record { time, author, comment: None };
        let mut changes = Vec::new();
        while !bytes.0.is_empty() {
            let key: Box<str> = bytes.text()?.into();
            let mut row = || Some(if bytes.flag()? { Some(Box::<[u8]>::from(bytes.bytes()?)) } else { None });
            let change = RowChange { key, old: row()?, new: row()? };
            match &change.new {
                Some(more) if &*change.key == MORE => record.decode_more(more)?,
                _ => changes.push(change),
            }
        }
        Some(Self { commit_id, record, changes })
    }
}

/// The configuration table while one commit is written to it; remembers every row as it was first met.
pub(super) struct Writing<'t> {
    config: Table<'t, &'static str, &'static [u8]>,
    /// Row before and row now, by key.
    changed: BTreeMap<Box<str>, (Bytes, Bytes)>,
}

/// A row as bytes, when there is one.
type Bytes = Option<Box<[u8]>>;

impl<'t> Writing<'t> {
    pub(super) fn new(config: Table<'t, &'static str, &'static [u8]>) -> Self {
        Self { config, changed: BTreeMap::new() }
    }

    pub(super) fn put(&mut self, key: String, row: &Row) -> Result<(), Fault> {
        let row = row.encode().into_boxed_slice();
        let old = self.config.insert(&*key, &*row)?.map(|old| old.value().into());
        self.note(&key, old, Some(row));
        Ok(())
    }

    pub(super) fn remove(&mut self, key: &str) -> Result<(), Fault> {
        let old = self.config.remove(key)?.map(|old| old.value().into());
        if let Some(old) = old {
            self.note(key, Some(old), None);
        }
        Ok(())
    }

    /// Removes every row below a key, the key itself excluded. A whole list takes its entries along.
    pub(super) fn remove_below(&mut self, key: &str) -> Result<(), Fault> {
        for (from, to) in below(key) {
            let mut gone: Vec<(Box<str>, Box<[u8]>)> = Vec::new();
            for row in self.config.extract_from_if::<&str, _>(&*from..&*to, |_, _| true)? {
                let (key, row) = row?;
                gone.push((key.value().into(), row.value().into()));
            }
            for (key, old) in gone {
                self.note(&key, Some(old), None);
            }
        }
        Ok(())
    }

    /// Removes the row of a key when there is no row below it.
    pub(super) fn remove_if_bare(&mut self, key: &str) -> Result<(), Fault> {
        for (from, to) in below(key) {
            if self.config.range::<&str>(&*from..&*to)?.next().is_some() {
                return Ok(());
            }
        }
        self.remove(key)
    }

    /// What changed in the end, by key.
    pub(super) fn into_changes(self) -> Vec<RowChange> {
        self.changed
            .into_iter()
            .filter(|(_, (old, new))| old != new)
            .map(|(key, (old, new))| RowChange { key, old, new })
            .collect()
    }

    fn note(&mut self, key: &str, old: Bytes, new: Bytes) {
        match self.changed.entry(key.into()) {
            Entry::Vacant(vacant) => drop(vacant.insert((old, new))),
            Entry::Occupied(mut known) => known.get_mut().1 = new,
        }
    }
}

/// The ranges of keys below one key: children, and the entries of a list named as a whole. `0` and `\` are the
/// characters after `/` and `[`.
fn below(key: &str) -> [(String, String); 2] {
    [(format!("{key}/"), format!("{key}0")), (format!("{key}["), format!("{key}\\"))]
}
