//! A bridge at work: in both meetings at once, from the offer to the end of one of them.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::joint::Joint;
use super::lines::OfferedLines;
use super::socket::Wire;
use super::talk::Entries;
use crate::appliance::Handle;
use crate::appliance::handle::{Entry, Join, JoinUser, MemberId, Reach};
use crate::remote::{Protocol, Say};
use crate::system::tunnels::Dial;
use crate::web::wire::{
    Answer, Ask, BridgeHello, Frame, Hello, ParticipantKind, Request, Resume, Role, VERSION,
};

/// The most words of our meeting that wait.
const FRAMES_MAX: usize = 1024;

/// How long the other end may take for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How often a broken socket is opened again, and how long is waited in between; the other end waits as long.
const TRIES_MAX: u32 = 20;
const TRY_EVERY: Duration = Duration::from_secs(1);

/// What a bridge is made with.
pub(super) struct Crossing {
    pub(super) user: u64,
    /// What the other appliance is called here.
    pub(super) name: String,
    pub(super) way: Reach,
    pub(super) dial: Dial,
    pub(super) handle: Handle,
    /// What we are called there.
    pub(super) room_name: String,
    pub(super) entries: Entries,
}

/// Both ends of it.
struct Bridge {
    crossing: Crossing,
    member: MemberId,
    frames: mpsc::Receiver<Frame>,
    wire: Wire,
    joint: Joint,
    /// Continues us at the other end after a cut.
    secret: String,
    asked: u32,
}

impl Crossing {
    /// Joins the two meetings until one of them ends, or `parted` says so.
    pub(super) async fn run(self, mut parted: oneshot::Receiver<()>) -> anyhow::Result<()> {
        let (handle, name) = (self.handle.clone(), self.name.clone());
        let (sender, mut frames) = mpsc::channel(FRAMES_MAX);
        let join = Join {
            meeting: self.entries.here.clone(),
            name,
            kind: ParticipantKind::Bridge,
            role: Role::Speaker,
            password: None,
            custom_info: None,
            identity: None,
            user: Some(JoinUser { user: self.user, number: None }),
            bridge: Some(Vec::new()),
            frames: sender,
        };
        let (member, welcome) = match handle.join(join).await.context("the meeting here takes no bridge")? {
            Entry::In(member, welcome) => (member, welcome),
            Entry::Waits(member) => {
                handle.cut(member).await;
                bail!("the meeting here lets nobody in");
            }
        };
        let mut joint = Joint::default();
        joint.heard_here(&welcome);
        let outcome = async {
            hear_boxes(&mut joint, &mut frames).await?;
            let mut bridge = Bridge::open(self, member, frames, joint).await?;
            let outcome = bridge.carry(&mut parted).await;
            bridge.leave().await;
            outcome
        }
        .await;
        // It may have left already, with the meeting.
        drop(handle.leave(member).await);
        outcome
    }
}

/// Waits until the meeting has told what the other end has to know first.
async fn hear_boxes(joint: &mut Joint, frames: &mut mpsc::Receiver<Frame>) -> anyhow::Result<()> {
    while joint.boxes_here().is_none() {
        let frame = timeout(ANSWER_WITHIN, frames.recv()).await.context("the meeting here says nothing")?;
        joint.heard_here(&frame.context("the meeting here is over")?);
    }
    Ok(())
}

impl Bridge {
    /// Goes into the other meeting and agrees on media.
    async fn open(
        crossing: Crossing,
        member: MemberId,
        frames: mpsc::Receiver<Frame>,
        mut joint: Joint,
    ) -> anyhow::Result<Self> {
        let boxes = joint.boxes_here().unwrap_or_default().to_vec();
        let hello = Hello {
            version: VERSION,
            token: crossing.entries.token.clone(),
            name: crossing.room_name.clone(),
            password: None,
            custom_info: None,
            identity: None,
            user: None,
            resume: None,
            bridge: Some(BridgeHello { boxes }),
        };
        let mut wire = Wire::open(&crossing.dial, &crossing.way, &path(&crossing.entries.there)).await?;
        let mut asked = 0;
        let welcome = ask(&mut wire, &mut joint, &mut asked, Ask::Hello(hello)).await?;
        let Answer::Welcome(welcome) = welcome else { bail!("the other end has not said welcome") };
        let offer = crossing.handle.propose(member).await.context("the media cannot be offered")?;
        let lines = OfferedLines::of(&offer);
        let answer = ask(&mut wire, &mut joint, &mut asked, Ask::Offer { sdp: offer }).await?;
        let Answer::Answer { sdp } = answer else { bail!("the other end has not answered the offer") };
        crossing
            .handle
            .accept_answer(member, sdp)
            .await
            .context("the answer of the other end cannot be used")?;
        joint.open(lines);
        log::info!(user = crossing.user; "a bridge to {} is open", crossing.name);
        Ok(Self { crossing, member, frames, wire, joint, secret: welcome.secret, asked })
    }

    /// Carries words both ways.
    async fn carry(&mut self, parted: &mut oneshot::Receiver<()>) -> anyhow::Result<()> {
        while !self.joint.is_over() {
            self.say_all().await?;
            tokio::select! {
                frame = self.frames.recv() => match frame {
                    Some(frame) => {
                        note_refusal(&frame);
                        self.joint.heard_here(&frame);
                    }
                    None => break,
                },
                heard = self.wire.hear::<Frame>() => match heard {
                    Ok(frame) => {
                        note_refusal(&frame);
                        self.joint.heard_there(&frame);
                    }
                    Err(cause) => self.come_back(&cause).await?,
                },
                // Said, or dropped with whoever would have said it.
                _ = &mut *parted => break,
            }
        }
        Ok(())
    }

    async fn say_all(&mut self) -> anyhow::Result<()> {
        while let Some(say) = self.joint.poll() {
            self.asked += 1;
            match say {
                Say::Here(ask) => self.crossing.handle.ask(self.member, self.asked, ask).await,
                Say::There(ask) => {
                    let words = serde_json::to_string(&Request { id: self.asked, ask })?;
                    if let Err(cause) = self.wire.say(words).await {
                        self.come_back(&cause).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The socket broke: the other end waits for us, and media goes on meanwhile.
    async fn come_back(&mut self, cause: &anyhow::Error) -> anyhow::Result<()> {
        log::info!("a bridge to {} is cut: {cause:#}", self.crossing.name);
        let mut tries = tokio::time::interval(TRY_EVERY);
        for _ in 0..TRIES_MAX {
            tries.tick().await;
            let Crossing { dial, way, entries, .. } = &self.crossing;
            let Ok(mut wire) = Wire::open(dial, way, &path(&entries.there)).await else {
                continue;
            };
            let resume = Resume { secret: self.secret.clone(), seq: self.joint.seq_there(), chat: CHAT_SEEN };
            let hello = Hello {
                version: VERSION,
                token: self.crossing.entries.token.clone(),
                name: self.crossing.room_name.clone(),
                password: None,
                custom_info: None,
                identity: None,
                user: None,
                resume: Some(resume),
                bridge: None,
            };
            ask(&mut wire, &mut self.joint, &mut self.asked, Ask::Hello(hello)).await?;
            self.wire = wire;
            self.joint.say_anew();
            return Ok(());
        }
        bail!("the other appliance is not reached any more")
    }

    /// Leaves the other meeting.
    async fn leave(mut self) {
        self.asked += 1;
        if let Ok(words) = serde_json::to_string(&Request { id: self.asked, ask: Ask::Leave {} }) {
            // Whether it arrives or not: the other end sees the socket close.
            drop(self.wire.say(words).await);
        }
        self.wire.close().await;
    }
}

/// Chat is not carried: nothing of it was missed.
const CHAT_SEEN: u64 = u64::MAX >> 12;

/// Asks the other end, and hears until it has answered.
async fn ask(wire: &mut Wire, joint: &mut Joint, asked: &mut u32, ask: Ask) -> anyhow::Result<Answer> {
    *asked += 1;
    let id = *asked;
    wire.say(serde_json::to_string(&Request { id, ask })?).await?;
    let answer = async {
        loop {
            let frame: Frame = wire.hear().await?;
            joint.heard_there(&frame);
            match frame {
                Frame::Answered { re, ok } if re == id => return Ok(ok),
                Frame::Refused { re, refused } if re.is_none_or(|re| re == id) => {
                    bail!("the other appliance refuses: {}", refused.detail);
                }
                _ => {}
            }
        }
    };
    timeout(ANSWER_WITHIN, answer).await.context("the other appliance does not answer")?
}

fn note_refusal(frame: &Frame) {
    if let Frame::Refused { refused, .. } = frame {
        log::warn!("a bridge is refused something: {}", refused.detail);
    }
}

fn path(meeting: &str) -> String {
    format!("/api/v1/meetings/{meeting}/ws")
}
