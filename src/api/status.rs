//! How the appliance is: for administrators, for monitoring, and what the room's screen shows.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Shared;
use super::documents::Status;
use super::input::Extras;
use super::metrics;
use super::problem::{Document, Problem};
use crate::refusal::{Code, Refusal};
use crate::system::conditions::{Conditions, Kind};
use crate::system::configuration::State as ConfigState;

/// The longest wait for a condition, in seconds.
const WAIT_MAX_S: u32 = 60;

/// What is waited for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Wait {
    wait_for: Option<String>,
    generation: Option<u64>,
    timeout: Option<u32>,
}

/// What the appliance does, at once or as soon as a condition is true.
#[utoipa::path(
    get, path = "/api/v1/status", tag = "appliance", operation_id = "showStatus",
    params(
        ("waitFor" = Option<String>, Query, description = "The condition that the answer waits for, such as `ConfigApplied`"),
        ("generation" = Option<u64>, Query, description = "With `ConfigApplied`: at least this generation of the configuration"),
        ("timeout" = Option<u32>, Query, description = "How long at most, in seconds: 1 to 60, 30 where absent"),
    ),
    responses(
        (status = 408, description = "`no-answer`: the condition was not true in time; the detail says why not",
            body = Document, content_type = "application/problem+json"),
        (status = 503, description = "`busy`: the appliance is starting anew, which takes some seconds", body = Document,
            content_type = "application/problem+json"),
        (status = 200, description = "What the appliance does", body = Status),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn status(
    State(shared): State<Arc<Shared>>,
    Extras(wait): Extras<Wait>,
) -> Result<Json<Status>, Problem> {
    if let Some(name) = &wait.wait_for {
        until_true(&shared, name, &wait).await?;
    }
    let view = shared.handle.status().await?;
    let (state, mut conditions) = (shared.configuration.state(), shared.conditions.borrow().clone());
    // The table is looked after now and then, and what has just been waited for is to be seen in it.
    conditions.find(Kind::ConfigApplied, state.finding(), shared.gate.unix_time_ms());
    Ok(Json(Status::new(view, identity(&shared), &state, &conditions)))
}

/// What the box is known by.
pub(super) fn identity(shared: &Shared) -> (String, Option<String>) {
    (shared.box_id.clone(), shared.facts.authority_fingerprint.clone())
}

/// Returns as soon as the condition is true, of that generation where one is named.
async fn until_true(shared: &Shared, name: &str, wait: &Wait) -> Result<(), Problem> {
    let invalid = |detail: String| Problem::from(Refusal::new(Code::InvalidParameter, detail));
    let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == name);
    let kind = kind.ok_or_else(|| {
        invalid(format!("there is no condition {name}; the status lists those that there are"))
    })?;
    let timeout = wait.timeout.unwrap_or(30);
    if !(1..=WAIT_MAX_S).contains(&timeout) {
        return Err(invalid(format!("timeout is 1 to {WAIT_MAX_S} seconds")));
    }
    let (mut conditions, mut states) = (shared.conditions.clone(), shared.configuration.subscribe());
    let is_reached = |conditions: &Conditions, state: &ConfigState| {
        let is_true = conditions.get(kind).is_some_and(|condition| condition.finding.status == Some(true));
        match (kind, wait.generation) {
            (Kind::ConfigApplied, generation) => {
                state.observed == state.generation && state.observed >= generation.unwrap_or(0)
            }
            _ => is_true,
        }
    };
    let reached = async {
        loop {
            let is_there = {
                let (conditions, state) = (conditions.borrow_and_update(), states.borrow_and_update());
                is_reached(&conditions, &state)
            };
            let is_over = tokio::select! {
                () = std::future::ready(()), if is_there => return Ok(()),
                () = shared.closed() => true,
                changed = conditions.changed() => changed.is_err(),
                changed = states.changed() => changed.is_err(),
            };
            if is_over {
                let detail = "the appliance is starting anew; ask again";
                let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, Code::Busy, detail);
                return Err(problem.with(header::RETRY_AFTER, 1.into()));
            }
        }
    };
    match tokio::time::timeout(Duration::from_secs(timeout.into()), reached).await {
        Ok(reached) => reached,
        Err(_) => {
            let message =
                shared.conditions.borrow().get(kind).map(|condition| condition.finding.message.clone());
            let message = message.unwrap_or_else(|| "nobody has looked yet".to_owned());
            let detail = format!("{name} was not true within {timeout} s: {message}");
            Err(Refusal::new(Code::NoAnswer, detail).into())
        }
    }
}

/// The devices of the box, and which were chosen for what reason.
#[utoipa::path(
    get, path = "/api/v1/device", tag = "appliance", operation_id = "showDevice",
    responses(
        (status = 200, description = "What `alcove devices --json` says", body = serde_json::Value),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn device(State(shared): State<Arc<Shared>>) -> Result<Json<serde_json::Value>, Problem> {
    let devices = Arc::clone(&shared.facts.devices);
    let told = tokio::task::spawn_blocking(move || devices()).await;
    told.map(Json)
        .map_err(|_| Refusal::new(Code::Internal, "the devices could not be looked at; see the log").into())
}

/// What the room's screen shows.
#[utoipa::path(
    get, path = "/api/v1/display/snapshot.png", tag = "appliance", operation_id = "showDisplay",
    responses(
        (status = 200, description = "The screen as PNG", body = Vec<u8>, content_type = "image/png"),
        (status = 409, description = "`busy`: a snapshot is being made", body = Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn snapshot(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let png = shared.handle.snapshot().await?;
    Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response())
}

/// A few figures for Prometheus. They name nobody, so they need no token.
#[utoipa::path(
    get, path = "/metrics", tag = "monitoring", operation_id = "metrics", security(()),
    responses((status = 200, description = "Prometheus text", body = String, content_type = "text/plain"))
)]
pub(crate) async fn metrics(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let (status, totals) = (shared.handle.status().await?, shared.handle.totals().await?);
    let conditions = shared.conditions.borrow().clone();
    let text = metrics::exposition(&status, &totals, &conditions);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// Whether the process answers at all.
#[utoipa::path(
    get, path = "/healthz", tag = "monitoring", operation_id = "healthy", security(()),
    responses((status = 200, description = "It does", body = String, content_type = "text/plain"))
)]
pub(crate) async fn healthy() -> &'static str {
    "ok\n"
}

/// Whether the appliance takes commands.
#[utoipa::path(
    get, path = "/readyz", tag = "monitoring", operation_id = "ready", security(()),
    responses(
        (status = 200, description = "It does", body = String, content_type = "text/plain"),
        (status = 503, description = "Not now", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn ready(State(shared): State<Arc<Shared>>) -> Result<&'static str, Problem> {
    let not_ready = |detail: String| Problem::new(StatusCode::SERVICE_UNAVAILABLE, Code::Busy, detail);
    shared.handle.status().await.map_err(|refusal| not_ready(refusal.detail))?;
    let conditions = shared.conditions.borrow();
    let needed = [Kind::Ready, Kind::SfuReady].map(|kind| conditions.get(kind));
    match needed.into_iter().flatten().find(|condition| condition.finding.status == Some(false)) {
        Some(condition) => Err(not_ready(condition.finding.message.clone())),
        None => Ok("ready\n"),
    }
}
