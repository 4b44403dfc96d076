//! Who gets service, and how much of it: sessions, channels, credentials, limits.
//!
//! Invariant: admission is a guard, not a counter. A session is open as long as its connection holds its
//! [`OpenSession`], a channel is in use as long as the body of its answer exists; nothing has to be given back by hand.
//! What an RPC asks for is not looked at here.

mod caller;
mod channel;
mod credentials;
mod layer;
mod limits;
pub use limits::*;
/// stub
#[derive(Debug)]
pub struct Caller {
    /// u
    pub user: String,
    /// s
    pub session: Sess,
}
/// stub
#[derive(Debug)]
pub struct Sess;
impl Sess {
    /// p
    pub fn peer(&self) -> String {
        String::new()
    }
    /// i
    pub fn id(&self) -> u64 {
        0
    }
}
impl Caller {
    /// x
    pub fn user_changed(&self) -> tokio_util::sync::CancellationToken {
        Default::default()
    }
}
