//! A WebSocket to another appliance, by TCP or through a tunnel: TLS, words as JSON, and an end when nothing is heard any
//! more.

use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::ServerName;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Interval, interval, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::appliance::handle::Reach;
use crate::system::trust;
use crate::system::tunnels::{BY_NATS, Dial};

/// How long it may take until a socket is there.
const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// How long a word may take to leave.
const SAID_WITHIN: Duration = Duration::from_secs(10);

/// How often is looked whether something was heard; the other end pings every 10 seconds.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// The longest word that is taken.
const WORD_BYTES_MAX: usize = 1024 * 1024;

/// The name of a box that has no address; who it is, its fingerprint tells.
const NAMELESS: &str = "localhost";

/// What carries bytes both ways.
trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

type Socket = WebSocketStream<TlsStream<Box<dyn Bytes>>>;

/// An open socket.
pub(super) struct Wire {
    socket: Socket,
    looks: Interval,
    heard: bool,
}

impl Wire {
    /// Opens a socket at this path of an appliance.
    pub(super) async fn open(dial: &Dial, way: &Reach, path: &str) -> anyhow::Result<Self> {
        let socket = timeout(OPEN_WITHIN, connect(dial, way, path)).await;
        let socket = socket.with_context(|| format!("{} does not answer", way.address))??;
        Ok(Self { socket, looks: interval(LOOK_EVERY), heard: true })
    }

    /// Says something.
    pub(super) async fn say(&mut self, words: String) -> anyhow::Result<()> {
        let said = timeout(SAID_WITHIN, self.socket.send(Message::text(words))).await;
        said.context("the other appliance does not read")?
            .context("cannot say anything to the other appliance")
    }

    /// The next word that can be read; those of later versions are passed over. May be dropped while it waits.
    pub(super) async fn hear<W: DeserializeOwned>(&mut self) -> anyhow::Result<W> {
        loop {
            let message = tokio::select! {
                message = self.socket.next() => message,
                _ = self.looks.tick() => {
                    if !std::mem::take(&mut self.heard) {
                        bail!("nothing was heard for {} s", LOOK_EVERY.as_secs());
                    }
                    continue;
                }
            };
            self.heard = true;
            match message {
                Some(Ok(Message::Text(text))) => {
                    if let Ok(word) = serde_json::from_str(&text) {
                        return Ok(word);
                    }
                }
                Some(Ok(Message::Close(frame))) => {
                    let why = frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
                    bail!("the other appliance has closed the socket: {why}");
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error).context("the socket to the other appliance broke"),
                None => bail!("the other appliance is gone"),
            }
        }
    }

    /// Says nothing more.
    pub(super) async fn close(mut self) {
        // Whether it arrives or not: the socket ends.
        let _ = timeout(SAID_WITHIN, self.socket.close(None)).await;
    }
}

async fn connect(dial: &Dial, way: &Reach, path: &str) -> anyhow::Result<Socket> {
    let address = &way.address;
    let (bytes, host): (Box<dyn Bytes>, _) = match address.strip_prefix(BY_NATS) {
        Some(id) => (Box::new(dial(id.to_owned()).await?), NAMELESS.to_owned()),
        None => {
            let (tcp, host) = call(address).await?;
            (Box::new(tcp), host)
        }
    };
    let url = format!("wss://{}{path}", if address.starts_with(BY_NATS) { NAMELESS } else { address });
    let name = ServerName::try_from(host).with_context(|| format!("{address} is no host"))?;
    let tls = TlsConnector::from(trust::tls(way.fingerprint.as_deref())?);
    let tls =
        tls.connect(name, bytes).await.with_context(|| format!("{address} does not prove who it is"))?;
    let limits = WebSocketConfig::default()
        .max_message_size(Some(WORD_BYTES_MAX))
        .max_frame_size(Some(WORD_BYTES_MAX));
    let (socket, _) = client_async_with_config(url, tls, Some(limits))
        .await
        .with_context(|| format!("{address} opens no WebSocket at {path}"))?;
    Ok(socket)
}

/// A connection to an address, and the host that stands in it.
async fn call(address: &str) -> anyhow::Result<(TcpStream, String)> {
    let has_port = address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let target = if has_port { address.to_owned() } else { format!("{address}:443") };
    let host = target.rsplit_once(':').map_or(target.as_str(), |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let tcp = TcpStream::connect(&target).await.with_context(|| format!("{address} cannot be reached"))?;
    tcp.set_nodelay(true).context("cannot have words leave at once")?;
    Ok((tcp, host))
}
