//! The work of checking a password.
//!
//! Invariant: no more than a fixed number of checks go on at a time, each on a thread of its own with low priority, so
//! that logins take the processor that others leave. A check that nobody waits for any more keeps its place until it is
//! done. The memory of a check goes back to the system with its end.

use std::sync::Arc;

use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::Semaphore;

/// How much a check gives way to others. At 5 it has a quarter of a processor that somebody else wants.
const NICENESS: i32 = 5;

/// Blocks of 1 KiB that are asked for at least. The system's allocator keeps what is smaller than 32 MiB for later use,
/// in each of its arenas; what is not touched takes no memory.
const BLOCKS_MIN: usize = 33 * 1024;

/// Checks that go on at the same time.
#[derive(Debug)]
pub(super) struct Checks {
    free: Arc<Semaphore>,
}

impl Checks {
    /// At most so many.
    pub(super) fn new(at_once: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(at_once)) }
    }

    /// Whether a password matches a hash; false also when the system has no thread for the check.
    pub(super) async fn verify(&self, hash: Arc<str>, password: Vec<u8>) -> bool {
        // The semaphore is never closed.
        let Ok(place) = self.free.clone().acquire_owned().await else { return false };
        let checking = move || {
            let matches = aside(move || verify(&hash, &password));
            drop(place);
            matches
        };
        // On a thread of the runtime, which only waits: the runtime is to know that there is work.
        tokio::task::spawn_blocking(checking).await.unwrap_or(false)
    }
}

/// Does work on a thread of low priority, which is made for it: priority can be given away but not taken back.
fn aside(work: impl FnOnce() -> bool + Send + 'static) -> bool {
    let thread = std::thread::Builder::new().name("password-check".to_owned()).spawn(move || {
        // Without it the work is done as well, and others are slower.
        let _ = rustix::process::nice(NICENESS);
        work()
    });
    match thread {
        Ok(thread) => thread.join().unwrap_or(false),
        Err(error) => {
            tracing::error!("no thread to check a password: {error}");
            false
        }
    }
}

/// Whether a password matches an Argon2id hash. Takes the work of the hash's own parameters; blocking.
pub fn verify(hash: &str, password: &[u8]) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| output(&hash, password).is_some_and(|output| Some(output) == hash.hash))
}

/// What the password hashes to with the salt and the parameters of another hash.
fn output(hash: &PasswordHash, password: &[u8]) -> Option<Output> {
    let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
    let version = hash.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
    let params = Params::try_from(hash).ok()?;
    let (salt, length) = (hash.salt?, hash.hash?.len());
    let mut blocks = blocks(params.block_count());
    let mut out = vec![0; length];
    let argon2 = Argon2::new(algorithm, version, params);
    argon2.hash_password_into_with_memory(password, salt.as_ref(), &mut out, &mut blocks).ok()?;
    // Compared in constant time.
    Output::new(&out).ok()
}

/// Memory to hash in, which goes back to the system when it is dropped.
pub(super) fn blocks(count: usize) -> Vec<Block> {
    let mut blocks = Vec::with_capacity(count.max(BLOCKS_MIN));
    blocks.resize(count, Block::new());
    blocks
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::local::hash_password;
    use super::*;

    #[test]
    fn judges_as_the_library_does() {
        use argon2::PasswordVerifier;
        let other = "$argon2id$v=19$m=64,t=2,p=2$c29tZXNhbHRzb21l$";
        let hashes =
            [hash_password(b"secret").unwrap(), hash_password(b"other").unwrap(), other.to_owned(), "*".into()];
        for hash in hashes {
            let theirs =
                PasswordHash::new(&hash).is_ok_and(|hash| Argon2::default().verify_password(b"secret", &hash).is_ok());
            assert_eq!(verify(&hash, b"secret"), theirs, "{hash}");
        }
        let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 2, 2, Some(20)).unwrap());
        let cheap = argon2::PasswordHasher::hash_password(&cheap, b"secret").unwrap().to_string();
        assert!(verify(&cheap, b"secret") && !verify(&cheap, b"wrong"), "{cheap}");
    }

    /// Clients that go away do not make room for more work.
    #[tokio::test]
    async fn a_check_that_is_given_up_keeps_its_place() {
        let (checks, hash) = (Checks::new(1), Arc::<str>::from(hash_password(b"secret").unwrap()));
        for _ in 0..20 {
            let given_up = checks.verify(hash.clone(), b"secret".to_vec());
            let _ = tokio::time::timeout(Duration::from_micros(1), given_up).await;
        }
        let started = Instant::now();
        assert!(checks.verify(hash.clone(), b"secret".to_vec()).await);
        assert_eq!(checks.free.available_permits(), 1);
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
