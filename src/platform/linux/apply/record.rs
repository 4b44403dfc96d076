//! What this program has changed on the machine, kept over restarts: a file in the data directory.
//!
//! Invariant: a change is entered before it is made and taken out after it is undone, so that at any moment the file names
//! everything that is ours. What the kernel forgets (at a boot, with its network namespace) is forgotten here too.
//!
//! Routes are not in it: they carry a number of their own ([`super::found::PROTOCOL`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::found::Found;

/// Name of the file in the data directory.
const FILE: &str = "linux-applied.json";

/// All that is ours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Record {
    /// The boot and the namespace that the links belong to.
    network: String,
    /// The boot and the namespace that the host name belongs to.
    names: String,
    pub(super) hostname: Option<Before<String>>,
    /// By interface index, which a name may leave and another one take.
    pub(super) links: BTreeMap<u32, LinkRecord>,
    /// What stood in a file before, none when it was not there.
    pub(super) files: BTreeMap<PathBuf, Option<String>>,
    /// Programs that have not been told yet of a file that changed.
    pub(super) untold: BTreeSet<String>,
}

/// A value from before it was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Before<T> {
    pub(super) value: T,
    /// The path that asked for the change.
    pub(super) path: String,
}

/// What is ours of one link.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct LinkRecord {
    pub(super) up: Option<Before<bool>>,
    pub(super) mtu: Option<Before<u32>>,
    pub(super) alias: Option<Before<String>>,
    /// Path that asked, by address and prefix length.
    #[serde(with = "addresses")]
    pub(super) addresses: BTreeMap<(IpAddr, u8), String>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Claim {
    Hostname(Before<String>),
    Up(u32, Before<bool>),
    Mtu(u32, Before<u32>),
    Alias(u32, Before<String>),
    Address(u32, (IpAddr, u8), String),
}

impl Record {
    /// Enters a change; says whether it was not there. What was entered first stays: it knows how things were before all
    /// changes.
    pub(super) fn claim(&mut self, claim: &Claim) -> bool {
        match claim {
            Claim::Hostname(before) => enter(&mut self.hostname, before),
            Claim::Up(index, before) => enter(&mut self.link(*index).up, before),
            Claim::Mtu(index, before) => enter(&mut self.link(*index).mtu, before),
            Claim::Alias(index, before) => enter(&mut self.link(*index).alias, before),
            Claim::Address(index, address, path) => {
                self.link(*index).addresses.insert(*address, path.clone()).is_none()
            }
        }
    }

    /// Takes an entry out.
    pub(super) fn release(&mut self, claim: &Claim) {
        match claim {
            Claim::Hostname(_) => self.hostname = None,
            Claim::Up(index, _) => self.link(*index).up = None,
            Claim::Mtu(index, _) => self.link(*index).mtu = None,
            Claim::Alias(index, _) => self.link(*index).alias = None,
            Claim::Address(index, address, _) => drop(self.link(*index).addresses.remove(address)),
        }
        self.links.retain(|_, link| *link != LinkRecord::default());
    }

    fn link(&mut self, index: u32) -> &mut LinkRecord {
        self.links.entry(index).or_default()
    }

    /// Whether an address of a link is ours.
    pub(super) fn owns(&self, index: u32, ip: IpAddr, prefix_length: u8) -> bool {
        self.links.get(&index).is_some_and(|link| link.addresses.contains_key(&(ip, prefix_length)))
    }

    /// Forgets links that are gone. Addresses stay: one that the kernel dropped is put back as ours.
    pub(super) fn prune(&mut self, found: &Found) {
        self.links.retain(|index, _| found.link(*index).is_some());
    }
}

fn enter<T: Clone>(entry: &mut Option<Before<T>>, before: &Before<T>) -> bool {
    let fresh = entry.is_none();
    entry.get_or_insert_with(|| before.clone());
    fresh
}

/// The file with the record.
#[derive(Debug)]
pub(super) struct RecordFile {
    path: PathBuf,
    saved: Record,
}

impl RecordFile {
    /// Reads the file. One that is not there is an empty record; one that cannot be read is an error, because then it is
    /// not known what is ours.
    pub(super) fn open(data_dir: &Path) -> io::Result<(Self, Record)> {
        let path = data_dir.join(FILE);
        let mut record = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display())))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Record::default(),
            Err(error) => return Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        };
        let (network, names) = (scope("net"), scope("uts"));
        if record.network != network {
            record.links.clear();
        }
        if record.names != names {
            record.hostname = None;
        }
        (record.network, record.names) = (network, names);
        Ok((Self { path, saved: record.clone() }, record))
    }

    /// Whether this is what the file holds.
    pub(super) fn holds(&self, record: &Record) -> bool {
        self.saved == *record
    }

    /// Puts the record on the disk when it differs from what is there.
    pub(super) fn save(&mut self, record: &Record) -> io::Result<()> {
        if *record == self.saved {
            return Ok(());
        }
        let text = serde_json::to_vec_pretty(record)?;
        let new = self.path.with_extension("json.new");
        let mut file = fs::File::create(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        if let Some(directory) = self.path.parent() {
            fs::File::open(directory)?.sync_all()?;
        }
        self.saved = record.clone();
        Ok(())
    }
}

/// What the kernel's memory lasts for: a boot, and a namespace of a kind.
fn scope(kind: &str) -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = fs::metadata(format!("/proc/self/ns/{kind}")).map_or(0, |file| file.ino());
    format!("{} {kind} {namespace}", boot.trim())
}

/// Addresses as text: `192.0.2.1/24`.
mod addresses {
    use std::collections::BTreeMap;
    use std::net::IpAddr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    type Addresses = BTreeMap<(IpAddr, u8), String>;

    pub(super) fn serialize<S: Serializer>(all: &Addresses, serializer: S) -> Result<S::Ok, S::Error> {
        let texts: BTreeMap<String, &str> =
            all.iter().map(|((ip, length), path)| (format!("{ip}/{length}"), &**path)).collect();
        texts.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Addresses, D::Error> {
        let texts = BTreeMap::<String, String>::deserialize(deserializer)?;
        let parse = |text: &str| {
            let (ip, length) = text.split_once('/')?;
            Some((ip.parse().ok()?, length.parse().ok()?))
        };
        texts
            .into_iter()
            .map(|(text, path)| parse(&text).map(|key| (key, path)).ok_or_else(|| D::Error::custom(text)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_a_restart_but_not_a_boot() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let (mut file, mut record) = RecordFile::open(directory.path())?;
        let before = Before { value: 1500, path: "/p".to_owned() };
        let address = ("192.0.2.1".parse().unwrap(), 24);
        record.claim(&Claim::Mtu(7, before.clone()));
        record.claim(&Claim::Mtu(7, Before { value: 1400, path: "/q".to_owned() }));
        record.claim(&Claim::Address(7, address, "/a".to_owned()));
        record.files.insert("/etc/resolv.conf".into(), Some("nameserver 192.0.2.9\n".to_owned()));
        file.save(&record)?;
        let (mut file, again) = RecordFile::open(directory.path())?;
        assert_eq!(again, record);
        assert_eq!(again.links[&7].mtu, Some(before));
        assert!(again.owns(7, address.0, address.1) && !again.owns(8, address.0, address.1));

        record.claim(&Claim::Hostname(Before { value: "old".to_owned(), path: "/n".to_owned() }));
        record.network = "another boot".to_owned();
        file.save(&record)?;
        let (_, after) = RecordFile::open(directory.path())?;
        assert!(after.links.is_empty() && after.hostname.is_some());
        assert_eq!(after.files, record.files);
        Ok(())
    }

    #[test]
    fn a_broken_file_is_an_error() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        fs::write(directory.path().join(FILE), "{")?;
        assert!(RecordFile::open(directory.path()).is_err());
        Ok(())
    }
}
