//! Updates of the image: how it stands, and a new bundle.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use futures_util::StreamExt as _;
use serde::Serialize;
use serde_json::json;
use tokio::time::interval;
use utoipa::ToSchema;

use super::gate::Asker;
use super::input::{has_type, unsupported_type};
use super::problem::{Document, Problem};
use super::{Shared, commands};
use crate::refusal::{Code, Refusal};
use crate::system::operations::Progress;
use crate::system::updates::{self, Error};

/// How often is looked how far an installation is.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a bundle is sent as.
const BUNDLE_TYPE: &str = "application/octet-stream";

/// How the machine stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Updates {
    /// Which boards' bundles it takes.
    pub compatible: String,
    /// `idle` or `installing`.
    pub operation: String,
    /// How far that is, in percent.
    pub progress_percent: i32,
    /// What is being done.
    pub progress: String,
    /// Why the last installation failed; empty when it did not.
    pub last_error: String,
    /// The two systems on the disk, as they were before an installation that is under way.
    pub slots: Vec<Slot>,
    /// Whether the other slot is what the next start takes.
    pub restart_needed: bool,
    /// Whether an update did not start or was not healthy, and this slot runs instead.
    pub went_back: bool,
}

/// One of the two systems on the disk.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Slot {
    /// `A` or `B`.
    pub name: String,
    /// Whether it runs now.
    pub booted: bool,
    /// `good` or `bad`.
    pub state: String,
    /// The version of the bundle that it was written from; empty for the one that the disk came with.
    pub version: String,
}

/// A bundle that is being installed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Installing {
    /// Its version.
    pub version: String,
    /// The operation that tells how far it is.
    pub operation: u64,
}

impl From<updates::View> for Updates {
    fn from(view: updates::View) -> Self {
        let slot = |updates::Slot { name, booted, state, version }| Slot { name, booted, state, version };
        Self {
            compatible: view.compatible,
            operation: view.operation,
            progress_percent: view.progress.0,
            progress: view.progress.1,
            last_error: view.last_error,
            slots: view.slots.into_iter().map(slot).collect(),
            restart_needed: view.restart_needed,
            went_back: view.went_back,
        }
    }
}

/// The slots of the image, and what is being installed.
#[utoipa::path(
    get, path = "/api/v1/updates", tag = "appliance", operation_id = "showUpdates",
    responses(
        (status = 200, description = "How the machine stands", body = Updates),
        (status = 409, description = "`unsupported-mode`: it is not an image with two slots", body = Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(State(shared): State<Arc<Shared>>) -> Result<Json<Updates>, Problem> {
    Ok(Json(shared.updates.view().await.map_err(problem)?.into()))
}

/// Installs a bundle into the slot that is not running. The answer comes once it was found to be good; how far it
/// is then, the operation tells. The next start takes it, and keeps it if the room works with it.
#[utoipa::path(
    post, path = "/api/v1/updates", tag = "appliance", operation_id = "installUpdate",
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The bundle, at most 2 GiB"),
    responses(
        (status = 202, description = "It is being installed", body = Installing),
        (status = 400, description = "`invalid-parameter`: it is cut short, signed by a stranger, or for another board",
            body = Document, content_type = "application/problem+json"),
        (status = 409, description = "`busy`, or `unsupported-mode`: it is not an image with two slots",
            body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn install(
    State(shared): State<Arc<Shared>>,
    Extension(asker): Extension<Asker>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Installing>), Problem> {
    if !has_type(&headers, BUNDLE_TYPE) {
        return Err(unsupported_type(BUNDLE_TYPE));
    }
    let mut arriving = shared.updates.expect().await.map_err(problem)?;
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|cause| {
            Refusal::new(Code::InvalidParameter, format!("the bundle did not arrive whole: {cause}"))
        })?;
        arriving.write(&piece).await.map_err(problem)?;
    }
    let begun = arriving.install().await.map_err(problem)?;
    let version = begun.version.clone();
    let (operation, progress) = commands::begin(&shared, "update", &asker, false)?;
    tokio::spawn(follow(Arc::clone(&shared), begun, progress));
    Ok((StatusCode::ACCEPTED, Json(Installing { version, operation: operation.id })))
}

/// Tells how far an installation is until it is over.
async fn follow(shared: Arc<Shared>, begun: updates::Begun, progress: Progress) {
    let updates::Begun { version, mut ended } = begun;
    let mut looks = interval(LOOK_EVERY);
    loop {
        tokio::select! {
            outcome = &mut ended => return match outcome {
                Ok(Ok(())) => progress.succeed(
                    &format!("version {version} is installed; the next restart takes it"),
                    json!({ "version": version }),
                ),
                Ok(Err(cause)) => progress.fail(&cause, json!({ "version": version })),
                // It says so itself.
                Err(_) => drop(progress),
            },
            _ = looks.tick() => {
                if let Ok(view) = shared.updates.view().await {
                    progress.tell(u8::try_from(view.progress.0).unwrap_or(0), &view.progress.1);
                }
            }
        }
    }
}

fn problem(error: Error) -> Problem {
    let code = match error {
        Error::Unsupported(_) => Code::UnsupportedMode,
        Error::Busy | Error::TooEarly => Code::Busy,
        Error::Refused(_) => Code::InvalidParameter,
        Error::NotKept(_) => Code::Internal,
    };
    Refusal::new(code, error.to_string()).into()
}
