//! One WebSocket of one page that is signed in for calls: hello, words in both directions, an end that says why.
//!
//! ```text
//!  opened ──▶ waiting for hello ──▶ signed in ─────────────────────────▶ closing ──▶ closed
//!                 │                   │  reads ─▶ Handle::ask_calls         ▲
//!                 │                   │  frames, pings ─▶ writes            │
//!                 └─ 10 s, refused ───┴── let go, signed out, dead ─────────┘
//! ```

use axum::body::Bytes;
use axum::extract::ws::{Message, Utf8Bytes};
use futures_util::{Sink, Stream, StreamExt};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{interval, timeout};

use super::hello::{NotIn, first_words};
use super::{
    BAD_FRAMES_MAX, DEAD_AFTER, Ending, HELLO_WITHIN, PING_EVERY, Unsent, binary, close, id_of, say, send,
    unreadable,
};
use crate::appliance::Handle;
use crate::appliance::handle::{PageId, SignOn};
use crate::refusal::{Code, Refusal};
use crate::web::wire::Refused;
use crate::web::wire::calling::{Ask, Frame, OLDEST_VERSION, Request, VERSION};
use crate::web::words;

/// The most words that wait for one page: a page that does not read them is cut.
pub const FRAMES_MAX: usize = 512;

/// The most refusals of frames that wait for the writing half.
const NOTICES_MAX: usize = 4;

/// Who decides on tokens of users.
pub trait Reception: Send + Sync {
    /// The user whose token it is, and the number in it.
    ///
    /// # Errors
    /// `not-permitted`, `too-many-requests`.
    fn user(&self, token: &str) -> Result<(u64, u32), Refusal>;
}

/// Serves one socket to its end. Dropping the future is a cut.
pub async fn serve<S, E>(socket: S, handle: Handle, reception: impl Reception)
where
    S: Stream<Item = Result<Message, E>> + Sink<Message> + Send + Unpin,
    E: Send,
{
    let (mut writer, mut reader) = socket.split();
    let ending = match sign_on(&mut reader, &handle, &reception).await {
        Ok((page, welcome, frames)) => {
            converse(&mut reader, &mut writer, &handle, (page, welcome, frames)).await
        }
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

/// Waits for the hello and has the loop decide on it.
async fn sign_on<E>(
    reader: &mut (impl Stream<Item = Result<Message, E>> + Unpin),
    handle: &Handle,
    reception: &impl Reception,
) -> Result<(PageId, Frame, mpsc::Receiver<Frame>), NotIn> {
    let text = timeout(HELLO_WITHIN, first_words(reader)).await.map_err(|_| {
        let detail = format!("no hello came within {} s", HELLO_WITHIN.as_secs());
        Some((None, Refusal::new(Code::InvalidParameter, detail)))
    })??;
    let with_id = |refusal| Some((id_of(&text), refusal));
    check_version(&text).map_err(with_id)?;
    let Request { id, ask } = words::parse(text.as_bytes()).map_err(with_id)?;
    let Ask::Hello(hello) = ask else {
        return Err(with_id(Refusal::new(Code::InvalidParameter, "the first request has to be `hello`")));
    };
    let (user, number) = reception.user(&hello.token).map_err(with_id)?;
    let (sender, frames) = mpsc::channel(FRAMES_MAX);
    let sign_on = SignOn { user, number, device: hello.device, frames: sender };
    let (page, mut welcome) = handle.sign_on(sign_on).await.map_err(with_id)?;
    if let Frame::Answered { re, .. } = &mut welcome {
        *re = id;
    }
    Ok((page, welcome, frames))
}

/// Carries words both ways until one direction ends.
async fn converse<E>(
    reader: &mut (impl Stream<Item = Result<Message, E>> + Unpin),
    writer: &mut (impl Sink<Message> + Unpin),
    handle: &Handle,
    (page, welcome, mut frames): (PageId, Frame, mpsc::Receiver<Frame>),
) -> Ending {
    let (notices, mut to_say) = mpsc::channel(NOTICES_MAX);
    let ending = if say(writer, &welcome).await.is_err() {
        Ending::Stuck
    } else {
        tokio::select! {
            ending = read(reader, handle, page, &notices) => ending,
            ending = write(writer, &mut frames, &mut to_say) => ending,
        }
    };
    while let Ok(frame) = to_say.try_recv() {
        // The last words of the reading half; whether they arrive or not, the socket ends.
        let _ = say(writer, &frame).await;
    }
    // Whoever was let go of is not ours to cut: a newer socket may have its place.
    if !frames.is_closed() {
        // The loop takes an open queue for a newer socket's, so ours is closed before it is told.
        drop(frames);
        handle.cut_page(page).await;
    }
    ending
}

/// Reads requests and hands them on.
async fn read<E>(
    reader: &mut (impl Stream<Item = Result<Message, E>> + Unpin),
    handle: &Handle,
    page: PageId,
    notices: &mpsc::Sender<Frame>,
) -> Ending {
    let mut bad_frames = 0;
    loop {
        let (re, refusal) = match timeout(DEAD_AFTER, reader.next()).await {
            Err(_) | Ok(None | Some(Ok(Message::Close(_)))) => return Ending::Gone,
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => continue,
            Ok(Some(Ok(Message::Text(text)))) => match words::parse::<Request>(text.as_bytes()) {
                Ok(Request { id, ask }) => {
                    handle.ask_calls(page, id, ask).await;
                    continue;
                }
                Err(refusal) => (id_of(&text), refusal),
            },
            Ok(Some(Ok(Message::Binary(_)))) => (None, binary()),
            Ok(Some(Err(_))) => {
                let _ = notices.send(refused(None, unreadable())).await;
                return Ending::Refused(Code::InvalidParameter);
            }
        };
        bad_frames += 1;
        // Fails only when the writing half is over, and then so is the socket.
        let _ = notices.send(refused(re, refusal)).await;
        if bad_frames > BAD_FRAMES_MAX {
            return Ending::Refused(Code::InvalidParameter);
        }
    }
}

/// Writes what the loop says, what the reading half says, and pings.
async fn write(
    writer: &mut (impl Sink<Message> + Unpin),
    frames: &mut mpsc::Receiver<Frame>,
    notices: &mut mpsc::Receiver<Frame>,
) -> Ending {
    let mut pings = interval(PING_EVERY);
    pings.reset();
    loop {
        let sent: Result<(), Unsent> = tokio::select! {
            biased;
            Some(notice) = notices.recv() => say(writer, &notice).await,
            frame = frames.recv() => match frame {
                Some(frame) => say(writer, &frame).await,
                None => return Ending::LetGo,
            },
            _ = pings.tick() => send(writer, Message::Ping(Bytes::new())).await,
        };
        if sent.is_err() {
            return Ending::Stuck;
        }
    }
}

fn refused(re: Option<u32>, refusal: Refusal) -> Frame {
    Frame::Refused { re, refused: Refused { code: refusal.code.to_string(), detail: refusal.detail } }
}

/// Checks the version in a hello of any version, whatever else stands in it.
fn check_version(text: &Utf8Bytes) -> Result<(), Refusal> {
    let words: Value = serde_json::from_str(text).unwrap_or_default();
    match words["do"]["hello"]["version"].as_u64() {
        Some(version) if version < u64::from(OLDEST_VERSION) => Err(Refusal::new(
            Code::ClientTooOld,
            format!(
                "this page speaks version {version} of calls, and {OLDEST_VERSION} is the oldest; load it anew"
            ),
        )),
        Some(version) if version > u64::from(VERSION) => Err(Refusal::new(
            Code::ServerTooOld,
            format!(
                "this page speaks version {version} of calls, and the appliance {VERSION}; update the appliance"
            ),
        )),
        // What is not there or not a number is refused by name later on.
        Some(_) | None => Ok(()),
    }
}
