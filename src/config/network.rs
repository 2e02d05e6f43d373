//! The keys of `network`: the address that the machine is to have.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::checks::Fault;

/// The longest name of a network card, in bytes (`IFNAMSIZ` of Linux, less its end).
const INTERFACE_BYTES_MAX: usize = 15;

/// The most servers that names are asked of; more than three are rarely asked at all (`resolv.conf(5)`).
const DNS_MAX: usize = 4;

/// The address of the machine. Without one its network is left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// The network card; the first wired one where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// What it gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// The router of a static address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// Servers that names are asked of; with DHCP, besides those that it names.
    pub dns: Vec<IpAddr>,
}

/// How a network card comes by its address: `dhcp`, or an address with its prefix, such as `192.0.2.10/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Address {
    /// A server says (RFC 2131).
    Dhcp,
    /// It is this one (RFC 4632, 3.1; RFC 4291, 2.3).
    Static {
        /// The address.
        ip: IpAddr,
        /// How many of its first bits are those of the network.
        prefix: u8,
    },
}

impl TryFrom<String> for Address {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "dhcp" {
            return Ok(Self::Dhcp);
        }
        let parts = text.split_once('/').and_then(|(ip, prefix)| {
            let is_number = prefix.len() <= 3 && prefix.bytes().all(|digit| digit.is_ascii_digit());
            Some((ip.parse().ok()?, prefix.parse().ok().filter(|_| is_number)?))
        });
        let (ip, prefix) = parts
            .ok_or("it is no address; give \"dhcp\", or address and prefix, such as \"192.0.2.10/24\"")?;
        Ok(Self::Static { ip, prefix })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dhcp => f.write_str("dhcp"),
            Self::Static { ip, prefix } => write!(f, "{ip}/{prefix}"),
        }
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl Network {
    /// The section as a document of its own.
    ///
    /// # Panics
    /// Never: texts and lists of texts are TOML.
    #[must_use]
    pub fn text(&self) -> String {
        toml::to_string(self).expect("texts and lists of texts are TOML")
    }

    /// Reads such a document, and checks it as the configuration is checked: what comes of it is safe to be used,
    /// whoever wrote it.
    ///
    /// # Errors
    /// One sentence; nothing that stands in the document is repeated in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let network: Self = toml::from_str(text)
            .map_err(|_| "what is asked for is no section network of the configuration".to_owned())?;
        network.check().map_err(|fault| format!("{}: {}", fault.key, fault.cause))?;
        Ok(network)
    }

    /// The address that others reach the machine at, where it is said.
    #[must_use]
    pub fn static_ip(&self) -> Option<IpAddr> {
        match self.address? {
            Address::Dhcp => None,
            Address::Static { ip, .. } => Some(ip),
        }
    }

    /// Whether the values fit together.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let fault = |key, cause: &str| Err(Fault { key, cause: cause.to_owned() });
        let needs_address = "it is for network.address; set that, too";
        if self.interface.as_ref().is_some_and(|name| !is_interface(name)) {
            return fault("network.interface", "it is no name of a network card; give one such as \"eth0\"");
        }
        if self.dns.len() > DNS_MAX {
            return fault("network.dns", "there are too many; give at most 4");
        }
        if !self.dns.iter().all(|ip| is_host(*ip)) {
            return fault("network.dns", "one of them is no address of a server");
        }
        match self.address {
            None if self.interface.is_some() => fault("network.interface", needs_address),
            None if self.gateway.is_some() => fault("network.gateway", needs_address),
            None if !self.dns.is_empty() => fault("network.dns", needs_address),
            None | Some(Address::Dhcp) => Ok(()),
            Some(Address::Static { ip, prefix }) => {
                check_static(ip, prefix).map_err(|cause| Fault { key: "network.address", cause })?;
                let cause = self.gateway.and_then(|gateway| why_no_gateway(gateway, ip, prefix));
                cause.map_or(Ok(()), |cause| fault("network.gateway", cause))
            }
        }
    }
}

/// Letters, digits and what stands between them in names of cards: nothing that means something in a file of systemd.
fn is_interface(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=INTERFACE_BYTES_MAX).contains(&name.len())
        && name.bytes().all(is_plain)
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name != "lo"
}

/// Whether one machine can have it, and others can send to it (RFC 6890).
fn is_host(ip: IpAddr) -> bool {
    match ip {
        // 0.0.0.0/8, and from 240.0.0.0 on.
        IpAddr::V4(ip) => {
            let is_reserved = ip.octets()[0] == 0 || ip.octets()[0] >= 240;
            !(is_reserved || ip.is_loopback() || ip.is_multicast())
        }
        IpAddr::V6(ip) => {
            let is_special = ip.is_unspecified() || ip.is_loopback() || ip.is_multicast();
            !is_special && ip.to_ipv4_mapped().is_none()
        }
    }
}

fn check_static(ip: IpAddr, prefix: u8) -> Result<(), String> {
    let most = bits(ip) - 1;
    if !(1..=most).contains(&prefix) {
        return Err(format!("its prefix is out of range; give 1 to {most}"));
    }
    let is_link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    if !is_host(ip) || is_link_local {
        return Err(
            "no machine can have this address; give one of the network that it is plugged into".to_owned()
        );
    }
    if is_edge(ip, prefix) {
        return Err(
            "it is the address of the network itself, or of all in it; give one in between".to_owned()
        );
    }
    Ok(())
}

fn why_no_gateway(gateway: IpAddr, ip: IpAddr, prefix: u8) -> Option<&'static str> {
    // A router of IPv6 tells its link-local address (RFC 4861, 6.1.2).
    let is_near =
        matches!((gateway, ip), (IpAddr::V6(gateway), IpAddr::V6(_)) if gateway.is_unicast_link_local());
    let is_inside = || is_same_family(gateway, ip) && network(gateway, prefix) == network(ip, prefix);
    if !is_near && !is_inside() {
        return Some("it is not in the network of network.address; give the router's address there");
    }
    let is_router = is_host(gateway) && gateway != ip && (is_near || !is_edge(gateway, prefix));
    (!is_router).then_some("no router can have this address; give that of the network's router")
}

const fn is_same_family(one: IpAddr, other: IpAddr) -> bool {
    one.is_ipv4() == other.is_ipv4()
}

const fn bits(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The first address of the network (RFC 4632, 3.1).
fn network(ip: IpAddr, prefix: u8) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            Ipv4Addr::from_bits(ip.to_bits() & mask).into()
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            Ipv6Addr::from_bits(ip.to_bits() & mask).into()
        }
    }
}

/// Whether it is the first of its network, or of IPv4 the last. A network of two has neither (RFC 3021, RFC 6164).
fn is_edge(ip: IpAddr, prefix: u8) -> bool {
    if prefix >= bits(ip) - 1 {
        return false;
    }
    let is_last = match ip {
        IpAddr::V4(ip) => {
            let hosts = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
            ip.to_bits() & hosts == hosts
        }
        IpAddr::V6(_) => false,
    };
    is_last || network(ip, prefix) == ip
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `ADDRESS [GATEWAY]`; the key and cause that are wrong, if any are.
    fn fault(text: &str) -> Option<String> {
        let (address, gateway) = text.split_once(' ').unwrap_or((text, ""));
        let gateway = if gateway.is_empty() { String::new() } else { format!("gateway = \"{gateway}\"\n") };
        Network::parse(&format!("address = \"{address}\"\n{gateway}")).err()
    }

    #[test]
    fn addresses_that_a_machine_can_have_are_taken() {
        let good = [
            "dhcp",
            "192.0.2.10/24",
            "192.0.2.10/24 192.0.2.1",
            "10.255.255.254/8 10.0.0.1",
            "192.0.2.10/31 192.0.2.11",
            "2001:db8::10/64 2001:db8::1",
            "2001:db8::10/64 fe80::1",
            "fd00::1/127 fd00::",
        ];
        for text in good {
            assert_eq!(fault(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_that_would_cut_it_off_for_certain_are_refused() {
        let no_address = [
            "",
            "DHCP",
            "192.0.2.10",
            "192.0.2.10/",
            "192.0.2.10/+24",
            "192.0.2.10/1000",
            "192.0.2/24",
            "a/24",
            "192.0.2.10/24/24",
            "192.0.2.10/24\\nDHCP=yes",
            "[2001:db8::1]/64",
            "fe80::1%eth0/64",
        ];
        for text in no_address {
            assert!(fault(text).is_some_and(|fault| fault.contains("no section network")), "{text}");
        }
        let wrong = [
            "192.0.2.10/0",
            "192.0.2.10/32",
            "192.0.2.10/33",
            "192.0.2.0/24",
            "192.0.2.255/24",
            "0.0.0.0/24",
            "0.1.2.3/24",
            "127.0.0.1/8",
            "169.254.1.1/16",
            "224.0.0.5/24",
            "240.0.0.1/24",
            "255.255.255.255/24",
            "2001:db8::/64",
            "2001:db8::1/0",
            "2001:db8::1/128",
            "::/64",
            "::1/64",
            "ff02::1/64",
            "fe80::1/64",
            "::ffff:192.0.2.1/64",
        ];
        for text in wrong {
            assert!(fault(text).is_some_and(|fault| fault.starts_with("network.address")), "{text}");
        }
        let no_gateway = [
            "192.0.2.10/24 192.0.3.1",
            "192.0.2.10/24 192.0.2.10",
            "192.0.2.10/24 192.0.2.0",
            "192.0.2.10/24 192.0.2.255",
            "192.0.2.10/24 2001:db8::1",
            "192.0.2.10/24 fe80::1",
            "2001:db8::10/64 192.0.2.1",
            "2001:db8::10/64 2001:db8:1::1",
            "2001:db8::10/64 2001:db8::",
        ];
        for text in no_gateway {
            assert!(fault(text).is_some_and(|fault| fault.starts_with("network.gateway")), "{text}");
        }
    }

    #[test]
    fn a_card_a_router_and_servers_need_an_address_and_are_what_they_are_called() {
        let refused = |text: &str| Network::parse(text).err().unwrap_or_default();
        assert_eq!(refused(""), "");
        for key in ["interface = \"eth0\"", "gateway = \"192.0.2.1\"", "dns = [\"192.0.2.1\"]"] {
            assert!(refused(key).contains("set that, too"), "{key}");
            assert_eq!(refused(&format!("address = \"dhcp\"\n{key}")), "", "{key}");
        }
        let with = |text: &str| refused(&format!("address = \"dhcp\"\n{text}"));
        for name in [
            "",
            "lo",
            "eth0 eth1",
            "eth*",
            "!eth0",
            "../eth0",
            "-eth0",
            "a-card-of-16-byte",
            "eth0\\n[Network]",
        ] {
            assert!(with(&format!("interface = \"{name}\"")).starts_with("network.interface"), "{name}");
        }
        for name in ["enp0s31f6", "wlan0", "eth0.100", "end0"] {
            assert_eq!(with(&format!("interface = \"{name}\"")), "", "{name}");
        }
        for dns in ["0.0.0.0", "127.0.0.53", "255.255.255.255", "239.1.1.1", "::", "::1", "ff02::fb"] {
            assert!(with(&format!("dns = [\"{dns}\"]")).starts_with("network.dns"), "{dns}");
        }
        assert!(with(&format!("dns = [{}]", "\"192.0.2.1\", ".repeat(5))).contains("at most 4"));
        assert!(with("ipv6 = true").contains("no section network"));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = "interface = \"eth0\"\naddress = \"2001:db8::a/64\"\ngateway = \"fe80::1\"\ndns = [\"192.0.2.1\"]\n";
        let network = Network::parse(text).unwrap();
        assert_eq!(network.text(), text);
        assert_eq!(network.static_ip(), Some("2001:db8::a".parse().unwrap()));
        assert_eq!(Network::parse(&Network::default().text()), Ok(Network::default()));
    }
}
