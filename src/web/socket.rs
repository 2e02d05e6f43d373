//! One WebSocket of one participant: hello, words in both directions, and an end that says why.
//!
//! ```text
//!  opened ──▶ waiting for hello ─────────────▶ in the meeting ──────────────▶ closing ──▶ closed
//!                 │        └─▶ waiting to be ─▶ │   reads ─▶ Handle::ask          ▲
//!                 │                 let in      │   frames, pings ─▶ writes       │
//!                 └── 10 s, refused ─── not ────┴── left, ended, let go, dead ────┘
//! ```

pub mod calling;
mod hello;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{interval, sleep, timeout};

pub use self::hello::Door;
use self::hello::{Admitted, Greeted, admit, wait};
use super::wire::{Ask, Event, Frame, Outgoing, REQUEST_BYTES_MAX, Refused, Request};
use super::words;
use crate::appliance::Handle;
use crate::appliance::handle::MemberId;
use crate::refusal::{Code, Refusal};

/// How long a socket may wait with its hello.
pub const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// How often a socket is pinged.
pub const PING_EVERY: Duration = Duration::from_secs(10);

/// How long a socket may be silent, pongs included, until it counts as dead.
pub const DEAD_AFTER: Duration = Duration::from_secs(25);

/// How long one frame may take to leave; then the other end has stopped reading.
pub const SENT_WITHIN: Duration = Duration::from_secs(10);

/// How long the closing handshake may take.
const CLOSED_WITHIN: Duration = Duration::from_secs(2);

/// The most frames of a socket that cannot be read; the next one closes it.
pub const BAD_FRAMES_MAX: usize = 8;

/// The most unanswered requests of a socket; the next one is refused with `too-many-requests`.
pub const UNANSWERED_MAX: usize = 32;

/// The most of our own words to one socket that wait for it; then its requests wait as well.
const NOTICES_MAX: usize = 4;

/// How a socket ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The other end closed it, or is gone.
    Gone,
    /// It has stopped reading: a close frame would not reach it.
    Stuck,
    /// The participant has left, or the meeting has ended.
    Finished,
    /// The loop let go of it: too slow, replaced by a newer socket, or the appliance stops.
    LetGo,
    /// It is of no use.
    Refused(Code),
}

/// Something that the reading half has to say, or to let the writing half know.
enum Notice {
    Say(Frame),
    /// The request with this id is the wish to leave: its answer is the last word.
    Leaving(u32),
}

/// Serves one socket to its end. Dropping the future is a cut.
pub async fn serve<S, E>(socket: S, meeting: String, handle: Handle, door: impl Door)
where
    S: Stream<Item = Result<Message, E>> + Sink<Message> + Send + Unpin,
    E: Send,
{
    let (mut writer, mut reader) = socket.split();
    let admitted = match admit(&mut reader, meeting, &handle, &door).await {
        Ok(Greeted::In(admitted)) => Ok(*admitted),
        Ok(Greeted::Waits { id, member, frames }) => {
            wait(&mut reader, &mut writer, &handle, (id, member, frames)).await
        }
        Err(why) => Err(why),
    };
    let ending = match admitted {
        Ok(admitted) => take_part(&mut reader, &mut writer, &handle, admitted).await,
        Err(None) => Ending::Gone,
        Err(Some((re, refusal))) => {
            let code = refusal.code;
            // Whether it arrives or not: the socket ends.
            let _ = say(&mut writer, &refused(re, refusal)).await;
            Ending::Refused(code)
        }
    };
    close(&mut reader, &mut writer, ending).await;
}

/// Carries words both ways until one direction ends.
async fn take_part<E>(
    reader: &mut (impl Stream<Item = Result<Message, E>> + Unpin),
    writer: &mut (impl Sink<Message> + Unpin),
    handle: &Handle,
    admitted: Admitted,
) -> Ending {
    let Admitted { member, welcome, mut frames, early } = admitted;
    let (notices, mut to_say) = mpsc::channel(NOTICES_MAX);
    let unanswered = AtomicUsize::new(0);
    if say(writer, &welcome).await.is_err() {
        drop(frames);
        handle.cut(member).await;
        return Ending::Stuck;
    }
    let ending = tokio::select! {
        ending = read(reader, early, handle, member, &notices, &unanswered) => ending,
        ending = write(writer, &mut frames, &mut to_say, &unanswered) => ending,
    };
    while let Ok(Notice::Say(frame)) = to_say.try_recv() {
        // The last words of the reading half; whether they arrive or not, the socket ends.
        let _ = say(writer, &frame).await;
    }
    // Whoever was let go of is not ours to cut: a newer socket may have its place.
    if !frames.is_closed() && ending != Ending::Finished {
        // The loop takes an open queue for a newer socket's, so ours is closed before it is told.
        drop(frames);
        handle.cut(member).await;
    }
    ending
}

/// Reads requests and hands them on, those first that came early.
async fn read<E>(
    reader: &mut (impl Stream<Item = Result<Message, E>> + Unpin),
    early: Vec<Utf8Bytes>,
    handle: &Handle,
    member: MemberId,
    notices: &mpsc::Sender<Notice>,
    unanswered: &AtomicUsize,
) -> Ending {
    let mut bad_frames = 0;
    let mut early = early.into_iter();
    loop {
        let next = match early.next() {
            Some(text) => Ok(Some(Ok(Message::Text(text)))),
            None => timeout(DEAD_AFTER, reader.next()).await,
        };
        let refusal = match next {
            Err(_) | Ok(None | Some(Ok(Message::Close(_)))) => return Ending::Gone,
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => continue,
            Ok(Some(Ok(Message::Text(text)))) => {
                match hand_on(&text, handle, member, notices, unanswered).await {
                    Ok(()) => continue,
                    Err(refusal) => refusal,
                }
            }
            Ok(Some(Ok(Message::Binary(_)))) => (None, binary()),
            Ok(Some(Err(_))) => {
                let _ = notices.send(Notice::Say(refused(None, unreadable()))).await;
                return Ending::Refused(Code::InvalidParameter);
            }
        };
        bad_frames += 1;
        let (re, refusal) = refusal;
        // Fails only when the writing half is over, and then so is the socket.
        let _ = notices.send(Notice::Say(refused(re, refusal))).await;
        if bad_frames > BAD_FRAMES_MAX {
            return Ending::Refused(Code::InvalidParameter);
        }
    }
}

/// Hands one request on to the loop, or says why it is not worth the loop's time.
async fn hand_on(
    text: &Utf8Bytes,
    handle: &Handle,
    member: MemberId,
    notices: &mpsc::Sender<Notice>,
    unanswered: &AtomicUsize,
) -> Result<(), (Option<u32>, Refusal)> {
    let Request { id, ask } = words::parse(text.as_bytes()).map_err(|refusal| (id_of(text), refusal))?;
    if matches!(ask, Ask::Hello(_)) {
        return Err((Some(id), Refusal::new(Code::InvalidParameter, "`hello` was said already")));
    }
    if unanswered.load(Ordering::Relaxed) >= UNANSWERED_MAX {
        let detail = format!("{UNANSWERED_MAX} requests wait for their answers; wait for one of them");
        let refusal = Refusal::new(Code::TooManyRequests, detail);
        let _ = notices.send(Notice::Say(refused(Some(id), refusal))).await;
        return Ok(());
    }
    if matches!(ask, Ask::Leave {}) {
        let _ = notices.send(Notice::Leaving(id)).await;
    }
    unanswered.fetch_add(1, Ordering::Relaxed);
    handle.ask(member, id, ask).await;
    Ok(())
}

/// Writes what the loop says, what the reading half says, and pings.
async fn write(
    writer: &mut (impl Sink<Message> + Unpin),
    frames: &mut mpsc::Receiver<Frame>,
    notices: &mut mpsc::Receiver<Notice>,
    unanswered: &AtomicUsize,
) -> Ending {
    let mut pings = interval(PING_EVERY);
    pings.reset();
    let (mut leaving, mut ending) = (None, Ending::LetGo);
    loop {
        let sent = tokio::select! {
            biased;
            Some(notice) = notices.recv() => match notice {
                Notice::Say(frame) => say(writer, &frame).await,
                Notice::Leaving(id) => {
                    leaving = Some(id);
                    Ok(())
                }
            },
            frame = frames.recv() => {
                let Some(frame) = frame else { return ending };
                let sent = say(writer, &frame).await;
                match &frame {
                    Frame::Answered { re, .. } if Some(*re) == leaving => return Ending::Finished,
                    Frame::Answered { .. } | Frame::Refused { re: Some(_), .. } => answered(unanswered),
                    Frame::Refused { re: None, refused } => ending = ending_of(refused),
                    Frame::Delta { event: Event::Ended {}, .. } => ending = Ending::Finished,
                    Frame::Delta { .. } | Frame::Told { .. } => {}
                }
                sent
            },
            _ = pings.tick() => send(writer, Message::Ping(Bytes::new())).await,
            () = sleep(CLOSED_WITHIN), if ending == Ending::Finished => return ending,
        };
        if sent.is_err() {
            return Ending::Stuck;
        }
    }
}

fn answered(unanswered: &AtomicUsize) {
    // An answer to what was never asked would be a bug of the loop, and not worth a wrapped counter.
    let _ = unanswered.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1));
}

/// A refusal of the socket itself is its last word but one.
fn ending_of(refused: &Refused) -> Ending {
    let code = Code::ALL.into_iter().find(|code| code.as_str() == refused.code);
    Ending::Refused(code.unwrap_or(Code::Internal))
}

/// A frame did not leave: the other end is gone, or does not read.
struct Unsent;

async fn say(writer: &mut (impl Sink<Message> + Unpin), frame: &impl Outgoing) -> Result<(), Unsent> {
    match frame.json() {
        Ok(text) => send(writer, Message::Text(text.into())).await,
        Err(why) => {
            log::error!(why:%; "a frame could not be written as JSON");
            Ok(())
        }
    }
}

async fn send(writer: &mut (impl Sink<Message> + Unpin), message: Message) -> Result<(), Unsent> {
    match timeout(SENT_WITHIN, writer.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Unsent),
    }
}

/// Says why it ends, and waits a little for the other end to agree.
async fn close<E>(
    reader: &mut (impl Stream<Item = Result<Message, E>> + Unpin),
    writer: &mut (impl Sink<Message> + Unpin),
    ending: Ending,
) {
    let Some(frame) = ending.frame() else { return };
    let handshake = async {
        if writer.send(Message::Close(Some(frame))).await.is_ok() {
            // What was on its way is read away, or the network may discard our close frame along with it.
            while let Some(Ok(_)) = reader.next().await {}
        }
    };
    // When it takes too long, the socket is dropped without it.
    let _ = timeout(CLOSED_WITHIN, handshake).await;
}

impl Ending {
    fn frame(self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::Gone | Self::Stuck => return None,
            Self::Finished => (1000, "finished"),
            Self::LetGo => (1001, "let go; resume"),
            Self::Refused(code) => (code.close_code(), code.as_str()),
        };
        Some(CloseFrame { code, reason: reason.into() })
    }
}

fn refused(re: Option<u32>, refusal: Refusal) -> Frame {
    Frame::Refused { re, refused: Refused { code: refusal.code.to_string(), detail: refusal.detail } }
}

fn binary() -> Refusal {
    Refusal::new(Code::InvalidParameter, "words are text frames; a binary frame came")
}

fn unreadable() -> Refusal {
    let detail = format!("a frame was not WebSocket text, or longer than {REQUEST_BYTES_MAX} bytes");
    Refusal::new(Code::InvalidParameter, detail)
}

/// The id of a request that may not be readable as a whole.
fn id_of(text: &str) -> Option<u32> {
    let words: Value = serde_json::from_str(text).ok()?;
    words.get("id")?.as_u64()?.try_into().ok()
}

#[cfg(test)]
mod tests;
