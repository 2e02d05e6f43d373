//! Tells those who are rung and have no page open: by Web Push, and by a webhook of the owner's.
//!
//! ```text
//!  a notice   waiting ──▶ sent ── 2xx ──────────────────────────────▶ done
//!                          │ ── 404, 410 ──▶ the subscription is gone
//!                          └── 429, 5xx, no answer ──▶ waits 1, 4, 16 s ──▶ sent again, 4 times in all
//! ```
//! Nothing here is waited for: the loop puts notices into a queue, and drops them when it is full.

use std::sync::Arc;
use std::time::Duration;

use alcove_hal::clock::Clock;
use aws_lc_rs::hmac;
use reqwest::{StatusCode, Url};
use tokio::sync::{Semaphore, mpsc};

use crate::system::https;
use crate::system::web_push::{BrowserKeys, PushKey};
use crate::web::wire::calling::PushSubscription;

/// The most notices that wait; the next one is dropped, and said to be.
const NOTICES_MAX: usize = 512;

/// The most notices that are on their way at a time.
const SENDING_MAX: usize = 16;

/// How long to wait before each further attempt.
const AGAIN_AFTER: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(16)];

/// Where notices go, and who we are there.
#[derive(Debug, Clone)]
pub struct NotifierSettings {
    /// The key that browsers have subscribed with.
    pub key: PushKey,
    /// How the people of a push service reach ours: `mailto:` or `https:`.
    pub contact: String,
    /// What is told of calls besides, if anything.
    pub webhook: Option<Webhook>,
}

/// An address of the owner's that is told who is rung.
#[derive(Clone)]
pub struct Webhook {
    /// Where to.
    pub url: Url,
    /// What the body is signed with (HMAC-SHA256).
    pub secret: String,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Webhook({})", self.url)
    }
}

/// Something to be told elsewhere.
#[derive(Debug)]
pub(super) enum Notice {
    /// To one browser.
    Push {
        /// Which.
        subscription: PushSubscription,
        /// JSON for the service worker.
        message: String,
        /// How long it is of use.
        valid: Duration,
        /// Later notices with the same topic take its place.
        topic: String,
    },
    /// To the webhook.
    Call {
        /// JSON.
        body: String,
    },
}

/// The loop's end of the queue.
pub(super) struct Notifier {
    notices: mpsc::Sender<Notice>,
    has_webhook: bool,
}

impl Notifier {
    /// Starts sending. Endpoints that are no more come out of the receiver.
    ///
    /// # Errors
    /// When this machine cannot speak HTTPS.
    pub(super) fn start(
        settings: NotifierSettings,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<(Self, mpsc::Receiver<String>)> {
        let has_webhook = settings.webhook.is_some();
        let (gone, endpoints) = mpsc::channel(NOTICES_MAX);
        let sender = Arc::new(Sender { http: https::asker()?, settings, clock, gone });
        let (notices, mut waiting) = mpsc::channel(NOTICES_MAX);
        tokio::spawn(async move {
            let places = Arc::new(Semaphore::new(SENDING_MAX));
            while let Some(notice) = waiting.recv().await {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                let sender = Arc::clone(&sender);
                tokio::spawn(async move {
                    sender.deliver(notice).await;
                    drop(place);
                });
            }
        });
        Ok((Self { notices, has_webhook }, endpoints))
    }

    /// Whether there is a webhook to be told.
    pub(super) const fn has_webhook(&self) -> bool {
        self.has_webhook
    }

    /// Puts a notice into the queue.
    pub(super) fn send(&self, notice: Notice) {
        if self.notices.try_send(notice).is_err() {
            log::warn!("a notice of a call was dropped: {NOTICES_MAX} wait already");
        }
    }
}

struct Sender {
    http: reqwest::Client,
    settings: NotifierSettings,
    clock: Arc<dyn Clock>,
    gone: mpsc::Sender<String>,
}

/// What has come of an attempt.
enum Attempt {
    Done,
    /// It will never work.
    Useless(String),
    /// It may work later.
    Again(String),
}

impl Sender {
    async fn deliver(&self, notice: Notice) {
        let mut waits = AGAIN_AFTER.into_iter();
        loop {
            match self.attempt(&notice).await {
                Attempt::Done => return,
                Attempt::Useless(why) => return self.give_up(&notice, &why).await,
                Attempt::Again(why) => match waits.next() {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => return self.give_up(&notice, &why).await,
                },
            }
        }
    }

    async fn give_up(&self, notice: &Notice, why: &str) {
        match notice {
            Notice::Push { .. } => log::info!("a browser was not notified of a call: {why}"),
            Notice::Call { .. } => log::warn!("the webhook was not told of a call: {why}"),
        }
    }

    async fn attempt(&self, notice: &Notice) -> Attempt {
        let request = match notice {
            Notice::Push { subscription, message, valid, topic } => {
                match self.push(subscription, message, *valid, topic) {
                    Ok(request) => request,
                    Err(why) => return Attempt::Useless(why.to_string()),
                }
            }
            Notice::Call { body } => match self.call(body) {
                Some(request) => request,
                None => return Attempt::Done,
            },
        };
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Attempt::Done,
            Ok(answer) => {
                if let (Notice::Push { subscription, .. }, StatusCode::NOT_FOUND | StatusCode::GONE) =
                    (notice, answer.status())
                {
                    // A full queue means that many are gone: the next attempt says so again.
                    drop(self.gone.try_send(subscription.endpoint.clone()));
                }
                let why = format!("it answered {}", answer.status());
                let status = answer.status();
                let is_passing = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
                if is_passing { Attempt::Again(why) } else { Attempt::Useless(why) }
            }
            Err(error) => Attempt::Again(error.without_url().to_string()),
        }
    }

    fn push(
        &self,
        subscription: &PushSubscription,
        message: &str,
        valid: Duration,
        topic: &str,
    ) -> anyhow::Result<reqwest::RequestBuilder> {
        let url: Url = subscription.endpoint.parse()?;
        let body = BrowserKeys::read(&subscription.p256dh, &subscription.auth)?.seal(message.as_bytes())?;
        let origin = url.origin().ascii_serialization();
        let now = self.clock.unix_time().as_secs();
        Ok(self
            .http
            .post(url)
            .header("Authorization", self.settings.key.authorization(&origin, &self.settings.contact, now))
            .header("Content-Encoding", "aes128gcm")
            .header("Content-Type", "application/octet-stream")
            .header("TTL", valid.as_secs())
            .header("Urgency", "high")
            .header("Topic", topic)
            .body(body))
    }

    /// Whoever checks the signature refuses times that are long past: nobody can send it again.
    fn call(&self, body: &str) -> Option<reqwest::RequestBuilder> {
        let Webhook { url, secret } = self.settings.webhook.as_ref()?;
        let now = self.clock.unix_time().as_secs();
        Some(
            self.http
                .post(url.clone())
                .header("Content-Type", "application/json")
                .header("Alcove-Timestamp", now)
                .header("Alcove-Signature", signature(secret, now, body))
                .body(body.to_owned()),
        )
    }
}

/// `v1=` and the HMAC-SHA256, in hexadecimal, of the time, a dot and the body.
fn signature(secret: &str, now: u64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{now}.{body}").as_bytes());
    tag.as_ref().iter().fold("v1=".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_others_compute() {
        // printf '1800000000.{"a":1}' | openssl dgst -sha256 -hmac secret
        let wanted = "v1=440dfbb83aabca24d9e5027629cfd81cb45254690f8d410bb28f1cc17c990dbc";
        assert_eq!(signature("secret", 1_800_000_000, r#"{"a":1}"#), wanted);
    }

    #[test]
    fn a_webhook_does_not_show_its_secret() {
        let webhook = Webhook { url: "https://a.example/x".parse().unwrap(), secret: "hidden".to_owned() };
        assert_eq!(format!("{webhook:?}"), "Webhook(https://a.example/x)");
    }
}
