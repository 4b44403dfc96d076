//! The HTTP/2 settings of the server.

use tonic::transport::Server;

use crate::admission::Limits;

/// Streams one connection may open. Well above the channel limit, so that one client alone can reach that limit and read
/// why it is refused (TLS-034).
pub const STREAMS_PER_CONNECTION: u32 = 1024;

/// Bytes of metadata one RPC may carry.
const HEADER_BYTES: u32 = 16 * 1024;
/// Streams a client may open and reset before the server has looked at them; above that it is taken for an attack.
const UNSEEN_RESETS: usize = 256;

/// A server builder with everything set but its services and layers. A peer that vanished without a word is noticed by
/// pings and gives its session back.
pub fn server(limits: &Limits) -> Server {
    Server::builder()
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .http2_max_header_list_size(HEADER_BYTES)
        .http2_max_pending_accept_reset_streams(Some(UNSEEN_RESETS))
        .http2_keepalive_interval(Some(limits.ping_interval))
        .http2_keepalive_timeout(Some(limits.send_stall))
}
