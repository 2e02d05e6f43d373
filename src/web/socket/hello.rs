//! The first words of a socket: who it is, what lets it in, and what the loop says to that.

use axum::body::Bytes;
use axum::extract::ws::{Message, Utf8Bytes};
use futures_util::{Sink, Stream, StreamExt};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{interval, timeout};

use super::{HELLO_WITHIN, PING_EVERY, binary, id_of, say, send, unreadable};
use crate::appliance::Handle;
use crate::appliance::handle::{Entry, FRAMES_MAX, Join, JoinUser, MemberId};
use crate::refusal::{Code, Refusal};
use crate::web::wire::{Ask, Frame, Hello, OLDEST_VERSION, ParticipantKind, Refused, Request, Role, VERSION};
use crate::web::words;

/// The most requests that are kept for somebody who waits to be let in: an offer, a wish, and some.
const EARLY_MAX: usize = 8;

/// The most pings that are not answered by somebody who waits; at the next one the socket counts as dead.
const PINGS_MAX: u32 = 3;

/// Who decides on tokens.
pub trait Door: Send + Sync {
    /// The role that a token gives in this meeting.
    ///
    /// # Errors
    /// `not-permitted`, `too-many-requests`.
    fn role(&self, token: &str) -> Result<Role, Refusal>;

    /// The user of the directory whom a token names in this meeting, if any.
    fn user(&self, token: &str) -> Option<u64>;

    /// The user whom a token signs in, and its number; `None` for one that is no longer good.
    fn signs_in(&self, token: &str) -> Option<(u64, u32)>;

    /// A wrong password was given.
    fn wrong_password(&self);
}

/// A participant that was let in.
pub(super) struct Admitted {
    pub(super) member: MemberId,
    pub(super) welcome: Frame,
    pub(super) frames: mpsc::Receiver<Frame>,
    /// What it asked before it was in.
    pub(super) early: Vec<Utf8Bytes>,
}

/// What has come of a hello.
pub(super) enum Greeted {
    In(Box<Admitted>),
    /// Outside, until a frame says what has been decided.
    Waits {
        id: u32,
        member: MemberId,
        frames: mpsc::Receiver<Frame>,
    },
}

/// Why a socket got no further than its hello: `None` when it went away.
pub(super) type NotIn = Option<(Option<u32>, Refusal)>;

/// Waits for the hello and has the loop decide on it. `None` when the socket went away.
pub(super) async fn admit<E>(
    reader: &mut (impl Stream<Item = Result<Message, E>> + Unpin),
    meeting: String,
    handle: &Handle,
    door: &impl Door,
) -> Result<Greeted, NotIn> {
    let text = match timeout(HELLO_WITHIN, first_words(reader)).await {
        Ok(text) => text?,
        Err(_) => {
            let detail = format!("no hello came within {} s", HELLO_WITHIN.as_secs());
            return Err(Some((None, Refusal::new(Code::InvalidParameter, detail))));
        }
    };
    let with_id = |refusal| Some((id_of(&text), refusal));
    check_version(&text).map_err(with_id)?;
    let request: Request = words::parse(text.as_bytes()).map_err(with_id)?;
    let Ask::Hello(hello) = request.ask else {
        return Err(with_id(Refusal::new(Code::InvalidParameter, "the first request has to be `hello`")));
    };
    let id = request.id;
    let (sender, frames) = mpsc::channel(FRAMES_MAX);
    Ok(match enter(hello, meeting, handle, door, sender).await.map_err(with_id)? {
        Entry::In(member, welcome) => {
            let welcome = numbered(welcome, id);
            Greeted::In(Box::new(Admitted { member, welcome, frames, early: Vec::new() }))
        }
        Entry::Waits(member) => Greeted::Waits { id, member, frames },
    })
}

/// Waits outside until the loop has decided. What is asked meanwhile is kept for later.
pub(super) async fn wait<E>(
    reader: &mut (impl Stream<Item = Result<Message, E>> + Unpin),
    writer: &mut (impl Sink<Message> + Unpin),
    handle: &Handle,
    (id, member, mut frames): (u32, MemberId, mpsc::Receiver<Frame>),
) -> Result<Admitted, NotIn> {
    let mut early = Vec::new();
    let mut pings = interval(PING_EVERY);
    let mut unanswered = 0;
    loop {
        let outcome = tokio::select! {
            frame = frames.recv() => match frame {
                Some(welcome @ Frame::Answered { .. }) => {
                    return Ok(Admitted { member, welcome: numbered(welcome, id), frames, early });
                }
                Some(Frame::Refused { refused, .. }) => return Err(Some((Some(id), refusal_of(refused)))),
                Some(frame) => say(writer, &frame).await.map_err(|_| None),
                None => return Err(None),
            },
            words = reader.next() => {
                unanswered = 0;
                keep(words, &mut early)
            }
            _ = pings.tick() => {
                unanswered += 1;
                if unanswered > PINGS_MAX {
                    Err(None)
                } else {
                    send(writer, Message::Ping(Bytes::new())).await.map_err(|_| None)
                }
            }
        };
        if let Err(why) = outcome {
            drop(frames);
            handle.cut(member).await;
            return Err(why);
        }
    }
}

/// What somebody says who waits.
fn keep<E>(words: Option<Result<Message, E>>, early: &mut Vec<Utf8Bytes>) -> Result<(), NotIn> {
    match words {
        Some(Ok(Message::Text(text))) if early.len() < EARLY_MAX => {
            early.push(text);
            Ok(())
        }
        Some(Ok(Message::Text(_))) => {
            let detail = format!("{EARLY_MAX} requests wait for you to be let in; ask no more until then");
            Err(Some((None, Refusal::new(Code::TooManyRequests, detail))))
        }
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
        Some(Ok(Message::Binary(_))) => Err(Some((None, binary()))),
        Some(Err(_)) => Err(Some((None, unreadable()))),
        None | Some(Ok(Message::Close(_))) => Err(None),
    }
}

/// The answer to the hello with this number.
fn numbered(mut answer: Frame, id: u32) -> Frame {
    if let Frame::Answered { re, .. } = &mut answer {
        *re = id;
    }
    answer
}

fn refusal_of(refused: Refused) -> Refusal {
    let code = Code::ALL.into_iter().find(|code| code.as_str() == refused.code);
    Refusal::new(code.unwrap_or(Code::Internal), refused.detail)
}

/// The first frame with words; it has to be text.
pub(super) async fn first_words<E>(
    reader: &mut (impl Stream<Item = Result<Message, E>> + Unpin),
) -> Result<Utf8Bytes, Option<(Option<u32>, Refusal)>> {
    loop {
        match reader.next().await {
            Some(Ok(Message::Text(text))) => return Ok(text),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Binary(_))) => return Err(Some((None, binary()))),
            Some(Err(_)) => return Err(Some((None, unreadable()))),
            Some(Ok(Message::Close(_))) | None => return Err(None),
        }
    }
}

async fn enter(
    hello: Hello,
    meeting: String,
    handle: &Handle,
    door: &impl Door,
    sender: mpsc::Sender<Frame>,
) -> Result<Entry, Refusal> {
    words::check_custom_info(hello.custom_info.as_ref())?;
    words::check_identity(hello.identity.as_deref())?;
    match hello.resume {
        // The secret is better proof than the token, which may have expired in the meantime.
        Some(resume) => {
            handle.resume(meeting, resume, sender).await.map(|(member, welcome)| Entry::In(member, welcome))
        }
        None => {
            let role = door.role(&hello.token)?;
            let named = door.user(&hello.token).map(|user| JoinUser { user, number: None });
            let signed_in = || door.signs_in(hello.user.as_deref()?);
            let user =
                named.or_else(|| signed_in().map(|(user, number)| JoinUser { user, number: Some(number) }));
            let guess = hello.password.is_some();
            let Hello { name, password, custom_info, identity, bridge, .. } = hello;
            let bridge = bridge.map(|bridge| bridge.boxes);
            let kind = if bridge.is_some() { ParticipantKind::Bridge } else { ParticipantKind::Browser };
            let join = Join {
                meeting,
                name,
                kind,
                role,
                password,
                custom_info,
                identity,
                user,
                bridge,
                frames: sender,
            };
            handle.join(join).await.inspect_err(|refusal| {
                if guess && refusal.code == Code::WrongPassword {
                    door.wrong_password();
                }
            })
        }
    }
}

/// Checks the version in a hello of any version, whatever else stands in it.
fn check_version(text: &str) -> Result<(), Refusal> {
    let version =
        serde_json::from_str(text).ok().and_then(|words: Value| words["do"]["hello"]["version"].as_u64());
    match version {
        Some(version) if version < u64::from(OLDEST_VERSION) => {
            let detail = format!(
                "this page speaks version {version}, and {OLDEST_VERSION} is the oldest; load it anew"
            );
            Err(Refusal::new(Code::ClientTooOld, detail))
        }
        Some(version) if version > u64::from(VERSION) => {
            let detail = format!(
                "this page speaks version {version}, and the appliance {VERSION}; update the appliance"
            );
            Err(Refusal::new(Code::ServerTooOld, detail))
        }
        // What is not there or not a number is refused by name later on.
        Some(_) | None => Ok(()),
    }
}
