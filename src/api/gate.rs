//! Who may come in: bearer tokens are checked here, and those who guess them are slowed down.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alcove_hal::clock::Clock;
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;

use super::Shared;
use super::failures::Failures;
use super::problem::Problem;
use crate::meeting;
use crate::refusal::{Code, Refusal};
use crate::system::tokens::{Grant, Tokens};
use crate::web::wire::Role;

/// Checks tokens, and remembers who failed.
pub(crate) struct Gate {
    tokens: Arc<Tokens>,
    clock: Arc<dyn Clock>,
    failures: Mutex<Failures>,
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
    pub(crate) fn new(tokens: Arc<Tokens>, clock: Arc<dyn Clock>) -> Self {
        Self { tokens, clock, failures: Mutex::default() }
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
            Grant::Join { .. } | Grant::User { .. } | Grant::Controller { .. } => {
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
            Grant::Admin | Grant::Join { .. } | Grant::Controller { .. } => {
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

    /// The time of day.
    pub(crate) fn unix_time(&self) -> Duration {
        self.clock.unix_time()
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

/// Lets only the administrator through.
pub(crate) async fn administrators_only(
    State(shared): State<Arc<Shared>>,
    Origin(from): Origin,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    match shared.gate.check(from, bearer(request.headers())?)? {
        Grant::Admin => Ok(next.run(request).await),
        Grant::Join { .. } | Grant::User { .. } | Grant::Controller { .. } => {
            let detail = "this link's token cannot administer; use the admin token";
            Err(Refusal::new(Code::NotPermitted, detail).into())
        }
    }
}

/// Who asks something of the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// From wherever they are.
    Administrator,
    /// Somebody in the room.
    Controller,
}

/// Lets the administrator and controllers of the room through, and notes which it is.
pub(crate) async fn controllers_too(
    State(shared): State<Arc<Shared>>,
    Origin(from): Origin,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let asker = match shared.gate.check(from, bearer(request.headers())?)? {
        Grant::Admin => Asker::Administrator,
        Grant::Controller { controller } => {
            shared.admit_controller(controller).await?;
            Asker::Controller
        }
        Grant::Join { .. } | Grant::User { .. } => {
            let detail = "this link's token does not control the room; scan the code on the room's screen";
            return Err(Refusal::new(Code::NotPermitted, detail).into());
        }
    };
    request.extensions_mut().insert(asker);
    Ok(next.run(request).await)
}
