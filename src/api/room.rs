//! The room as its controllers see it: its state, as soon as it is another; who controls it; volume and arrangement.

use std::sync::Arc;

use aws_lc_rs::rand;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::gate::{Denied, Origin};
use super::input::{Body, Extras, Segments};
use super::problem::{Document, Problem};
use crate::appliance::handle::ControllerView;
use crate::refusal::{Code, Refusal};
use crate::web::wire::control::{Arrangement, RoomState};

type Answer<T> = Result<Json<T>, Problem>;

/// What is known already.
#[derive(Debug, Deserialize)]
pub(crate) struct Known {
    /// The revision.
    pub since: Option<u64>,
}

/// The key that stands in the code on the room's screen.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pair {
    /// Behind `c=` in the link of the code; good for 10 to 20 minutes.
    pub key: String,
}

/// What controls the room.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Paired {
    /// The bearer token of the controller.
    pub token: String,
}

/// Who shall control the room for good.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateController {
    /// To know it again by, 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64, example = "Panel at the door")]
    pub name: String,
}

/// A controller as it was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewController {
    /// Its id.
    pub id: String,
    /// The bearer token of the controller.
    pub token: String,
    /// Opens the page that controls the room. Whoever has it controls the room, until the controller is taken out.
    #[schema(format = "uri")]
    pub control_url: String,
}

/// Who controls the room.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Controller {
    /// Its id.
    pub id: String,
    /// As it was named by an administrator; absent for one that has scanned the screen, and goes with the meeting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// For how long it has not been heard of, in seconds.
    pub unheard_s: u64,
}

/// Everybody who controls the room.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ControllerList {
    /// In no particular order.
    pub controllers: Vec<Controller>,
}

impl From<ControllerView> for Controller {
    fn from(view: ControllerView) -> Self {
        Self { id: id_word(view.id), name: view.name, unheard_s: view.unheard.as_secs() }
    }
}

/// How loud the others shall be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetVolume {
    /// In percent of what they send: 0 to 100.
    #[schema(maximum = 100)]
    pub percent: u8,
}

/// How the others shall be arranged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arrange {
    /// On the room's screen.
    pub arrangement: Arrangement,
}

/// The state of the room: at once, or with `since` as soon as it is another, after 25 seconds in any case.
#[utoipa::path(
    get, path = "/api/v1/room", tag = "room", operation_id = "showRoom",
    params(("since" = Option<u64>, Query, description = "The revision that is known")),
    responses(
        (status = 200, description = "The state", body = RoomState),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    Extras(Known { since }): Extras<Known>,
) -> Answer<RoomState> {
    Ok(Json(shared.handle.room_state(since).await?))
}

/// Lets whoever has scanned the code on the room's screen control the room, until its meeting is over or it was not heard
/// of for a quarter of an hour.
#[utoipa::path(
    post, path = "/api/v1/room/pair", tag = "room", operation_id = "pairController", security(()),
    request_body = Pair,
    responses(
        (status = 201, description = "It controls the room", body = Paired),
        (status = 401, description = "`not-permitted`: the code is no longer on the screen", body = Document,
            content_type = "application/problem+json"),
        (status = 409, description = "`busy`: there are too many controllers", body = Document,
            content_type = "application/problem+json"),
        (status = 429, description = "`too-many-requests`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn pair(
    State(shared): State<Arc<Shared>>,
    Origin(from): Origin,
    Body(body): Body<Pair>,
) -> Result<(StatusCode, Json<Paired>), Problem> {
    shared.gate.opens_room(from, &body.key)?;
    let id = unguessable()?;
    shared.handle.pair(id).await?;
    Ok((StatusCode::CREATED, Json(Paired { token: shared.gate.issue_controller(id) })))
}

/// Lets somebody control the room for good: a panel at the door, a tablet on the table.
#[utoipa::path(
    post, path = "/api/v1/room/controllers", tag = "room", operation_id = "createController",
    request_body = CreateController,
    responses(
        (status = 201, description = "It controls the room", body = NewController),
        (status = 400, description = "`invalid-parameter`", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "`busy`: there are too many controllers", body = Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    Body(body): Body<CreateController>,
) -> Result<(StatusCode, Json<NewController>), Problem> {
    let id = unguessable()?;
    shared.handle.enrol_controller(id, body.name).await?;
    let token = shared.gate.issue_controller(id);
    let control_url = format!("{}/room#k={token}", shared.facts.public_url);
    Ok((StatusCode::CREATED, Json(NewController { id: id_word(id), token, control_url })))
}

/// Who controls the room.
#[utoipa::path(
    get, path = "/api/v1/room/controllers", tag = "room", operation_id = "listControllers",
    responses(
        (status = 200, description = "All of them", body = ControllerList),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Answer<ControllerList> {
    let controllers = shared.handle.controllers().await?;
    Ok(Json(ControllerList { controllers: controllers.into_iter().map(Controller::from).collect() }))
}

/// Takes a controller out: its token is void.
#[utoipa::path(
    delete, path = "/api/v1/room/controllers/{id}", tag = "room", operation_id = "removeController",
    params(("id" = String, Path, description = "The controller's id")),
    responses(
        (status = 204, description = "It is out"),
        (status = 400, description = "`invalid-parameter`: there is no such controller", body = Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn remove(
    State(shared): State<Arc<Shared>>,
    Segments(id): Segments<String>,
) -> Result<StatusCode, Problem> {
    let number = id.strip_prefix('c').and_then(|hex| u64::from_str_radix(hex, 16).ok()).ok_or_else(|| {
        Refusal::new(Code::InvalidParameter, format!("`{id}` is no controller; take an id of the list"))
    })?;
    shared.handle.strike_controller(number).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes the others louder or softer in the room.
#[utoipa::path(
    post, path = "/api/v1/commands/volume", tag = "commands", operation_id = "setVolume",
    request_body = SetVolume,
    responses(
        (status = 204, description = "They are as loud as that"),
        (status = 400, description = "`invalid-parameter`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn set_volume(
    State(shared): State<Arc<Shared>>,
    Body(body): Body<SetVolume>,
) -> Result<StatusCode, Problem> {
    if body.percent > 100 {
        let detail = format!("`percent` is {}; say 0 to 100", body.percent);
        return Err(Refusal::new(Code::InvalidParameter, detail).into());
    }
    shared.handle.room_volume(body.percent).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Arranges the others on the room's screen.
#[utoipa::path(
    post, path = "/api/v1/commands/arrange", tag = "commands", operation_id = "arrange",
    request_body = Arrange,
    responses(
        (status = 204, description = "They are"),
        (status = 400, description = "`invalid-parameter`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn arrange(
    State(shared): State<Arc<Shared>>,
    Body(body): Body<Arrange>,
) -> Result<StatusCode, Problem> {
    shared.handle.room_arrange(body.arrangement).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn id_word(id: u64) -> String {
    format!("c{id:016x}")
}

/// A number that nobody guesses.
fn unguessable() -> Result<u64, Problem> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).map_err(|_| {
        let detail = "the system has no random numbers; tell whoever looks after the appliance";
        Problem::from(Refusal::new(Code::Internal, detail))
    })?;
    Ok(u64::from_le_bytes(bytes))
}

impl Shared {
    /// Lets a controller through whose time is not over.
    pub(super) async fn admit_controller(&self, id: u64) -> Result<(), Problem> {
        self.handle.controls(id).await.map_err(|refusal| match refusal.code {
            Code::NotPermitted => Denied::Bad(refusal).into(),
            _ => refusal.into(),
        })
    }
}
