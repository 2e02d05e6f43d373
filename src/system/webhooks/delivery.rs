//! Tells one webhook what happens: signed as Standard Webhooks 1.0 says, again and again until it is taken.

use std::sync::Arc;
use std::time::Duration;

use alcove_hal::clock::Clock;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{StatusCode, Url};
use tokio::time::sleep_until;

use super::{Delivery, MARK, Outcome, Wants, Webhooks};
use crate::system::events::Event;

/// The first wait before something is sent again; each further one is twice as long, up to the longest.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const AGAIN_AFTER_MAX: Duration = Duration::from_mins(5);

/// How many events are taken from the ring at a time.
const PAGE: usize = 16;

/// Where to, signed with what.
struct Target {
    url: Url,
    secret: Vec<u8>,
}

/// Tells a webhook what happens for as long as there is one.
pub(super) async fn tell(webhooks: Arc<Webhooks>, id: u64, http: reqwest::Client, clock: Arc<dyn Clock>) {
    let mut newest = webhooks.events.subscribe();
    let Some((target, wants)) = read(&webhooks, id) else { return };
    loop {
        newest.mark_unchanged();
        let Some(told) = webhooks.inner().table.get(&id).map(|kept| kept.webhook.told) else { return };
        let page = webhooks.events.after(told, PAGE);
        if let Some(to) = page.lost_to {
            deliver(&webhooks, (id, &target), (&http, &*clock), &webhooks.events.lost(told, to)).await;
            continue;
        }
        if page.events.is_empty() && newest.changed().await.is_err() {
            return;
        }
        for event in page.events {
            if wants(&event.kind) {
                deliver(&webhooks, (id, &target), (&http, &*clock), &event).await;
            } else {
                webhooks.pass_over(id, event.number);
            }
        }
    }
}

fn read(webhooks: &Webhooks, id: u64) -> Option<(Target, Wants)> {
    let inner = webhooks.inner();
    let kept = inner.table.get(&id)?;
    let secret = STANDARD.decode(kept.secret.strip_prefix(MARK)?).ok()?;
    let wants = kept.webhook.types.as_deref().and_then(webhooks.read_types);
    Some((Target { url: kept.webhook.url.clone(), secret }, wants.unwrap_or_else(|| Arc::new(|_| true))))
}

/// Returns when the event was taken, or never will be.
async fn deliver(
    webhooks: &Webhooks,
    (id, target): (u64, &Target),
    (http, clock): (&reqwest::Client, &dyn Clock),
    event: &Event,
) {
    let mut wait = AGAIN_AFTER;
    for attempt in 1.. {
        let at = clock.unix_time();
        let outcome = send(target, http, event, at.as_secs()).await;
        let is_over = !matches!(outcome, Outcome::Again(_));
        if let (Outcome::Again(why), 1) = (&outcome, attempt) {
            log::info!(webhook = id; "a webhook was not told, and is told again later: {why}");
        }
        let at_unix_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        let kind = Arc::clone(&event.kind);
        webhooks.note(id, Delivery { event: event.number, kind, at_unix_ms, attempt, outcome });
        if is_over {
            return;
        }
        sleep_until((clock.now() + wait).into()).await;
        wait = (wait * 2).min(AGAIN_AFTER_MAX);
    }
}

async fn send(target: &Target, http: &reqwest::Client, event: &Event, now_unix: u64) -> Outcome {
    let id = event.number.to_string();
    let request = http
        .post(target.url.clone())
        .header("Content-Type", "application/cloudevents+json; charset=utf-8")
        .header("Webhook-Id", &id)
        .header("Webhook-Timestamp", now_unix)
        .header("Webhook-Signature", signature(&target.secret, &id, now_unix, &event.json))
        .body(event.json.to_string());
    match request.send().await {
        Ok(answer) => outcome(answer.status()),
        Err(error) => Outcome::Again(words(error.without_url())),
    }
}

/// The error with its causes: the outermost says little.
fn words(error: reqwest::Error) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

fn outcome(status: StatusCode) -> Outcome {
    let is_passing = status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        );
    match status {
        _ if status.is_success() => Outcome::Taken(status.as_u16()),
        _ if is_passing => Outcome::Again(format!("it answered {status}")),
        _ => Outcome::Refused(status.as_u16()),
    }
}

/// `v1,` and the HMAC-SHA256, in base64, of the id, the time and the body with dots between.
fn signature(secret: &[u8], id: &str, now_unix: u64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, format!("{id}.{now_unix}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_others_compute() {
        // printf '7.1800000000.{"a":1}' | openssl dgst -sha256 -hmac secret -binary | base64
        assert_eq!(
            signature(b"secret", "7", 1_800_000_000, r#"{"a":1}"#),
            "v1,s1kky4CKPLOBnwu22WkrT0uXrgK8R3QzPsL6wTuW1nw="
        );
    }

    #[test]
    fn what_may_work_later_is_sent_again() {
        let of = |status: u16| outcome(StatusCode::from_u16(status).unwrap());
        assert_eq!(of(204), Outcome::Taken(204));
        assert_eq!(of(404), Outcome::Refused(404));
        assert_eq!(of(301), Outcome::Refused(301));
        for status in [408, 425, 429, 500, 503] {
            assert!(matches!(of(status), Outcome::Again(_)), "{status}");
        }
    }
}
