//! What of links costs more to read: how Ethernet runs (ethtool), neighbours, IPv6 counters. Also counts routes.
//!
//! Read every few seconds, and at once when a link changed its state, since speed and duplex go with it. Long lists are
//! read less often: reading them takes at most one twentieth of the time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ethtool::{EthtoolAttr, EthtoolHandle, EthtoolHeader, EthtoolLinkModeAttr, EthtoolLinkModeDuplex};
use futures_util::TryStreamExt;
use rtnetlink::packet_route::neighbour::{NeighbourMessage, NeighbourState};
use rtnetlink::packet_route::route::{RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteType};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::apply::PROTOCOL;
use super::netlink::{NetlinkError, Requests};
use super::proc;
use super::watch::Slow;
use crate::platform::condition::Condition;
use crate::platform::reading::{Ethernet, Neighbours, Routes};
use crate::value::Text;

/// Speed the kernel gives when it knows none.
const SPEED_UNKNOWN: u32 = u32::MAX;

/// The collector of slow things of links.
pub(super) struct SlowLinks {
    pub(super) interval: Duration,
    pub(super) changed: Arc<Notify>,
    pub(super) found: watch::Sender<Slow>,
    pub(super) routes: watch::Sender<Option<Routes>>,
}

impl SlowLinks {
    /// Collects until the future is dropped.
    pub(super) async fn run(self) {
        let mut ethernet = Condition::new("ethtool");
        let mut lists = Condition::new("neighbours and routes");
        let mut modes: Option<Modes> = None;
        let mut requests: Option<Requests> = None;
        let mut lists_due = Instant::now();
        loop {
            if modes.is_none() {
                modes = ethernet.note(Modes::open());
            }
            if let Some(open) = &mut modes {
                match ethernet.note(open.read().await) {
                    Some(found) => self.publish(|slow| slow.ethernet = Arc::new(found)),
                    None => modes = None,
                }
            }
            if let Ok(found) = tokio::task::spawn_blocking(proc::ipv6_counters).await {
                self.publish(|slow| slow.ipv6 = Arc::new(found));
            }
            let began = Instant::now();
            if began >= lists_due {
                if let Some((neighbours, routes)) = lists.note(read_lists(&mut requests).await) {
                    self.publish(|slow| slow.neighbours = Arc::new(neighbours));
                    self.routes.send_if_modified(|known| known.replace(routes) != Some(routes));
                } else {
                    requests = None;
                }
                lists_due = began + self.interval.max(began.elapsed() * 20);
            }
            // Waking early on a change of a link is wanted; missing one for the length of a reading is not possible,
            // for `Notify` keeps one.
            let _ = tokio::time::timeout(self.interval, self.changed.notified()).await;
        }
    }

    fn publish(&self, change: impl FnOnce(&mut Slow)) {
        self.found.send_if_modified(|slow| {
            let before = slow.clone();
            change(slow);
            *slow != before
        });
    }
}

/// The ethtool socket.
struct Modes {
    handle: EthtoolHandle,
    _connection: JoinSet<()>,
}

/// The ethtool family of the kernel did not answer.
#[derive(Debug, thiserror::Error)]
enum ModesError {
    #[error("cannot open a generic netlink socket: {0}")]
    Open(#[from] std::io::Error),
    #[error("ethtool: {0}")]
    Ethtool(#[from] ethtool::EthtoolError),
}

impl Modes {
    fn open() -> Result<Self, ModesError> {
        let (connection, handle, _) = ethtool::new_connection()?;
        let mut task = JoinSet::new();
        task.spawn(connection);
        Ok(Self { handle, _connection: task })
    }

    /// How each link runs that says so.
    async fn read(&mut self) -> Result<BTreeMap<u32, Ethernet>, ModesError> {
        let mut replies = Box::pin(self.handle.link_mode().get(None).execute().await?);
        let mut found = BTreeMap::new();
        while let Some(reply) = replies.try_next().await? {
            found.extend(link_mode(&reply.payload.nlas));
        }
        Ok(found)
    }
}

fn link_mode(attributes: &[EthtoolAttr]) -> Option<(u32, Ethernet)> {
    let mut index = None;
    let mut ethernet = Ethernet::default();
    for attribute in attributes {
        let EthtoolAttr::LinkMode(attribute) = attribute else { continue };
        match attribute {
            EthtoolLinkModeAttr::Header(headers) => {
                for header in headers {
                    match header {
                        EthtoolHeader::DevIndex(number) => index = Some(*number),
                        EthtoolHeader::DevName(name) => ethernet.driver = driver(name),
                        _ => {}
                    }
                }
            }
            EthtoolLinkModeAttr::Speed(speed) => ethernet.speed = Some(*speed).filter(|&speed| speed != SPEED_UNKNOWN),
            EthtoolLinkModeAttr::Duplex(EthtoolLinkModeDuplex::Full) => ethernet.full_duplex = Some(true),
            EthtoolLinkModeAttr::Duplex(EthtoolLinkModeDuplex::Half) => ethernet.full_duplex = Some(false),
            EthtoolLinkModeAttr::Autoneg(on) => ethernet.autonegotiation = Some(*on),
            _ => {}
        }
    }
    Some((index?, ethernet))
}

/// The driver bound to the device of a link; none for links without a device.
fn driver(name: &str) -> Option<Text> {
    let target = std::fs::read_link(Path::new("/sys/class/net").join(name).join("device/driver")).ok()?;
    Some(target.file_name()?.to_str()?.into())
}

async fn read_lists(requests: &mut Option<Requests>) -> Result<(BTreeMap<u32, Neighbours>, Routes), NetlinkError> {
    let open = match requests {
        Some(open) => open,
        None => requests.insert(Requests::open()?),
    };
    let mut neighbours: BTreeMap<u32, Neighbours> = BTreeMap::new();
    for (index, is_ipv6) in open.list(RouteNetlinkMessage::GetNeighbour(NeighbourMessage::default()), neighbour).await?
    {
        let counts = neighbours.entry(index).or_default();
        *(if is_ipv6 { &mut counts.ipv6 } else { &mut counts.ipv4 }) += 1;
    }
    let mut routes = Routes::default();
    for (is_ipv6, protocol) in open.list(RouteNetlinkMessage::GetRoute(RouteMessage::default()), route).await? {
        let counts = if is_ipv6 { &mut routes.ipv6 } else { &mut routes.ipv4 };
        counts.total += 1;
        let part = match protocol {
            RouteProtocol::Kernel | RouteProtocol::Ra => &mut counts.local,
            RouteProtocol::Boot | RouteProtocol::Static | RouteProtocol::Dhcp | PROTOCOL => &mut counts.fixed,
            RouteProtocol::Bgp => &mut counts.bgp,
            RouteProtocol::Isis => &mut counts.isis,
            RouteProtocol::Ospf => &mut counts.ospf,
            RouteProtocol::Rip => &mut counts.rip,
            _ => continue,
        };
        *part += 1;
    }
    Ok((neighbours, routes))
}

/// Link, and whether it is IPv6; only what `ip neigh` lists.
fn neighbour(reply: RouteNetlinkMessage) -> Option<(u32, bool)> {
    let RouteNetlinkMessage::NewNeighbour(reply) = reply else { return None };
    let known = !matches!(reply.header.state, NeighbourState::None | NeighbourState::Noarp);
    match reply.header.family {
        AddressFamily::Inet if known => Some((reply.header.ifindex, false)),
        AddressFamily::Inet6 if known => Some((reply.header.ifindex, true)),
        _ => None,
    }
}

/// Whether it is IPv6, and who put it there; only what `ip route` lists: the main table, without what the kernel cloned
/// for itself.
fn route(reply: RouteNetlinkMessage) -> Option<(bool, RouteProtocol)> {
    let RouteNetlinkMessage::NewRoute(reply) = reply else { return None };
    let header = &reply.header;
    let counts = header.table == RouteHeader::RT_TABLE_MAIN
        && !header.flags.contains(RouteFlags::Cloned)
        && header.kind != RouteType::Multicast;
    match header.address_family {
        AddressFamily::Inet if counts => Some((false, header.protocol)),
        AddressFamily::Inet6 if counts => Some((true, header.protocol)),
        _ => None,
    }
}
