//! The addresses that browsers are told.

use std::io;
use std::net::{IpAddr, SocketAddr};

/// Every one of the machine's, and those of the configuration.
pub(super) fn media_addresses(port: u16, announce: &[IpAddr]) -> io::Result<Vec<SocketAddr>> {
    let mut ips: Vec<IpAddr> = if_addrs::get_if_addrs()?
        .into_iter()
        .map(|interface| interface.ip())
        .filter(|ip| !is_link_local(*ip))
        .chain(announce.iter().copied())
        .collect();
    ips.sort_unstable();
    ips.dedup();
    Ok(ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
}

/// Many firewalls let TCP pass to the port of HTTPS alone, so that one is told too, after ours.
pub(super) fn tcp_addresses(addresses: &[SocketAddr], https_port: u16) -> Vec<SocketAddr> {
    let shared = addresses.iter().map(|address| SocketAddr::new(address.ip(), https_port));
    addresses.iter().copied().chain(shared).collect()
}

/// Link-local addresses need a scope that a candidate cannot carry (RFC 8839, 5.1).
const fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}
