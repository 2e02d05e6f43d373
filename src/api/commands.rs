//! Commands to the room itself: join a meeting, leave it, mute; and to its machine: restart, forget all.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};

use super::Shared;
use super::documents::{JoinRoom, MuteRoom, Room};
use super::gate::{Asker, Origin};
use super::input::Body;
use super::problem::{Document, Problem};
use crate::refusal::{Code, Refusal};
use crate::system::machine;

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

/// Mutes the room's microphone or camera; unmutes them only when asked by a controller or from the box itself.
#[utoipa::path(
    post, path = "/api/v1/commands/mute", tag = "commands", operation_id = "muteRoom",
    request_body = MuteRoom,
    responses(
        (status = 200, description = "What the room does now", body = Room),
        (status = 400, description = "`invalid-parameter`", body = Document, content_type = "application/problem+json"),
        (status = 403, description = "`not-permitted`: unmuting from afar", body = Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn mute(
    State(shared): State<Arc<Shared>>,
    Origin(from): Origin,
    Extension(asker): Extension<Asker>,
    Body(body): Body<MuteRoom>,
) -> Result<Json<Room>, Problem> {
    let unmutes = [body.microphone, body.camera].contains(&Some(false));
    // Whoever sits in the room consents by asking there: with a controller, or on the box itself.
    if unmutes && asker != Asker::Controller && !from.to_canonical().is_loopback() {
        let detail = "the room is not unmuted from afar; ask somebody in the room to unmute it there";
        return Err(Refusal::new(Code::NotPermitted, detail).into());
    }
    shared.handle.room_mute(body.microphone, body.camera).await?;
    room(&shared).await
}

async fn room(shared: &Shared) -> Result<Json<Room>, Problem> {
    Ok(Json(shared.handle.status().await?.room.into()))
}

/// Restarts the machine, and with that puts an update to use. Meetings end.
#[utoipa::path(
    post, path = "/api/v1/commands/reboot", tag = "commands", operation_id = "reboot",
    responses(
        (status = 202, description = "It restarts in a moment"),
        (status = 409, description = "`unsupported-mode`: the daemon came as a package, not with an image",
            body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn reboot(State(shared): State<Arc<Shared>>) -> Result<StatusCode, Problem> {
    shared.machine.restart().map_err(unwilling)?;
    log::info!("the machine restarts, as an administrator has asked");
    Ok(StatusCode::ACCEPTED)
}

/// Restarts the machine as it left the factory. Meetings end; configuration, keys and tokens are made anew, the one
/// that this is asked with too. Only what is on the image's keep-list stays.
#[utoipa::path(
    post, path = "/api/v1/commands/factory-reset", tag = "commands", operation_id = "factoryReset",
    responses(
        (status = 202, description = "It restarts in a moment"),
        (status = 409, description = "`unsupported-mode`: the daemon came as a package, not with an image",
            body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn factory_reset(State(shared): State<Arc<Shared>>) -> Result<StatusCode, Problem> {
    shared.machine.reset().map_err(unwilling)?;
    log::warn!("the machine restarts and forgets all that it was told, as an administrator has asked");
    Ok(StatusCode::ACCEPTED)
}

fn unwilling(error: machine::Error) -> Problem {
    let code = match error {
        machine::Error::Unsupported => Code::UnsupportedMode,
        machine::Error::Unasked(_) => Code::Internal,
    };
    Refusal::new(code, error.to_string()).into()
}
