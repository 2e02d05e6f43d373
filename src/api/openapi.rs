//! The description of the API, checked in as `openapi.json`; a test compares it with what the code says.

use axum::http::header;
use axum::response::IntoResponse;

/// This document.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "appliance", operation_id = "describe", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value))
)]
pub(crate) async fn document() -> impl IntoResponse {
    // The checked-in file: a test says that it is what the code would say.
    ([(header::CONTENT_TYPE, "application/json")], include_str!("openapi.json"))
}
