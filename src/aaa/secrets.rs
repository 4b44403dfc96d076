//! Secrets that are needed in clear, such as those shared with RADIUS servers.
//!
//! Invariant: a commit never holds one in clear, whichever way it came in: [`SecretNodes::seal`] runs over every candidate
//! before it is judged. So none is read by a client, kept on disk or shown in a difference. What stands in the tree is
//! encrypted with a key that lies beside the saved configuration; the same secret always looks the same, so writing it
//! again changes nothing (SET-039). An encrypted one may be written back to the element it was read from, and to no
//! other: a commit that brings one of another element's is refused.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::places::{containers_above, node};
use crate::path::{DataPath, ListKey};
use crate::schema::{Input, NodeId, Rule, Schema};
use crate::store::{Branch, Child, Leaf, Tree, Violation};
use crate::time::Timestamp;

/// What an encrypted secret begins with.
const SEALED: &str = "$gs1$";
/// The file of the key in the data directory.
const FILE: &str = "secrets.key";
const KEY_BYTES: usize = 32;
/// Why a secret of another element is refused.
const FOREIGN: &str = "this secret was encrypted by another element and opens on no other: write it in clear";

/// The lists of the models that have secrets, the container of an entry that holds one, and the leaf.
const LISTS: [(&str, Option<&str>, &str); 3] = [
    ("/configure/system/security/aaa/remote-servers/radius/server", None, "secret"),
    ("/configure/system/security/aaa/remote-servers/tacplus/server", None, "secret"),
    ("/configure/system/security/aaa/remote-servers/ldap/server", Some("bind-authentication"), "password"),
];

/// Whether a text is an encrypted secret.
fn is_sealed(text: &str) -> bool {
    text.starts_with(SEALED)
}

/// Encrypts and decrypts.
pub struct Vault {
    key: LessSafeKey,
    nonces: hmac::Key,
}

/// The key of the secrets cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("{path}: key of the secrets: {error}")]
pub struct NoKey {
    path: PathBuf,
    error: io::Error,
}

impl Vault {
    /// The vault whose key lies in a directory; one is made where there is none.
    ///
    /// # Errors
    ///
    /// [`NoKey`] when the file cannot be read or written, or is no key.
    pub fn in_directory(directory: &Path) -> Result<Self, NoKey> {
        let path = directory.join(FILE);
        read_key(&path).and_then(|key| Self::new(&key)).map_err(|error| NoKey { path, error })
    }

    /// A vault with this key.
    ///
    /// # Errors
    ///
    /// When the key is too short.
    pub fn new(key: &[u8]) -> io::Result<Self> {
        let broken = |_| io::Error::new(io::ErrorKind::InvalidData, "it is no key");
        if key.len() != KEY_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it has {} bytes", key.len())));
        }
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"ganymede secrets").extract(key);
        let derive = |purpose: &[u8]| -> Result<[u8; KEY_BYTES], aws_lc_rs::error::Unspecified> {
            let mut derived = [0; KEY_BYTES];
            salt.expand(&[purpose], hkdf::HKDF_SHA256)?.fill(&mut derived)?;
            Ok(derived)
        };
        let encryption = UnboundKey::new(&AES_256_GCM, &derive(b"encryption").map_err(broken)?).map_err(broken)?;
        let nonces = hmac::Key::new(hmac::HMAC_SHA256, &derive(b"nonces").map_err(broken)?);
        Ok(Self { key: LessSafeKey::new(encryption), nonces })
    }

    /// A secret as it is kept. One that is encrypted already stays as it is.
    pub fn seal(&self, secret: &str) -> Option<String> {
        if is_sealed(secret) {
            return Some(secret.to_owned());
        }
        // A nonce that comes of the text never meets another text, except with the chance of a collision.
        let tag = hmac::sign(&self.nonces, secret.as_bytes());
        let nonce: [u8; NONCE_LEN] = tag.as_ref().get(..NONCE_LEN)?.try_into().ok()?;
        let mut sealed = secret.as_bytes().to_vec();
        self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed).ok()?;
        Some(format!("{SEALED}{}", STANDARD_NO_PAD.encode([&nonce[..], &sealed].concat())))
    }

    /// The secret in clear; none when it was encrypted with another key.
    pub fn open(&self, text: &str) -> Option<String> {
        let Some(encoded) = text.strip_prefix(SEALED) else { return Some(text.to_owned()) };
        let bytes = STANDARD_NO_PAD.decode(encoded).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce.try_into().ok()?);
        let clear = self.key.open_in_place(nonce, Aad::empty(), &mut sealed).ok()?;
        String::from_utf8(clear.to_vec()).ok()
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

/// Where secrets stand.
#[derive(Clone, Debug)]
pub(super) struct SecretNodes {
    lists: Vec<SecretList>,
}

#[derive(Clone, Debug)]
struct SecretList {
    above: DataPath,
    list: NodeId,
    /// The container between an entry and the leaf.
    within: Option<NodeId>,
    leaf: NodeId,
}

impl SecretNodes {
    pub(super) fn new(schema: &Schema) -> Self {
        let find = |(path, within, leaf): (&str, Option<&str>, &str)| {
            let list = node(schema, path)?;
            let within = match within {
                Some(name) => Some(schema.child(Some(list), None, name)?),
                None => None,
            };
            let leaf = schema.child(within.or(Some(list)), None, leaf)?;
            Some(SecretList { above: containers_above(schema, list), list, within, leaf })
        };
        Self { lists: LISTS.into_iter().filter_map(find).collect() }
    }

    /// Encrypts the secrets that a change brings. One that is too long for that is refused, and so is one that only
    /// another element can read: it would look set and open nothing.
    pub(super) fn seal(
        &self,
        schema: &Schema,
        vault: &Vault,
        base: &Tree,
        candidate: &mut Tree,
        time: Timestamp,
    ) -> Result<(), Violation> {
        for list in &self.lists {
            for (key, secret) in list.brought(base, candidate) {
                let refused = |reason| Violation { path: list.path(schema, &key), reason };
                if is_sealed(&secret) {
                    vault.open(&secret).ok_or_else(|| refused(FOREIGN.to_owned()))?;
                    continue;
                }
                let sealed = vault.seal(&secret).and_then(|sealed| {
                    let ty = schema.node(list.leaf).ty()?;
                    ty.accept(Input::Text(&sealed), Rule::Lenient, "").ok()
                });
                let sealed = sealed.ok_or_else(|| {
                    let length = secret.len();
                    refused(format!(
                        "a secret of {length} bytes is too long: secrets are kept encrypted, which takes more room"
                    ))
                })?;
                let branch = candidate.branch_mut(schema, list.above.steps(), time);
                let Some(Child::List(_, entries)) = branch.child_mut(list.list) else { continue };
                let Some(entry) = entries.get_mut(&key) else { continue };
                let holder = match list.within {
                    Some(within) => entry.container_mut(within),
                    None => entry,
                };
                holder.put_leaf(list.leaf, Leaf::new(sealed, time));
            }
        }
        Ok(())
    }
}

impl SecretList {
    /// The secrets that a candidate has and its base has not, by the keys of their entries.
    fn brought(&self, base: &Tree, candidate: &Tree) -> Vec<(ListKey, String)> {
        let (old, new) = (base.branch(self.above.steps()), candidate.branch(self.above.steps()));
        let Some(new) = new.filter(|new| old.is_none_or(|old| !Arc::ptr_eq(old, new))) else { return Vec::new() };
        let secret = |entry: &Branch| {
            let leaf = match self.within {
                Some(within) => entry.container(within)?.leaf(self.leaf)?,
                None => entry.leaf(self.leaf)?,
            };
            leaf.value.as_text().map(str::to_owned)
        };
        let before = |key: &ListKey| secret(old?.list(self.list)?.get(key)?.branch());
        let entries = new.list(self.list).into_iter().flat_map(|list| list.iter());
        let found = entries.filter_map(|(key, entry)| Some((key.clone(), secret(entry.branch())?)));
        found.filter(|(key, secret)| before(key).as_ref() != Some(secret)).collect()
    }

    fn path(&self, schema: &Schema, key: &ListKey) -> String {
        let entry = self.above.child(self.list, Some(key.clone()));
        let holder = self.within.map_or(entry.clone(), |within| entry.child(within, None));
        holder.child(self.leaf, None).display(schema).to_string()
    }
}

fn read_key(path: &Path) -> io::Result<Vec<u8>> {
    let mut key = Vec::new();
    match OpenOptions::new().read(true).open(path) {
        Ok(file) => drop(file.take(1024).read_to_end(&mut key)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            key.resize(KEY_BYTES, 0);
            rand::fill(&mut key).map_err(|_| io::Error::other("the system has no random numbers"))?;
            // Whole or not at all, also when the power goes.
            let made = path.with_extension("new");
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&made)?;
            file.write_all(&key)?;
            file.sync_all()?;
            std::fs::rename(made, path)?;
        }
        Err(error) => return Err(error),
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_the_own_key_opens() {
        let (vault, other) = (Vault::new(&[7; 32]).unwrap(), Vault::new(&[8; 32]).unwrap());
        let sealed = vault.seal("between us").unwrap();
        assert!(is_sealed(&sealed) && !sealed.contains("between"), "{sealed}");
        assert_eq!(vault.open(&sealed).as_deref(), Some("between us"));
        assert_eq!(other.open(&sealed), None);
        assert_eq!(vault.open(&format!("{sealed}x")), None);
        assert_eq!(vault.open("$gs1$"), None);
        assert_eq!(vault.open("in clear").as_deref(), Some("in clear"));
        // The same looks the same, another one does not, and what is sealed is not sealed again.
        assert_eq!(vault.seal("between us").unwrap(), sealed);
        assert_ne!(vault.seal("between them").unwrap(), sealed);
        assert_ne!(other.seal("between us").unwrap(), sealed);
        assert_eq!(vault.seal(&sealed).unwrap(), sealed);
    }

    #[test]
    fn the_key_stays_and_is_nobody_elses() {
        let directory = tempfile::tempdir().unwrap();
        let sealed = Vault::in_directory(directory.path()).unwrap().seal("x").unwrap();
        assert_eq!(Vault::in_directory(directory.path()).unwrap().open(&sealed).as_deref(), Some("x"));
        let file = directory.path().join(FILE);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&file, "short").unwrap();
        let error = Vault::in_directory(directory.path()).unwrap_err().to_string();
        assert_eq!(error, format!("{}: key of the secrets: it has 5 bytes", file.display()));
    }
}
