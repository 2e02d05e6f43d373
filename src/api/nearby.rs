//! The appliances that announce themselves on the local network.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use super::problem::{Document, Problem};

/// An appliance that announces itself on the local network: what somebody there says, to be compared.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NearbyAppliance {
    /// The name of its room.
    pub name: String,
    /// Where it says that it is reached.
    pub address: String,
    /// The fingerprint that it gives itself; compare it with what its administrator sees before it is trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// Those that are there now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NearbyList {
    /// In the order of their names.
    pub appliances: Vec<NearbyAppliance>,
}

/// The other appliances on the local network. None is called by this: put the one you know into the directory.
#[utoipa::path(
    get, path = "/api/v1/appliances", tag = "calls", operation_id = "listNearbyAppliances",
    responses(
        (status = 200, description = "Who announces itself; nobody where `calls.nearby` is off", body = NearbyList),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Result<Json<NearbyList>, Problem> {
    let appliances = shared.nearby.found().into_iter();
    let appliances = appliances.map(|one| NearbyAppliance {
        name: one.name,
        address: one.address,
        fingerprint: one.fingerprint,
    });
    Ok(Json(NearbyList { appliances: appliances.collect() }))
}
