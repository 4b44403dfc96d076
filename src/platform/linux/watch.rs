//! The collector of links: events as they come, counters at an interval.
//!
//! One task owns all that is known of links, so that an event and a list never race: a list is applied before the events
//! that came while it was read, and the last event of a link is never older than the list.
//!
//! ```text
//!   rtnetlink events ----+
//!   tick: list of links -+--> Kernel --> StateBatch --> StateWriter
//!   ethtool, neighbours -+
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::link::LinkMessage;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::kernel::{Kernel, LinkList};
use super::message;
use super::netlink::{Events, Heard, NetlinkError, Requests};
use crate::platform::condition::Condition;
use crate::platform::map::nokia::ROUTER;
use crate::platform::reading::{Address, Ethernet, IpCounters, Neighbours};
use crate::schema::Schema;
use crate::store::{Commit, Named, StateBatch, StateWriter, Tree};
use crate::time::{Clock, Timestamp};
use crate::value::Text;

/// Events that go into one commit at most, so that a storm of them still reaches subscribers bit by bit.
const EVENTS_PER_COMMIT_MAX: usize = 512;

/// Time between two attempts to get a working socket.
const RETRY: Duration = Duration::from_secs(1);

/// What the slow collectors last found, for the links they found it of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Slow {
    pub(super) ethernet: Arc<BTreeMap<u32, Ethernet>>,
    pub(super) neighbours: Arc<BTreeMap<u32, Neighbours>>,
    pub(super) ipv6: Arc<BTreeMap<u32, IpCounters>>,
}

/// The collector of links.
pub(super) struct Watch {
    pub(super) kernel: Kernel,
    pub(super) writer: StateWriter,
    pub(super) clock: Clock,
    pub(super) interval: Duration,
    /// Woken when the state of a link changed.
    pub(super) changed: Arc<Notify>,
    pub(super) slow: watch::Receiver<Slow>,
    /// Router interfaces are configured by names of their own.
    pub(super) configured: watch::Receiver<Arc<Commit>>,
}

/// The sockets, opened and lost together.
struct Sockets {
    events: Events,
    requests: Requests,
}

impl Sockets {
    fn open() -> Result<Self, NetlinkError> {
        Ok(Self { events: Events::open(&[])?, requests: Requests::open()? })
    }
}

impl Watch {
    /// Reads all links once, then follows them until the returned future is dropped.
    pub(super) async fn start(mut self) -> Result<impl Future<Output = ()> + Send, NetlinkError> {
        let mut sockets = Sockets::open()?;
        self.resync(&mut sockets.requests).await?;
        self.bind();
        Ok(async move { self.run(sockets).await })
    }

    async fn run(mut self, mut sockets: Sockets) {
        let mut condition = Condition::new("links");
        loop {
            let end = self.follow(&mut sockets, &mut condition).await;
            condition.note::<()>(Err(end));
            sockets = loop {
                tokio::time::sleep(RETRY).await;
                let Some(mut fresh) = condition.note(Sockets::open()) else { continue };
                if condition.note(self.resync(&mut fresh.requests).await).is_some() {
                    break fresh;
                }
            };
        }
    }

    /// Follows until a socket breaks.
    async fn follow(&mut self, sockets: &mut Sockets, condition: &mut Condition) -> NetlinkError {
        let mut tick = self.tick();
        loop {
            let result = tokio::select! {
                heard = sockets.events.next() => match heard {
                    Some(heard) => self.hear(heard, sockets).await,
                    None => return NetlinkError::Closed,
                },
                _ = tick.tick() => self.count(&mut sockets.requests).await,
                Ok(()) = self.configured.changed() => {
                    self.bind();
                    Ok(())
                }
                Ok(()) = self.slow.changed() => {
                    self.merge();
                    Ok(())
                }
            };
            match result {
                Err(NetlinkError::Closed) => return NetlinkError::Closed,
                result => {
                    condition.note(result);
                }
            }
        }
    }

    fn tick(&self) -> Interval {
        let mut tick = tokio::time::interval_at(Instant::now() + self.interval, self.interval);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick
    }

    /// Takes in an event and those that wait behind it, as one commit.
    async fn hear(&mut self, first: Heard, sockets: &mut Sockets) -> Result<(), NetlinkError> {
        let now = self.clock.now();
        let mut batch = StateBatch::new();
        let mut stirred = false;
        let mut lost = false;
        let mut room = EVENTS_PER_COMMIT_MAX;
        let mut next = Some(first);
        while let Some(heard) = next.take() {
            match heard {
                Heard::Change(message) => stirred |= self.kernel.apply(&message, now, &mut batch),
                Heard::Loss => lost = true,
            }
            room -= 1;
            if room > 0 {
                next = sockets.events.next().now_or_never().flatten();
            }
        }
        self.commit(&batch, now);
        if stirred {
            self.changed.notify_one();
        }
        if lost {
            tracing::warn!("events of links were lost, reading all of them again");
            self.resync(&mut sockets.requests).await?;
        }
        Ok(())
    }

    /// Reads links and counters.
    async fn count(&mut self, requests: &mut Requests) -> Result<(), NetlinkError> {
        let now = self.clock.now();
        let links = links(requests).await?;
        let mut batch = StateBatch::new();
        self.kernel.replace(links, now, &mut batch);
        self.commit(&batch, now);
        Ok(())
    }

    /// Reads everything.
    async fn resync(&mut self, requests: &mut Requests) -> Result<(), NetlinkError> {
        let now = self.clock.now();
        let links = links(requests).await?;
        let addresses = addresses(requests).await?;
        let mut batch = StateBatch::new();
        self.kernel.replace(links, now, &mut batch);
        self.kernel.replace_addresses(addresses, &mut batch);
        self.commit(&batch, now);
        Ok(())
    }

    /// Looks at the newest configuration.
    fn bind(&mut self) {
        let commit = self.configured.borrow_and_update().clone();
        let mut batch = StateBatch::new();
        self.kernel.bind(interfaces(self.writer.schema(), &commit.tree), &mut batch);
        self.commit(&batch, self.clock.now());
    }

    fn merge(&mut self) {
        let slow = self.slow.borrow_and_update().clone();
        let mut batch = StateBatch::new();
        self.kernel.run(slow.ethernet, &mut batch);
        self.kernel.meet(slow.neighbours, &mut batch);
        self.kernel.count_ipv6(&slow.ipv6, &mut batch);
        self.commit(&batch, self.clock.now());
    }

    fn commit(&self, batch: &StateBatch, collected: Timestamp) {
        if !batch.is_empty()
            && let Err(error) = self.writer.commit(batch, collected)
        {
            tracing::error!(%error, "state of links not published");
        }
    }
}

/// Router interfaces by the port they are configured on, as far as they take all frames of it.
fn interfaces(schema: &Schema, tree: &Tree) -> BTreeMap<Text, Text> {
    let mut found = BTreeMap::new();
    let Some(router) = Named::new(schema, tree, "configure").entry("router", ROUTER) else { return found };
    for (name, interface) in router.entries("interface") {
        if let Some(port) = interface.text("port")
            && let (port, "" | "0") = port.split_once(':').unwrap_or((port, ""))
        {
            found.entry(port.into()).or_insert_with(|| name.into());
        }
    }
    found
}

async fn links(requests: &mut Requests) -> Result<LinkList, NetlinkError> {
    let request = RouteNetlinkMessage::GetLink(LinkMessage::default());
    requests
        .list(request, |reply| match reply {
            RouteNetlinkMessage::NewLink(reply) => message::link(&reply),
            _ => None,
        })
        .await
}

async fn addresses(requests: &mut Requests) -> Result<BTreeMap<u32, Vec<Address>>, NetlinkError> {
    let request = RouteNetlinkMessage::GetAddress(AddressMessage::default());
    let found = requests
        .list(request, |reply| match reply {
            RouteNetlinkMessage::NewAddress(reply) => message::address(&reply),
            _ => None,
        })
        .await?;
    let mut addresses: BTreeMap<u32, Vec<Address>> = BTreeMap::new();
    for (index, address) in found {
        addresses.entry(index).or_default().push(address);
    }
    Ok(addresses)
}
