//! One other appliance: signed in at its calls for as long as we run, and again whenever it was away.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

use super::crossing::Crossing;
use super::socket::Wire;
use super::talk::{Act, Talk};
use crate::appliance::Handle;
use crate::appliance::handle::{Errand, Reach};
use crate::system::tunnels::Dial;
use crate::web::wire::calling::{Answer, Ask, Frame, Hello, Request, VERSION};

/// Where the words of calls are.
const PATH: &str = "/api/v1/calls/ws";

/// How long is waited before the next try: at first, and at most.
const WAIT_MIN: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(30);

/// How long it may take to be signed in.
const SIGNED_IN_WITHIN: Duration = Duration::from_secs(10);

/// An appliance that we reach.
pub(super) struct Neighbour {
    user: u64,
    name: String,
    way: Reach,
    dial: Dial,
    handle: Handle,
    room_name: String,
    talk: Talk,
    bridge: Option<Joined>,
}

/// The bridge to it, and how it is let go of.
struct Joined {
    task: JoinHandle<anyhow::Result<()>>,
    /// Dropped, it has the bridge leave.
    _hold: oneshot::Sender<()>,
}

impl Neighbour {
    pub(super) fn new(
        (user, name): (u64, String),
        (way, dial): (Reach, Dial),
        (handle, room_name): (Handle, String),
    ) -> Self {
        Self { user, name, way, dial, handle, room_name, talk: Talk::default(), bridge: None }
    }

    /// Speaks with it until nobody has errands any more.
    pub(super) async fn run(mut self, mut errands: mpsc::Receiver<Errand>) {
        let mut wait = WAIT_MIN;
        loop {
            let was_there = match self.sign_in().await {
                Ok(mut wire) => {
                    let cause = self.speak(&mut wire, &mut errands).await;
                    log::info!(user = self.user; "{} is away: {cause:#}", self.name);
                    true
                }
                Err(cause) => {
                    log::debug!(user = self.user; "{} is not reached: {cause:#}", self.name);
                    false
                }
            };
            self.tell_presence(None).await;
            wait = if was_there { WAIT_MIN } else { (wait * 2).min(WAIT_MAX) };
            if self.wait(wait, &mut errands).await {
                return;
            }
        }
    }

    async fn sign_in(&mut self) -> anyhow::Result<Wire> {
        let mut wire = Wire::open(&self.dial, &self.way, PATH).await?;
        let device = format!("appliance {}", self.user);
        let hello = Hello { version: VERSION, token: self.way.token.clone(), device };
        let ask = Ask::Hello(hello);
        let id = self.talk.number(&ask);
        wire.say(serde_json::to_string(&Request { id, ask })?).await?;
        let welcome = timeout(SIGNED_IN_WITHIN, wire.hear::<Frame>()).await??;
        match &welcome {
            Frame::Answered { ok: Answer::Welcome(_), .. } => {}
            Frame::Refused { refused, .. } => {
                log::warn!(user = self.user; "{} does not let us sign in: {}", self.name, refused.detail);
                bail!("{}", refused.detail);
            }
            _ => bail!("it has not said welcome"),
        }
        log::info!(user = self.user; "{} is reached at {}", self.name, self.way.address);
        self.talk.heard(&welcome);
        Ok(wire)
    }

    /// Carries out what is to be done until the socket ends; why it has.
    async fn speak(&mut self, wire: &mut Wire, errands: &mut mpsc::Receiver<Errand>) -> anyhow::Error {
        loop {
            if let Err(cause) = self.act(Some(wire)).await {
                return cause;
            }
            tokio::select! {
                errand = errands.recv() => match errand {
                    Some(errand) => self.talk.told(errand),
                    None => return anyhow::anyhow!("nobody asks for it any more"),
                },
                heard = wire.hear::<Frame>() => match heard {
                    Ok(frame) => self.talk.heard(&frame),
                    Err(cause) => return cause,
                },
                () = parted(&mut self.bridge) => self.talk.parted(),
            }
        }
    }

    /// Waits, and does what can be done without a socket. Returns whether it is the end.
    async fn wait(&mut self, time: Duration, errands: &mut mpsc::Receiver<Errand>) -> bool {
        let mut due = interval(time);
        due.tick().await;
        loop {
            // Without a socket nothing is said, so that nothing fails.
            drop(self.act(None).await);
            tokio::select! {
                _ = due.tick() => return false,
                errand = errands.recv() => match errand {
                    Some(errand) => self.talk.told(errand),
                    None => return true,
                },
                () = parted(&mut self.bridge) => self.talk.parted(),
            }
        }
    }

    async fn act(&mut self, mut wire: Option<&mut Wire>) -> anyhow::Result<()> {
        loop {
            let acts = self.talk.acts();
            if acts.is_empty() {
                return Ok(());
            }
            for act in acts {
                match act {
                    Act::Say(ask) => {
                        let id = self.talk.number(&ask);
                        if let Some(wire) = wire.as_deref_mut() {
                            wire.say(serde_json::to_string(&Request { id, ask })?).await?;
                        }
                    }
                    act => self.act_here(act).await,
                }
            }
        }
    }

    async fn act_here(&mut self, act: Act) {
        let user = self.user;
        let outcome = match act {
            Act::Presence(presence) => return self.tell_presence(Some(presence)).await,
            Act::RingHere(media) => {
                let call = self.handle.rung_from_elsewhere(user, media).await;
                self.talk.rung_here(call.as_ref().ok().copied());
                call.map(drop)
            }
            Act::AcceptHere(call) => {
                let accepted = self.handle.accepted_elsewhere(user, call).await;
                if accepted.is_err() {
                    self.talk.refused_here();
                }
                accepted
            }
            Act::TakenHere(call, took) => self.handle.taken_elsewhere(user, call, took).await,
            Act::HangUpHere(call) => self.handle.hung_up_elsewhere(user, call).await,
            Act::Join(entries) => {
                self.join(entries);
                Ok(())
            }
            Act::Part => {
                self.bridge = None;
                Ok(())
            }
            Act::Say(_) => Ok(()),
        };
        if let Err(refusal) = outcome {
            log::info!(user = user; "our calls refuse what {} tells: {refusal}", self.name);
        }
    }

    fn join(&mut self, entries: super::talk::Entries) {
        let (hold, parted) = oneshot::channel();
        let crossing = Crossing {
            user: self.user,
            name: self.name.clone(),
            way: self.way.clone(),
            dial: Arc::clone(&self.dial),
            handle: self.handle.clone(),
            room_name: self.room_name.clone(),
            entries,
        };
        self.bridge = Some(Joined { task: tokio::spawn(crossing.run(parted)), _hold: hold });
    }

    async fn tell_presence(&self, presence: Option<crate::web::wire::calling::Presence>) {
        if let Err(refusal) = self.handle.presence_elsewhere(self.user, presence).await {
            log::debug!(user = self.user; "nobody is told how it is reached: {refusal}");
        }
    }
}

/// Ready when the bridge is no more.
async fn parted(bridge: &mut Option<Joined>) {
    let Some(joined) = bridge.as_mut() else { return std::future::pending().await };
    match (&mut joined.task).await {
        Ok(Ok(())) => log::info!("a bridge to another appliance is closed"),
        Ok(Err(cause)) => log::warn!("a bridge to another appliance failed: {cause:#}"),
        Err(error) => log::error!("a bridge panicked: {error}"),
    }
    *bridge = None;
}
