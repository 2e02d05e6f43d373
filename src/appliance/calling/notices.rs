//! What is told of calls elsewhere: to browsers whose pages may be closed, and to the owner's webhook.

use std::time::Duration;

use serde_json::json;

use super::notifier::Notice;
use super::words;
use crate::appliance::run::Appliance;
use crate::calling::{Call, CallId, Leg, LegState, UserId};
use crate::refusal::{Code, Refusal};
use crate::system::web_push::BrowserKeys;
use crate::web::wire::calling::{ENDPOINT_BYTES_MAX, PushSubscription};

/// How long a missed call is worth being told.
const MISSED_VALID: Duration = Duration::from_hours(24);

impl Appliance {
    /// Somebody begins to be rung.
    pub(super) fn notify_of_ringing(&self, call: CallId, user: UserId) {
        let Ok(call) = self.exchange.calls.call(call) else { return };
        let Some(leg) = call.leg(user) else { return };
        self.push(call, leg, "ring", false, self.settings.live.ring_for);
        if self.exchange.calls.devices_of(user).next().is_none() {
            self.tell_webhook("ring", call.id, user, leg.by.unwrap_or(call.caller));
        }
    }

    /// A call has changed: whoever is not rung any more need not be shown so.
    pub(super) fn notify_of_the_end(&self, call: &Call, user: UserId) {
        let Some(leg) = call.leg(user) else { return };
        let is_missed = matches!(leg.state, LegState::Over(end) if end.is_missed());
        let valid = if is_missed { MISSED_VALID } else { self.settings.live.ring_for };
        self.push(call, leg, "over", is_missed, valid);
    }

    /// Somebody has missed a call.
    pub(super) fn notify_of_missed(&self, call: CallId, user: UserId, by: UserId) {
        self.tell_webhook("missed", call, user, by);
    }

    fn push(&self, call: &Call, leg: &Leg, what: &str, missed: bool, valid: Duration) {
        let Some(kept) = self.exchange.ledger.kept(leg.user) else { return };
        let message = json!({
            "what": what,
            "call": call.id.to_string(),
            "from": self.exchange.name_of(leg.by.unwrap_or(call.caller)),
            "media": words::media_word(call.media),
            "missed": missed,
        });
        for subscription in &kept.subscriptions {
            self.exchange.notifier.send(Notice::Push {
                subscription: subscription.clone(),
                message: message.to_string(),
                valid,
                topic: call.id.to_string(),
            });
        }
    }

    fn tell_webhook(&self, event: &str, call: CallId, user: UserId, by: UserId) {
        if !self.exchange.notifier.has_webhook() {
            return;
        }
        let party = |user: UserId| json!({ "id": user.to_string(), "name": self.exchange.name_of(user) });
        let body = json!({
            "event": event,
            "call": call.to_string(),
            "user": party(user),
            "by": party(by),
            "at_ms": self.unix_ms(self.clock.now()),
        });
        self.exchange.notifier.send(Notice::Call { body: body.to_string() });
    }
}

/// Whether somebody can be notified there.
pub(super) fn check_subscription(subscription: &PushSubscription) -> Result<(), Refusal> {
    let invalid = |detail: String| Refusal::new(Code::InvalidParameter, detail);
    let PushSubscription { endpoint, p256dh, auth } = subscription;
    if endpoint.len() > ENDPOINT_BYTES_MAX {
        return Err(invalid(format!("`endpoint` has more than {ENDPOINT_BYTES_MAX} bytes")));
    }
    let url = endpoint.parse::<reqwest::Url>().ok();
    if url.is_none_or(|url| url.scheme() != "https" || !url.username().is_empty()) {
        return Err(invalid("`endpoint` is no https address of a push service".to_owned()));
    }
    BrowserKeys::read(p256dh, auth).map(drop).map_err(|why| invalid(why.to_string()))
}
