//! Bytes to and from other boxes through the fleet's NATS: what takes a socket elsewhere takes a tunnel here.
//!
//! ```text
//!   A ── alcove.box.B.dial.A, empty, reply: inbox of A ──▶ B
//!   A ◀── inbox of A, empty, reply: inbox of B ─────────── B     open, within 10 s
//!   A ◀═══ inbox of A, inbox of B: up to 8 kB each ══════▶ B     TLS of B, past whoever runs NATS
//!   A ◀── an empty message ends it, from either side ────▶ B
//! ```
//! A reader that is slow loses messages; TLS sees the gap, and the tunnel ends. When the connection to NATS breaks, all of
//! them end at once: what was on its way is lost, and whoever is at the ends is to know.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use async_nats::{Client, StatusCode, Subject, Subscriber};
use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex, split};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::system::box_id;
use crate::system::tunnels::Dial;

/// How long it may take until a tunnel is open.
const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// The most bytes of one message, and how many of them wait in each direction.
const CHUNK_BYTES: usize = 8 * 1024;
const WAITING_BYTES: usize = 4 * CHUNK_BYTES;

/// The most tunnels that others have open to a box; who comes then hears nothing, and tries again.
const DIALLED_MAX: usize = 256;

/// Serves whoever has come through a tunnel, until they are gone: the id of their box, as NATS lets them say it, and
/// their bytes.
pub type Serve = Arc<dyn Fn(String, DuplexStream) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Where tunnels begin: none while the box is not on NATS.
#[derive(Clone)]
pub struct Tunnels {
    own: String,
    client: Arc<watch::Sender<Option<Client>>>,
    /// How often the connection to NATS has broken.
    broken: Arc<watch::Sender<u64>>,
}

impl Tunnels {
    /// Those of the box with that id.
    #[must_use]
    pub fn of(own: &str) -> Self {
        let (client, broken) = (watch::Sender::new(None), watch::Sender::new(0));
        Self { own: own.to_owned(), client: Arc::new(client), broken: Arc::new(broken) }
    }

    /// The box is on NATS from now on.
    pub(super) fn through(&self, client: &Client) {
        self.client.send_replace(Some(client.clone()));
    }

    /// The connection to NATS has broken: so have the tunnels.
    pub(super) fn end_all(&self) {
        self.broken.send_modify(|count| *count += 1);
    }

    /// Opens tunnels.
    #[must_use]
    pub fn dial(&self) -> Dial {
        let this = self.clone();
        Arc::new(move |to| {
            let this = this.clone();
            Box::pin(async move { this.open(&to).await })
        })
    }

    async fn open(&self, to: &str) -> anyhow::Result<DuplexStream> {
        let client = self.client.borrow().clone();
        let client = client.context("this box is not on NATS; set fleet.nats and fleet.nats_calls")?;
        let broken = self.broken.subscribe();
        let inbox = client.new_inbox();
        let mut heard = client.subscribe(inbox.clone()).await.context("NATS takes no subscription")?;
        let subject = format!("alcove.box.{to}.dial.{}", self.own);
        client.publish_with_reply(subject, inbox, Vec::new().into()).await.context("NATS takes nothing")?;
        let opened = timeout(OPEN_WITHIN, heard.next()).await;
        let opened =
            opened.ok().flatten().with_context(|| format!("the box {to} does not answer over NATS"))?;
        if opened.status == Some(StatusCode::NO_RESPONDERS) {
            bail!("the box {to} is not on NATS, or takes no calls there");
        }
        let there = opened.reply.with_context(|| format!("the box {to} answers something else"))?;
        let (ours, theirs) = duplex(WAITING_BYTES);
        tokio::spawn(carry(client, (heard, broken), there, theirs));
        Ok(ours)
    }

    /// Lets other boxes in through tunnels, until NATS is left.
    pub(super) async fn be_dialled(&self, client: &Client, serve: &Serve) -> anyhow::Result<()> {
        let mut dialled = client.subscribe(format!("alcove.box.{}.dial.*", self.own)).await?;
        let places = Arc::new(Semaphore::new(DIALLED_MAX));
        let mut tasks = JoinSet::new();
        while let Some(message) = dialled.next().await {
            while tasks.try_join_next().is_some() {}
            let from = box_of(&message.subject);
            let (Some(from), Some(there), Ok(place)) =
                (from, message.reply, Arc::clone(&places).try_acquire_owned())
            else {
                continue;
            };
            let broken = self.broken.subscribe();
            let inbox = client.new_inbox();
            let heard = client.subscribe(inbox.clone()).await?;
            client.publish_with_reply(there.clone(), inbox, Vec::new().into()).await?;
            let (ours, theirs) = duplex(WAITING_BYTES);
            let (client, serve) = (client.clone(), Arc::clone(serve));
            tasks.spawn(async move {
                let _place = place;
                tokio::join!(carry(client, (heard, broken), there, theirs), serve(from, ours));
            });
        }
        Ok(())
    }
}

/// The box that a subject names last.
pub(super) fn box_of(subject: &str) -> Option<String> {
    let (_, id) = subject.rsplit_once('.')?;
    box_id::is_one(id).then(|| id.to_owned())
}

/// Carries bytes both ways until one of them has ended, or the connection to NATS has broken.
async fn carry(
    client: Client,
    (mut heard, mut broken): (Subscriber, watch::Receiver<u64>),
    there: Subject,
    stream: DuplexStream,
) {
    let (mut reader, mut writer) = split(stream);
    let away = async {
        let mut chunk = [0; CHUNK_BYTES];
        while let Ok(count @ 1..) = reader.read(&mut chunk).await {
            if client.publish(there.clone(), chunk[..count].to_vec().into()).await.is_err() {
                return;
            }
        }
    };
    let here = async {
        while let Some(message) = heard.next().await {
            if message.payload.is_empty() || writer.write_all(&message.payload).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = away => {}
        () = here => {}
        _ = broken.changed() => {}
    }
    // Whoever is there may be gone.
    let _ = client.publish(there, Vec::new().into()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_names_a_box_or_nobody() {
        assert_eq!(box_of("alcove.box.b.dial.a-1"), Some("a-1".to_owned()));
        for nobody in ["", "a", "alcove.box.b.dial.", "alcove.box.b.dial.A", "alcove.box.b.dial.>"] {
            assert_eq!(box_of(nobody), None, "{nobody}");
        }
    }

    #[tokio::test]
    async fn without_nats_a_tunnel_says_what_to_set() {
        let error = (Tunnels::of("a").dial())("b".to_owned()).await.expect_err("there is no NATS");
        assert!(error.to_string().contains("fleet.nats"), "{error}");
    }
}
