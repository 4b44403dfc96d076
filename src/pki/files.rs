//! The directory of certificates, keys and revocation lists, which the model names without a directory.
//!
//! Invariant: a name of the model leads to a file of this directory and to no other, whatever is in the name.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use super::Unusable;

/// Longest file that is read. A revocation list of half a million certificates is shorter.
const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// A file, and the leaf that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRef {
    /// Path of the leaf.
    pub leaf: String,
    /// Name of the file.
    pub name: String,
}

/// Where the files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    directory: PathBuf,
}

impl Files {
    /// The files of a directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// Where a file is.
    pub fn path(&self, file: &FileRef) -> PathBuf {
        self.directory.join(&file.name)
    }

    /// What is wrong with the contents of a file.
    pub(super) fn unusable(&self, file: &FileRef, reason: &str) -> Unusable {
        bad(file, &self.path(file), reason)
    }

    /// The certificates in a file, in its order: PEM, or one in DER.
    ///
    /// # Errors
    ///
    /// [`Unusable`] naming the leaf and the file; also when there is none in it.
    pub fn certificates(&self, file: &FileRef) -> Result<Vec<CertificateDer<'static>>, Unusable> {
        let (path, bytes) = self.read(file)?;
        if !is_pem(&bytes) {
            return Ok(vec![CertificateDer::from(bytes)]);
        }
        pem_certificates(&bytes).map_err(|reason| bad(file, &path, &reason))
    }

    /// The private key in a file, PEM or DER.
    ///
    /// # Errors
    ///
    /// [`Unusable`] naming the leaf and the file.
    pub fn key(&self, file: &FileRef) -> Result<PrivateKeyDer<'static>, Unusable> {
        let (path, bytes) = self.read(file)?;
        if is_pem(&bytes) {
            pem_key(&bytes).map_err(|reason| bad(file, &path, &reason))
        } else {
            PrivateKeyDer::try_from(bytes).map_err(|reason| bad(file, &path, reason))
        }
    }

    /// The revocation list in a file, PEM or DER, not looked at any further.
    ///
    /// # Errors
    ///
    /// [`Unusable`] naming the leaf and the file.
    pub fn revocation_list(&self, file: &FileRef) -> Result<CertificateRevocationListDer<'static>, Unusable> {
        let (path, bytes) = self.read(file)?;
        if is_pem(&bytes) {
            CertificateRevocationListDer::from_pem_slice(&bytes).map_err(|error| bad(file, &path, &error.to_string()))
        } else {
            Ok(CertificateRevocationListDer::from(bytes))
        }
    }

    fn read(&self, file: &FileRef) -> Result<(PathBuf, Vec<u8>), Unusable> {
        let path = self.path(file);
        // The type of the model says so too, but the models can be others.
        if Path::new(&file.name).file_name() != Some(OsStr::new(&file.name)) {
            return Err(Unusable::new(&file.leaf, format!("{:?} is not the name of a file", file.name)));
        }
        match contents(&path) {
            Ok(bytes) => Ok((path, bytes)),
            Err(reason) => Err(bad(file, &path, &reason)),
        }
    }
}

/// What is in a file, or why that cannot be said.
pub(super) fn contents(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    // Opening a pipe would wait for somebody to write into it.
    let open = std::fs::metadata(path).and_then(|found| match found.is_file() {
        true => File::open(path),
        false => Err(io::Error::other("is no regular file")),
    });
    match open.and_then(|open| open.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)) {
        Err(error) => Err(error.to_string()),
        Ok(read) if read as u64 > FILE_BYTES_MAX => Err(format!("is longer than {FILE_BYTES_MAX} bytes")),
        Ok(_) => Ok(bytes),
    }
}

/// The certificates of a text in PEM; there is one at least.
pub(super) fn pem_certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    match found {
        Ok(found) if found.is_empty() => Err("holds no certificate".to_owned()),
        found => found.map_err(|error| error.to_string()),
    }
}

/// The first private key of a text in PEM.
pub(super) fn pem_key(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(bytes).map_err(|error| error.to_string())
}

fn is_pem(bytes: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN ";
    bytes.windows(BEGIN.len()).any(|window| window == BEGIN)
}

fn bad(file: &FileRef, path: &Path, reason: &str) -> Unusable {
    Unusable::new(&file.leaf, format!("{}: {reason}", path.display()))
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;
    use crate::pki::Identity;

    /// Neither what is no file nor what is elsewhere.
    #[test]
    fn reads_files_of_its_directory_only() {
        let data = tempfile::tempdir().unwrap();
        mknodat(CWD, data.path().join("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        std::fs::write(data.path().join("outside"), "x").unwrap();
        std::fs::create_dir(data.path().join("tls")).unwrap();
        let refusal = |directory: &Path, name: &str| {
            let file = FileRef { leaf: "/leaf".to_owned(), name: name.to_owned() };
            Files::new(directory).certificates(&file).unwrap_err().reason
        };
        assert!(refusal(data.path(), "pipe").ends_with("pipe: is no regular file"));
        let pipe = data.path().join("pipe");
        let refused = Identity::from_files(&pipe, &pipe).unwrap_err().to_string();
        assert!(refused.ends_with("pipe: is no regular file"), "{refused}");
        assert!(refusal(data.path(), "tls").ends_with("tls: is no regular file"));
        assert!(refusal(data.path(), "gone").contains("gone: No such file"));
        for name in ["../outside", "/etc/hostname", "..", "."] {
            assert_eq!(refusal(&data.path().join("tls"), name), format!("{name:?} is not the name of a file"));
        }
    }
}
