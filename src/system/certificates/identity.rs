//! By which names and addresses browsers reach this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::is_host_name;

/// The names and addresses that a certificate shall be good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The host's name, for people.
    pub host: String,
    /// DNS names in small letters, sorted, `localhost` among them.
    pub names: Vec<String>,
    /// Addresses, sorted, the loopback among them.
    pub addresses: Vec<IpAddr>,
}

impl Identity {
    /// Of a host of that name with those addresses, reached by `extra` names besides.
    #[must_use]
    pub fn new(host: &str, extra: &[String], addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let host = host.trim().trim_end_matches('.').to_lowercase();
        let label = host.split('.').next().unwrap_or_default();
        let own = [host.clone(), format!("{label}.local"), "localhost".to_owned()];
        let mut names: Vec<String> =
            own.into_iter().chain(extra.iter().map(|name| name.to_lowercase())).collect();
        names.retain(|name| is_host_name(name));
        names.sort();
        names.dedup();
        let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let mut addresses: Vec<IpAddr> =
            addresses.into_iter().filter(is_reached_by_browsers).chain(loopback).collect();
        addresses.sort();
        addresses.dedup();
        Self { host, names, addresses }
    }

    /// Of this machine as it is now. What the system does not tell is left out.
    #[must_use]
    pub fn of_this_machine(extra: &[String]) -> Self {
        // By a call of the kernel: its files are hidden from daemons that have a sandbox.
        let host = gethostname::gethostname();
        let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|cause| {
            log::warn!(cause:%; "the addresses of the interfaces are not known");
            vec![]
        });
        Self::new(&host.to_string_lossy(), extra, interfaces.iter().map(if_addrs::Interface::ip))
    }
}

/// Link-local IPv6 addresses need a zone, which cannot stand in an address line.
fn is_reached_by_browsers(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_unspecified(),
        IpAddr::V6(address) => !address.is_unicast_link_local() && !address.is_unspecified(),
    }
}
