//! Who becomes the owner of a new appliance, and who is signed in with a browser.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::gate::{Asker, FIRST_TOKEN, Origin, bearer, take_down};
use super::input::Body;
use super::problem::{Document, Problem};
use super::tokens::{NewToken, failed, token_name};
use crate::refusal::{Code, Refusal};
use crate::system::api_tokens::{ApiRole, Permission};
use crate::system::claim::{Claimant, Error};
use crate::system::tokens::Grant;

/// Marks requests that came by HTTPS: secrets are not told to whoever listens on the way.
#[derive(Debug, Clone, Copy)]
pub struct OverTls;

/// Lets through what has that mark.
pub(crate) struct Unheard;

impl<S: Send + Sync> FromRequestParts<S> for Unheard {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<OverTls>().map(|_| Self).ok_or_else(|| {
            let detail =
                "this is done by HTTPS alone, so that nobody on the way reads along; open https://…/admin";
            Refusal::new(Code::NotPermitted, detail).into()
        })
    }
}

/// Whether somebody owns the appliance.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClaimState {
    /// Where nobody does, its screen shows a code.
    claimed: bool,
}

/// Who wants to own it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimIt {
    /// The eight digits on the room's screen, and of `alcove claim-code` on the box; gaps do not matter.
    #[schema(example = "1234 5678")]
    code: String,
    /// The name of the owner's token, 1 to 64 characters; it stands beside what is done with it.
    #[schema(min_length = 1, max_length = 64, example = "Ann")]
    name: String,
}

/// What a browser is signed in with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInBrowser {
    /// The admin token, or one that the owner has made.
    token: String,
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Who {
    /// The name of the token.
    name: String,
    /// Its role.
    role: ApiRole,
    /// What that lets its bearer do.
    may: Vec<Permission>,
    /// The name of the room.
    room: String,
    /// What a browser has to send as `X-Alcove-CSRF` with whatever changes something; absent for programs with a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf: Option<String>,
}

impl Who {
    fn new(shared: &Shared, grant: Grant, csrf: Option<String>) -> Result<Self, Problem> {
        let (name, role) = match grant {
            Grant::Admin => (FIRST_TOKEN.to_owned(), ApiRole::Owner),
            Grant::Api { name, role } => (name, role),
            Grant::Join { .. } | Grant::User { .. } | Grant::Controller { .. } => {
                let detail = "this link's token cannot administer; use the admin token";
                return Err(Refusal::new(Code::NotPermitted, detail).into());
            }
        };
        let may = Permission::ALL.into_iter().filter(|what| role.may(*what)).collect();
        Ok(Self { name, role, may, room: shared.facts.room_name.clone(), csrf })
    }

    fn asker(&self) -> Asker {
        Asker::Administrator { name: self.name.clone(), role: self.role }
    }
}

/// Whether somebody owns the appliance.
#[utoipa::path(
    get, path = "/api/v1/claim", tag = "access", operation_id = "showClaim", security(()),
    responses((status = 200, description = "Whether somebody does", body = ClaimState))
)]
pub(crate) async fn claim_state(State(shared): State<Arc<Shared>>) -> Json<ClaimState> {
    Json(ClaimState { claimed: shared.gate.claim().is_claimed() })
}

/// Makes whoever reads the code off the screen of a new appliance its owner, once. By HTTPS alone.
#[utoipa::path(
    post, path = "/api/v1/claim", tag = "access", operation_id = "claim", security(()), request_body = ClaimIt,
    responses(
        (status = 201, description = "The owner's token, this once", body = NewToken),
        (status = 401, description = "`wrong-password`: it is another code", body = Document,
            content_type = "application/problem+json"),
        (status = 403, description = "`not-permitted`: somebody owns it already, or it was not asked by HTTPS",
            body = Document, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-requests`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn claim(
    State(shared): State<Arc<Shared>>,
    _: Unheard,
    Origin(from): Origin,
    Body(body): Body<ClaimIt>,
) -> Result<(StatusCode, Json<NewToken>), Problem> {
    let name = token_name(&body.name)?;
    let of = Arc::clone(&shared);
    let claimed = tokio::task::spawn_blocking(move || {
        let (now, now_unix) = (of.gate.now(), of.gate.unix_time().as_secs());
        of.gate.guess(from, |gate| {
            let claimant = Claimant { code: &body.code, name: &name, now, now_unix };
            let claimed = gate.claim().claim(claimant, gate.api_tokens());
            (matches!(claimed, Err(Error::WrongCode)), claimed)
        })
    });
    let (token, secret) = claimed.await.map_err(|_| failed())??.map_err(unclaimed)?;
    let asker = Asker::Administrator { name: token.name.clone(), role: token.role };
    let line = (Method::POST, "/api/v1/claim".to_owned(), asker);
    take_down(&shared, from, line, StatusCode::CREATED);
    log::info!("the appliance has an owner from now on");
    Ok((StatusCode::CREATED, Json(NewToken::new(token, secret))))
}

fn unclaimed(error: Error) -> Problem {
    let detail = error.to_string();
    match error {
        Error::Claimed => Refusal::new(Code::NotPermitted, detail).into(),
        Error::WrongCode => Refusal::new(Code::WrongPassword, detail).into(),
        Error::TooMany(wait) => Problem::too_many(wait.as_secs() + 1, detail),
        Error::Token(_) | Error::File(_) => Refusal::new(Code::Internal, detail).into(),
    }
}

/// Signs a browser in: it gets a cookie, which is good for 12 hours at most, and for one without a word from it. By HTTPS
/// alone.
#[utoipa::path(
    post, path = "/api/v1/sign-in", tag = "access", operation_id = "signIn", security(()), request_body = SignInBrowser,
    responses(
        (status = 201, description = "Who is signed in; the cookie goes instead of a token from now on", body = Who),
        (status = 401, description = "`not-permitted`: the token is none of this appliance, or was revoked",
            body = Document, content_type = "application/problem+json"),
        (status = 403, description = "`not-permitted`: the token administers nothing, or it was not asked by HTTPS",
            body = Document, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-requests`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn sign_in(
    State(shared): State<Arc<Shared>>,
    _: Unheard,
    Origin(from): Origin,
    uri: Uri,
    headers: HeaderMap,
    Body(body): Body<SignInBrowser>,
) -> Result<(StatusCode, [(header::HeaderName, header::HeaderValue); 1], Json<Who>), Problem> {
    let (grant, signed_in) = shared.gate.sign_in(from, body.token.trim(), (&uri, &headers))?;
    let who = Who::new(&shared, grant, Some(signed_in.csrf))?;
    let line = (Method::POST, "/api/v1/sign-in".to_owned(), who.asker());
    take_down(&shared, from, line, StatusCode::CREATED);
    Ok((StatusCode::CREATED, [(header::SET_COOKIE, signed_in.cookie)], Json(who)))
}

/// Who asks, and what they may.
#[utoipa::path(
    get, path = "/api/v1/sign-in", tag = "access", operation_id = "showSignIn",
    responses(
        (status = 200, description = "Who it is", body = Who),
        (status = 401, description = "`not-permitted`: nobody is signed in", body = Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn who(
    State(shared): State<Arc<Shared>>,
    Origin(from): Origin,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Who>, Problem> {
    if headers.contains_key(header::AUTHORIZATION) {
        let grant = shared.gate.check(from, bearer(&headers)?)?;
        return Ok(Json(Who::new(&shared, grant, None)?));
    }
    let (grant, csrf) = shared.gate.of_browser(&Method::GET, &uri, &headers)?;
    Ok(Json(Who::new(&shared, grant, Some(csrf))?))
}

/// Signs the browser out.
#[utoipa::path(
    delete, path = "/api/v1/sign-in", tag = "access", operation_id = "signOut",
    responses(
        (status = 204, description = "Its cookie is good for nothing any more"),
        (status = 403, description = "`not-permitted`: X-Alcove-CSRF is missing or wrong", body = Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn sign_out(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<(StatusCode, [(header::HeaderName, header::HeaderValue); 1]), Problem> {
    shared.gate.of_browser(&Method::DELETE, &uri, &headers)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, shared.gate.sign_out(&headers))]))
}
