//! Other appliances of the directory: whom to reach and how, what they are to be told, and what they tell.
//!
//! ```text
//!   calls ── Errand ──▶ the one who speaks with that appliance ══ words ══ its calls
//!         ◀── Asked ───
//! ```

use tokio::sync::mpsc;

use super::{Exchange, words};
use crate::appliance::run::Appliance;
use crate::calling::{Call, CallId, Command, DeviceId, LegEnd, UserId};
use crate::refusal::{Code, Refusal};
use crate::web::wire::calling::{LegState, Media, Presence};

/// The most errands that wait; whoever does not take them is not told the next ones.
pub const ERRANDS_MAX: usize = 1024;

/// How another appliance is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Its host, with the port of HTTPS where that is not 443.
    pub address: String,
    /// Signs us in there.
    pub token: String,
    /// The SHA-256 of its authority's certificate, or of its own, as `AB:CD:…`; without one the machine's authorities
    /// decide.
    pub fingerprint: Option<String>,
}

/// What whoever speaks with other appliances is to do.
#[derive(Debug, Clone)]
pub enum Errand {
    /// An entry of the directory is reached so from now on.
    Reach {
        /// Which.
        user: u64,
        /// What it is called here.
        name: String,
        /// How.
        way: Reach,
    },
    /// It is reached no longer.
    Forget {
        /// Which.
        user: u64,
    },
    /// Its room is to be rung.
    Ring {
        /// Which entry.
        user: u64,
        /// By which call of ours.
        call: u64,
        /// What that carries.
        media: Media,
    },
    /// Its room is not rung any more.
    Stop {
        /// Which entry.
        user: u64,
        /// By which call.
        call: u64,
    },
    /// It may come into this meeting, and ours into its.
    Enter {
        /// Which entry.
        user: u64,
        /// By which call.
        call: u64,
        /// The meeting here.
        meeting: String,
    },
    /// It has no part in the call any more.
    Out {
        /// Which entry.
        user: u64,
        /// In which call.
        call: u64,
    },
}

/// What is told of another appliance.
#[derive(Debug)]
pub(in crate::appliance) enum Told {
    /// How its room can be reached; `None`: it does not answer.
    Presence(Option<Presence>),
    /// Somebody there accepts.
    Accepts(u64),
    /// Its room has taken being rung so.
    Took(u64, LegState),
    /// It takes its call back, or hangs up.
    HangsUp(u64),
}

impl Exchange {
    /// Whoever speaks with other appliances has something to do.
    pub(super) fn send(&self, errand: Errand) {
        if let Err(error) = self.errands.try_send(errand) {
            log::error!("other appliances are not told: {error}");
        }
    }

    /// The entry of another appliance that is to be reached by us: it is not signed in here by itself.
    fn is_reached(&self, user: UserId) -> bool {
        self.remotes.contains_key(&user) && !self.pages.values().any(|page| page.user == user)
    }

    /// How an entry is reached, if it is an appliance that we reach.
    pub(super) fn reach_of(&self, user: UserId) -> Option<&Reach> {
        self.ledger.kept(user)?.reach.as_ref()
    }
}

impl Appliance {
    /// An entry of the directory is reached so from now on, or no longer.
    pub(super) fn reach(&mut self, user: UserId) {
        let reach = self.exchange.reach_of(user).cloned();
        let name = self.exchange.name_of(user);
        match reach {
            Some(way) => {
                self.exchange.remotes.entry(user).or_default();
                self.exchange.send(Errand::Reach { user: user.0, name, way });
            }
            None => {
                if self.exchange.remotes.remove(&user).is_some() {
                    self.exchange.send(Errand::Forget { user: user.0 });
                }
            }
        }
    }

    /// Everybody whom the directory says how to reach.
    pub(in crate::appliance) fn reach_all(&mut self) {
        let users: Vec<_> = self.exchange.calls.users().map(|user| user.id).collect();
        for user in users {
            self.reach(user);
        }
    }

    /// Somebody is rung: if it is another appliance, that one is told.
    pub(super) fn ring_elsewhere(&mut self, call: CallId, user: UserId) {
        if !self.exchange.is_reached(user) {
            return;
        }
        let Ok(media) = self.exchange.calls.call(call).map(|call| words::media_word(call.media)) else {
            return;
        };
        let is_there = self.exchange.calls.devices_of(user).next().is_some();
        if is_there {
            self.exchange.send(Errand::Ring { user: user.0, call: call.0, media });
        } else {
            self.tell_calls(Command::TakenElsewhere { call, user, end: LegEnd::Lost });
        }
    }

    pub(super) fn stop_elsewhere(&self, call: CallId, user: UserId) {
        if self.exchange.is_reached(user) {
            self.exchange.send(Errand::Stop { user: user.0, call: call.0 });
        }
    }

    pub(super) fn out_elsewhere(&self, call: CallId, user: UserId) {
        if self.exchange.remotes.contains_key(&user) {
            self.exchange.send(Errand::Out { user: user.0, call: call.0 });
        }
    }

    /// A call is over: an appliance that has rung us is told.
    pub(super) fn over_elsewhere(&self, call: &Call) {
        for leg in &call.legs {
            self.out_elsewhere(call.id, leg.user);
        }
    }

    /// Whether that device is how we reach another appliance; then it is told where to go.
    pub(super) fn enters_elsewhere(
        &self,
        call: CallId,
        user: UserId,
        device: DeviceId,
        meeting: &str,
    ) -> bool {
        let is_it = self.exchange.remotes.get(&user).copied().flatten() == Some(device);
        if is_it {
            let meeting = meeting.to_owned();
            self.exchange.send(Errand::Enter { user: user.0, call: call.0, meeting });
        }
        is_it
    }

    /// What another appliance has told.
    pub(super) fn told_elsewhere(&mut self, user: UserId, told: Told) -> Result<(), Refusal> {
        match told {
            Told::Presence(presence) => self.presence_elsewhere(user, presence),
            Told::Accepts(call) => {
                let device = self.device_elsewhere(user)?;
                self.call_command(Command::Accept { call: CallId(call), user, device })
            }
            Told::Took(call, state) => {
                let end = words::end_of_leg_word(state);
                self.call_command(Command::TakenElsewhere { call: CallId(call), user, end })
            }
            Told::HangsUp(call) => self.call_command(Command::HangUp { call: CallId(call), user }),
        }
    }

    /// Somebody there rings our room.
    pub(super) fn rung_from_elsewhere(&mut self, user: UserId, media: Media) -> Result<u64, Refusal> {
        let device = self.device_elsewhere(user)?;
        let room = self.exchange.room.0.to_string();
        let call = self.ring((user, device), &[room], media, None)?;
        Ok(call.0)
    }

    fn device_elsewhere(&self, user: UserId) -> Result<DeviceId, Refusal> {
        let device = self.exchange.remotes.get(&user).copied().flatten();
        device.ok_or_else(|| Refusal::new(Code::PeerLost, "this appliance is not reached at the moment"))
    }

    /// It is signed in here as long as it answers.
    fn presence_elsewhere(&mut self, user: UserId, presence: Option<Presence>) -> Result<(), Refusal> {
        let Some(known) = self.exchange.remotes.get(&user).copied() else { return Ok(()) };
        let living = known.filter(|device| self.exchange.calls.devices_of(user).any(|one| one == *device));
        let Some(presence) = presence else {
            return living.map_or(Ok(()), |device| self.call_command(Command::Cut { device }));
        };
        match living {
            Some(device) => self.call_command(Command::Return { device })?,
            None => {
                let device = DeviceId(self.next_id());
                self.exchange.remotes.insert(user, Some(device));
                self.call_command(Command::SignOn { user, device })?;
            }
        }
        self.call_command(Command::SetEngaged { user, engaged: presence == Presence::Busy })?;
        self.call_command(Command::SetDisturb { user, off: presence == Presence::DoNotDisturb })
    }
}

/// Errands, and where they are taken.
#[must_use]
pub fn errands() -> (mpsc::Sender<Errand>, mpsc::Receiver<Errand>) {
    mpsc::channel(ERRANDS_MAX)
}
