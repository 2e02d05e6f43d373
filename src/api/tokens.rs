//! Tokens for programs and people who administer, and the list of what was done with them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::input::{Body, Extras, Segments};
use super::problem::{self, Problem};
use crate::refusal::{Code, Refusal};
use crate::system::api_tokens::{ApiRole, ApiToken, Error, TOKEN_NAME_CHARS_MAX};
use crate::system::audit::Entry;

/// The longest life of a token that ends, in seconds: ten years.
const LIFETIME_MAX_S: u64 = 10 * 366 * 24 * 3600;

/// How many lines are told at a time.
const ENTRIES_MAX: usize = 500;

/// What a token is made for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MakeToken {
    /// Who or what has it, 1 to 64 characters; it stands beside what is done with it.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// What its bearer may do.
    role: ApiRole,
    /// How long it is good, in seconds; for ever where absent.
    #[schema(minimum = 1)]
    lifetime_s: Option<u64>,
}

/// A token, without the token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenView {
    /// Its number.
    id: u64,
    /// What it was made for.
    name: String,
    /// What its bearer may do.
    role: ApiRole,
    /// When it was made, in seconds since the Unix epoch.
    made_unix_s: u64,
    /// When it ends, in seconds since the Unix epoch, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_unix_s: Option<u64>,
}

/// A token that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewToken {
    /// What is known of it from now on.
    #[serde(flatten)]
    view: TokenView,
    /// The token itself: it is told this once.
    token: String,
}

impl NewToken {
    /// As it is told.
    pub(crate) fn new(token: ApiToken, secret: String) -> Self {
        Self { view: token.into(), token: secret }
    }
}

/// Which lines.
#[derive(Debug, Deserialize)]
pub(crate) struct Which {
    #[serde(default)]
    after: u64,
    last: Option<usize>,
}

/// Those that are good.
#[utoipa::path(
    get, path = "/api/v1/tokens", tag = "access", operation_id = "listTokens",
    responses(
        (status = 200, description = "In the order in which they were made", body = Vec<TokenView>),
        (status = "default", description = "A problem", body = problem::Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Json<Vec<TokenView>> {
    let tokens = shared.gate.api_tokens().list(shared.gate.unix_time().as_secs());
    Json(tokens.into_iter().map(TokenView::from).collect())
}

/// Makes one out.
#[utoipa::path(
    post, path = "/api/v1/tokens", tag = "access", operation_id = "makeToken", request_body = MakeToken,
    responses(
        (status = 201, description = "The token, this once", body = NewToken),
        (status = 400, description = "`invalid-parameter`", body = problem::Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = problem::Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn make(
    State(shared): State<Arc<Shared>>,
    Body(body): Body<MakeToken>,
) -> Result<(StatusCode, Json<NewToken>), Problem> {
    let name = token_name(&body.name)?;
    if body.lifetime_s.is_some_and(|lifetime| !(1..=LIFETIME_MAX_S).contains(&lifetime)) {
        return Err(invalid("lifetime_s: a token that ends is good for a second to ten years"));
    }
    let (role, now) = (body.role, shared.gate.unix_time().as_secs());
    let expires = body.lifetime_s.map(|lifetime| now + lifetime);
    let of = Arc::clone(&shared);
    let made = tokio::task::spawn_blocking(move || {
        // Whoever hands out tokens owns the appliance.
        of.gate.claim().settle(&name, now)?;
        of.gate.api_tokens().make(&name, role, now, expires)
    })
    .await;
    let (token, secret) = made.map_err(|_| failed())?.map_err(|error| {
        let code = if matches!(error, Error::TooMany) { Code::Busy } else { Code::Internal };
        Problem::from(Refusal::new(code, error.to_string()))
    })?;
    Ok((StatusCode::CREATED, Json(NewToken::new(token, secret))))
}

/// The name of a token, without blanks around it.
pub(crate) fn token_name(text: &str) -> Result<String, Problem> {
    let name = text.trim().to_owned();
    if name.is_empty() || name.chars().count() > TOKEN_NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return Err(invalid("name: it has 1 to 64 characters, and none that controls"));
    }
    Ok(name)
}

fn invalid(detail: &str) -> Problem {
    Refusal::new(Code::InvalidParameter, detail).into()
}

/// Revokes one.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{id}", tag = "access", operation_id = "revokeToken",
    params(("id" = u64, Path, description = "Its number")),
    responses(
        (status = 204, description = "It lets nobody in any more"),
        (status = 404, description = "There is none", body = problem::Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = problem::Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn revoke(
    State(shared): State<Arc<Shared>>,
    Segments(id): Segments<u64>,
) -> Result<StatusCode, Problem> {
    let done = tokio::task::spawn_blocking(move || shared.gate.api_tokens().revoke(id)).await;
    let error =
        |error: crate::system::files::Error| Problem::from(Refusal::new(Code::Internal, error.to_string()));
    match done.map_err(|_| failed())?.map_err(error)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => {
            let detail = "there is no token of that number; the list has those that there are";
            Err(Problem::new(StatusCode::NOT_FOUND, Code::InvalidParameter, detail))
        }
    }
}

/// What was done over the API, and what was not allowed: at most 500 lines after a number, or the last ones.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "access", operation_id = "readAudit",
    params(
        ("after" = Option<u64>, Query, description = "The number of the last line that is known; 0 where absent"),
        ("last" = Option<usize>, Query, description = "So many of the last lines instead, at most 500"),
    ),
    responses(
        (status = 200, description = "The oldest first", body = Vec<Entry>),
        (status = "default", description = "A problem", body = problem::Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn audit(
    State(shared): State<Arc<Shared>>,
    Extras(which): Extras<Which>,
) -> Result<Json<Vec<Entry>>, Problem> {
    let read = tokio::task::spawn_blocking(move || match which.last {
        Some(count) => shared.gate.audit().last(count.min(ENTRIES_MAX)),
        None => shared.gate.audit().after(which.after, ENTRIES_MAX),
    })
    .await;
    read.map(Json).map_err(|_| failed())
}

pub(crate) fn failed() -> Problem {
    Refusal::new(Code::Internal, "the disk was not asked; see the log").into()
}

impl From<ApiToken> for TokenView {
    fn from(token: ApiToken) -> Self {
        let ApiToken { id, name, role, made_unix, expires_unix, .. } = token;
        Self { id, name, role, made_unix_s: made_unix, expires_unix_s: expires_unix }
    }
}
