//! Webhooks: addresses that are told what happens, and how that went.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::events::Kinds;
use super::input::{Body, Segments};
use super::problem::{Document, Problem};
use crate::refusal::{Code, Refusal};
use crate::system::webhooks::{self, Error, Outcome, Wants};

/// How long a secret of the owner's may be, in bytes, as Standard Webhooks has it.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Where to, and what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MakeWebhook {
    /// Where events are sent to by `POST`: `https://` or `http://`, at most 2048 bytes.
    #[schema(max_length = 2048, example = "https://fleet.example/alcove")]
    url: String,
    /// Only events of these types, as `GET events` takes them; all where absent.
    #[schema(max_length = 4096, example = "alcove.condition.*,alcove.call.*")]
    types: Option<String>,
    /// What they are signed with: `whsec_` and 24 to 64 bytes in base64; drawn where absent.
    #[schema(max_length = 128)]
    secret: Option<String>,
}

/// A webhook, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Webhook {
    /// Its number.
    id: u64,
    /// Where to.
    url: String,
    /// Which types of events; all where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    types: Option<String>,
    /// When it was made, in seconds since the Unix epoch.
    made_unix_s: u64,
    /// The id of the last event that it was told, or that was not for it.
    told: String,
}

/// A webhook that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewWebhook {
    /// What is known of it from now on.
    #[serde(flatten)]
    view: Webhook,
    /// What its events are signed with: it is told this once.
    secret: String,
}

/// One attempt to tell an event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Delivery {
    /// The event's id.
    event: String,
    /// Its type.
    #[serde(rename = "type")]
    kind: String,
    /// When, in milliseconds since the Unix epoch.
    at_unix_ms: u64,
    /// Which attempt it was, from 1 on.
    attempt: u32,
    /// `taken`, `refused` (it is not sent again) or `again`.
    outcome: &'static str,
    /// The HTTP status of the answer, where there was one that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Why it is sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl From<webhooks::Webhook> for Webhook {
    fn from(webhook: webhooks::Webhook) -> Self {
        let webhooks::Webhook { id, url, types, made_unix, told } = webhook;
        Self { id, url: url.into(), types, made_unix_s: made_unix, told: told.to_string() }
    }
}

impl From<webhooks::Delivery> for Delivery {
    fn from(delivery: webhooks::Delivery) -> Self {
        let webhooks::Delivery { event, kind, at_unix_ms, attempt, outcome } = delivery;
        let (outcome, status, why) = match outcome {
            Outcome::Taken(status) => ("taken", Some(status), None),
            Outcome::Refused(status) => ("refused", Some(status), None),
            Outcome::Again(why) => ("again", None, Some(why)),
        };
        Self { event: event.to_string(), kind: kind.to_string(), at_unix_ms, attempt, outcome, status, why }
    }
}

/// Reads the types that a webhook was made for.
#[must_use]
pub fn wanted_types(text: &str) -> Option<Wants> {
    let kinds = Kinds::parse(text).ok()?;
    Some(Arc::new(move |kind| kinds.has(kind)))
}

/// The webhooks.
#[utoipa::path(
    get, path = "/api/v1/webhooks", tag = "monitoring", operation_id = "listWebhooks",
    responses(
        (status = 200, description = "In the order in which they were made", body = Vec<Webhook>),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Json<Vec<Webhook>> {
    Json(shared.webhooks.list().into_iter().map(Webhook::from).collect())
}

/// Has an address told what happens from now on, as Standard Webhooks 1.0 says: `webhook-id` (the event's id),
/// `webhook-timestamp` and `webhook-signature` come with it. An event is sent again until it is taken (2xx) or refused
/// (4xx but 408, 425 and 429).
#[utoipa::path(
    post, path = "/api/v1/webhooks", tag = "monitoring", operation_id = "makeWebhook",
    request_body = MakeWebhook,
    responses(
        (status = 201, description = "It is told", body = NewWebhook),
        (status = 400, description = "`invalid-parameter`", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "`busy`: there are too many", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn make(
    State(shared): State<Arc<Shared>>,
    Body(MakeWebhook { url, types, secret }): Body<MakeWebhook>,
) -> Result<(StatusCode, Json<NewWebhook>), Problem> {
    if let Some(types) = &types {
        Kinds::parse(types)?;
    }
    let secret = secret.as_deref().map(read_secret).transpose()?;
    let now = shared.gate.unix_time().as_secs();
    let made = shared.webhooks.make((&url, types.as_deref()), secret.as_deref(), now);
    let (webhook, secret) = made.map_err(problem)?;
    Ok((StatusCode::CREATED, Json(NewWebhook { view: webhook.into(), secret })))
}

/// The last hundred attempts to tell a webhook something since the daemon was started, the last one last.
#[utoipa::path(
    get, path = "/api/v1/webhooks/{id}/deliveries", tag = "monitoring", operation_id = "listDeliveries",
    params(("id" = u64, Path, description = "The webhook's number")),
    responses(
        (status = 200, description = "How it went", body = Vec<Delivery>),
        (status = 404, description = "`invalid-parameter`: there is none of that number", body = Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn deliveries(
    State(shared): State<Arc<Shared>>,
    Segments(id): Segments<u64>,
) -> Result<Json<Vec<Delivery>>, Problem> {
    let deliveries = shared.webhooks.deliveries(id).ok_or_else(|| no_such(id))?;
    Ok(Json(deliveries.into_iter().map(Delivery::from).collect()))
}

/// Has an address told nothing more.
#[utoipa::path(
    delete, path = "/api/v1/webhooks/{id}", tag = "monitoring", operation_id = "removeWebhook",
    params(("id" = u64, Path, description = "The webhook's number")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "`invalid-parameter`: there is none of that number", body = Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn remove(
    State(shared): State<Arc<Shared>>,
    Segments(id): Segments<u64>,
) -> Result<StatusCode, Problem> {
    match shared.webhooks.remove(id).map_err(|error| problem(error.into()))? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(no_such(id)),
    }
}

fn read_secret(text: &str) -> Result<Vec<u8>, Refusal> {
    let bytes = text.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
    bytes.filter(|bytes| SECRET_BYTES.contains(&bytes.len())).ok_or_else(|| {
        let (least, most) = (SECRET_BYTES.start(), SECRET_BYTES.end());
        let detail = format!(
            "secret has to be whsec_ and {least} to {most} bytes in base64; leave it out to have one drawn"
        );
        Refusal::new(Code::InvalidParameter, detail)
    })
}

fn no_such(id: u64) -> Problem {
    let detail = format!("there is no webhook {id}; the list says which there are");
    Problem::new(StatusCode::NOT_FOUND, Code::InvalidParameter, detail)
}

fn problem(error: Error) -> Problem {
    let code = match error {
        Error::TooMany => Code::Busy,
        Error::Address(_) => Code::InvalidParameter,
        Error::File(_) => Code::Internal,
    };
    Refusal::new(code, error.to_string()).into()
}
