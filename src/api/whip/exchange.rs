//! The exchanges of WHIP and WHEP: opening with an offer, candidates and restarts, and the end.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::mpsc;

use super::Wishes;
use super::bridges::{self, Bridge};
use super::sdp::{self, Direction, Fragment, Offer, SDP_BYTES_MAX, Unusable};
use crate::api::Shared;
use crate::api::gate::{self, Origin};
use crate::api::input;
use crate::api::problem::Problem;
use crate::appliance::handle::{FRAMES_MAX, Join, MemberId};
use crate::refusal::{Code, Refusal};
use crate::track;
use crate::web::wire::{Ask, Frame, ParticipantKind, Role, Source, TrackState};

/// The media type of an offer and an answer.
const SDP: &str = "application/sdp";

/// The media type of candidates and restarts (RFC 8840, section 9).
pub(crate) const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// When a program may try again that found no room, in seconds.
const RETRY_AFTER_S: u32 = 10;

/// A body of text, at most [`SDP_BYTES_MAX`] long.
pub(crate) struct Text(pub String);

impl<S: Send + Sync> FromRequest<S> for Text {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(input::unreadable)?;
        if bytes.len() > SDP_BYTES_MAX {
            let detail = format!("the body has {} bytes; {SDP_BYTES_MAX} are allowed", bytes.len());
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, Code::InvalidParameter, detail));
        }
        let text = String::from_utf8(bytes.into());
        text.map(Self).map_err(|_| Refusal::new(Code::InvalidParameter, "the body is not UTF-8").into())
    }
}

/// Which program of which meeting a path names.
pub(crate) struct Place {
    /// Publisher or player.
    pub direction: Direction,
    /// The meeting's name.
    pub meeting: String,
    /// The name that the table gave.
    pub id: String,
}

/// Takes a program into a meeting by its offer.
pub(crate) async fn open(
    shared: &Shared,
    origin: Origin,
    direction: Direction,
    meeting: String,
    wishes: Wishes,
    headers: &HeaderMap,
    offer: &str,
) -> Result<Response, Problem> {
    let role = shared.gate.role(origin.0, gate::bearer(headers)?, &meeting)?;
    if direction == Direction::Publish && role == Role::Audience {
        return Err(Refusal::new(Code::NotPermitted, "this token lets its bearer watch, not publish").into());
    }
    check_types(headers)?;
    let offer = Offer::read(offer, direction)?;
    if !shared.bridges.has_room() {
        return Err(no_room(bridges::full()));
    }
    let (member, frames) = join(shared, origin, direction, meeting.clone(), role, wishes).await?;
    let opened = answer(shared, member, &offer).await.and_then(|answer| {
        let etag = format!("\"{}\"", bridges::unguessable()?);
        let bridge = Bridge { member, meeting: meeting.clone(), direction, offer, etag: etag.clone() };
        let id = shared.bridges.insert(bridge, frames).map_err(no_room)?;
        Ok(created(&location(direction, &meeting, &id), &etag, answer))
    });
    if opened.is_err() {
        // It never took part; that it has left already would be as good.
        let _ = shared.handle.leave(member).await;
    }
    opened
}

/// Adds candidates, or restarts ICE (RFC 9725, section 4.3).
pub(crate) async fn patch(
    shared: &Shared,
    origin: Origin,
    place: &Place,
    headers: &HeaderMap,
    fragment: &str,
) -> Result<Response, Problem> {
    let bridge = find(shared, origin, place, headers)?;
    if !input::has_type(headers, FRAGMENT) {
        return Err(input::unsupported_type(FRAGMENT));
    }
    let matched = if_match(headers, &bridge.etag)?;
    let fragment = Fragment::read(fragment)?;
    let same = fragment.ufrag.is_empty() || fragment.ufrag == bridge.offer.ufrag;
    match (matched, same) {
        (Match::Current, true) => trickle(shared, bridge.member, &fragment).await,
        (Match::Any, false) => restart(shared, place, &bridge, &fragment).await,
        (Match::Current, false) => {
            let detail = "these are new credentials; an ICE restart is asked for with `If-Match: *`";
            Err(unprocessable(detail))
        }
        (Match::Any, true) => {
            let detail = "`If-Match: *` asks for an ICE restart, and these are not new credentials; \
                candidates are sent with the ETag";
            Err(unprocessable(detail))
        }
    }
}

/// Takes a program out of its meeting.
pub(crate) async fn close(
    shared: &Shared,
    origin: Origin,
    place: &Place,
    headers: &HeaderMap,
) -> Result<StatusCode, Problem> {
    let bridge = find(shared, origin, place, headers)?;
    shared.bridges.remove(&place.id);
    match shared.handle.leave(bridge.member).await {
        // That it has just gone by itself is what was asked for.
        Ok(()) | Err(Refusal { code: Code::PeerLost, .. }) => Ok(StatusCode::OK),
        Err(refusal) => Err(refusal.into()),
    }
}

fn check_types(headers: &HeaderMap) -> Result<(), Problem> {
    if !input::has_type(headers, SDP) {
        return Err(input::unsupported_type(SDP));
    }
    let Some(accept) = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()) else {
        return Ok(());
    };
    let takes = |kind: &str| matches!(kind.trim(), SDP | "application/*" | "*/*" | "");
    if accept.split(',').any(|kind| kind.split(';').next().is_some_and(takes)) {
        return Ok(());
    }
    let detail = format!("the answer is of the type {SDP}, which the Accept header does not allow");
    Err(Problem::new(StatusCode::NOT_ACCEPTABLE, Code::InvalidParameter, detail))
}

async fn join(
    shared: &Shared,
    origin: Origin,
    direction: Direction,
    meeting: String,
    role: Role,
    wishes: Wishes,
) -> Result<(MemberId, mpsc::Receiver<Frame>), Problem> {
    let (sender, frames) = mpsc::channel(FRAMES_MAX);
    let guess = wishes.password.is_some();
    let (name, role) = match direction {
        Direction::Publish => ("WHIP", role),
        // Who plays does not send, whatever the token would allow.
        Direction::Play => ("WHEP", Role::Audience),
    };
    let join = Join {
        meeting,
        name: wishes.name.unwrap_or_else(|| name.to_owned()),
        kind: ParticipantKind::Bridge,
        role,
        password: wishes.password,
        custom_info: None,
        identity: None,
        user: None,
        bridge: None,
        frames: sender,
    };
    let member = shared.handle.join_now(join).await.inspect_err(|refusal| {
        if guess && refusal.code == Code::WrongPassword {
            shared.gate.wrong_password(origin.0);
        }
    })?;
    Ok((member, frames))
}

/// Has the offer answered, and says that what it publishes begins.
async fn answer(shared: &Shared, member: MemberId, offer: &Offer) -> Result<String, Problem> {
    let answer = shared.handle.offer(member, offer.text.clone()).await?;
    if !sdp::takes_all(&answer) {
        return Err(unprocessable(
            "the meeting does not take all that is offered, and nothing is taken in part",
        ));
    }
    for (id, source) in (1..).zip(&offer.sources) {
        let source = match source {
            track::Source::Microphone => Source::Microphone,
            track::Source::Camera => Source::Camera,
            track::Source::Screen => Source::Screen,
            track::Source::ScreenAudio => Source::ScreenAudio,
        };
        shared.handle.ask(member, id, Ask::Track { source, state: TrackState::On }).await;
    }
    Ok(answer)
}

fn created(location: &str, etag: &str, answer: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, SDP),
        (header::LOCATION, location),
        (header::ETAG, etag),
        (header::HeaderName::from_static("accept-patch"), FRAGMENT),
    ];
    (StatusCode::CREATED, headers, answer).into_response()
}

fn location(direction: Direction, meeting: &str, id: &str) -> String {
    let place = match direction {
        Direction::Publish => "whip",
        Direction::Play => "whep",
    };
    format!("/{place}/{meeting}/{id}")
}

fn find(shared: &Shared, origin: Origin, place: &Place, headers: &HeaderMap) -> Result<Bridge, Problem> {
    shared.gate.role(origin.0, gate::bearer(headers)?, &place.meeting)?;
    shared.bridges.find(&place.id, &place.meeting, place.direction).ok_or_else(|| {
        let detail = "nothing is published or played here, or no longer; begin anew with a POST";
        Problem::new(StatusCode::NOT_FOUND, Code::PeerLost, detail)
    })
}

/// What an `If-Match` header says of the current ETag.
enum Match {
    Current,
    Any,
}

fn if_match(headers: &HeaderMap, etag: &str) -> Result<Match, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        let detail = "send If-Match: the ETag with candidates, `*` for an ICE restart";
        return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, Code::InvalidParameter, detail));
    };
    match value.to_str().unwrap_or_default() {
        "*" => Ok(Match::Any),
        tags if tags.split(',').any(|tag| tag.trim() == etag) => Ok(Match::Current),
        _ => {
            let detail = "the ETag is not the current one; ICE has been restarted since";
            Err(Problem::new(StatusCode::PRECONDITION_FAILED, Code::InvalidParameter, detail))
        }
    }
}

async fn trickle(shared: &Shared, member: MemberId, fragment: &Fragment) -> Result<Response, Problem> {
    for candidate in &fragment.candidates {
        match shared.handle.trickle(member, candidate.clone()).await {
            // Candidates of unknown kinds are passed over (RFC 9725, section 4.3.2).
            Ok(()) | Err(Refusal { code: Code::InvalidParameter, .. }) => {}
            Err(refusal) => return Err(refusal.into()),
        }
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn restart(
    shared: &Shared,
    place: &Place,
    bridge: &Bridge,
    fragment: &Fragment,
) -> Result<Response, Problem> {
    if fragment.pwd.is_empty() {
        return Err(Refusal::new(
            Code::InvalidParameter,
            "the fragment has `a=ice-ufrag` and no `a=ice-pwd`",
        )
        .into());
    }
    let offer = bridge.offer.restarted(fragment);
    // When it fails, the media that flows goes on flowing.
    let answer = shared.handle.offer(bridge.member, offer.text.clone()).await?;
    let etag = format!("\"{}\"", bridges::unguessable()?);
    shared.bridges.restarted(&place.id, offer, &etag);
    let headers = [(header::CONTENT_TYPE, FRAGMENT), (header::ETAG, &etag)];
    Ok((headers, Fragment::of_answer(&answer)).into_response())
}

fn unprocessable(detail: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, Code::InvalidParameter, detail)
}

fn no_room(refusal: Refusal) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, refusal.code, refusal.detail)
        .with(header::RETRY_AFTER, RETRY_AFTER_S.into())
}

impl From<Unusable> for Problem {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Malformed(detail) => Refusal::new(Code::InvalidParameter, detail).into(),
            Unusable::Unacceptable(detail) => unprocessable(&detail),
        }
    }
}
