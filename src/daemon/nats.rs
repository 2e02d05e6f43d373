//! Puts the box on its fleet's NATS: how it is reached, and the API for who asks there.

use std::sync::Arc;

use axum::Router;
use serde_json::{Value, json};

use super::Lasting;
use crate::api::{self, Facts, Inquiry};
use crate::config::Config;
use crate::fleet::nats::{OnNats, Question};
use crate::system::api_tokens::ApiRole;

/// The name that stands beside what is done from there.
const ASKER: &str = "fleet (NATS)";

/// How the box is reached.
pub(super) fn card(lasting: &Lasting<'_>, config: &Config, facts: &Facts) -> Value {
    json!({
        "box": lasting.telling.box_id,
        "room": config.room.name,
        "url": facts.public_url,
        "fingerprint": facts.authority_fingerprint,
        "version": env!("CARGO_PKG_VERSION"),
    })
}

/// The box as it takes part.
pub(super) fn of(lasting: &Lasting<'_>, config: &Config, card: &Value, router: Router) -> OnNats {
    let role = ApiRole::from(config.fleet.nats_role);
    OnNats {
        follower: Arc::clone(&lasting.follower),
        events: Arc::clone(&lasting.telling.events),
        conditions: lasting.conditions.subscribe(),
        card: card.clone(),
        answers: Arc::new(move |question| {
            let Question { method, path, body, idempotency_key } = question;
            let inquiry = Inquiry { method, path, body, idempotency_key };
            Box::pin(api::inquire(router.clone(), inquiry, (ASKER, role)))
        }),
        state: lasting.state.to_owned(),
    }
}
