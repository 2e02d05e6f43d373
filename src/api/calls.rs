//! Calls over HTTP: what goes on, what has been, the room's own part; and the way to the WebSocket of calls.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::gate::Origin;
use super::input::{Body, Extras};
use super::problem::{Document, Problem};
use super::words;
use crate::refusal::Refusal;
use crate::web::socket::calling::{self, Reception};
use crate::web::wire::calling::{CallRecord, CallState, Media, REQUEST_BYTES_MAX};

type Answer<T> = Result<Json<T>, Problem>;

/// Whom the room shall ring.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RingFromRoom {
    /// Their ids, one or many.
    #[schema(min_items = 1, max_items = 49)]
    pub users: Vec<String>,
    /// With pictures, or sound alone.
    #[serde(default = "video")]
    pub media: Media,
}

const fn video() -> Media {
    Media::Video
}

/// Which records are asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Which {
    /// Only those of this user.
    pub user: Option<String>,
    /// Only those before the one with this number.
    pub before: Option<u64>,
}

/// The calls of now, and the last records.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CallList {
    /// Those that go on.
    pub calls: Vec<CallState>,
    /// Those that have ended: at most 50, the last ones first.
    pub records: Vec<CallRecord>,
}

/// The calls that go on, and those that have been.
#[utoipa::path(
    get, path = "/api/v1/calls", tag = "calls", operation_id = "listCalls",
    params(
        ("user" = Option<String>, Query, description = "Only records of this user"),
        ("before" = Option<u64>, Query, description = "Only records before the one with this number"),
    ),
    responses(
        (status = 200, description = "The calls of now, and the last records", body = CallList),
        (status = 404, description = "`user-not-found`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    Extras(Which { user, before }): Extras<Which>,
) -> Answer<CallList> {
    let calls = shared.handle.calls().await?;
    let records = shared.handle.call_records(user, before).await?;
    Ok(Json(CallList { calls, records }))
}

/// Has the room ring somebody.
#[utoipa::path(
    post, path = "/api/v1/calls", tag = "calls", operation_id = "ringFromRoom",
    request_body = RingFromRoom,
    responses(
        (status = 201, description = "They are rung", body = CallState),
        (status = 404, description = "`user-not-found`", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "`busy`: the room is in a call, or nobody can be reached", body = Document,
            content_type = "application/problem+json"),
        (status = 429, description = "`too-many-requests`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn ring(
    State(shared): State<Arc<Shared>>,
    Body(body): Body<RingFromRoom>,
) -> Result<(StatusCode, Json<CallState>), Problem> {
    Ok((StatusCode::CREATED, Json(shared.handle.room_rings(body.users, body.media).await?)))
}

/// The room answers the call that rings there; it leaves the meeting that it is in.
#[utoipa::path(
    post, path = "/api/v1/commands/accept", tag = "commands", operation_id = "acceptCall",
    responses(
        (status = 204, description = "It joins the call"),
        (status = 410, description = "`peer-lost`: nobody rings", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn accept(State(shared): State<Arc<Shared>>) -> Result<StatusCode, Problem> {
    shared.handle.room_accepts().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The room declines the call that rings there.
#[utoipa::path(
    post, path = "/api/v1/commands/decline", tag = "commands", operation_id = "declineCall",
    responses(
        (status = 204, description = "The ringing stops"),
        (status = 410, description = "`peer-lost`: nobody rings", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn decline(State(shared): State<Arc<Shared>>) -> Result<StatusCode, Problem> {
    shared.handle.room_declines().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The room takes its own call back, or leaves the call that it is in.
#[utoipa::path(
    post, path = "/api/v1/commands/hang-up", tag = "commands", operation_id = "hangUp",
    responses(
        (status = 204, description = "The room is out of it"),
        (status = 410, description = "`peer-lost`: it is in no call", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn hang_up(State(shared): State<Arc<Shared>>) -> Result<StatusCode, Problem> {
    shared.handle.room_hangs_up().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The words of a user's page: see `src/web/PROTOCOL.md`. The token is in the first frame.
#[utoipa::path(
    get, path = "/api/v1/calls/ws", tag = "calls", operation_id = "openCallsSocket", security(()),
    responses(
        (status = 101, description = "The WebSocket is open; the first frame has to be `hello`"),
        (status = 426, description = "This is not a WebSocket request", body = Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn socket(
    State(shared): State<Arc<Shared>>,
    Origin(from): Origin,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let (upgrade, place) = words::admit_socket(&shared, upgrade, REQUEST_BYTES_MAX)?;
    let handle = shared.handle.clone();
    let caller = Caller { shared, from };
    Ok(upgrade.on_upgrade(move |socket| async move {
        calling::serve(socket, handle, caller).await;
        drop(place);
    }))
}

/// Who stands before the gate with a socket.
struct Caller {
    shared: Arc<Shared>,
    from: IpAddr,
}

impl Reception for Caller {
    fn user(&self, token: &str) -> Result<(u64, u32), Refusal> {
        Ok(self.shared.gate.signs_in(self.from, token)?)
    }
}
