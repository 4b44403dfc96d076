//! What a subscription has said and the transport has not taken yet.
//!
//! Invariant: messages leave in the order they were made. With bundling, a notification is held back until its bundle
//! is full or as old as the window allows, whichever comes first (BND-005, BND-006); nothing else ever waits here.

use std::collections::VecDeque;
use std::time::Instant;

use crate::codec::{BundleSizes, Bundler, Bundling, Encoded, Encoder};

/// Encoder, bundler and the messages that are complete.
#[derive(Debug)]
pub(super) struct Outlet {
    pub(super) encoder: Encoder,
    bundler: Option<Bundler>,
    /// The bundle that is held back, and until when.
    held: Option<(u64, Instant)>,
    ready: VecDeque<Encoded>,
}

impl Outlet {
    pub(super) fn new(encoder: Encoder, bundling: Option<Bundling>) -> Self {
        let bundler = bundling.map(|bundling| Bundler::new(bundling, encoder.message_bytes_max()));
        Self { encoder, bundler, held: None, ready: VecDeque::new() }
    }

    /// The next message.
    pub(super) fn pop(&mut self) -> Option<Encoded> {
        self.ready.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// Takes over what the encoder has finished.
    pub(super) fn fill(&mut self, now: Instant) {
        let Self { encoder, bundler, ready, held } = self;
        let Some(bundler) = bundler else {
            return ready.extend(encoder.take());
        };
        for message in encoder.take() {
            bundler.push(message, |message| ready.push_back(message));
        }
        *held = match (bundler.open(), *held) {
            (None, _) => None,
            (Some(bundle), Some((held, until))) if held == bundle => Some((bundle, until)),
            (Some(bundle), _) => Some((bundle, now + bundler.window())),
        };
    }

    /// When a bundle has to go even though it is not full.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.held.map(|(_, until)| until)
    }

    /// Lets go of a bundle that has waited long enough.
    pub(super) fn release(&mut self, now: Instant) {
        if self.deadline().is_some_and(|until| until <= now) {
            self.close();
        }
    }

    /// Lets go of everything.
    pub(super) fn close(&mut self) {
        self.held = None;
        if let Some(bundler) = &mut self.bundler {
            bundler.close(|message| self.ready.push_back(message));
        }
    }

    /// What was bundled so far; none without bundling.
    pub(super) fn bundle_sizes(&self) -> Option<BundleSizes> {
        self.bundler.as_ref().map(Bundler::sizes)
    }
}
