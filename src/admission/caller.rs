//! Who makes an RPC, for its handler, and the line the security log gets about it.
//!
//! Invariant: each RPC that passed admission writes exactly one line (AUTH-025): when its answer begins, or when it ends
//! before that.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::session::Session;
use crate::aaa::local::User;
use crate::log::{Event, SecurityLog, Verdict};

/// Characters of what an RPC is about that go into the log: a few paths of the greatest length.
const ABOUT_CHARS: usize = 16_384 + 1024;

/// The maker of an RPC, in the extensions of its request as `Arc<Caller>`.
#[derive(Debug)]
pub struct Caller {
    /// User name.
    pub user: String,
    /// The session it came on.
    pub session: Arc<Session>,
    /// What the user may do, as of the admission of this RPC.
    pub rights: Arc<User>,
    user_changed: CancellationToken,
    log: SecurityLog,
    /// The line, until it is written.
    line: Mutex<Option<Event>>,
}

/// What an accepted login gives to the RPC that came with it.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) rights: Arc<User>,
    pub(super) user_changed: CancellationToken,
}

impl Caller {
    pub(super) fn new(login: Login, session: Arc<Session>, log: SecurityLog, line: Event) -> Self {
        let Login { rights, user_changed } = login;
        Self { user: line.user.clone(), session, rights, user_changed, log, line: Mutex::new(Some(line)) }
    }

    /// Cancelled when another user takes the session over; a subscription ends then (AUTH-018).
    pub fn user_changed(&self) -> CancellationToken {
        self.user_changed.clone()
    }

    /// Adds what the RPC is about, one line of text, to the security log's line.
    pub fn about(&self, mut paths: String) {
        if let Some((end, _)) = paths.char_indices().nth(ABOUT_CHARS) {
            paths.truncate(end);
        }
        if let Some(line) = &mut *self.line.lock().unwrap_or_else(PoisonError::into_inner) {
            line.paths = paths;
        }
    }

    /// What the RPC is about, until its line is written.
    pub(super) fn paths(&self) -> String {
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.as_ref().map(|line| line.paths.clone()).unwrap_or_default()
    }

    /// Writes the line of an RPC that is being answered; `status` when the answer is an error.
    pub(super) fn answered(&self, status: Option<&Status>) {
        let Some(mut line) = self.take_line() else { return };
        if let Some(status) = status {
            line.reason = format!("{:?}: {}", status.code(), status.message());
            if status.code() == Code::PermissionDenied {
                line.verdict = Some(Verdict::Unauthorized);
            }
        }
        self.log.write(line);
    }

    fn take_line(&self) -> Option<Event> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        if let Some(mut line) = self.take_line() {
            line.reason = "ended by the client before an answer".to_owned();
            self.log.write(line);
        }
    }
}
