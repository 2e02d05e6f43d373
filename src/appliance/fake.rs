//! A small loop for tests of the edges: it answers every call of the handle out of maps, and notes what was asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::mpsc;

use super::handle::{
    Call, Entry, Handle, Join, LayerReport, MeetingStatistics, MeetingView, MemberId, NewMeeting,
    ParticipantStatistics, PeerReport, PictureDelay, RoomView, Shown, SlotReport, StatusView, Totals,
    TrackFlow, TrackReport, WayReport,
};
use crate::refusal::{Code, Refusal};
use crate::sfu::{DelayReport, PeerId, PeerStats, SlotId};
use crate::track::{self, Kind, Layer};
use crate::web::wire::{
    Answer, Ask, Event, Frame, MeetingInfo, Mode, Participant, Refused, Resume, Schedule, VERSION,
    VideoCodec, Welcome,
};

/// The most participants of a meeting that does not say otherwise.
const PARTICIPANTS_MAX: u32 = 4;

/// What the fake has noted and keeps; shared between it and the test.
#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    meetings: BTreeMap<String, Meeting>,
    members: BTreeMap<MemberId, Member>,
    last_member: u64,
    room: Option<String>,
    calls: Vec<String>,
    /// Requests are noted and never answered.
    silent: bool,
}

struct Meeting {
    new: NewMeeting,
    seq: u64,
}

struct Member {
    meeting: String,
    me: Participant,
    frames: Option<mpsc::Sender<Frame>>,
}

impl Fake {
    /// A running fake with the meeting `room`, and the handle to it. It runs as long as the handle lives.
    pub(crate) fn start() -> (Handle, Self) {
        let (handle, mut calls) = Handle::new();
        let fake = Self::default();
        fake.create("room", None);
        let state = fake.clone();
        tokio::spawn(async move {
            while let Some(call) = calls.recv().await {
                state.lock().answer(call);
            }
        });
        (handle, fake)
    }

    /// Adds a meeting.
    pub(crate) fn create(&self, name: &str, password: Option<&str>) {
        let password = password.map(str::to_owned);
        let new = NewMeeting { name: name.to_owned(), password, ..NewMeeting::default() };
        self.lock().meetings.insert(name.to_owned(), Meeting { new, seq: 0 });
    }

    /// What was asked so far, a line each.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.lock().calls.clone()
    }

    /// The members of now.
    pub(crate) fn members(&self) -> Vec<MemberId> {
        self.lock().members.keys().copied().collect()
    }

    /// The name and role that a member joined with.
    pub(crate) fn member(&self, member: MemberId) -> Participant {
        self.lock().members[&member].me.clone()
    }

    /// Says something to a member; false when its queue is full or it is gone.
    pub(crate) fn say(&self, member: MemberId, frame: Frame) -> bool {
        let state = self.lock();
        state
            .members
            .get(&member)
            .and_then(|it| it.frames.as_ref())
            .is_some_and(|it| it.try_send(frame).is_ok())
    }

    /// Lets go of a member's socket.
    pub(crate) fn let_go(&self, member: MemberId) {
        if let Some(member) = self.lock().members.get_mut(&member) {
            member.frames = None;
        }
    }

    /// Answers no request from now on.
    pub(crate) fn fall_silent(&self) {
        self.lock().silent = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it holds the state")
    }
}

impl State {
    fn answer(&mut self, call: Call) {
        // The asker may be gone by now; that is its own affair.
        match call {
            Call::CreateMeeting(new, reply) => drop(reply.send(self.create(new))),
            Call::Meetings(reply) => {
                let names: Vec<_> = self.meetings.keys().cloned().collect();
                drop(reply.send(names.iter().map(|name| self.view(name)).collect()));
            }
            Call::Meeting(name, reply) => drop(reply.send(self.view(&name))),
            Call::Statistics(name, reply) => drop(reply.send(self.statistics(&name))),
            Call::Totals(reply) => {
                drop(reply.send(Ok(Totals { packets_in: 7, lost_out: 2, ..Totals::default() })));
            }
            Call::Reschedule(name, schedule, reply) => {
                if let Some(meeting) = self.meetings.get_mut(&name) {
                    meeting.new.schedule = schedule;
                }
                drop(reply.send(self.view(&name)));
            }
            Call::DueReports(reply) => drop(reply.send(Ok(Vec::new()))),
            Call::ReportTried(_, _, reply) => drop(reply.send(Ok(()))),
            Call::Records(reply) => drop(reply.send(Ok(Vec::new()))),
            Call::Record(_, reply) => {
                drop(reply.send(Err(Refusal::new(Code::MeetingNotFound, "there is no such record"))));
            }
            Call::Administer(name, ask, reply) => {
                self.calls.push(format!("administer {name} {ask:?}"));
                drop(reply.send(self.view(&name).map(drop)));
            }
            Call::EndMeeting(name, reply) => drop(reply.send(self.view(&name).map(|_| self.end(&name)))),
            Call::Join(join, reply) => drop(reply.send(self.join(join))),
            Call::Resume { meeting, resume, frames, reply } => {
                drop(reply.send(self.resume(&meeting, &resume, frames)));
            }
            Call::Ask(member, id, ask) => self.ask(member, id, &ask),
            Call::Offer(member, sdp, reply) => {
                self.calls.push(format!("offer {}", member.0));
                drop(reply.send(answered(&sdp)));
            }
            // It knows no other appliance.
            Call::Propose(member, _) | Call::Accept(member, _, _) => {
                self.calls.push(format!("bridge {}", member.0));
            }
            Call::Trickle(member, candidate, reply) => {
                self.calls.push(format!("trickle {} {candidate}", member.0));
                let known = candidate.contains(" typ host");
                let why = || Refusal::new(Code::InvalidParameter, "an unknown candidate");
                drop(reply.send(if known { Ok(()) } else { Err(why()) }));
            }
            Call::Cut(member) => {
                self.calls.push(format!("cut {}", member.0));
                if let Some(member) = self.members.get_mut(&member) {
                    member.frames = None;
                }
            }
            Call::Leave(member, reply) => {
                self.calls.push(format!("leave {}", member.0));
                let gone = || Refusal::new(Code::PeerLost, "it has left");
                drop(reply.send(self.members.remove(&member).map(|_| ()).ok_or_else(gone)));
            }
            Call::RoomJoin(name, reply) => {
                drop(reply.send(self.view(&name).map(|_| self.room = Some(name))));
            }
            Call::RoomLeave(reply) => {
                self.room = None;
                drop(reply.send(Ok(())));
            }
            Call::RoomMute { microphone, camera, reply } => {
                self.calls.push(format!("mute {microphone:?} {camera:?}"));
                drop(reply.send(Ok(())));
            }
            Call::Adopt(_, first) => self.calls.push(format!("adopt {first:?}")),
            Call::Identify(how, lasts, reply) => {
                self.calls.push(format!("identify {how:?} {} s", lasts.as_secs()));
                drop(reply.send(Ok(())));
            }
            Call::RefreshScreen(reply) => drop(reply.send(Ok(()))),
            Call::Snapshot(reply) => drop(reply.send(Ok(b"\x89PNG".to_vec()))),
            Call::Configure(_, reply) => drop(reply.send(Ok(()))),
            Call::Status(reply) => drop(reply.send(Ok(self.status()))),
            // It knows nobody who could be rung or control the room: whoever asks is not answered.
            Call::Control(_) => self.calls.push("control".to_owned()),
            Call::Calling(_) => self.calls.push("calling".to_owned()),
        }
    }

    fn create(&mut self, new: NewMeeting) -> Result<MeetingView, Refusal> {
        let name = new.name.clone();
        if self.meetings.contains_key(&name) {
            return Err(Refusal::new(Code::MeetingExists, "a meeting of that name is alive"));
        }
        self.meetings.insert(name.clone(), Meeting { new, seq: 0 });
        self.view(&name)
    }

    /// Everybody has a media path of which nothing is known yet.
    fn statistics(&self, name: &str) -> Result<MeetingStatistics, Refusal> {
        let members = self.members.iter().filter(|(_, member)| member.meeting == name);
        let participants = members.map(|(id, member)| ParticipantStatistics {
            participant: member.me.clone(),
            report: Some(report(PeerId(id.0))),
        });
        let meeting = self.view(name)?.name;
        Ok(MeetingStatistics { meeting, participants: participants.collect(), screen: vec![picture_delay()] })
    }

    fn view(&self, name: &str) -> Result<MeetingView, Refusal> {
        let missing = || Refusal::new(Code::MeetingNotFound, format!("no meeting `{name}` is alive"));
        let Meeting { new, .. } = self.meetings.get(name).ok_or_else(missing)?;
        Ok(MeetingView {
            name: name.to_owned(),
            mode: new.mode,
            has_password: new.password.is_some(),
            custom_info: new.custom_info.clone(),
            max_participants: new.max_participants.unwrap_or(PARTICIPANTS_MAX),
            lobby: new.lobby,
            wait_for_host: new.wait_for_host,
            same_person: new.same_person,
            schedule: new.schedule,
            standing: name == "room",
            participants: self.participants(name),
        })
    }

    fn participants(&self, name: &str) -> Vec<Participant> {
        self.members
            .values()
            .filter(|member| member.meeting == name)
            .map(|member| member.me.clone())
            .collect()
    }

    fn join(&mut self, join: Join) -> Result<Entry, Refusal> {
        let view = self.view(&join.meeting)?;
        let password = &self.meetings[&join.meeting].new.password;
        if password.is_some() && *password != join.password {
            return Err(Refusal::new(Code::WrongPassword, "the password is wrong"));
        }
        if view.participants.len() >= view.max_participants as usize {
            return Err(Refusal::new(Code::MeetingFull, "the meeting is full"));
        }
        self.last_member += 1;
        let id = MemberId(self.last_member);
        let me = Participant {
            id: format!("p{}", id.0),
            name: join.name,
            kind: join.kind,
            role: join.role,
            custom_info: join.custom_info,
            tracks: Vec::new(),
            held: Vec::new(),
            hand: None,
            attributes: BTreeMap::new(),
            present: true,
            via: None,
        };
        let member = Member { meeting: join.meeting.clone(), me, frames: Some(join.frames) };
        self.members.insert(id, member);
        Ok(Entry::In(id, self.welcome(id)))
    }

    fn welcome(&self, id: MemberId) -> Frame {
        let name = &self.members[&id].meeting;
        let info = MeetingInfo {
            name: name.clone(),
            mode: Mode::Video,
            custom_info: None,
            max_participants: PARTICIPANTS_MAX,
            rights: crate::appliance::words::rights_word(crate::meeting::Rights::default()),
            locked: false,
            lobby: false,
            schedule: Schedule::default(),
            attributes: BTreeMap::new(),
            polls: Vec::new(),
        };
        let welcome = Welcome {
            version: VERSION,
            you: format!("p{}", id.0),
            secret: format!("secret-{}", id.0),
            meeting: info,
            participants: self.participants(name),
            seq: self.meetings[name].seq,
            record: None,
            video_codec: VideoCodec::H264,
            stun: None,
        };
        Frame::Answered { re: 0, ok: Answer::Welcome(Box::new(welcome)) }
    }

    fn resume(
        &mut self,
        meeting: &str,
        Resume { secret, seq, .. }: &Resume,
        frames: mpsc::Sender<Frame>,
    ) -> Result<(MemberId, Frame), Refusal> {
        self.calls.push(format!("resume {secret} {seq}"));
        let known = self
            .members
            .iter_mut()
            .find(|(id, member)| member.meeting == meeting && *secret == format!("secret-{}", id.0));
        let Some((id, member)) = known else {
            return Err(Refusal::new(Code::PeerLost, "you were away too long; join anew"));
        };
        member.frames = Some(frames);
        Ok((*id, Frame::Answered { re: 0, ok: Answer::Resumed { seq: *seq, video_codec: VideoCodec::H264 } }))
    }

    fn ask(&mut self, member: MemberId, id: u32, ask: &Ask) {
        self.calls.push(format!("ask {} {id} {ask:?}", member.0));
        let Some(frames) = self.members.get(&member).and_then(|member| member.frames.clone()) else { return };
        if self.silent {
            return;
        }
        let done = |ok| Frame::Answered { re: id, ok };
        let answer = match ask {
            Ask::Offer { sdp } => match answered(sdp) {
                Ok(sdp) => done(Answer::Answer { sdp }),
                Err(why) => {
                    let refused = Refused { code: why.code.to_string(), detail: why.detail };
                    Frame::Refused { re: Some(id), refused }
                }
            },
            Ask::End {} => {
                let meeting = self.members[&member].meeting.clone();
                self.end(&meeting);
                done(Answer::Done {})
            }
            _ => done(Answer::Done {}),
        };
        // A full queue is what some tests are about.
        let _ = frames.try_send(answer);
        if matches!(ask, Ask::Leave {}) {
            self.members.remove(&member);
        }
    }

    fn end(&mut self, name: &str) {
        let Some(meeting) = self.meetings.remove(name) else { return };
        for member in self.members.values().filter(|member| member.meeting == name) {
            let ended = Frame::Delta { seq: meeting.seq + 1, event: Event::Ended {} };
            if let Some(frames) = &member.frames {
                let _ = frames.try_send(ended);
            }
        }
        self.members.retain(|_, member| member.meeting != name);
    }

    fn status(&self) -> StatusView {
        StatusView {
            uptime: Duration::from_secs(5),
            room: RoomView {
                meeting: self.room.clone(),
                microphone_on: true,
                camera_on: true,
                devices: vec![("camera".to_owned(), "simulated: there is no other".to_owned())],
                figures: crate::room::RoomStatus::default(),
            },
            meetings: self.meetings.len(),
            participants: self.members.len(),
            media_addresses: vec![SocketAddr::from(([127, 0, 0, 1], 7800))],
            troubles: Vec::new(),
            storage_trouble: None,
            is_idle: true,
        }
    }
}

/// A picture on the screen, 60 ms after it was captured.
fn picture_delay() -> PictureDelay {
    let ms = Duration::from_millis;
    let (arrival, decoding, waiting, screen) = (ms(30), ms(12), ms(13), ms(5));
    PictureDelay { participant: 3, source: track::Source::Camera, arrival, decoding, waiting, screen }
}

/// Two layers of a camera of which the larger one arrives; it is in a slot of the participant's own.
fn report(peer: PeerId) -> PeerReport {
    let source = track::Source::Camera;
    let layer = |height, watchers| LayerReport {
        height: Some(height),
        bitrate_bps: (watchers > 0).then_some(500_000),
        is_sent: watchers > 0,
        watchers,
        delays: DelayReport { encoding: Some(Duration::from_millis(9)), ..DelayReport::default() },
    };
    let shown = Shown { publisher: peer, source, layer: Layer(1), height: Some(360) };
    PeerReport {
        peer,
        is_connected: true,
        stats: PeerStats {
            packets_in: 10,
            lost_in: 1,
            rtt: Some(Duration::from_micros(12_345)),
            ..PeerStats::default()
        },
        rates_bps: Some((600_000, 0)),
        way: Some(WayReport { up_grade: 4, down_grade: 5, up_loss: Some(0.1), down_loss: None }),
        tracks: vec![TrackReport {
            source,
            flow: TrackFlow::On,
            codec: Some(track::VideoCodec::H264),
            layers: vec![layer(180, 0), layer(360, 1)],
        }],
        slots: vec![SlotReport { slot: SlotId(4), kind: Kind::Video, shown: Some(shown), awaited: None }],
    }
}

/// The offer turned round, which is as much of an answer as the edges look at.
fn answered(offer: &str) -> Result<String, Refusal> {
    if offer.contains("s=refuse-me") {
        return Err(Refusal::new(Code::InvalidParameter, "the offer cannot be used"));
    }
    if offer.contains("s=take-half") {
        return Ok(offer.replacen("a=sendonly", "a=inactive", 1));
    }
    let turned = offer.replace("a=sendonly", "a=x").replace("a=recvonly", "a=sendonly");
    Ok(turned.replace("a=x", "a=recvonly").replace("a=ice-ufrag:", "a=ice-ufrag:of-"))
}
