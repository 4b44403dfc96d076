//! Every limit of the daemon with its unit, default and cap.
//!
//! Invariant: a limit can be lowered in the TOML and never raised above its cap; where the cap is the value of the
//! router that is imitated (8 sessions, 225 channels, 14,400 paths, 100 MiB), default and cap are the same.

use std::time::Duration;

/// Most sessions, and the default (LIM-001).
pub const SESSIONS_MAX: usize = 8;
/// Most channels over all sessions, and the default (LIM-003).
pub const CHANNELS_MAX: usize = 225;
/// Most subscribed paths over all subscriptions, and the default (LIM-005).
pub const SUBSCRIPTION_PATHS_MAX: usize = 14_400;
/// Most bytes of an encoded GetResponse, and the default (GET-010).
pub const GET_RESPONSE_BYTES_MAX: usize = 100 * 1024 * 1024;
/// Most bytes of a request message, 1024 MB as in the model (TLS-037).
pub const REQUEST_MESSAGE_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Most bytes of a SubscribeResponse before it is split; clients refuse messages of 4 MiB (C-21).
pub const SUBSCRIBE_MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024 - 64 * 1024;

/// What one process lets its clients have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions that get service at the same time.
    pub sessions: usize,
    /// RPCs that run at the same time, over all sessions.
    pub channels: usize,
    /// TCP connections at the same time. Those that hold no session are answered, but with refusals only. When there
    /// are more, the oldest without a session goes.
    pub connections: usize,
    /// Those of one source, an IPv4 address or an IPv6 /64, that hold no session.
    pub connections_per_source: usize,
    /// New connections of one source in a second, after a burst of twice as many; more are closed at once.
    pub connection_rate: usize,
    /// TLS handshakes computed at the same time.
    pub tls_handshakes: usize,
    /// Paths over all subscriptions.
    pub subscription_paths: usize,
    /// Bytes of an encoded GetResponse.
    pub get_response_bytes: usize,
    /// Bytes of one request message.
    pub request_message_bytes: usize,
    /// Bytes of one SubscribeResponse before its content is split over several.
    pub subscribe_message_bytes: usize,
    /// Deletes, replaces and updates in one Set.
    pub set_edits: usize,
    /// Roles of which the largest election id is remembered (EXT-023).
    pub arbitration_roles: usize,
    /// Time a commit waits for its confirmation when its client names none (EXT-009).
    pub commit_patience: Duration,
    /// Passwords checked at the same time; each check takes 19 MiB and some tens of milliseconds.
    pub password_checks: usize,
    /// RPCs that may wait for their login, over all connections.
    pub waiting_logins: usize,
    /// Logins of one source that may fail in a second, after four times as many at once; the next ones wait.
    pub failed_login_rate: usize,
    /// Time for a new connection to show its first bytes and to finish the TLS handshake.
    pub handshake_timeout: Duration,
    /// Time for a connection without any successful authentication before it is closed.
    pub first_request_timeout: Duration,
    /// Time a message may wait for a client that does not read before its connection is closed, and an HTTP/2 ping for
    /// its answer.
    pub send_stall: Duration,
    /// Time between two HTTP/2 pings on a silent connection.
    pub ping_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: SESSIONS_MAX,
            channels: CHANNELS_MAX,
            connections: 256,
            connections_per_source: 64,
            connection_rate: 200,
            tls_handshakes: 2,
            subscription_paths: SUBSCRIPTION_PATHS_MAX,
            get_response_bytes: GET_RESPONSE_BYTES_MAX,
            request_message_bytes: 512 * 1024 * 1024,
            subscribe_message_bytes: 2 * 1024 * 1024,
            set_edits: 100_000,
            arbitration_roles: 64,
            commit_patience: Duration::from_secs(600),
            password_checks: 4,
            waiting_logins: 1024,
            failed_login_rate: 5,
            handshake_timeout: Duration::from_secs(5),
            first_request_timeout: Duration::from_secs(60),
            send_stall: Duration::from_secs(120),
            ping_interval: Duration::from_secs(60),
        }
    }
}
