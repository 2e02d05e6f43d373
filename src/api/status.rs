//! How the appliance is: for administrators, for monitoring, and what the room's screen shows.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Shared;
use super::documents::Status;
use super::input::Extras;
use super::problem::{Document, Problem};
use crate::appliance::handle::{RoomStatus, StatusView, Totals};
use crate::refusal::{Code, Refusal};
use crate::system::conditions::{Conditions, Kind};
use crate::system::configuration::State as ConfigState;

/// The longest wait for a condition, in seconds.
const WAIT_MAX_S: u32 = 60;

/// What is waited for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Wait {
    wait_for: Option<String>,
    generation: Option<u64>,
    timeout: Option<u32>,
}

/// What the appliance does, at once or as soon as a condition is true.
#[utoipa::path(
    get, path = "/api/v1/status", tag = "appliance", operation_id = "showStatus",
    params(
        ("waitFor" = Option<String>, Query, description = "The condition that the answer waits for, such as `ConfigApplied`"),
        ("generation" = Option<u64>, Query, description = "With `ConfigApplied`: at least this generation of the configuration"),
        ("timeout" = Option<u32>, Query, description = "How long at most, in seconds: 1 to 60, 30 where absent"),
    ),
    responses(
        (status = 408, description = "`no-answer`: the condition was not true in time; the detail says why not",
            body = Document, content_type = "application/problem+json"),
        (status = 503, description = "`busy`: the appliance is starting anew, which takes some seconds", body = Document,
            content_type = "application/problem+json"),
        (status = 200, description = "What the appliance does", body = Status),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn status(
    State(shared): State<Arc<Shared>>,
    Extras(wait): Extras<Wait>,
) -> Result<Json<Status>, Problem> {
    if let Some(name) = &wait.wait_for {
        until_true(&shared, name, &wait).await?;
    }
    let view = shared.handle.status().await?;
    let (state, conditions) = (shared.configuration.state(), shared.conditions.borrow().clone());
    Ok(Json(Status::new(view, shared.facts.authority_fingerprint.clone(), &state, &conditions)))
}

/// Returns as soon as the condition is true, of that generation where one is named.
async fn until_true(shared: &Shared, name: &str, wait: &Wait) -> Result<(), Problem> {
    let invalid = |detail: String| Problem::from(Refusal::new(Code::InvalidParameter, detail));
    let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == name);
    let kind = kind.ok_or_else(|| {
        invalid(format!("there is no condition {name}; the status lists those that there are"))
    })?;
    let timeout = wait.timeout.unwrap_or(30);
    if !(1..=WAIT_MAX_S).contains(&timeout) {
        return Err(invalid(format!("timeout is 1 to {WAIT_MAX_S} seconds")));
    }
    let (mut conditions, mut states) = (shared.conditions.clone(), shared.configuration.subscribe());
    let is_reached = |conditions: &Conditions, state: &ConfigState| {
        let is_true = conditions.get(kind).is_some_and(|condition| condition.finding.status == Some(true));
        match (kind, wait.generation) {
            (Kind::ConfigApplied, generation) => {
                state.observed == state.generation && state.observed >= generation.unwrap_or(0)
            }
            _ => is_true,
        }
    };
    let reached = async {
        loop {
            let is_there = {
                let (conditions, state) = (conditions.borrow_and_update(), states.borrow_and_update());
                is_reached(&conditions, &state)
            };
            let is_over = tokio::select! {
                () = std::future::ready(()), if is_there => return Ok(()),
                changed = conditions.changed() => changed.is_err(),
                changed = states.changed() => changed.is_err(),
            };
            if is_over {
                let detail = "the appliance is starting anew; ask again";
                let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, Code::Busy, detail);
                return Err(problem.with(header::RETRY_AFTER, 1.into()));
            }
        }
    };
    match tokio::time::timeout(Duration::from_secs(timeout.into()), reached).await {
        Ok(reached) => reached,
        Err(_) => {
            let message =
                shared.conditions.borrow().get(kind).map(|condition| condition.finding.message.clone());
            let message = message.unwrap_or_else(|| "nobody has looked yet".to_owned());
            let detail = format!("{name} was not true within {timeout} s: {message}");
            Err(Refusal::new(Code::NoAnswer, detail).into())
        }
    }
}

/// The devices of the box, and which were chosen for what reason.
#[utoipa::path(
    get, path = "/api/v1/device", tag = "appliance", operation_id = "showDevice",
    responses(
        (status = 200, description = "What `alcove devices --json` says", body = serde_json::Value),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn device(State(shared): State<Arc<Shared>>) -> Result<Json<serde_json::Value>, Problem> {
    let devices = Arc::clone(&shared.facts.devices);
    let told = tokio::task::spawn_blocking(move || devices()).await;
    told.map(Json)
        .map_err(|_| Refusal::new(Code::Internal, "the devices could not be looked at; see the log").into())
}

/// What the room's screen shows.
#[utoipa::path(
    get, path = "/api/v1/display/snapshot.png", tag = "appliance", operation_id = "showDisplay",
    responses(
        (status = 200, description = "The screen as PNG", body = Vec<u8>, content_type = "image/png"),
        (status = 409, description = "`busy`: a snapshot is being made", body = Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn snapshot(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let png = shared.handle.snapshot().await?;
    Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response())
}

/// A few figures for Prometheus. They name nobody, so they need no token.
#[utoipa::path(
    get, path = "/metrics", tag = "monitoring", operation_id = "metrics", security(()),
    responses((status = 200, description = "Prometheus text", body = String, content_type = "text/plain"))
)]
pub(crate) async fn metrics(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let (status, totals) = (shared.handle.status().await?, shared.handle.totals().await?);
    let conditions = shared.conditions.borrow().clone();
    let text = exposition(&status, &totals, &conditions);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// Whether the process answers at all.
#[utoipa::path(
    get, path = "/healthz", tag = "monitoring", operation_id = "healthy", security(()),
    responses((status = 200, description = "It does", body = String, content_type = "text/plain"))
)]
pub(crate) async fn healthy() -> &'static str {
    "ok\n"
}

/// Whether the appliance takes commands.
#[utoipa::path(
    get, path = "/readyz", tag = "monitoring", operation_id = "ready", security(()),
    responses(
        (status = 200, description = "It does", body = String, content_type = "text/plain"),
        (status = 503, description = "Not now", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn ready(State(shared): State<Arc<Shared>>) -> Result<&'static str, Problem> {
    let not_ready = |detail: String| Problem::new(StatusCode::SERVICE_UNAVAILABLE, Code::Busy, detail);
    shared.handle.status().await.map_err(|refusal| not_ready(refusal.detail))?;
    let conditions = shared.conditions.borrow();
    let needed = [Kind::Ready, Kind::SfuReady].map(|kind| conditions.get(kind));
    match needed.into_iter().flatten().find(|condition| condition.finding.status == Some(false)) {
        Some(condition) => Err(not_ready(condition.finding.message.clone())),
        None => Ok("ready\n"),
    }
}

fn exposition(status: &StatusView, totals: &Totals, conditions: &Conditions) -> String {
    let mut text = String::new();
    let in_meeting = status.room.meeting.is_some().into();
    let gauges = [
        ("uptime_seconds", "How long the appliance has been running.", status.uptime.as_secs()),
        ("meetings", "Living meetings.", status.meetings as u64),
        ("participants", "Participants of all meetings.", status.participants as u64),
        ("room_in_meeting", "Whether the room is in a meeting.", in_meeting),
    ];
    for (name, help, value) in gauges {
        figure(&mut text, "gauge", name, help, value);
    }
    describe_media(&mut text, totals);
    describe_room(&mut text, &status.room.figures);
    describe_conditions(&mut text, conditions);
    let _ = write!(
        text,
        "# HELP alcove_build_info The version of the program.\n# TYPE alcove_build_info gauge\n\
         alcove_build_info{{version=\"{}\"}} 1\n",
        env!("CARGO_PKG_VERSION")
    );
    text
}

/// What was forwarded since the start, in all meetings together.
fn describe_media(text: &mut String, totals: &Totals) {
    let counters = [
        ("packets_received", "Media packets from participants.", totals.packets_in),
        ("bytes_received", "Payload bytes of media from participants.", totals.bytes_in),
        ("packets_sent", "Media packets to participants.", totals.packets_out),
        ("bytes_sent", "Payload bytes of media to participants.", totals.bytes_out),
        ("packets_lost_up", "Media packets from participants that never arrived.", totals.lost_in),
        ("packets_lost_down", "Packets that participants told us they missed.", totals.lost_out),
        ("keyframes_asked", "Key frames asked of publishers.", totals.keyframes_asked),
        ("keyframes_wanted", "Key frames that subscribers asked for.", totals.keyframes_wanted),
    ];
    for (name, help, value) in counters {
        figure(text, "counter", &format!("media_{name}_total"), help, value);
    }
}

/// What the room has done since the start: pictures drawn, packets, decoders, sound.
fn describe_room(text: &mut String, room: &RoomStatus) {
    let RoomStatus { slots, mixer, .. } = room;
    let counters = [
        ("scene_frames", "Pictures of the scene drawn.", room.frames),
        ("scene_frames_late", "Pictures drawn more than half a tick late.", room.frames_late),
        ("scene_frames_missing", "Ticks of the scene left out.", room.frames_missing),
        ("camera_frames", "Pictures that the camera gave.", room.camera_frames),
        ("packets_sent", "Packets published by the room.", room.packets_out),
        ("packets_dropped", "Packets of the room that the forwarder had no place for.", room.packets_lost),
        ("packets_received", "Packets that the room was given.", room.packets_in),
        ("pictures_decoded", "Pictures of others, decoded and taken.", slots.pictures),
        ("packets_refused", "Packets that no decoder took.", slots.packets_refused),
        ("decoders_made", "Decoders made.", slots.decoders),
        ("keyframe_wishes", "Key frames that the room asked for.", slots.keyframe_wishes),
        ("mixer_blocks", "Blocks of 10 ms mixed.", mixer.blocks),
        ("mixer_underruns", "Times that a playing slot had nothing to play.", mixer.underruns),
        ("mixer_concealed", "Lost packets made up by the decoder.", mixer.concealed),
        ("mixer_recovered", "Lost packets rebuilt from the next one.", mixer.recovered),
        ("mixer_late", "Packets that came too late to be heard.", mixer.late),
        ("mixer_skipped", "Packets skipped because too many waited.", mixer.skipped),
    ];
    for (name, help, value) in counters {
        figure(text, "counter", &format!("room_{name}_total"), help, value);
    }
    let mean = "Mean time to draw a picture, in microseconds.";
    figure(text, "gauge", "room_compose_mean_microseconds", mean, room.compose_mean_us);
    let longest = "Longest time to draw a picture since the start, in microseconds.";
    figure(text, "gauge", "room_compose_max_microseconds", longest, room.compose_max_us);
}

/// How it is, thing by thing: 1 where it is so, 0 where it is not; what nobody knows is left out.
fn describe_conditions(text: &mut String, conditions: &Conditions) {
    let known = || conditions.iter().filter_map(|condition| Some((condition, condition.finding.status?)));
    if known().next().is_none() {
        return;
    }
    text.push_str(
        "# HELP alcove_condition Whether a condition of the status is true.\n# TYPE alcove_condition gauge\n",
    );
    for (condition, is_true) in known() {
        let _ =
            writeln!(text, "alcove_condition{{type=\"{}\"}} {}", condition.kind.as_str(), u8::from(is_true));
    }
}

fn figure(text: &mut String, kind: &str, name: &str, help: &str, value: u64) {
    let _ = write!(text, "# HELP alcove_{name} {help}\n# TYPE alcove_{name} {kind}\nalcove_{name} {value}\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::appliance::handle::RoomView;

    #[test]
    fn every_figure_has_its_help_and_its_type() {
        let figures = RoomStatus { frames: 30, frames_late: 1, ..RoomStatus::default() };
        let room =
            RoomView { meeting: None, microphone_on: true, camera_on: true, devices: Vec::new(), figures };
        let uptime = Duration::from_millis(2900);
        let status = StatusView {
            uptime,
            room,
            meetings: 2,
            participants: 7,
            media_addresses: Vec::new(),
            troubles: Vec::new(),
            storage_trouble: None,
            is_idle: false,
        };
        let text = exposition(&status, &Totals::default(), &Conditions::default());
        let figures: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            figures[..4],
            [
                "alcove_uptime_seconds 2",
                "alcove_meetings 2",
                "alcove_participants 7",
                "alcove_room_in_meeting 0",
            ]
        );
        assert!(figures.contains(&"alcove_room_scene_frames_total 30"));
        assert!(figures.contains(&"alcove_room_scene_frames_late_total 1"));
        assert_eq!(text.matches("# HELP").count(), figures.len());
        assert_eq!(text.matches("# TYPE").count(), figures.len());
    }
}
