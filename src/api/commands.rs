//! Commands to the room itself: join a meeting, leave it, mute, show itself, try itself out; and to its machine: restart,
//! forget all.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::interval;
use utoipa::ToSchema;

use super::documents::{JoinRoom, MuteRoom, Room};
use super::gate::{Asker, Origin};
use super::input::{Body, Extras};
use super::operations::Operation;
use super::problem::{Document, Problem};
use super::{Shared, trial};
use crate::refusal::{Code, Refusal};
use crate::system::machine::{self, Keep};
use crate::system::operations::{self, Progress};

/// How often is looked whether a restart disturbs nobody.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a box may show which it is, in seconds.
const IDENTIFY_RANGE_S: std::ops::RangeInclusive<u32> = 1..=300;

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

/// When the machine restarts.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Moment {
    /// In a moment, whoever is in a meeting.
    #[default]
    Now,
    /// As soon as nobody is in a meeting and no call goes on.
    Idle,
    /// When that is so within the window of `maintenance.window`.
    Window,
}

/// How a restart is asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Restart {
    #[serde(default)]
    when: Moment,
}

/// Restarts the machine, and with that puts an update to use. Meetings end.
#[utoipa::path(
    post, path = "/api/v1/commands/reboot", tag = "commands", operation_id = "reboot",
    params(("when" = Option<Moment>, Query, description = "`now` where absent; a restart that waits can be cancelled")),
    responses(
        (status = 202, description = "It restarts then", body = Operation),
        (status = 409, description = "`unsupported-mode`: the daemon came as a package, not with an image; `busy`: a \
            restart waits already", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn reboot(
    State(shared): State<Arc<Shared>>,
    Extension(asker): Extension<Asker>,
    Extras(Restart { when }): Extras<Restart>,
) -> Result<(StatusCode, Json<Operation>), Problem> {
    shared.machine.check().map_err(unwilling)?;
    let (operation, progress) = begin(&shared, "reboot", &asker, !matches!(when, Moment::Now))?;
    match when {
        Moment::Now => restart(&shared, progress),
        Moment::Idle | Moment::Window => {
            drop(tokio::spawn(restart_later(Arc::clone(&shared), when, progress)))
        }
    }
    Ok((StatusCode::ACCEPTED, Json(shared.operations.get(operation.id).unwrap_or(operation).into())))
}

fn restart(shared: &Shared, progress: Progress) {
    match shared.machine.restart() {
        Ok(()) => {
            log::info!("the machine restarts, as an administrator has asked");
            progress.succeed("it restarts in a moment", Value::Null);
        }
        Err(error) => progress.fail(&error.to_string(), Value::Null),
    }
}

async fn restart_later(shared: Arc<Shared>, when: Moment, progress: Progress) {
    progress.tell(0, "waits until nobody is disturbed");
    let mut looks = interval(LOOK_EVERY);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = progress.cancelled() => return progress.give_up("it does not restart"),
        }
        let is_open = || shared.configuration.state().config.maintenance.is_open(shared.gate.unix_time());
        let is_the_hour = matches!(when, Moment::Idle) || is_open();
        if is_the_hour && shared.handle.status().await.is_ok_and(|status| status.is_idle) {
            return restart(&shared, progress);
        }
    }
}

/// What stays when everything else is forgotten.
#[derive(Debug, Deserialize)]
pub(crate) struct Reset {
    keep: Option<String>,
}

/// Restarts the machine as it left the factory. Meetings end; configuration, keys and tokens are made anew, the one
/// that this is asked with too. What is on the image's keep-list stays, and what is named.
#[utoipa::path(
    post, path = "/api/v1/commands/factory-reset", tag = "commands", operation_id = "factoryReset",
    params(("keep" = Option<String>, Query, description = "What stays besides, with commas between: `network` (addresses) and \
        `name` (of the machine)", example = "network,name")),
    responses(
        (status = 202, description = "It restarts in a moment"),
        (status = 400, description = "`invalid-parameter`: nothing of that name can be kept", body = Document,
            content_type = "application/problem+json"),
        (status = 409, description = "`unsupported-mode`: the daemon came as a package, not with an image",
            body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn factory_reset(
    State(shared): State<Arc<Shared>>,
    Extras(Reset { keep }): Extras<Reset>,
) -> Result<StatusCode, Problem> {
    let names = keep.as_deref().unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
    let kept = names.map(|name| {
        Keep::ALL.into_iter().find(|keep| keep.as_str() == name).ok_or_else(|| {
            let detail =
                format!("{name:?} cannot be kept: keep takes network and name, with a comma between");
            Refusal::new(Code::InvalidParameter, detail)
        })
    });
    let kept: Vec<Keep> = kept.collect::<Result<_, Refusal>>()?;
    shared.machine.reset(&kept).map_err(unwilling)?;
    log::warn!("the machine restarts and forgets what it was told, as an administrator has asked");
    Ok(StatusCode::ACCEPTED)
}

/// Tries the room out: for some seconds it sits in a meeting of its own, with camera and microphone as they are switched
/// in the room. The operation's result says of each part whether it works.
#[utoipa::path(
    post, path = "/api/v1/commands/test", tag = "commands", operation_id = "testRoom",
    responses(
        (status = 202, description = "It is tried out", body = Operation),
        (status = 409, description = "`busy`: the room is in a meeting, somebody else is, or it is being tried out",
            body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn test(
    State(shared): State<Arc<Shared>>,
    Extension(asker): Extension<Asker>,
) -> Result<(StatusCode, Json<Operation>), Problem> {
    if !shared.handle.status().await?.is_idle {
        let detail = "somebody is in a meeting or a call; the room is tried out when nobody is";
        return Err(Refusal::new(Code::Busy, detail).into());
    }
    let (operation, progress) = begin(&shared, "test", &asker, true)?;
    tokio::spawn(trial::run(Arc::clone(&shared), progress));
    Ok((StatusCode::ACCEPTED, Json(operation.into())))
}

/// How long.
#[derive(Debug, Deserialize)]
pub(crate) struct Identify {
    seconds: Option<u32>,
}

/// Has the box show which it is: its screen says its name and address in large letters, and its loudspeaker knocks.
#[utoipa::path(
    post, path = "/api/v1/commands/identify", tag = "commands", operation_id = "identify",
    params(("seconds" = Option<u32>, Query, description = "How long: 1 to 300, 15 where absent", minimum = 1, maximum = 300)),
    responses(
        (status = 204, description = "It shows itself"),
        (status = 400, description = "`invalid-parameter`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn identify(
    State(shared): State<Arc<Shared>>,
    Extras(Identify { seconds }): Extras<Identify>,
) -> Result<StatusCode, Problem> {
    let seconds = seconds.unwrap_or(15);
    if !IDENTIFY_RANGE_S.contains(&seconds) {
        let (least, most) = (IDENTIFY_RANGE_S.start(), IDENTIFY_RANGE_S.end());
        return Err(Refusal::new(Code::InvalidParameter, format!("seconds is {least} to {most}")).into());
    }
    let how = format!("{} · {}", shared.facts.public_url, shared.box_id);
    shared.handle.identify(how, Duration::from_secs(seconds.into())).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begins something that takes a while; of each kind there is one at a time.
pub(crate) fn begin(
    shared: &Shared,
    kind: &'static str,
    asker: &Asker,
    may_cancel: bool,
) -> Result<(operations::Operation, Progress), Refusal> {
    shared.operations.begin(kind, asker.name(), may_cancel).map_err(|running| {
        Refusal::new(
            Code::Busy,
            format!("operation {running} is the same, and is under way; wait for it, or cancel it"),
        )
    })
}

fn unwilling(error: machine::Error) -> Problem {
    let code = match error {
        machine::Error::Unsupported => Code::UnsupportedMode,
        machine::Error::Unasked(_) => Code::Internal,
    };
    Refusal::new(code, error.to_string()).into()
}
