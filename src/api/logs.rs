//! The log from afar: its last lines, those that come, and everything that helps to find a fault in one file.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{Stream, StreamExt as _, stream};
use log::Level;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Interval, interval};

use super::documents::Status;
use super::input::Extras;
use super::problem::{Document, Problem};
use super::{Shared, status};
use crate::config::layers;
use crate::refusal::{Code, Refusal};
use crate::system::log_lines::{self, LINES_MAX, Line};

/// How many lines are told where nobody says how many.
const LINES: usize = 200;

/// How often whoever follows the log is told that the way is open: an empty line.
const BEAT_EVERY: Duration = Duration::from_secs(10);

/// How long a log is followed; then whoever follows asks again.
const BEATS_MAX: u32 = 360;

/// How many events and lines of the audit go into the diagnostics.
const EVENTS: usize = 2_000;
const AUDIT_LINES: usize = 1_000;

/// Files of the machine that say how it is, and what they are called among the diagnostics.
const MACHINE_FILES: [(&str, &str); 7] = [
    ("/etc/os-release", "machine/os-release"),
    ("/proc/version", "machine/kernel"),
    ("/proc/uptime", "machine/uptime"),
    ("/proc/loadavg", "machine/load"),
    ("/proc/meminfo", "machine/memory"),
    ("/proc/self/status", "machine/process"),
    ("/run/alcove-preinit/notes", "machine/boot-notes"),
];

/// The longest of them that is taken, in bytes.
const MACHINE_FILE_BYTES_MAX: usize = 64 * 1024;

/// Which lines.
#[derive(Debug, Deserialize)]
pub(crate) struct Which {
    lines: Option<usize>,
    level: Option<String>,
    follow: Option<bool>,
}

/// The last lines of the log since the daemon was started; older ones are in the machine's journal.
#[utoipa::path(
    get, path = "/api/v1/logs", tag = "monitoring", operation_id = "readLog",
    params(
        ("lines" = Option<u32>, Query, description = "How many at most: 0 to 5000, 200 where absent", minimum = 0, maximum = 5000),
        ("level" = Option<String>, Query, description = "Only those at least so grave: `error`, `warn`, `info` or `debug`"),
        ("follow" = Option<bool>, Query, description = "The answer goes on with what is logged, for an hour at most; an empty line \
            now and then says that the way is open"),
    ),
    responses(
        (status = 200, description = "A line each: time, level, module, message and fields", body = String,
            content_type = "text/plain"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn read(
    State(shared): State<Arc<Shared>>,
    Extras(which): Extras<Which>,
) -> Result<Response, Problem> {
    let invalid = |detail: String| Refusal::new(Code::InvalidParameter, detail);
    let level = which.level.as_deref().map_or(Ok(Level::Trace), str::parse);
    let level = level
        .map_err(|_| invalid("level has to be error, warn, info or debug, or to be absent".to_owned()))?;
    let most = which.lines.unwrap_or(LINES);
    if most > LINES_MAX {
        return Err(invalid(format!("lines is 0 to {LINES_MAX}")).into());
    }
    let (lines, last) = log_lines::of_this_process().last(level, most);
    let text: String = lines.iter().map(written).collect();
    let body = if which.follow.unwrap_or(false) {
        Body::from_stream(followed(text, last, level).take_until(async move { shared.closed().await }))
    } else {
        Body::from(text)
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

fn written(line: &Line) -> String {
    format!("{}\n", line.text)
}

/// The text, and then what is logged after the line of that number.
fn followed(text: String, last: u64, level: Level) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    let lines = log_lines::of_this_process();
    let mut newest = lines.subscribe();
    newest.mark_changed();
    let first: VecDeque<String> = [text].into();
    stream::unfold((first, last, newest, interval(BEAT_EVERY), 0_u32), move |state| async move {
        let (mut told, mut last, mut newest, mut beats, mut count): (_, _, _, Interval, _) = state;
        loop {
            if let Some(text) = told.pop_front() {
                return Some((Ok(Bytes::from(text)), (told, last, newest, beats, count)));
            }
            tokio::select! {
                changed = newest.changed() => changed.ok()?,
                _ = beats.tick() => {
                    count += 1;
                    if count > BEATS_MAX {
                        return None;
                    }
                    told.push_back("\n".to_owned());
                    continue;
                }
            }
            let (lines, to) = lines.after(last, level);
            last = to;
            told.extend(lines.iter().map(written));
        }
    })
}

/// Everything that helps to find a fault, in one file, without secrets: status, configuration, devices, log, events,
/// audit, the machine.
#[utoipa::path(
    get, path = "/api/v1/diagnostics", tag = "monitoring", operation_id = "collectDiagnostics",
    responses(
        (status = 200, description = "A gzipped tar file", body = Vec<u8>, content_type = "application/gzip"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn diagnostics(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let files = collected(&shared).await;
    let at = shared.gate.unix_time().as_secs();
    let packed = tokio::task::spawn_blocking(move || pack(files, at)).await;
    let failed = || Refusal::new(Code::Internal, "the diagnostics could not be collected; see the log");
    let packed = packed.map_err(|_| failed())?.map_err(|cause| {
        log::warn!("the diagnostics could not be packed: {cause}");
        failed()
    })?;
    let name = format!("attachment; filename=\"alcove-diagnostics-{at}.tar.gz\"");
    let mut response = packed.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/gzip"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// Names and contents. What cannot be asked says so in its place.
async fn collected(shared: &Shared) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut add =
        |name: &str, value: Value| files.push((name.to_owned(), format!("{value:#}\n").into_bytes()));
    add(
        "about.json",
        json!({ "version": env!("CARGO_PKG_VERSION"), "box": shared.box_id, "room": shared.facts.room_name }),
    );
    let (state, conditions) = (shared.configuration.state(), shared.conditions.borrow().clone());
    match shared.handle.status().await {
        Ok(view) => {
            add("status.json", json!(Status::new(view, status::identity(shared), &state, &conditions)));
        }
        Err(refusal) => add("status.json", json!({ "refused": refusal.detail })),
    }
    match shared.handle.meetings().await {
        Ok(meetings) => {
            let meeting = |meeting: crate::appliance::handle::MeetingView| json!({ "name": meeting.name, "participants": meeting.participants.len() });
            add("meetings.json", meetings.into_iter().map(meeting).collect());
        }
        Err(refusal) => add("meetings.json", json!({ "refused": refusal.detail })),
    }
    add("config.json", layers::shown(&state.config));
    add("audit.json", json!(shared.gate.audit().last(AUDIT_LINES)));
    let devices = Arc::clone(&shared.facts.devices);
    let devices = tokio::task::spawn_blocking(move || devices()).await;
    add("devices.json", devices.unwrap_or(Value::Null));
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    add(
        "network.json",
        interfaces.iter().map(|one| json!({ "name": one.name, "address": one.ip().to_string() })).collect(),
    );
    let from = shared.events.newest().saturating_sub(EVENTS as u64);
    let events = shared.events.after(from, EVENTS).events;
    let events: String = events.iter().map(|event| format!("{}\n", event.json)).collect();
    files.push(("events.jsonl".to_owned(), events.into_bytes()));
    let (lines, _) = log_lines::of_this_process().last(Level::Trace, LINES_MAX);
    files.push(("log.txt".to_owned(), lines.iter().map(written).collect::<String>().into_bytes()));
    for (path, name) in MACHINE_FILES {
        if let Ok(mut content) = tokio::fs::read(path).await {
            content.truncate(MACHINE_FILE_BYTES_MAX);
            files.push((name.to_owned(), content));
        }
    }
    files
}

fn pack(files: Vec<(String, Vec<u8>)>, at_unix_s: u64) -> io::Result<Vec<u8>> {
    let mut packed = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(at_unix_s);
        packed.append_data(&mut header, format!("alcove-diagnostics/{name}"), content.as_slice())?;
    }
    packed.into_inner()?.finish()
}
