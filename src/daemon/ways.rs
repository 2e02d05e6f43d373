//! Where the appliance is reached: its sockets, its addresses, its announcement.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};

use anyhow::Context as _;

use crate::config::{Config, Http};
use crate::system::nearby::Nearby;
use crate::system::sockets::Passed;

/// The listening sockets, held over starts anew: whoever comes in between waits, and is not turned away.
pub(super) struct Listeners {
    https: Held,
    http: Held,
}

/// One of them.
enum Held {
    /// It was passed, and stays whatever the configuration says.
    Passed(TcpListener),
    /// On the port that was asked for, 0 for any.
    Opened(u16, TcpListener),
    /// Not yet.
    Closed,
}

impl Listeners {
    /// With the sockets that were passed, if any.
    pub(super) fn new(passed: Passed) -> Self {
        let held = |listener: Option<TcpListener>| listener.map_or(Held::Closed, Held::Passed);
        Self { https: held(passed.https), http: held(passed.http) }
    }

    /// HTTPS and plain HTTP, on those ports.
    ///
    /// # Errors
    /// When a port is in use; what was open stays open.
    pub(super) fn open(&mut self, wanted: &Http) -> anyhow::Result<[TcpListener; 2]> {
        let https = self.https.on(wanted.https_port, "http.https_port")?;
        let http = self.http.on(wanted.http_port, "http.http_port")?;
        Ok([https, http])
    }
}

impl Held {
    fn on(&mut self, wanted: u16, key: &str) -> anyhow::Result<TcpListener> {
        let listener = match self {
            Self::Passed(listener) => listener.try_clone(),
            Self::Opened(port, listener) if *port == wanted => listener.try_clone(),
            Self::Opened(..) | Self::Closed => {
                let listener = listen(wanted, key)?;
                let copy = listener.try_clone();
                *self = Self::Opened(wanted, listener);
                copy
            }
        };
        let listener = listener.context("cannot use a listener twice")?;
        listener.set_nonblocking(true).context("cannot make a listener non-blocking")?;
        Ok(listener)
    }
}

/// A dual-stack listener; IPv4 alone where the machine has no IPv6.
fn listen(port: u16, key: &str) -> anyhow::Result<TcpListener> {
    let any = |ip: IpAddr| TcpListener::bind((ip, port));
    any(IpAddr::V6(Ipv6Addr::UNSPECIFIED))
        .or_else(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse | std::io::ErrorKind::PermissionDenied => Err(error),
            _ => any(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        })
        .with_context(|| format!("cannot take TCP port {port}: free it, or set another one as {key}"))
}

/// Other appliances on the local network; without, when it is switched off or the network does not let it.
pub(super) fn nearby(config: &Config, https_port: u16, fingerprint: Option<&str>) -> Nearby {
    if !config.calls.nearby {
        return Nearby::default();
    }
    Nearby::open(&config.room.name, https_port, fingerprint).unwrap_or_else(|trouble| {
        log::warn!("{trouble}");
        Nearby::default()
    })
}

/// What guests open, by the name of the owner's certificate where there is one: the port is told where browsers do not
/// know it.
pub(super) fn public_url(name: Option<String>, https_port: u16) -> String {
    let host = name.unwrap_or_else(host_for_guests);
    if https_port == 443 { format!("https://{host}") } else { format!("https://{host}:{https_port}") }
}

/// What guests reach us by: the first address that is not only ours. One of IPv4 is shorter to type.
fn host_for_guests() -> String {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let reachable = interfaces.iter().map(if_addrs::Interface::ip).filter(|ip| match ip {
        IpAddr::V4(ip) => !ip.is_loopback(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
    });
    match reachable.min_by_key(IpAddr::is_ipv6) {
        Some(IpAddr::V4(ip)) => ip.to_string(),
        Some(IpAddr::V6(ip)) => format!("[{ip}]"),
        None => "localhost".to_owned(),
    }
}

/// Where programs on this machine reach the API. A certificate of the owner's is not made out to `localhost`; what
/// does not leave the machine needs none.
pub(super) fn url_for_this_machine(config: &Config, https_port: u16, http_port: u16) -> String {
    if config.tls.certificate.is_some() {
        format!("http://localhost:{http_port}/")
    } else {
        format!("https://localhost:{https_port}/")
    }
}
