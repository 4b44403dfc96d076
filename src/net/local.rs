//! The addresses of this machine, for the names in a certificate.

use std::net::IpAddr;

use futures_util::TryStreamExt;
use netlink_packet_route::address::AddressAttribute;

/// Every address of every interface but IPv6 link-local ones, which mean nothing without their interface. Empty when the
/// kernel does not say.
pub async fn local_addresses() -> Vec<IpAddr> {
    let Ok((connection, handle, _)) = rtnetlink::new_connection() else { return Vec::new() };
    let connection = tokio::spawn(connection);
    let messages: Vec<_> = handle.address().get().execute().try_collect().await.unwrap_or_default();
    connection.abort();
    let mut addresses: Vec<IpAddr> = messages
        .into_iter()
        .flat_map(|message| message.attributes)
        .filter_map(|attribute| match attribute {
            AddressAttribute::Address(IpAddr::V6(address)) if address.is_unicast_link_local() => None,
            AddressAttribute::Address(address) => Some(address),
            _ => None,
        })
        .collect();
    addresses.sort();
    addresses.dedup();
    addresses
}
