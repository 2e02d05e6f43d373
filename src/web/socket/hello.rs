//! The first words of a socket: who it is, what lets it in, and what the loop says to that.

use axum::extract::ws::{Message, Utf8Bytes};
use futures_util::{Stream, StreamExt};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{HELLO_WITHIN, binary, id_of, unreadable};
use crate::appliance::Handle;
use crate::appliance::handle::{FRAMES_MAX, Join, MemberId};
use crate::refusal::{Code, Refusal};
use crate::web::wire::{Ask, Frame, Hello, OLDEST_VERSION, ParticipantKind, Request, Role, VERSION};
use crate::web::words;

/// Who decides on tokens.
pub trait Door: Send + Sync {
    /// The role that a token gives in this meeting.
    ///
    /// # Errors
    /// `not-permitted`, `too-many-requests`.
    fn role(&self, token: &str) -> Result<Role, Refusal>;

    /// A wrong password was given.
    fn wrong_password(&self);
}

/// A participant that was let in.
pub(super) struct Admitted {
    pub(super) member: MemberId,
    pub(super) welcome: Frame,
    pub(super) frames: mpsc::Receiver<Frame>,
}

/// Waits for the hello and has the loop decide on it. `None` when the socket went away.
pub(super) async fn admit<E>(
    reader: &mut (impl Stream<Item = Result<Message, E>> + Unpin),
    meeting: String,
    handle: &Handle,
    door: &impl Door,
) -> Result<Admitted, Option<(Option<u32>, Refusal)>> {
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
    let mut admitted = enter(hello, meeting, handle, door).await.map_err(with_id)?;
    if let Frame::Answered { re, .. } = &mut admitted.welcome {
        *re = request.id;
    }
    Ok(admitted)
}

/// The first frame with words; it has to be text.
async fn first_words<E>(
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
) -> Result<Admitted, Refusal> {
    words::check_custom_info(hello.custom_info.as_ref())?;
    words::check_identity(hello.identity.as_deref())?;
    let (sender, frames) = mpsc::channel(FRAMES_MAX);
    let (member, welcome) = match hello.resume {
        // The secret is better proof than the token, which may have expired in the meantime.
        Some(resume) => handle.resume(meeting, resume, sender).await?,
        None => {
            let role = door.role(&hello.token)?;
            let guess = hello.password.is_some();
            let Hello { name, password, custom_info, identity, .. } = hello;
            let kind = ParticipantKind::Browser;
            let join = Join { meeting, name, kind, role, password, custom_info, identity, frames: sender };
            handle.join(join).await.inspect_err(|refusal| {
                if guess && refusal.code == Code::WrongPassword {
                    door.wrong_password();
                }
            })?
        }
    };
    Ok(Admitted { member, welcome, frames })
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
