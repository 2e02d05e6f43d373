//! Records over HTTP: who was in a meeting and how its polls went, as JSON and as CSV.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use super::gate::{Origin, bearer};
use super::input::Segments;
use super::problem::{Document, Problem};
use super::sheets;
use super::timestamp::Timestamp;
use crate::appliance::handle::{AttendanceView, PollResult, RecordSummary, RecordView};
use crate::refusal::{Code, Refusal};
use crate::web::wire::{LeaveReason, ParticipantKind, PollState, Question, Role};

/// The latest meetings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordList {
    /// At most 500, the latest first.
    pub records: Vec<Overview>,
}

/// A meeting in which somebody was, going on or over.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Overview {
    /// The number of the record; a name that is used again is another meeting.
    pub id: i64,
    /// The meeting's name.
    pub meeting: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it ended; absent while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How many times somebody came.
    pub attendances: u32,
    /// How many polls were opened.
    pub polls: u32,
}

/// What is known of a meeting.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Record {
    /// Which it was, and when.
    #[serde(flatten)]
    pub overview: Overview,
    /// Who was there, in the order in which they came.
    pub attendance: Vec<Attendance>,
    /// The polls that were opened, in their order.
    pub results: Vec<Outcome>,
}

/// Somebody who was in a meeting.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Attendance {
    /// The last name that was shown.
    pub name: String,
    /// What sort it was.
    pub kind: ParticipantKind,
    /// What it might do in the end.
    pub role: Role,
    /// When it came.
    pub joined_at: Timestamp,
    /// When it went; absent while it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_at: Option<Timestamp>,
    /// Why it went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<LeaveReason>,
}

/// How a poll went.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Outcome {
    /// What it asked.
    pub question: Question,
    /// Whether it still takes votes.
    pub state: PollState,
    /// How many people have voted.
    pub voters: u32,
    /// How many votes each option has.
    pub counts: Vec<u32>,
    /// Who voted for what; absent where the poll is anonymous.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub votes: Option<Vec<NamedVote>>,
}

/// A vote.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NamedVote {
    /// Whose, by the name of then.
    pub name: String,
    /// The options, from 0 on.
    pub choices: Vec<u8>,
}

/// The latest meetings in which somebody was.
#[utoipa::path(
    get, path = "/api/v1/records", tag = "records", operation_id = "listRecords",
    responses(
        (status = 200, description = "The latest meetings", body = RecordList),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Result<Json<RecordList>, Problem> {
    let records = shared.handle.records().await?;
    Ok(Json(RecordList { records: records.into_iter().map(Overview::from).collect() }))
}

/// Who was in a meeting, and how its polls went.
#[utoipa::path(
    get, path = "/api/v1/records/{id}", tag = "records", operation_id = "showRecord",
    params(("id" = i64, Path, description = "The number of the record")),
    responses(
        (status = 200, description = "The record", body = Record),
        (status = 404, description = "`meeting-not-found`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    Origin(from): Origin,
    headers: HeaderMap,
    Segments(id): Segments<String>,
) -> Result<Json<Record>, Problem> {
    Ok(Json(shared.record(from, &headers, &id).await?.into()))
}

/// Who was in a meeting, for a spreadsheet.
#[utoipa::path(
    get, path = "/api/v1/records/{id}/attendance.csv", tag = "records", operation_id = "showAttendance",
    params(("id" = i64, Path, description = "The number of the record")),
    responses(
        (status = 200, description = "A line for each time somebody came", body = String, content_type = "text/csv"),
        (status = 404, description = "`meeting-not-found`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn attendance_csv(
    State(shared): State<Arc<Shared>>,
    Origin(from): Origin,
    headers: HeaderMap,
    Segments(id): Segments<String>,
) -> Result<impl IntoResponse, Problem> {
    let record = shared.record(from, &headers, &id).await?;
    Ok(sheet(&record.summary.meeting, "attendance", &sheets::attendance(&record)?))
}

/// How the polls of a meeting went, for a spreadsheet.
#[utoipa::path(
    get, path = "/api/v1/records/{id}/polls.csv", tag = "records", operation_id = "showPolls",
    params(("id" = i64, Path, description = "The number of the record")),
    responses(
        (status = 200, description = "A line for each option of each poll", body = String, content_type = "text/csv"),
        (status = 404, description = "`meeting-not-found`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn polls_csv(
    State(shared): State<Arc<Shared>>,
    Origin(from): Origin,
    headers: HeaderMap,
    Segments(id): Segments<String>,
) -> Result<impl IntoResponse, Problem> {
    let record = shared.record(from, &headers, &id).await?;
    Ok(sheet(&record.summary.meeting, "polls", &sheets::polls(&record)?))
}

impl Shared {
    /// A record, for whom it is: the administrator, and the meeting's hosts.
    async fn record(&self, from: IpAddr, headers: &HeaderMap, id: &str) -> Result<RecordView, Problem> {
        let Ok(id) = id.parse() else {
            self.gate.check(from, bearer(headers)?)?;
            return Err(Refusal::new(Code::InvalidParameter, "a record's name is a number").into());
        };
        self.gate.opens_record(from, bearer(headers)?, id)?;
        Ok(self.handle.record(id).await?)
    }
}

fn sheet(meeting: &str, what: &str, text: &str) -> impl IntoResponse + use<> {
    let disposition = format!("attachment; filename=\"{meeting}-{what}.csv\"");
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, text.to_owned())
}

impl From<RecordSummary> for Overview {
    fn from(summary: RecordSummary) -> Self {
        Self {
            id: summary.id,
            meeting: summary.meeting,
            created_at: Timestamp(summary.created_at_ms),
            ended_at: summary.ended_at_ms.map(Timestamp),
            attendances: summary.attendances,
            polls: summary.polls,
        }
    }
}

impl From<RecordView> for Record {
    fn from(record: RecordView) -> Self {
        Self {
            overview: record.summary.into(),
            attendance: record.attendances.into_iter().map(Attendance::from).collect(),
            results: record.polls.into_iter().map(Outcome::from).collect(),
        }
    }
}

impl From<AttendanceView> for Attendance {
    fn from(one: AttendanceView) -> Self {
        Self {
            name: one.name,
            kind: one.kind,
            role: one.role,
            joined_at: Timestamp(one.joined_at_ms),
            left_at: one.left_at_ms.map(Timestamp),
            reason: one.reason,
        }
    }
}

impl From<PollResult> for Outcome {
    fn from(poll: PollResult) -> Self {
        let named = |(name, choices)| NamedVote { name, choices };
        let is_told = !poll.question.anonymous;
        Self {
            question: poll.question,
            state: poll.state,
            voters: poll.voters,
            counts: poll.counts,
            votes: is_told.then(|| poll.votes.into_iter().map(named).collect()),
        }
    }
}
