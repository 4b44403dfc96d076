//! Where an engine writes.

use crate::path::Step;
use crate::schema::NodeId;
use crate::store::{ConfigChange, Leaf};
use crate::time::Timestamp;

/// Takes what a subscription has to say. The wire encoder is one, the transcript of the tests another.
pub trait Sink {
    /// A leaf has this value. `at` is the branch it stands in; `duplicates` counts values the reader missed (SUB-041).
    fn leaf(&mut self, at: &[Step], node: NodeId, leaf: &Leaf, time: Timestamp, duplicates: u32);
    /// Nothing stands at this place any more.
    fn delete(&mut self, path: &[Step], time: Timestamp);
    /// Everything there was at the start has been said (SUB-029).
    fn sync(&mut self);
    /// A round is over; what is held back for grouping should go now.
    fn flush(&mut self);
    /// Everything that a configuration commit changed has been said (EXT-031). Only for subscriptions that asked for it.
    fn commit_done(&mut self, commit: &ConfigChange);
    /// Bytes that wait to be taken, so that the engine can write in pieces.
    fn waiting(&self) -> usize;
}
