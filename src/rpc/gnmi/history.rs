//! The history extension (gnmi-history 2.2), which is refused: state has no past here, and of the configuration only the
//! changes of the newest commits are kept, for taking them back.
//!
//! Invariant: live data is never taken for data of the past (EXT-029). What is wrong with a request is said first, so that
//! a client learns it here as anywhere (EXT-027).

use tonic::Status;

use crate::pb::gnmi::subscription_list::Mode;
use crate::pb::gnmi_ext::{History, TimeRange, history::Request};
use crate::rpc::status;

/// Why a request for the past cannot be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// Neither a time nor a range.
    #[error("Extension history: Neither snapshot_time nor range is given")]
    Empty,
    /// A kind that does not go with the mode of the list.
    #[error("Extension history: {kind} needs a subscription list of mode {needed}")]
    Mode {
        /// Its name.
        kind: &'static str,
        /// The mode it goes with.
        needed: &'static str,
    },
    /// A range that ends before it starts.
    #[error("Extension history: The range starts at {start}, after its end at {end}")]
    Backwards {
        /// Its start.
        start: i64,
        /// Its end.
        end: i64,
    },
}

/// The refusal of a request in a list of this mode.
pub(super) fn refusal(asked: &History, mode: i32) -> Status {
    match check(asked, mode) {
        Err(error) => status::history(&error),
        Ok(()) => status::extension("history"),
    }
}

fn check(asked: &History, mode: i32) -> Result<(), HistoryError> {
    let (kind, needed) = match asked.request.as_ref().ok_or(HistoryError::Empty)? {
        Request::SnapshotTime(_) => ("snapshot_time", Mode::Once),
        Request::Range(_) => ("range", Mode::Stream),
    };
    if mode != i32::from(needed) {
        return Err(HistoryError::Mode { kind, needed: needed.as_str_name() });
    }
    match asked.request {
        Some(Request::Range(TimeRange { start, end })) if start > end => Err(HistoryError::Backwards { start, end }),
        _ => Ok(()),
    }
}
