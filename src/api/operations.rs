//! What takes a while: how it stands, and its end before its time.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Shared;
use super::input::Segments;
use super::problem::{Document, Problem};
use crate::refusal::{Code, Refusal};
use crate::system::operations::{self, NotCancelled};

/// Something that takes a while.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Operation {
    /// Its number, counted since the daemon was started.
    id: u64,
    /// `update`, `test`, `reboot` or `certificate`.
    kind: &'static str,
    /// The name of the token that has asked for it.
    by: String,
    /// When it began, in milliseconds since the Unix epoch.
    began_unix_ms: u64,
    /// When it was over, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_unix_ms: Option<u64>,
    /// `running`, `succeeded`, `failed` or `cancelled`.
    state: &'static str,
    /// How far it is, 0 to 100.
    progress_percent: u8,
    /// What is being done; in the end, what has come of it.
    message: String,
    /// What it has found, in the end.
    #[serde(skip_serializing_if = "Value::is_null")]
    result: Value,
    /// Whether it can be cancelled.
    may_cancel: bool,
}

impl From<operations::Operation> for Operation {
    fn from(operation: operations::Operation) -> Self {
        let operations::Operation { id, kind, by, began_unix_ms, ended_unix_ms, .. } = operation;
        let operations::Operation { standing, percent, message, result, may_cancel, .. } = operation;
        Self {
            id,
            kind,
            by,
            began_unix_ms,
            ended_unix_ms,
            state: standing.as_str(),
            progress_percent: percent,
            message,
            result,
            may_cancel,
        }
    }
}

/// What runs, and the last 64 that are over; each change of one is an event, `alcove.operation.changed`.
#[utoipa::path(
    get, path = "/api/v1/operations", tag = "commands", operation_id = "listOperations",
    responses(
        (status = 200, description = "The last one last", body = Vec<Operation>),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Json<Vec<Operation>> {
    Json(shared.operations.list().into_iter().map(Operation::from).collect())
}

/// How one stands.
#[utoipa::path(
    get, path = "/api/v1/operations/{id}", tag = "commands", operation_id = "showOperation",
    params(("id" = u64, Path, description = "Its number")),
    responses(
        (status = 200, description = "How it stands", body = Operation),
        (status = 404, description = "`invalid-parameter`: there is none of that number, or no more", body = Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    Segments(id): Segments<u64>,
) -> Result<Json<Operation>, Problem> {
    shared.operations.get(id).map(|one| Json(one.into())).ok_or_else(|| no_such(id))
}

/// Has one ended before it is done. It is over once its state says so.
#[utoipa::path(
    delete, path = "/api/v1/operations/{id}", tag = "commands", operation_id = "cancelOperation",
    params(("id" = u64, Path, description = "Its number")),
    responses(
        (status = 202, description = "It is told to end"),
        (status = 404, description = "`invalid-parameter`: there is none of that number, or no more", body = Document,
            content_type = "application/problem+json"),
        (status = 409, description = "`busy`: it is over, or cannot be left half done", body = Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn cancel(
    State(shared): State<Arc<Shared>>,
    Segments(id): Segments<u64>,
) -> Result<StatusCode, Problem> {
    let busy = |detail: &str| Problem::from(Refusal::new(Code::Busy, detail));
    match shared.operations.cancel(id) {
        Ok(()) => Ok(StatusCode::ACCEPTED),
        Err(NotCancelled::Unknown) => Err(no_such(id)),
        Err(NotCancelled::Over) => Err(busy("it is over already")),
        Err(NotCancelled::Unable) => Err(busy("it cannot be left half done; wait for its end")),
    }
}

fn no_such(id: u64) -> Problem {
    let detail = format!("there is no operation {id}, or it is over for long; the list says which there are");
    Problem::new(StatusCode::NOT_FOUND, Code::InvalidParameter, detail)
}
