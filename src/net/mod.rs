//! TCP and TLS: from a listening socket to connections that HTTP/2 can be spoken on.
//!
//! Invariant: a connection that comes through an [`Entrance`] has shown that it speaks what the port speaks, and
//! carries its session. What is said on it is not looked at here.

mod cause;
mod compression;
mod connection;
mod listener;
mod local;
mod message;
mod server;
mod tls;
mod turn;
mod wording;

pub use compression::in_kind;
pub use connection::Connection;
pub use listener::{BindError, Entrance, Keepalive, Listener, OpenPort, Reception, Transport};
pub use local::local_addresses;
pub use message::{Limited, MessageLimit};
pub use server::{STREAMS_PER_CONNECTION, server};
pub use tls::{Tls, TlsError};
pub use wording::Wording;
