//! The directory over HTTP: people put in, shown, renamed, signed out and taken out; and the sign-in links.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::uri::Authority;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::input::{Body, Segments};
use super::problem::{Document, Problem};
use crate::appliance::handle::{NewUser, Reach, UserView};
use crate::refusal::{Code, Refusal};
use crate::web::wire::calling::{Presence, UserEntry, UserKind};

/// The longest sign-in link of another appliance.
const LINK_BYTES_MAX: usize = 2048;

type Answer<T> = Result<Json<T>, Problem>;

/// Somebody to be put into the directory.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateUser {
    /// The name to show, 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64, example = "Ann")]
    pub name: String,
    /// What sort it is: a person, where absent, or another appliance.
    pub kind: Option<NewKind>,
    /// The sign-in link that the other appliance has given for this one. Absent where the other one calls here, and is
    /// called back the same way.
    #[schema(format = "uri", example = "https://room-2.example:8443/#u=eyJ…")]
    pub link: Option<String>,
    /// The SHA-256 of the other appliance's certificate authority, as it shows it: `AB:CD:…`. Without one its
    /// certificate has to be of an authority that this machine knows.
    pub fingerprint: Option<String>,
}

/// What sort of user somebody is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NewKind {
    /// A person.
    Person,
    /// The room of another appliance.
    Appliance,
}

/// What shall be changed; what is absent stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeUser {
    /// The name to show, 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    pub name: Option<String>,
    /// Whether they do not want to be rung.
    pub do_not_disturb: Option<bool>,
}

/// An entry of the directory.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct User {
    /// As everybody in the directory sees them.
    #[serde(flatten)]
    pub entry: UserEntry,
    /// On how many devices they are signed in.
    pub devices: usize,
    /// How many calls they have missed since they last looked.
    pub missed: u32,
    /// Where another appliance is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl From<UserView> for User {
    fn from(view: UserView) -> Self {
        let address = view.reach.map(|reach| reach.address);
        Self { entry: view.entry, devices: view.devices, missed: view.missed, address }
    }
}

/// An entry of the directory, with the link that signs in as it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignIn {
    /// The entry.
    #[serde(flatten)]
    pub user: User,
    /// The token, for the WebSocket of calls.
    pub token: String,
    /// Opens the page signed in. Whoever has it is this user, until the tokens are made void.
    #[schema(format = "uri")]
    pub sign_in_url: String,
    /// The SHA-256 of this appliance's certificate authority, for another appliance that shall reach this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// The directory.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserList {
    /// In the order in which they were put in; the room is the first.
    pub users: Vec<User>,
}

/// How one of the directory can be reached.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PresenceEntry {
    /// Who.
    pub user: String,
    /// The name to show.
    pub name: String,
    /// What sort it is.
    pub kind: UserKind,
    /// How they can be reached.
    pub presence: Presence,
}

/// How everybody can be reached.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PresenceList {
    /// In the order of the directory.
    pub presence: Vec<PresenceEntry>,
}

/// The directory: this room, and the people who can be rung.
#[utoipa::path(
    get, path = "/api/v1/users", tag = "calls", operation_id = "listUsers",
    responses(
        (status = 200, description = "The directory", body = UserList),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Answer<UserList> {
    let users = shared.handle.users().await?;
    Ok(Json(UserList { users: users.into_iter().map(User::from).collect() }))
}

/// Puts a person, or another appliance, into the directory.
#[utoipa::path(
    post, path = "/api/v1/users", tag = "calls", operation_id = "createUser",
    request_body = CreateUser,
    responses(
        (status = 201, description = "The entry, and the link that signs in", body = SignIn,
            headers(("Location" = String, description = "The path of the entry"))),
        (status = 400, description = "`invalid-parameter`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    Body(body): Body<CreateUser>,
) -> Result<impl IntoResponse, Problem> {
    let new = new_user(&body)?;
    let created = shared.handle.create_user(body.name, new).await?;
    let location = format!("/api/v1/users/{}", created.entry.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(shared.sign_in(created))))
}

/// Whom to put in, and how it is reached.
fn new_user(body: &CreateUser) -> Result<NewUser, Problem> {
    let invalid = |detail: &str| Problem::from(Refusal::new(Code::InvalidParameter, detail));
    if body.kind != Some(NewKind::Appliance) {
        return match (&body.link, &body.fingerprint) {
            (None, None) => Ok(NewUser::Person),
            _ => Err(invalid("`link` and `fingerprint` are of appliances; set `kind` to `appliance`")),
        };
    }
    let Some(link) = &body.link else { return Ok(NewUser::Appliance(None)) };
    let no_link = || invalid("`link` has to be a sign-in link of the other appliance: `https://host/#u=…`");
    let (address, token) =
        link.strip_prefix("https://").and_then(|rest| rest.split_once("/#u=")).ok_or_else(no_link)?;
    let is_address = address.parse::<Authority>().is_ok_and(|authority| !authority.as_str().contains('@'));
    if !is_address || token.is_empty() || link.len() > LINK_BYTES_MAX {
        return Err(no_link());
    }
    let is_hash = |text: &String| {
        let pairs: Vec<_> = text.split(':').collect();
        pairs.len() == 32 && pairs.iter().all(|pair| pair.len() == 2 && u8::from_str_radix(pair, 16).is_ok())
    };
    if body.fingerprint.as_ref().is_some_and(|text| !is_hash(text)) {
        return Err(invalid("`fingerprint` is a SHA-256 in hexadecimal, its 32 bytes apart by colons"));
    }
    let fingerprint = body.fingerprint.as_ref().map(|text| text.to_ascii_uppercase());
    let (address, token) = (address.to_owned(), token.to_owned());
    Ok(NewUser::Appliance(Some(Reach { address, token, fingerprint })))
}

/// One entry of the directory.
#[utoipa::path(
    get, path = "/api/v1/users/{id}", tag = "calls", operation_id = "showUser",
    params(("id" = String, Path, description = "The user's id")),
    responses(
        (status = 200, description = "The entry", body = User),
        (status = 404, description = "`user-not-found`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(State(shared): State<Arc<Shared>>, Segments(id): Segments<String>) -> Answer<User> {
    Ok(Json(shared.handle.user(id).await?.into()))
}

/// Changes an entry of the directory; of the room only whether it may be disturbed.
#[utoipa::path(
    patch, path = "/api/v1/users/{id}", tag = "calls", operation_id = "changeUser",
    params(("id" = String, Path, description = "The user's id")),
    request_body = ChangeUser,
    responses(
        (status = 200, description = "The entry as it is now", body = User),
        (status = 400, description = "`invalid-parameter`", body = Document, content_type = "application/problem+json"),
        (status = 403, description = "`not-permitted`: the room's name is configured", body = Document,
            content_type = "application/problem+json"),
        (status = 404, description = "`user-not-found`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change(
    State(shared): State<Arc<Shared>>,
    Segments(id): Segments<String>,
    Body(body): Body<ChangeUser>,
) -> Answer<User> {
    Ok(Json(shared.handle.change_user(id, body.name, body.do_not_disturb).await?.into()))
}

/// Takes a person out of the directory. Their links are void, and their calls end.
#[utoipa::path(
    delete, path = "/api/v1/users/{id}", tag = "calls", operation_id = "removeUser",
    params(("id" = String, Path, description = "The user's id")),
    responses(
        (status = 204, description = "The entry is gone"),
        (status = 403, description = "`not-permitted`: the room stays", body = Document,
            content_type = "application/problem+json"),
        (status = 404, description = "`user-not-found`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn remove(
    State(shared): State<Arc<Shared>>,
    Segments(id): Segments<String>,
) -> Result<StatusCode, Problem> {
    shared.handle.remove_user(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes all links of a user void, signs their pages out, and makes a new link.
#[utoipa::path(
    post, path = "/api/v1/users/{id}/tokens", tag = "calls", operation_id = "renewUserTokens",
    params(("id" = String, Path, description = "The user's id")),
    responses(
        (status = 201, description = "The entry, and its new link", body = SignIn),
        (status = 404, description = "`user-not-found`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn renew_tokens(
    State(shared): State<Arc<Shared>>,
    Segments(id): Segments<String>,
) -> Result<(StatusCode, Json<SignIn>), Problem> {
    let user = shared.handle.revoke(id).await?;
    Ok((StatusCode::CREATED, Json(shared.sign_in(user))))
}

/// How everybody can be reached at the moment.
#[utoipa::path(
    get, path = "/api/v1/presence", tag = "calls", operation_id = "listPresence",
    responses(
        (status = 200, description = "Who is offline, online, busy, or not to be disturbed", body = PresenceList),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn presence(State(shared): State<Arc<Shared>>) -> Answer<PresenceList> {
    let entry = |UserView { entry: UserEntry { id, name, kind, presence }, .. }| PresenceEntry {
        user: id,
        name,
        kind,
        presence,
    };
    let users = shared.handle.users().await?;
    Ok(Json(PresenceList { presence: users.into_iter().map(entry).collect() }))
}

impl Shared {
    /// A user with the link that signs in; the fragment never reaches a server or its log.
    fn sign_in(&self, view: UserView) -> SignIn {
        let token = self.gate.issue_user(view.user, view.number);
        let sign_in_url = format!("{}/#u={token}", self.facts.public_url);
        let fingerprint = self.facts.authority_fingerprint.clone();
        SignIn { user: view.into(), token, sign_in_url, fingerprint }
    }
}
