//! Commands to the room itself: join a meeting, leave it, mute.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::Shared;
use super::documents::{JoinRoom, MuteRoom, Room};
use super::input::Body;
use super::problem::{Document, Problem};

/// Puts the room into a meeting; it leaves the one that it is in.
#[utoipa::path(
    post, path = "/api/v1/commands/join", tag = "commands", operation_id = "joinMeeting",
    request_body = JoinRoom,
    responses(
        (status = 200, description = "What the room does now", body = Room),
        (status = 404, description = "`meeting-not-found`", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "`meeting-full`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn join(
    State(shared): State<Arc<Shared>>,
    Body(body): Body<JoinRoom>,
) -> Result<Json<Room>, Problem> {
    shared.handle.room_join(body.meeting).await?;
    room(&shared).await
}

/// Takes the room out of its meeting.
#[utoipa::path(
    post, path = "/api/v1/commands/leave", tag = "commands", operation_id = "leaveMeeting",
    responses(
        (status = 200, description = "What the room does now", body = Room),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn leave(State(shared): State<Arc<Shared>>) -> Result<Json<Room>, Problem> {
    shared.handle.room_leave().await?;
    room(&shared).await
}

/// Mutes the room's microphone or camera, or asks to unmute them.
#[utoipa::path(
    post, path = "/api/v1/commands/mute", tag = "commands", operation_id = "muteRoom",
    request_body = MuteRoom,
    responses(
        (status = 200, description = "What the room does now", body = Room),
        (status = 400, description = "`invalid-parameter`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn mute(
    State(shared): State<Arc<Shared>>,
    Body(body): Body<MuteRoom>,
) -> Result<Json<Room>, Problem> {
    shared.handle.room_mute(body.microphone, body.camera).await?;
    room(&shared).await
}

async fn room(shared: &Shared) -> Result<Json<Room>, Problem> {
    Ok(Json(shared.handle.status().await?.room.into()))
}
