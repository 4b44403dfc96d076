//! A route netlink socket for requests, and one that listens to events.
//!
//! Invariant: a list that is returned is whole: the kernel said it was done and that nothing changed in between. The
//! background task of a socket ends with the value that owns it.

use std::io;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::sys::AsyncSocket;
use rtnetlink::{Handle, MulticastGroup};
use tokio::task::JoinSet;

/// Room for events in the kernel while we are busy, in bytes. Filled, the kernel says so and we read everything anew.
const EVENT_BUFFER_BYTES: i32 = 4 << 20;

/// How often a list is read that keeps changing meanwhile, before that counts as a failure.
const LIST_ATTEMPTS_MAX: u32 = 4;

/// Why a request to the kernel failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum NetlinkError {
    /// No socket to be had.
    #[error("cannot open a netlink socket: {0}")]
    Open(#[source] io::Error),
    /// The socket broke.
    #[error("the netlink socket closed")]
    Closed,
    /// The kernel refused.
    #[error("the kernel refused a netlink request: {0}")]
    Refused(#[source] io::Error),
    /// Things changed while they were being listed.
    #[error("the kernel's list changed while it was read")]
    Interrupted,
}

/// A socket for requests.
pub(super) struct Requests {
    handle: Handle,
    _connection: JoinSet<()>,
}

impl Requests {
    pub(super) fn open() -> Result<Self, NetlinkError> {
        Self::opened(false)
    }

    /// A socket whose lists hold only what the header of their request describes. Kernels before 4.20 list all there is.
    pub(super) fn open_strict() -> Result<Self, NetlinkError> {
        Self::opened(true)
    }

    fn opened(strict: bool) -> Result<Self, NetlinkError> {
        let (mut connection, handle, _) = rtnetlink::new_connection().map_err(NetlinkError::Open)?;
        connection.set_forward_done(true);
        if strict {
            let _ = connection.socket_mut().socket_ref().set_netlink_get_strict_chk(true);
        }
        Ok(Self { handle, _connection: own(connection) })
    }

    /// Has something changed; `flags` say what is to be there before. Returns when the kernel has done it.
    pub(super) async fn change(&mut self, request: RouteNetlinkMessage, flags: u16) -> Result<(), NetlinkError> {
        let mut message = NetlinkMessage::from(request);
        message.header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        let mut replies = self.handle.request(message).map_err(|_| NetlinkError::Closed)?;
        while let Some(reply) = replies.next().await {
            if let NetlinkPayload::Error(error) = reply.payload
                && error.code.is_some()
            {
                return Err(NetlinkError::Refused(error.to_io()));
            }
        }
        Ok(())
    }

    /// Lists what the request asks for, as far as `keep` keeps it. A list that changed while it was read is read again.
    pub(super) async fn list<T>(
        &mut self,
        request: RouteNetlinkMessage,
        keep: impl Fn(RouteNetlinkMessage) -> Option<T>,
    ) -> Result<Vec<T>, NetlinkError> {
        for _ in 1..LIST_ATTEMPTS_MAX {
            match self.list_once(request.clone(), &keep).await {
                Err(NetlinkError::Interrupted) => {}
                result => return result,
            }
        }
        self.list_once(request, &keep).await
    }

    async fn list_once<T>(
        &mut self,
        request: RouteNetlinkMessage,
        keep: &impl Fn(RouteNetlinkMessage) -> Option<T>,
    ) -> Result<Vec<T>, NetlinkError> {
        let mut message = NetlinkMessage::from(request);
        message.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        let mut replies = self.handle.request(message).map_err(|_| NetlinkError::Closed)?;
        let mut kept = Vec::new();
        let mut interrupted = false;
        while let Some(reply) = replies.next().await {
            interrupted |= reply.header.flags & NLM_F_DUMP_INTR != 0;
            match reply.payload {
                NetlinkPayload::InnerMessage(message) => kept.extend(keep(message)),
                NetlinkPayload::Done(_) if interrupted => return Err(NetlinkError::Interrupted),
                NetlinkPayload::Done(_) => return Ok(kept),
                NetlinkPayload::Error(error) => return Err(NetlinkError::Refused(error.to_io())),
                _ => {}
            }
        }
        Err(NetlinkError::Closed)
    }
}

/// A socket that listens to changes.
pub(super) struct Events {
    messages: BoxStream<'static, NetlinkMessage<RouteNetlinkMessage>>,
    _connection: JoinSet<()>,
}

/// What was heard.
#[derive(Debug)]
pub(super) enum Heard {
    /// A change.
    Change(Box<RouteNetlinkMessage>),
    /// Changes were lost: everything has to be read anew.
    Loss,
}

impl Events {
    /// Listens to links and addresses, and to `more`.
    pub(super) fn open(more: &[MulticastGroup]) -> Result<Self, NetlinkError> {
        let mut groups = vec![MulticastGroup::Link, MulticastGroup::Ipv4Ifaddr, MulticastGroup::Ipv6Ifaddr];
        groups.extend(more);
        let (mut connection, _, messages) = rtnetlink::new_multicast_connection(&groups).map_err(NetlinkError::Open)?;
        // Beyond the limit for unprivileged processes the kernel takes less than asked for, which is no fault.
        let _ = connection.socket_mut().socket_mut().set_rx_buf_sz(EVENT_BUFFER_BYTES);
        let messages = messages.map(|(message, _)| message).boxed();
        Ok(Self { messages, _connection: own(connection) })
    }

    /// Waits for the next change; none when the socket broke.
    pub(super) async fn next(&mut self) -> Option<Heard> {
        loop {
            match self.messages.next().await?.payload {
                NetlinkPayload::InnerMessage(message) => return Some(Heard::Change(Box::new(message))),
                NetlinkPayload::Overrun(_) => return Some(Heard::Loss),
                _ => {}
            }
        }
    }
}

fn own(connection: impl Future<Output = ()> + Send + 'static) -> JoinSet<()> {
    let mut task = JoinSet::new();
    task.spawn(connection);
    task
}
