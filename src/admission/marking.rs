//! The DSCP of a connection: that of the first subscription on it, for as long as any runs (SUB-043).
//!
//! Invariant: the value is the one wanted on the packets sent from now on; whoever writes to the connection compares it
//! with the one in effect. Nothing here touches a socket.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::session::Session;

/// Largest DSCP: six bits.
pub const DSCP_MAX: u8 = 63;

/// What is wanted on one connection.
#[derive(Debug, Default)]
pub(super) struct Marking {
    subscriptions: Mutex<usize>,
    dscp: AtomicU8,
}

/// A subscription that runs on a session, for as long as this value lives.
#[derive(Debug)]
pub struct Subscribing {
    session: Arc<Session>,
}

impl Session {
    /// Counts a subscription in. `dscp` is what it asks for, which is heard only when no other one runs here.
    pub fn subscribing(self: &Arc<Self>, dscp: Option<u8>) -> Subscribing {
        let mut subscriptions = self.marking().lock();
        if *subscriptions == 0
            && let Some(dscp) = dscp
        {
            self.marking().dscp.store(dscp.min(DSCP_MAX), Ordering::Relaxed);
        }
        *subscriptions += 1;
        Subscribing { session: self.clone() }
    }

    /// The DSCP wanted on packets to the client.
    pub fn dscp(&self) -> u8 {
        self.marking().dscp.load(Ordering::Relaxed)
    }
}

impl Marking {
    fn lock(&self) -> std::sync::MutexGuard<'_, usize> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Subscribing {
    fn drop(&mut self) {
        let marking = self.session.marking();
        let mut subscriptions = marking.lock();
        *subscriptions -= 1;
        if *subscriptions == 0 {
            marking.dscp.store(0, Ordering::Relaxed);
        }
    }
}
