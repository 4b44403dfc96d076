//! Whom connections and failures are counted under.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Where clients come from: an IPv4 address, or the /64 of an IPv6 address, because whoever has one address of it can
/// have them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Source(IpAddr);

impl Source {
    /// The source of a client. An IPv4 client of a socket for both families counts as one.
    pub(super) fn of(client: SocketAddr) -> Self {
        Self(match client.ip().to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        })
    }

    /// Its address, the first one where it has several.
    pub(super) fn address(self) -> IpAddr {
        self.0
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_client_counts_with_its_network() {
        let text = |client: &str| Source::of(client.parse().unwrap()).to_string();
        assert_eq!(text("192.0.2.1:5"), "192.0.2.1");
        assert_eq!(text("[::ffff:192.0.2.1]:5"), "192.0.2.1");
        assert_eq!(text("[2001:db8:1:2:3:4:5:6]:5"), "2001:db8:1:2::/64");
        assert_eq!(text("[2001:db8:1:2::1]:7"), "2001:db8:1:2::/64");
        assert_ne!(text("[2001:db8:1:3::1]:7"), "2001:db8:1:2::/64");
    }
}
