//! Who may come in: bearer tokens and signed-in browsers are checked here, and those who guess are slowed down.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alcove_hal::clock::Clock;
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Shared;
use super::browsers::{self, Browsers};
use super::client_certificates::Shown;
use super::failures::Failures;
use super::problem::Problem;
use crate::meeting;
use crate::refusal::{Code, Refusal};
use crate::system::api_tokens::{ApiRole, ApiToken, ApiTokens, Permission};
use crate::system::audit::{Audit, Entry};
use crate::system::claim::Claim;
use crate::system::tokens::{Grant, Tokens};
use crate::web::wire::Role;

/// Checks tokens, and remembers who failed.
pub(crate) struct Gate {
    tokens: Arc<Tokens>,
    clock: Arc<dyn Clock>,
    failures: Mutex<Failures>,
    api_tokens: ApiTokens,
    audit: Audit,
    claim: Arc<Claim>,
    browsers: Arc<Browsers>,
}

/// Why somebody is not let in.
#[derive(Debug)]
pub(crate) enum Denied {
    /// No token was given.
    Missing,
    /// The token is wrong or has expired.
    Bad(Refusal),
    /// The token is good, and not for this.
    Forbidden(Refusal),
    /// Too many failures from this address.
    Wait(Duration),
}

impl Gate {
    /// A gate with an empty memory.
    pub(crate) fn new(
        (tokens, api_tokens): (Arc<Tokens>, ApiTokens),
        audit: Audit,
        clock: Arc<dyn Clock>,
        (claim, browsers): (Arc<Claim>, Arc<Browsers>),
    ) -> Self {
        Self { tokens, clock, failures: Mutex::default(), api_tokens, audit, claim, browsers }
    }

    /// The tokens of those who administer.
    pub(crate) const fn api_tokens(&self) -> &ApiTokens {
        &self.api_tokens
    }

    /// What was done.
    pub(crate) const fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Whether somebody owns the appliance.
    pub(crate) fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The browsers that are signed in.
    pub(crate) fn browsers(&self) -> &Browsers {
        &self.browsers
    }

    /// Has something be guessed, which says of itself whether it failed.
    ///
    /// # Errors
    /// [`Denied::Wait`] while the address has failed too often; then nothing is tried.
    pub(crate) fn guess<T>(&self, from: IpAddr, guess: impl FnOnce(&Self) -> (bool, T)) -> Result<T, Denied> {
        let now = self.clock.now();
        if let Some(wait) = self.failures().wait(from, now) {
            return Err(Denied::Wait(wait));
        }
        let (has_failed, outcome) = guess(self);
        if has_failed {
            self.failures().add(from, now);
        }
        Ok(outcome)
    }

    /// What whoever asks may do: by a bearer token, or else as a browser that is signed in.
    ///
    /// # Errors
    /// As [`Self::check`] and [`Self::of_browser`].
    pub(crate) fn asks(&self, from: IpAddr, request: &Request) -> Result<Grant, Denied> {
        let headers = request.headers();
        if headers.contains_key(header::AUTHORIZATION) {
            return self.check(from, bearer(headers)?);
        }
        // A browser sends its certificate along whoever has made it ask: there it lets nobody in.
        let is_browser =
            ["sec-fetch-site", "origin", "cookie"].iter().any(|name| headers.contains_key(*name));
        if let Some(Shown { name, role }) = shown(request).filter(|_| !is_browser) {
            return Ok(Grant::Api { name: format!("{name} (certificate)"), role: *role });
        }
        self.of_browser(request.method(), request.uri(), headers).map(|(grant, _)| grant)
    }

    /// What a token lets its bearer do.
    ///
    /// # Errors
    /// [`Denied::Bad`], and [`Denied::Wait`] even for a good token while its address has failed too often.
    pub(crate) fn check(&self, from: IpAddr, token: &str) -> Result<Grant, Denied> {
        let now = self.clock.now();
        if let Some(wait) = self.failures().wait(from, now) {
            return Err(Denied::Wait(wait));
        }
        if let Some(ApiToken { name, role, .. }) = self.api_tokens.check(token, self.unix_time_s()) {
            return Ok(Grant::Api { name, role });
        }
        self.tokens.check(token, self.unix_time_s()).map_err(|refusal| {
            self.failures().add(from, now);
            Denied::Bad(refusal)
        })
    }

    /// The role that a token, or the code on the room's screen, gives in a meeting; the administrator is a host everywhere.
    ///
    /// # Errors
    /// As [`Self::check`], and [`Denied::Forbidden`] for the token of another meeting.
    pub(crate) fn role(&self, from: IpAddr, token: &str, meeting: &str) -> Result<Role, Denied> {
        if let Some(wait) = self.failures().wait(from, self.clock.now()) {
            return Err(Denied::Wait(wait));
        }
        if self.tokens.is_code(token, meeting, self.unix_time_s()) {
            return Ok(Role::Speaker);
        }
        match self.check(from, token)?.role_in(meeting) {
            Ok(role) => Ok(to_wire(role)),
            Err(refusal) => Err(Denied::Forbidden(refusal)),
        }
    }

    /// Lets the administrator, and whoever has its token, see the record of a meeting.
    ///
    /// # Errors
    /// As [`Self::check`], and [`Denied::Forbidden`] for a token of another kind.
    pub(crate) fn opens_record(&self, from: IpAddr, token: &str, record: i64) -> Result<(), Denied> {
        if let Some(wait) = self.failures().wait(from, self.clock.now()) {
            return Err(Denied::Wait(wait));
        }
        if self.tokens.opens_record(token, record) {
            return Ok(());
        }
        match self.check(from, token)? {
            Grant::Admin => Ok(()),
            Grant::Api { role, .. } if role.may(Permission::Meet) => Ok(()),
            Grant::Api { .. } | Grant::Join { .. } | Grant::User { .. } | Grant::Controller { .. } => {
                Err(Denied::Forbidden(Refusal::new(
                    Code::NotPermitted,
                    "a join token opens no record; hosts are told the token of theirs when they join",
                )))
            }
        }
    }

    /// The user of the directory whom a token names in a meeting, if any; whether it lets in is not asked here.
    pub(crate) fn user_in(&self, token: &str, meeting: &str) -> Option<u64> {
        self.tokens.check(token, self.unix_time_s()).ok()?.user_in(meeting)
    }

    /// The user whose token it is, and the number in it, which the loop has to know.
    ///
    /// # Errors
    /// As [`Self::check`], and [`Denied::Forbidden`] for a token of another kind.
    pub(crate) fn signs_in(&self, from: IpAddr, token: &str) -> Result<(u64, u32), Denied> {
        match self.check(from, token)? {
            Grant::User { user, number } => Ok((user, number)),
            Grant::Admin | Grant::Api { .. } | Grant::Join { .. } | Grant::Controller { .. } => {
                let detail = "this token signs nobody in; open the sign-in link that you were given";
                Err(Denied::Forbidden(Refusal::new(Code::NotPermitted, detail)))
            }
        }
    }

    /// A token that makes its bearer a user.
    pub(crate) fn issue_user(&self, user: u64, number: u32) -> String {
        self.tokens.issue_user(user, number)
    }

    /// Lets whoever has read the key to the room off its screen control it.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub(crate) fn opens_room(&self, from: IpAddr, key: &str) -> Result<(), Denied> {
        let now = self.clock.now();
        if let Some(wait) = self.failures().wait(from, now) {
            return Err(Denied::Wait(wait));
        }
        if self.tokens.is_room_key(key, self.unix_time_s()) {
            return Ok(());
        }
        self.failures().add(from, now);
        let detail = "this code is no longer on the room's screen; scan the one that is";
        Err(Denied::Bad(Refusal::new(Code::NotPermitted, detail)))
    }

    /// A token for a controller.
    pub(crate) fn issue_controller(&self, controller: u64) -> String {
        self.tokens.issue_controller(controller)
    }

    /// A meeting's password was guessed wrongly.
    pub(crate) fn wrong_password(&self, from: IpAddr) {
        let now = self.clock.now();
        self.failures().add(from, now);
    }

    /// A token for joiners of a meeting, good for so long from now on.
    pub(crate) fn issue(&self, meeting: &str, role: Role, lifetime: Duration) -> String {
        self.tokens.issue(meeting, from_wire(role), self.unix_time_s().saturating_add(lifetime.as_secs()))
    }

    /// Lets whoever administers do a thing, over a way that no middleware guards.
    ///
    /// # Errors
    /// As [`Self::check`], and [`Denied::Forbidden`] for whoever may not.
    pub(crate) fn administers(&self, from: IpAddr, token: &str, what: Permission) -> Result<(), Denied> {
        self.check(from, token)?;
        if self.is_good(token, what) {
            return Ok(());
        }
        let detail = "this token is not good for that; ask the owner for another one";
        Err(Denied::Forbidden(Refusal::new(Code::NotPermitted, detail)))
    }

    /// Whether a token that has let its bearer do a thing still does.
    pub(crate) fn is_good(&self, token: &str, what: Permission) -> bool {
        match self.api_tokens.check(token, self.unix_time_s()) {
            Some(token) => token.role.may(what),
            None => matches!(self.tokens.check(token, self.unix_time_s()), Ok(Grant::Admin)),
        }
    }

    /// The time that only goes forward.
    pub(crate) fn now(&self) -> std::time::Instant {
        self.clock.now()
    }

    /// Whether what has let somebody in to do a thing still does. That somebody stays is no sign of life.
    pub(crate) fn still(&self, pass: &Pass, what: Permission) -> bool {
        match pass {
            Pass::Token(token) => self.is_good(token, what),
            Pass::Certificate(role) => role.may(what),
            Pass::Browser(id) => match self.browsers.of(id, self.clock.now()) {
                Some(browsers::Token::First) => true,
                Some(browsers::Token::Made(number)) => {
                    let token = self.api_tokens.of(number, self.unix_time_s());
                    token.is_some_and(|token| token.role.may(what))
                }
                None => false,
            },
        }
    }

    /// The time of day.
    pub(crate) fn unix_time(&self) -> Duration {
        self.clock.unix_time()
    }

    /// The same in milliseconds since the Unix epoch.
    pub(crate) fn unix_time_ms(&self) -> u64 {
        self.clock.unix_ms()
    }

    fn unix_time_s(&self) -> u64 {
        self.clock.unix_time().as_secs()
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, Failures> {
        // A table of counts is as good after a panic as before.
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Missing => {
                Self::unauthenticated("this needs a token: send `Authorization: Bearer <token>`")
            }
            Denied::Bad(refusal) => Self::unauthenticated(refusal.detail),
            Denied::Forbidden(refusal) => refusal.into(),
            Denied::Wait(wait) => Self::too_many(seconds(wait), too_often(wait)),
        }
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Missing => Self::new(Code::NotPermitted, "this needs a token; ask for a join link"),
            Denied::Bad(refusal) | Denied::Forbidden(refusal) => refusal,
            Denied::Wait(wait) => Self::new(Code::TooManyRequests, too_often(wait)),
        }
    }
}

const fn to_wire(role: meeting::Role) -> Role {
    match role {
        meeting::Role::Host => Role::Host,
        meeting::Role::Cohost => Role::Cohost,
        meeting::Role::Speaker => Role::Speaker,
        meeting::Role::Audience => Role::Audience,
    }
}

const fn from_wire(role: Role) -> meeting::Role {
    match role {
        Role::Host => meeting::Role::Host,
        Role::Cohost => meeting::Role::Cohost,
        Role::Speaker => meeting::Role::Speaker,
        Role::Audience => meeting::Role::Audience,
    }
}

fn too_often(wait: Duration) -> String {
    format!("too many wrong tokens or passwords came from your address; try again in {} s", seconds(wait))
}

fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// The bearer token of a request (RFC 6750, section 2.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Result<&str, Denied> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, token) = value.and_then(|value| value.split_once(' ')).ok_or(Denied::Missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(Denied::Missing) }
}

/// Marks a request that a part of the appliance makes for somebody who was let in elsewhere: their name and role. No
/// request from the network bears it.
#[derive(Clone, Copy)]
pub(super) struct Inside(pub(super) &'static str, pub(super) ApiRole);

/// What has let somebody in, to be looked at again while they stay.
#[derive(Clone)]
pub(crate) enum Pass {
    /// A bearer token.
    Token(String),
    /// The cookie of a browser.
    Browser(String),
    /// A client's certificate: it is good for as long as the connection lasts.
    Certificate(ApiRole),
}

impl Pass {
    /// The token goes before the cookie, as in [`Gate::asks`].
    fn of(request: &Request) -> Self {
        let headers = request.headers();
        match (bearer(headers), shown(request)) {
            (Ok(token), _) => Self::Token(token.to_owned()),
            (Err(_), Some(shown)) if !headers.contains_key(header::COOKIE) => Self::Certificate(shown.role),
            (Err(_), _) => Self::Browser(browsers::cookie(headers).unwrap_or_default().to_owned()),
        }
    }
}

fn shown(request: &Request) -> Option<&Shown> {
    request.extensions().get::<Option<Shown>>()?.as_ref()
}

/// The address that a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        // Without a socket below there is one asker, ourselves.
        Ok(Self(address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))))
    }
}

/// Who asks something over the API, with a token that is good for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asker {
    /// Whoever administers, from wherever they are.
    Administrator {
        /// The name of the token.
        name: String,
        /// What it may.
        role: ApiRole,
    },
    /// Somebody in the room.
    Controller,
}

impl Asker {
    /// The name that stands beside what is done.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Administrator { name, .. } => name,
            Self::Controller => "controller",
        }
    }

    const fn role(&self) -> &'static str {
        match self {
            Self::Administrator { role, .. } => role.as_str(),
            Self::Controller => "controller",
        }
    }
}

/// The name of the token that lies in the state directory.
pub(crate) const FIRST_TOKEN: &str = "administrator";

/// Lets those through who may do a thing, notes who it is, and takes down what was done.
pub(crate) async fn permitted(
    State((shared, permission)): State<(Arc<Shared>, Permission)>,
    Origin(from): Origin,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let grant = match request.extensions_mut().remove::<Inside>() {
        Some(Inside(name, role)) => Grant::Api { name: name.to_owned(), role },
        None => shared.gate.asks(from, &request)?,
    };
    let pass = Pass::of(&request);
    let asker = match grant {
        Grant::Admin => Asker::Administrator { name: FIRST_TOKEN.to_owned(), role: ApiRole::Owner },
        Grant::Api { name, role } => Asker::Administrator { name, role },
        Grant::Controller { controller } if permission == Permission::Control => {
            shared.admit_controller(controller).await?;
            Asker::Controller
        }
        Grant::Join { .. } | Grant::User { .. } | Grant::Controller { .. } => {
            let detail = match permission {
                Permission::Control => {
                    "this link's token does not control the room; scan the code on the room's screen"
                }
                _ => "this link's token cannot administer; use the admin token",
            };
            return Err(Refusal::new(Code::NotPermitted, detail).into());
        }
    };
    let line = (request.method().clone(), request.uri().path().to_owned(), asker.clone());
    if let Asker::Administrator { name, role } = &asker
        && !role.may(permission)
    {
        let problem = Refusal::new(Code::NotPermitted, denied(name, *role, permission)).into();
        take_down(&shared, from, line, StatusCode::FORBIDDEN);
        return Err(problem);
    }
    request.extensions_mut().insert(asker.clone());
    request.extensions_mut().insert(pass);
    let scope = format!("{} {}", asker.role(), asker.name());
    let response = match shared.answers.once(&scope, request, next, shared.gate.clock.now()).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    if line.0 != Method::GET {
        take_down(&shared, from, line, response.status());
    }
    Ok(response)
}

fn denied(name: &str, role: ApiRole, permission: Permission) -> String {
    let what = match permission {
        Permission::Watch => "look",
        Permission::Audit => "read who has done what",
        Permission::Control => "control the room",
        Permission::Meet => "hold meetings",
        Permission::Configure => "change how the appliance works",
        Permission::Own => "say who may do what",
    };
    format!(
        "the token {name:?} has the role {}, which may not {what}; ask the owner for another one",
        role.as_str()
    )
}

pub(crate) fn take_down(
    shared: &Shared,
    from: IpAddr,
    (method, path, asker): (Method, String, Asker),
    status: StatusCode,
) {
    shared.gate.audit.add(Entry {
        number: 0,
        at_unix_ms: shared.gate.unix_time_ms(),
        who: asker.name().to_owned(),
        role: asker.role().to_owned(),
        from: from.to_canonical().to_string(),
        what: format!("{method} {path}"),
        status: status.as_u16(),
    });
}
