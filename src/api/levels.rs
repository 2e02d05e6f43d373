//! How loud it is at the room's devices, for whoever sets them up.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use super::problem::{Document, Problem};

/// How loud it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Levels {
    /// The last 20 ms of the room's microphone in dBov: -127, silence, to 0; absent while nothing captures.
    #[serde(skip_serializing_if = "Option::is_none")]
    microphone_dbov: Option<i8>,
}

/// How loud it is at the room's microphone at the moment.
#[utoipa::path(
    get, path = "/api/v1/device/levels", tag = "appliance", operation_id = "showLevels",
    responses(
        (status = 200, description = "In dBov, as RFC 6464 counts", body = Levels),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(State(shared): State<Arc<Shared>>) -> Result<Json<Levels>, Problem> {
    let figures = shared.handle.status().await?.room.figures;
    Ok(Json(Levels { microphone_dbov: figures.microphone_dbov }))
}
