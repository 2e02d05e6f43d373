//! What has happened, as it happens: CloudEvents as server-sent events and over a WebSocket, from wherever a reader was.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{self, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, StreamExt as _, stream};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Interval, interval, timeout};

use super::Shared;
use super::gate::{Origin, Pass};
use super::input::Extras;
use super::problem::{Document, Problem};
use super::words;
use crate::refusal::{Code, Refusal};
use crate::system::api_tokens::Permission;
use crate::system::events::{Event, Events};
use crate::web;

/// The most readers at a time; the next one is refused with 503.
pub(crate) const READERS_MAX: usize = 256;

/// How many events are taken from the ring at a time.
const PAGE: usize = 64;

/// How often a reader who is told nothing hears that the way is open, and is looked up again: whoever's token was
/// revoked is told nothing more.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// How long one event may take to leave a WebSocket; then its reader has stopped reading.
const SENT_WITHIN: Duration = Duration::from_secs(10);

/// The longest first frame of a WebSocket, in bytes.
const HELLO_BYTES_MAX: usize = 4 * 1024;

/// The most kinds that a reader may name, and the longest of them, in bytes.
const KINDS_MAX: usize = 32;
const KIND_BYTES_MAX: usize = 128;

/// From where on, and which.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Which {
    last_event_id: Option<String>,
    types: Option<String>,
}

/// The first frame of a WebSocket.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Hello {
    token: String,
    last_event_id: Option<String>,
    types: Option<String>,
}

/// The types that somebody wants to hear of: all of them, those named, or those that begin with what stands before `*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kinds(Vec<String>);

impl Kinds {
    /// Reads `alcove.meeting.*,alcove.config.changed`.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let kinds: Vec<String> = text.split(',').map(|kind| kind.trim().to_owned()).collect();
        let is_fit = |kind: &String| {
            let body = kind.strip_suffix('*').unwrap_or(kind);
            !kind.is_empty()
                && kind.len() <= KIND_BYTES_MAX
                && body.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '.' | '_'))
        };
        if kinds.len() > KINDS_MAX || !kinds.iter().all(is_fit) {
            let detail = format!(
                "types {text:?} cannot be used: name at most {KINDS_MAX} with commas between, such as \
                 alcove.condition.changed or alcove.meeting.*"
            );
            return Err(Refusal::new(Code::InvalidParameter, detail));
        }
        Ok(Self(kinds))
    }

    /// Whether that one is among them.
    pub(crate) fn has(&self, kind: &str) -> bool {
        let fits = |wanted: &String| match wanted.strip_suffix('*') {
            Some(beginning) => kind.starts_with(beginning),
            None => kind == wanted,
        };
        self.0.is_empty() || self.0.iter().any(fits)
    }
}

/// What happens from now on, and before that what has happened after the event that is named.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "monitoring", operation_id = "followEvents",
    params(
        ("Last-Event-ID" = Option<String>, Header, description = "The last event that was read; what came after it comes first. \
            With `0`, everything that is kept"),
        ("lastEventId" = Option<String>, Query, description = "The same, for who cannot set the header"),
        ("types" = Option<String>, Query, description = "Only these types, with commas between; `alcove.meeting.*` is all that \
            begin like that"),
    ),
    responses(
        (status = 200, description = "Server-sent events: `id`, `event` (the type), and as `data` a CloudEvent in JSON. \
            `alcove.events.lost` tells that events in between are kept no more", body = String, content_type = "text/event-stream"),
        (status = 503, description = "`busy`: too many read already", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn follow(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Extension(pass): Extension<Pass>,
    Extras(which): Extras<Which>,
) -> Result<Response, Problem> {
    let told = headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let from = position(&shared.events, told.or(which.last_event_id).as_deref())?;
    let kinds = which.types.as_deref().map(Kinds::parse).transpose()?.unwrap_or_default();
    let reader = Reader::new(&shared, (from, kinds))?;
    let lines = spoken(reader, shared, pass);
    let mut response = Sse::new(lines).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies would wait until there is more.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// The same over a WebSocket (CloudEvents' WebSocket binding, JSON): the first frame is
/// `{"token": …, "lastEventId"?: …, "types"?: …}`, and each frame that follows is an event.
#[utoipa::path(
    get, path = "/api/v1/events/ws", tag = "monitoring", operation_id = "openEventSocket", security(()),
    responses(
        (status = 101, description = "The WebSocket is open; the first frame has to be the token"),
        (status = 426, description = "This is not a WebSocket request", body = Document,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn socket(
    State(shared): State<Arc<Shared>>,
    Origin(from): Origin,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let (upgrade, place) = words::admit_socket(&shared, upgrade, HELLO_BYTES_MAX)?;
    let upgrade = upgrade.protocols(["cloudevents.json"]);
    Ok(upgrade.on_upgrade(move |socket| async move {
        serve(socket, shared, from).await;
        drop(place);
    }))
}

/// The number after which somebody reads: that of the last event where none is named.
fn position(events: &Events, named: Option<&str>) -> Result<u64, Refusal> {
    let Some(named) = named else { return Ok(events.newest()) };
    named.parse().map_err(|_| {
        let detail =
            format!("{named:?} is the id of no event: give that of the last one that you have read, or 0");
        Refusal::new(Code::InvalidParameter, detail)
    })
}

/// Somebody who reads at their own pace.
struct Reader {
    events: Arc<Events>,
    newest: watch::Receiver<u64>,
    from: u64,
    kinds: Kinds,
    page: VecDeque<Event>,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    fn new(shared: &Arc<Shared>, (from, kinds): (u64, Kinds)) -> Result<Self, Problem> {
        let place = Arc::clone(&shared.event_readers).try_acquire_owned().map_err(|_| {
            let detail = format!("{READERS_MAX} read events already; try again later");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, Code::Busy, detail)
                .with(header::RETRY_AFTER, HeaderValue::from_static("10"))
        })?;
        let (events, newest) = (Arc::clone(&shared.events), shared.events.subscribe());
        Ok(Self { events, newest, from, kinds, page: VecDeque::new(), _place: place })
    }

    /// The next event that is wanted, as soon as there is one; `None` when there will be no more.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.page.pop_front() {
                self.from = event.number;
                if self.kinds.has(&event.kind) {
                    return Some(event);
                }
                continue;
            }
            self.newest.mark_unchanged();
            let page = self.events.after(self.from, PAGE);
            if let Some(to) = page.lost_to {
                let lost = self.events.lost(self.from, to);
                self.from = to;
                return Some(lost);
            }
            if page.events.is_empty() {
                self.newest.changed().await.ok()?;
            }
            self.page = page.events.into();
        }
    }
}

/// The lines of a reader, until what has let it in does so no more.
fn spoken(
    reader: Reader,
    shared: Arc<Shared>,
    pass: Pass,
) -> impl Stream<Item = Result<sse::Event, Infallible>> + Send {
    stream::unfold((reader, interval(LOOK_EVERY)), move |(mut reader, mut looks): (Reader, Interval)| {
        let (shared, pass) = (Arc::clone(&shared), pass.clone());
        async move {
            let event = tokio::select! {
                () = shared.closed() => return None,
                event = reader.next() => {
                    let Event { number, kind, json } = event?;
                    sse::Event::default().id(number.to_string()).event(kind).data(json)
                }
                _ = looks.tick() => {
                    if !shared.gate.still(&pass, Permission::Watch) {
                        return None;
                    }
                    sse::Event::default().comment("")
                }
            };
            Some((Ok(event), (reader, looks)))
        }
    })
}

/// Serves a WebSocket to its end.
async fn serve(mut socket: WebSocket, shared: Arc<Shared>, from: IpAddr) {
    let outcome = match timeout(web::socket::HELLO_WITHIN, socket.next()).await {
        Ok(Some(Ok(Message::Text(text)))) => greet(&shared, from, &text),
        Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) => return,
        Ok(Some(Ok(_))) | Err(_) => {
            Err(Refusal::new(Code::InvalidParameter, "the first frame has to be text with the token in it"))
        }
    };
    let refusal = match outcome {
        Ok((mut reader, token)) => speak(&mut socket, &mut reader, (&shared, &token)).await,
        Err(refusal) => Some(refusal),
    };
    let Some(refusal) = refusal else { return };
    let frame = CloseFrame { code: refusal.code.close_code(), reason: refusal.detail.as_str().into() };
    // Whether it arrives or not: the socket ends.
    let _ = timeout(SENT_WITHIN, socket.send(Message::Close(Some(frame)))).await;
}

fn greet(shared: &Arc<Shared>, from: IpAddr, text: &str) -> Result<(Reader, String), Refusal> {
    let Hello { token, last_event_id, types } = web::words::parse(text.as_bytes())?;
    shared.gate.administers(from, &token, Permission::Watch)?;
    let position = position(&shared.events, last_event_id.as_deref())?;
    let kinds = types.as_deref().map(Kinds::parse).transpose()?.unwrap_or_default();
    let reader = Reader::new(shared, (position, kinds)).map_err(|_| {
        Refusal::new(Code::Busy, format!("{READERS_MAX} read events already; try again later"))
    })?;
    Ok((reader, token))
}

/// Tells events until the other end is gone (`None`), or may hear no more.
async fn speak(
    socket: &mut WebSocket,
    reader: &mut Reader,
    (shared, token): (&Shared, &str),
) -> Option<Refusal> {
    let mut looks = interval(LOOK_EVERY);
    loop {
        let frame = tokio::select! {
            () = shared.closed() => return None,
            event = reader.next() => Message::Text(event?.json.as_ref().into()),
            said = socket.recv() => match said {
                // Pings are answered below us; there is nothing else to be said.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Text(_) | Message::Binary(_))) => {
                    return Some(Refusal::new(Code::InvalidParameter, "after the first frame nothing is to be said here"));
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            },
            _ = looks.tick() => {
                if !shared.gate.is_good(token, Permission::Watch) {
                    return Some(Refusal::new(Code::NotPermitted, "the token is good no more; ask the owner for another one"));
                }
                Message::Ping(axum::body::Bytes::new())
            }
        };
        if !matches!(timeout(SENT_WITHIN, socket.send(frame)).await, Ok(Ok(()))) {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_named_or_begin_alike() {
        let kinds = Kinds::parse("alcove.meeting.*, alcove.config.changed").unwrap();
        assert!(kinds.has("alcove.meeting.joined") && kinds.has("alcove.config.changed"));
        assert!(!kinds.has("alcove.call.ended") && !kinds.has("alcove.config.changed.twice"));
        assert!(Kinds::default().has("alcove.anything"));
        for wrong in ["", "a,,b", "a*b", "A", &"a".repeat(200), &["a"; 33].join(",")] {
            assert!(Kinds::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
