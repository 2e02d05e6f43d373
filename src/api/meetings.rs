//! Meetings over HTTP: created, listed, shown, ended; who is in them; and tokens to join them.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::Shared;
use super::documents::{
    ChangeMeeting, CreateMeeting, CreatedMeeting, IssueToken, Meeting, MeetingList, ParticipantList, Token,
};
use super::input::{Body, Segments};
use super::problem::{Document, Problem};
use super::timestamp::Timestamp;
use crate::appliance::handle::NewMeeting;
use crate::refusal::{Code, Refusal};
use crate::system::mail;
use crate::web::wire::{Ask, Role, Schedule};
use crate::web::words::check_custom_info;

/// The longest password, in characters.
const PASSWORD_CHARS_MAX: usize = 128;

/// How long the links last that come with a new meeting.
const LINK_LIFETIME: Duration = Duration::from_secs(86_400);

/// The longest life of a token, in seconds: 366 days.
const TOKEN_LIFETIME_S_MAX: u64 = 31_622_400;

type Answer<T> = Result<Json<T>, Problem>;

/// The living meetings.
#[utoipa::path(
    get, path = "/api/v1/meetings", tag = "meetings", operation_id = "listMeetings",
    responses(
        (status = 200, description = "The living meetings", body = MeetingList),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Answer<MeetingList> {
    let meetings = shared.handle.meetings().await?;
    Ok(Json(MeetingList { meetings: meetings.into_iter().map(Meeting::from).collect() }))
}

/// Creates a meeting.
#[utoipa::path(
    post, path = "/api/v1/meetings", tag = "meetings", operation_id = "createMeeting",
    request_body = CreateMeeting,
    responses(
        (status = 201, description = "The meeting, and links into it", body = CreatedMeeting,
            headers(("Location" = String, description = "The path of the meeting"))),
        (status = 400, description = "`invalid-parameter`", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "`meeting-exists`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    Body(body): Body<CreateMeeting>,
) -> Result<impl IntoResponse, Problem> {
    check_custom_info(body.custom_info.as_ref())?;
    check_password(body.password.as_deref())?;
    shared.check_report(body.report_to.as_deref())?;
    let new = new_meeting(body);
    let valid = shared.links_valid(&new.schedule);
    let meeting: Meeting = shared.handle.create_meeting(new).await?.into();
    let link = |role| shared.link(&meeting.name, &shared.gate.issue(&meeting.name, role, valid));
    let (join_url, host_url) = (link(Role::Speaker), link(Role::Host));
    let location = format!("/api/v1/meetings/{}", meeting.name);
    let created = CreatedMeeting { meeting, join_url, host_url };
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(created)))
}

/// One living meeting.
#[utoipa::path(
    get, path = "/api/v1/meetings/{name}", tag = "meetings", operation_id = "showMeeting",
    params(("name" = String, Path, description = "The meeting's name")),
    responses(
        (status = 200, description = "The meeting", body = Meeting),
        (status = 404, description = "`meeting-not-found`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    Segments(name): Segments<String>,
) -> Answer<Meeting> {
    Ok(Json(shared.handle.meeting(name).await?.into()))
}

/// Puts a meeting to another time.
#[utoipa::path(
    patch, path = "/api/v1/meetings/{name}", tag = "meetings", operation_id = "changeMeeting",
    params(("name" = String, Path, description = "The meeting's name")),
    request_body = ChangeMeeting,
    responses(
        (status = 200, description = "The meeting", body = Meeting),
        (status = 400, description = "`invalid-parameter`", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "`meeting-not-found`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change(
    State(shared): State<Arc<Shared>>,
    Segments(name): Segments<String>,
    Body(body): Body<ChangeMeeting>,
) -> Answer<Meeting> {
    let before = shared.handle.meeting(name.clone()).await?.schedule;
    let merged = |new: Option<Option<Timestamp>>, old| new.map_or(old, |new| new.map(|Timestamp(ms)| ms));
    let schedule = Schedule {
        not_before_ms: merged(body.not_before, before.not_before_ms),
        starts_at_ms: merged(body.starts_at, before.starts_at_ms),
        ends_at_ms: merged(body.ends_at, before.ends_at_ms),
    };
    Ok(Json(shared.handle.reschedule(name, schedule).await?.into()))
}

/// Has a meeting do what a host in it may ask for: mute, remove, admit, lock, roles, rights, polls and the rest.
#[utoipa::path(
    post, path = "/api/v1/meetings/{name}/commands", tag = "meetings", operation_id = "administerMeeting",
    params(("name" = String, Path, description = "The meeting's name")),
    request_body(content = Ask, description = "A word of the WebSocket, as it stands in `do`"),
    responses(
        (status = 204, description = "It is done, and everybody whom it concerns was told"),
        (status = 400, description = "`invalid-parameter`", body = Document, content_type = "application/problem+json"),
        (status = 403, description = "`not-permitted`", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "`meeting-not-found`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn administer(
    State(shared): State<Arc<Shared>>,
    Segments(name): Segments<String>,
    Body(ask): Body<Ask>,
) -> Result<StatusCode, Problem> {
    shared.handle.administer(name, ask).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a meeting for all.
#[utoipa::path(
    delete, path = "/api/v1/meetings/{name}", tag = "meetings", operation_id = "endMeeting",
    params(("name" = String, Path, description = "The meeting's name")),
    responses(
        (status = 204, description = "It has ended, and everybody in it was told"),
        (status = 404, description = "`meeting-not-found`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn end(
    State(shared): State<Arc<Shared>>,
    Segments(name): Segments<String>,
) -> Result<StatusCode, Problem> {
    shared.handle.end_meeting(name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who is in a meeting.
#[utoipa::path(
    get, path = "/api/v1/meetings/{name}/participants", tag = "meetings", operation_id = "listParticipants",
    params(("name" = String, Path, description = "The meeting's name")),
    responses(
        (status = 200, description = "The participants", body = ParticipantList),
        (status = 404, description = "`meeting-not-found`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn participants(
    State(shared): State<Arc<Shared>>,
    Segments(name): Segments<String>,
) -> Answer<ParticipantList> {
    Ok(Json(ParticipantList { participants: shared.handle.meeting(name).await?.participants }))
}

/// Issues a token to join a living meeting with.
#[utoipa::path(
    post, path = "/api/v1/meetings/{name}/tokens", tag = "meetings", operation_id = "issueToken",
    params(("name" = String, Path, description = "The meeting's name")),
    request_body = IssueToken,
    responses(
        (status = 201, description = "The token", body = Token),
        (status = 400, description = "`invalid-parameter`", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "`meeting-not-found`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn issue_token(
    State(shared): State<Arc<Shared>>,
    Segments(name): Segments<String>,
    Body(body): Body<IssueToken>,
) -> Result<(StatusCode, Json<Token>), Problem> {
    if !(1..=TOKEN_LIFETIME_S_MAX).contains(&body.expires_in_s) {
        let detail =
            format!("`expires_in_s` is {}; 1 to {TOKEN_LIFETIME_S_MAX} is allowed", body.expires_in_s);
        return Err(Refusal::new(Code::InvalidParameter, detail).into());
    }
    let meeting = shared.handle.meeting(name).await?.name;
    let token = shared.gate.issue(&meeting, body.role, Duration::from_secs(body.expires_in_s));
    let url = shared.link(&meeting, &token);
    Ok((StatusCode::CREATED, Json(Token { token, url })))
}

fn new_meeting(body: CreateMeeting) -> NewMeeting {
    let ms = |time: Option<Timestamp>| time.map(|Timestamp(ms)| ms);
    NewMeeting {
        name: body.name,
        mode: body.mode,
        password: body.password,
        custom_info: body.custom_info,
        max_participants: body.max_participants,
        lobby: body.lobby,
        wait_for_host: body.wait_for_host,
        same_person: body.same_person,
        schedule: Schedule {
            not_before_ms: ms(body.not_before),
            starts_at_ms: ms(body.starts_at),
            ends_at_ms: ms(body.ends_at),
        },
        report_to: body.report_to,
    }
}

fn check_password(password: Option<&str>) -> Result<(), Refusal> {
    let chars = password.map_or(1, |password| password.chars().count());
    if (1..=PASSWORD_CHARS_MAX).contains(&chars) {
        return Ok(());
    }
    let detail = format!("`password` has {chars} characters; 1 to {PASSWORD_CHARS_MAX} are allowed");
    Err(Refusal::new(Code::InvalidParameter, detail))
}

impl Shared {
    /// A report can be sent.
    fn check_report(&self, to: Option<&str>) -> Result<(), Refusal> {
        let wrong = match to {
            Some(to) if to.len() > 254 || !mail::is_address(to) => "`report_to` is no mail address",
            Some(_) if !self.facts.has_mail => {
                "no report can be sent, for there is no mail server; set mail.server, or leave `report_to` out"
            }
            _ => return Ok(()),
        };
        Err(Refusal::new(Code::InvalidParameter, wrong))
    }

    /// How long the links of a new meeting last: a day after it.
    fn links_valid(&self, schedule: &Schedule) -> Duration {
        let planned = [schedule.not_before_ms, schedule.starts_at_ms, schedule.ends_at_ms];
        let last = Duration::from_millis(planned.into_iter().flatten().max().unwrap_or(0));
        let until_then = last.saturating_sub(self.gate.unix_time());
        (until_then + LINK_LIFETIME).min(Duration::from_secs(TOKEN_LIFETIME_S_MAX))
    }

    /// A link that opens the page with a token; the fragment never reaches a server or its log.
    fn link(&self, meeting: &str, token: &str) -> String {
        format!("{}/m/{meeting}#t={token}", self.facts.public_url)
    }
}
