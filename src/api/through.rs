//! HTTPS for whoever comes through a tunnel instead of a socket.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::DuplexStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::OverTls;

/// How long TLS may take to agree, and a request to show its head.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// Where those begin who have no address: a prefix that no packet is ever sent to (RFC 6666).
const NOWHERE: u128 = 0x0100 << 112;

/// Serves one tunnel to its end. What is counted by address is counted by `from`, the name of the other end.
pub async fn serve_tunnel(stream: DuplexStream, tls: Arc<ServerConfig>, router: Router, from: &str) {
    let Ok(Ok(stream)) = timeout(HEAD_WITHIN, TlsAcceptor::from(tls).accept(stream)).await else {
        log::debug!("{from} does not speak TLS through its tunnel");
        return;
    };
    let address = ConnectInfo(SocketAddr::from((address_of(from), 0)));
    let service = TowerToHyperService::new(router.layer(Extension(OverTls)).layer(Extension(address)));
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    if let Err(error) = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await {
        log::debug!("the tunnel of {from} broke: {error}");
    }
}

/// An address that stands for a name, and is nobody's.
fn address_of(name: &str) -> IpAddr {
    let hash = digest::digest(&digest::SHA256, name.as_bytes());
    let host = hash.as_ref().iter().take(8).fold(0, |host: u128, byte| host << 8 | u128::from(*byte));
    Ipv6Addr::from(NOWHERE | host).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_an_address_that_no_packet_comes_from() {
        let (one, other) = (address_of("a"), address_of("b"));
        assert_ne!(one, other);
        assert!(one.to_string().starts_with("100::"), "{one}");
    }
}
