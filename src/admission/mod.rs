//! Who gets service, and how much of it: sessions, channels, credentials, limits.
//!
//! Invariant: admission is a guard, not a counter. A session is open as long as its connection holds its
//! [`OpenSession`], a channel is in use as long as the body of its answer exists; nothing has to be given back by hand.
//! What an RPC asks for is not looked at here. Nothing that strangers do takes more than a bounded part of the memory, the
//! processor and the disk (docs/STORMS.md).

mod backoff;
mod caller;
mod channel;
mod closing;
mod complaints;
mod credentials;
mod crowd;
mod layer;
mod limits;
mod marking;
mod pending;
mod rate;
mod refusal;
mod rpc;
mod session;
mod source;

pub use caller::Caller;
pub use channel::{ChannelState, Finished, RpcFacts};
pub use closing::Closing;
pub use complaints::{Complaints, LINES};
pub use crowd::{Arrival, Ended, TurnedAway};
pub use layer::{Admission, Admitting};
pub use limits::{
    CHANNELS_MAX, GET_RESPONSE_BYTES_MAX, Limits, REQUEST_MESSAGE_BYTES_MAX, SESSIONS_MAX, SUBSCRIBE_MESSAGE_BYTES_MAX,
    SUBSCRIPTION_PATHS_MAX,
};
pub use marking::{DSCP_MAX, Subscribing};
pub use session::{NoSeat, OpenSession, Overdue, Protection, Session, Sessions};
