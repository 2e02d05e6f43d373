//! The members of meetings in the loop: joined, resumed, asked, told, left.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::mpsc;

use crate::appliance::branches::flow_of;
use crate::appliance::handle::{Entry, Join, MemberId};
use crate::appliance::run::{Appliance, Hosted, Member, peer_of};
use crate::appliance::words;
use crate::appliance::worker::Order;
use crate::meeting::{self, By, Command, LeaveReason, ParticipantId};
use crate::refusal::{Code, Refusal};
use crate::sfu::{OfferRefused, Permit, Wish};
use crate::track::{Source, VideoCodec};
use crate::web::wire::{
    Answer, Ask, CANDIDATE_BYTES_MAX, Frame, RecordKey, Refused, Resume, Tell, WISHES_MAX, Welcome,
};

/// What an answer to an offer is given to.
pub(super) type AnswerReply = Box<dyn FnOnce(Result<String, Refusal>) + Send>;

/// What the outcome of a candidate is given to.
pub(super) type DoneReply = Box<dyn FnOnce(Result<(), Refusal>) + Send>;

impl Appliance {
    /// Has a meeting carry out a command, and acts on what comes of it.
    pub(super) fn command(&mut self, name: &str, command: Command) -> Result<(), Refusal> {
        let now = self.clock.now();
        let core = self.meetings.get_mut(name)?;
        core.handle(command, now)?;
        self.pump();
        Ok(())
    }

    pub(super) fn join(&mut self, join: Join) -> Result<Entry, Refusal> {
        let id = MemberId(self.next_id());
        let Join { meeting, name, kind, role, password, custom_info, identity, user, bridge, frames } = join;
        if let Some(boxes) = &bridge {
            self.check_bridge(&meeting, user, boxes)?;
        }
        let join = Command::Join(meeting::Join {
            participant: Member::participant(id),
            name,
            kind: words::kind_of_word(kind),
            role: words::role_of_word(role),
            password,
            custom_info: words::text_of_json(custom_info.as_ref()),
            identity,
        });
        self.user_comes(id, user, &meeting);
        let entry = match self.command(&meeting, join).and_then(|()| self.enter(id, meeting, frames)) {
            Ok(entry) => entry,
            Err(refusal) => {
                self.user_stays_out(id);
                return Err(refusal);
            }
        };
        if let Some(boxes) = bridge {
            self.seat_bridge(id, boxes);
        }
        self.greet(id);
        if matches!(entry, Entry::In(..)) {
            self.user_arrived(id);
        }
        Ok(entry)
    }

    /// Makes a member of somebody who is in the meeting; returns the welcome.
    pub(super) fn seat(
        &mut self,
        id: MemberId,
        meeting: String,
        frames: mpsc::Sender<Frame>,
    ) -> Result<Frame, Refusal> {
        let role = self.meetings.get(&meeting)?.participant(Member::participant(id)).ok_or_else(gone)?.role;
        let secret = fresh_secret()?;
        self.secrets.insert(secret.clone(), id);
        let worker = self.place(&meeting);
        if let Some(hosted) = self.hosted.get_mut(&meeting) {
            hosted.members.insert(id);
        }
        log::info!(meeting = meeting.as_str(), participant = id.0; "participant joined");
        let member = Member {
            meeting,
            worker,
            role,
            frames: Some(frames),
            secret,
            told: BTreeMap::new(),
            bridge: None,
            levels: None,
        };
        self.members.insert(id, member);
        // The snapshot comes first: what happens from here on is told in deltas, each of them once.
        self.welcome(id)
    }

    /// What a newcomer is told besides the snapshot.
    pub(super) fn greet(&mut self, id: MemberId) {
        let Some(meeting) = self.members.get(&id).map(|member| member.meeting.clone()) else { return };
        self.room_comes_along(&meeting);
        self.tell_speaking(id);
        self.tell_qualities(id);
        self.tell_chat(id, 0);
        self.tell_guests(id);
        self.tell_polls(id);
    }

    fn welcome(&self, id: MemberId) -> Result<Frame, Refusal> {
        let member = self.members.get(&id).ok_or_else(gone)?;
        let name = &member.meeting;
        let (core, hosted) = (self.meetings.get(name)?, self.hosted.get(name).ok_or_else(gone)?);
        let snapshot = core.snapshot();
        let settings = core.settings();
        let welcome = Welcome {
            version: crate::web::wire::VERSION,
            you: words::id_word(Member::participant(id)),
            secret: member.secret.clone(),
            meeting: crate::web::wire::MeetingInfo {
                name: name.clone(),
                mode: words::mode_word(settings.mode),
                custom_info: words::json_of_text(settings.custom_info.as_deref()),
                max_participants: settings.max_participants,
                rights: words::rights_word(snapshot.rights),
                locked: snapshot.locked,
                lobby: snapshot.lobby,
                schedule: words::schedule_word(&snapshot.schedule),
                attributes: words::attributes_word(&snapshot.attributes),
                polls: snapshot.polls.iter().map(words::poll_word).collect(),
            },
            participants: snapshot.participants.iter().map(words::participant_word).collect(),
            seq: snapshot.seq,
            record: self.record_key(hosted, member.role),
            video_codec: words::codec_word(hosted.codecs.of_pages()),
            stun: self.settings.relay.as_ref().map(|relay| format!("stun:{}", relay.server)),
        };
        Ok(Frame::Answered { re: 0, ok: Answer::Welcome(Box::new(welcome)) })
    }

    /// Who was there and how they voted is for hosts.
    fn record_key(&self, hosted: &Hosted, role: meeting::Role) -> Option<RecordKey> {
        let id = hosted.record.0;
        (role == meeting::Role::Host).then(|| RecordKey { id, token: (self.settings.record_token)(id) })
    }

    pub(super) fn resume(
        &mut self,
        meeting: &str,
        Resume { secret, seq, chat }: &Resume,
        frames: mpsc::Sender<Frame>,
    ) -> Result<(MemberId, Frame), Refusal> {
        let id = self.secrets.get(secret).copied().ok_or_else(gone)?;
        let member = self.members.get_mut(&id).filter(|member| member.meeting == meeting).ok_or_else(gone)?;
        // Whoever still holds the old socket is cut by this.
        member.frames = None;
        self.command(meeting, Command::Return { participant: Member::participant(id) })?;
        let core = self.meetings.get(meeting)?;
        let missed = core.events_since(*seq);
        // Whoever begins anew with a snapshot begins anew with the chat.
        let chat_seen = if missed.is_some() { *chat } else { 0 };
        let answer = match missed {
            Some(missed) => {
                for numbered in &missed {
                    // A fresh queue has room for the whole ring.
                    drop(frames.try_send(words::delta_word(numbered)));
                }
                let codec =
                    self.hosted.get(meeting).map_or(VideoCodec::H264, |hosted| hosted.codecs.of_pages());
                let ok = Answer::Resumed { seq: core.snapshot().seq, video_codec: words::codec_word(codec) };
                Frame::Answered { re: 0, ok }
            }
            None => self.welcome(id)?,
        };
        if let Some(member) = self.members.get_mut(&id) {
            for tell in member.told.values() {
                drop(frames.try_send(Frame::Told { tell: tell.clone() }));
            }
            member.frames = Some(frames);
        }
        self.tell_speaking(id);
        self.tell_qualities(id);
        self.tell_chat(id, chat_seen);
        self.tell_guests(id);
        self.tell_polls(id);
        Ok((id, answer))
    }

    pub(super) fn ask(&mut self, id: MemberId, re: u32, ask: Ask) {
        let outcome = match ask {
            Ask::Offer { sdp } => return self.ask_offer(id, re, sdp),
            Ask::Candidate { candidate } => return self.ask_candidate(id, re, candidate),
            Ask::Watch { wishes } => self.watch(id, wishes),
            Ask::Behind(behind) => return self.ask_behind(id, re, behind),
            Ask::Carry { lines, left_out } => self.carry(id, lines, &left_out),
            Ask::Levels { every_ms } => self.tell_levels(id, every_ms),
            Ask::Clock {} => return self.tell_clock(id, re),
            Ask::Invitation {} => return self.tell_invitation(id, re),
            Ask::Delays {} => return self.tell_delays(id, re),
            Ask::Leave {} => self.leave_after_answer(id, re),
            Ask::StepOut {} => self.step_out(id),
            Ask::End {} => return self.end_and_answer(id, re),
            other => self.ask_meeting(id, other),
        };
        self.answer_when_kept(id, re, outcome);
    }

    fn ask_offer(&mut self, id: MemberId, re: u32, sdp: String) {
        let Some(frames) = self.members.get(&id).and_then(|member| member.frames.clone()) else { return };
        self.offer(
            id,
            sdp,
            Box::new(move |answer| {
                let frame = match answer {
                    Ok(sdp) => Frame::Answered { re, ok: Answer::Answer { sdp } },
                    Err(refusal) => refused(re, &refusal),
                };
                // Full or closed: the loop notices with its next word.
                drop(frames.try_send(frame));
            }),
        );
    }

    fn tell_clock(&mut self, id: MemberId, re: u32) {
        let at_ms = self.wall.unix(self.clock.now()).as_secs_f64() * 1000.0;
        self.tell(id, Frame::Answered { re, ok: Answer::Clock { at_ms } });
    }

    fn tell_invitation(&mut self, id: MemberId, re: u32) {
        let Some((member, _)) = self.member_and_hosted(id) else { return };
        let meeting = &member.meeting;
        let allowed = self.meetings.get(meeting).and_then(|core| core.check_invite(Member::participant(id)));
        let frame = match allowed {
            Ok(()) => Frame::Answered {
                re,
                ok: Answer::Invitation { url: (self.settings.invite)(meeting).guest_url },
            },
            Err(refusal) => refused(re, &refusal),
        };
        self.tell(id, frame);
    }

    /// The meeting's workers know; the answer is sent when all have told.
    fn tell_delays(&self, id: MemberId, re: u32) {
        let Some((member, hosted)) = self.member_and_hosted(id) else { return };
        let Some(frames) = member.frames.clone() else { return };
        let reports = self.reports(hosted);
        tokio::spawn(async move {
            let tracks = super::statistics::delay_words(&reports.await.unwrap_or_default());
            // Full or closed: the loop notices with its next word.
            drop(frames.try_send(Frame::Answered { re, ok: Answer::Delays { tracks } }));
        });
    }

    fn ask_candidate(&mut self, id: MemberId, re: u32, candidate: String) {
        let Some(frames) = self.members.get(&id).and_then(|member| member.frames.clone()) else { return };
        if candidate.len() > CANDIDATE_BYTES_MAX {
            let detail = format!("a candidate has at most {CANDIDATE_BYTES_MAX} bytes");
            return self.tell(id, refused(re, &Refusal::new(Code::InvalidParameter, detail)));
        }
        let answer = move |outcome| {
            let frame = match outcome {
                Ok(()) => Frame::Answered { re, ok: Answer::Done {} },
                Err(refusal) => refused(re, &refusal),
            };
            // Full or closed: the loop notices with its next word.
            drop(frames.try_send(frame));
        };
        self.trickle(id, candidate, Box::new(answer));
    }

    pub(super) fn offer(&mut self, id: MemberId, sdp: String, reply: AnswerReply) {
        let Some((member, hosted)) = self.member_and_hosted(id) else { return reply(Err(gone())) };
        let permit = Permit { send: member.role.may_publish(), receive: true };
        let order = Order::Offer {
            meeting: hosted.id,
            peer: peer_of(Member::participant(id)),
            permit,
            is_bridge: member.bridge.is_some(),
            sdp,
            answer: Box::new(move |answer| reply(answer.map_err(|refused| offer_refusal(&refused)))),
        };
        self.workers[member.worker].order(order);
        self.tracks_follow(id);
    }

    /// A worker knows nobody before the offer: what was said of tracks until then is said again.
    fn tracks_follow(&self, id: MemberId) {
        let Some((member, _)) = self.member_and_hosted(id) else { return };
        let Ok(core) = self.meetings.get(&member.meeting) else { return };
        let Some(participant) = core.participant(Member::participant(id)) else { return };
        for (source, state) in &participant.tracks {
            self.track_follows(&member.meeting, participant.id, *source, *state);
        }
    }

    pub(super) fn trickle(&mut self, id: MemberId, candidate: String, reply: DoneReply) {
        let Some((member, _)) = self.member_and_hosted(id) else { return reply(Err(gone())) };
        let order = Order::Trickle {
            peer: peer_of(Member::participant(id)),
            candidate,
            done: Box::new(move |done| reply(done.map_err(|refused| offer_refusal(&refused)))),
        };
        self.workers[member.worker].order(order);
    }

    fn member_and_hosted(&self, id: MemberId) -> Option<(&Member, &Hosted)> {
        let member = self.members.get(&id)?;
        Some((member, self.hosted.get(&member.meeting)?))
    }

    fn watch(&mut self, id: MemberId, wishes: Vec<crate::web::wire::Wish>) -> Result<(), Refusal> {
        if wishes.len() > WISHES_MAX {
            let detail = format!("{} wishes; at most {WISHES_MAX} are taken", wishes.len());
            return Err(Refusal::new(Code::InvalidParameter, detail));
        }
        let (member, _) = self.member_and_hosted(id).ok_or_else(gone)?;
        let wish_of_word = |wish: crate::web::wire::Wish| {
            let publisher = peer_of(words::id_of_word(&wish.participant)?);
            let source = words::source_of_word(wish.source);
            Some(Wish { publisher, source, max_height: wish.max_height })
        };
        // Whoever has left in the meantime is no mistake of the asker's.
        let wishes = wishes.into_iter().filter_map(wish_of_word).collect();
        let peer = peer_of(Member::participant(id));
        self.workers[member.worker].order(Order::Watch { peer, wishes });
        Ok(())
    }

    /// Has the media follow what the meeting has decided.
    pub(super) fn track_follows(
        &self,
        meeting: &str,
        who: ParticipantId,
        source: Source,
        state: meeting::TrackState,
    ) {
        if let Some(hosted) = self.hosted.get(meeting) {
            self.order_all(hosted, || Order::SetTrack { peer: peer_of(who), source, flow: flow_of(state) });
        }
    }

    /// Has the media follow what somebody may do from now on.
    fn permit_follows(&mut self, meeting: &str, who: ParticipantId, role: meeting::Role) {
        if let Some(member) = self.members.get_mut(&MemberId(who.0)) {
            member.role = role;
        }
        let permit = Permit { send: role.may_publish(), receive: true };
        if let Some(hosted) = self.hosted.get(meeting) {
            self.order_all(hosted, || Order::SetPermit { peer: peer_of(who), permit });
        }
    }

    /// With the meeting its members are gone from the loop, and whoever has ended it is still owed the answer.
    fn end_and_answer(&mut self, id: MemberId, re: u32) {
        let frames = self.members.get(&id).and_then(|member| member.frames.clone());
        let outcome = self.end_by(id);
        if let Some(frames) = frames {
            self.store.answer(move |kept| {
                // Full or closed: whoever does not read has the end of the socket for an answer.
                drop(frames.try_send(done(re, outcome.and(kept))));
            });
        }
    }

    fn end_by(&mut self, id: MemberId) -> Result<(), Refusal> {
        let meeting = self.members.get(&id).ok_or_else(gone)?.meeting.clone();
        self.command(&meeting, Command::End { by: By::Participant(Member::participant(id)) })
    }

    fn leave_after_answer(&mut self, id: MemberId, re: u32) -> Result<(), Refusal> {
        self.tell(id, Frame::Answered { re, ok: Answer::Done {} });
        self.leave(id)
    }

    pub(super) fn leave(&mut self, id: MemberId) -> Result<(), Refusal> {
        self.leave_because(id, LeaveReason::Left)
    }

    /// The page of somebody is closed, or loaded anew: which of the two, time will tell.
    pub(super) fn step_out(&mut self, id: MemberId) -> Result<(), Refusal> {
        let meeting = self.members.get(&id).ok_or_else(gone)?.meeting.clone();
        self.command(&meeting, Command::StepOut { participant: Member::participant(id) })
    }

    pub(super) fn leave_because(&mut self, id: MemberId, reason: LeaveReason) -> Result<(), Refusal> {
        let meeting = self.members.get(&id).ok_or_else(gone)?.meeting.clone();
        self.command(&meeting, Command::Leave { participant: Member::participant(id), reason })
    }

    pub(super) fn cut(&mut self, id: MemberId) {
        if self.stops_waiting(id) {
            return;
        }
        let Some(member) = self.members.get_mut(&id) else { return };
        // The edge tells of the old socket's end also after a new one took over.
        if member.frames.as_ref().is_some_and(|frames| !frames.is_closed()) {
            return;
        }
        member.frames = None;
        let meeting = member.meeting.clone();
        let away = Command::Cut { participant: Member::participant(id) };
        if let Err(refusal) = self.command(&meeting, away) {
            log::debug!(meeting = meeting.as_str(), participant = id.0; "not cut: {refusal}");
        }
    }

    /// Says something to one member; one that does not read is cut.
    pub(super) fn tell(&mut self, id: MemberId, frame: Frame) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let Some(frames) = &member.frames else { return };
        if frames.try_send(frame).is_err() {
            log::info!(meeting = member.meeting.as_str(), participant = id.0; "its socket does not keep up: cut");
            member.frames = None;
            self.deaf.push(id);
        }
    }

    /// Those whose queue was full count as away from now on. Their sockets may take long to notice, and do not
    /// tell of it: they were let go.
    pub(super) fn cut_the_deaf(&mut self) {
        while let Some(id) = self.deaf.pop() {
            self.cut(id);
        }
    }

    fn tell_speaking(&mut self, id: MemberId) {
        let Some((_, hosted)) = self.member_and_hosted(id) else { return };
        let tell = hosted.speaking();
        self.tell(id, Frame::Told { tell });
    }

    fn tell_chat(&mut self, id: MemberId, after: u64) {
        if let Some(tell) = self.chat_word(id, after) {
            self.tell(id, Frame::Told { tell });
        }
    }

    fn tell_qualities(&mut self, id: MemberId) {
        let Some((_, hosted)) = self.member_and_hosted(id) else { return };
        let known: Vec<Tell> =
            hosted.qualities.iter().map(|(peer, grades)| super::news::quality_word(*peer, *grades)).collect();
        for tell in known {
            self.tell(id, Frame::Told { tell });
        }
    }

    /// Acts on what has come of commands and deadlines: tells the members, and has the media follow.
    pub(super) fn pump(&mut self) {
        let mut changed = BTreeSet::new();
        while let Some((name, numbered)) = self.next_event() {
            self.announce(&name, &numbered);
            self.keep(&name, &numbered.event);
            match numbered.event {
                meeting::Event::Left { participant, reason } => {
                    self.forget(&name, participant);
                    self.user_departed(MemberId(participant.0), reason);
                }
                meeting::Event::Track { participant, source, state } => {
                    self.track_follows(&name, participant, source, state);
                }
                meeting::Event::Held { participant, source, held: false } => {
                    self.guest_released(&name, participant, source);
                }
                meeting::Event::Role { participant, role } => self.permit_follows(&name, participant, role),
                meeting::Event::Poll { poll } => self.poll_on_screen(&name, &poll),
                meeting::Event::Ended => self.close(&name),
                _ => {}
            }
            changed.insert(name);
        }
        self.tell_notes();
        self.see_outside();
        for name in &changed {
            self.keep_polls(name);
            self.scene_follows(name);
        }
    }

    fn next_event(&mut self) -> Option<(String, meeting::Numbered)> {
        self.meetings
            .iter_mut()
            .find_map(|core| core.poll_event().map(|event| (core.name().to_string(), event)))
    }

    pub(super) fn broadcast(&mut self, name: &str, frame: &Frame) {
        let Some(hosted) = self.hosted.get(name) else { return };
        for id in hosted.members.iter().copied().collect::<Vec<_>>() {
            self.tell(id, frame.clone());
        }
    }

    fn forget(&mut self, name: &str, participant: ParticipantId) {
        self.bridge_forgets(name, participant);
        let id = MemberId(participant.0);
        if let Some(member) = self.members.remove(&id) {
            self.secrets.remove(&member.secret);
            log::info!(meeting = name, participant = id.0; "participant left");
        }
        if let Some(hosted) = self.hosted.get_mut(name) {
            hosted.members.remove(&id);
            hosted.qualities.remove(&peer_of(participant));
            hosted.published.remove(&peer_of(participant));
        }
        if let Some(hosted) = self.hosted.get(name) {
            self.order_all(hosted, || Order::Remove { peer: peer_of(participant) });
        }
        self.levels_follow(name);
        self.room_stays_or_goes(name, participant);
    }
}

impl Hosted {
    /// Who speaks, in words.
    pub(super) fn speaking(&self) -> Tell {
        let word = |peer: &crate::sfu::PeerId| words::id_word(super::run::participant_of(*peer));
        Tell::Speaking {
            active: self.active.as_ref().map(word),
            heard: self.heard.iter().map(word).collect(),
        }
    }
}

pub(super) fn done(re: u32, outcome: Result<(), Refusal>) -> Frame {
    match outcome {
        Ok(()) => Frame::Answered { re, ok: Answer::Done {} },
        Err(refusal) => refused(re, &refusal),
    }
}

fn refused(re: u32, refusal: &Refusal) -> Frame {
    let refused = Refused { code: refusal.code.to_string(), detail: refusal.detail.clone() };
    Frame::Refused { re: Some(re), refused }
}

pub(super) fn offer_refusal(refused: &OfferRefused) -> Refusal {
    let code = match refused {
        OfferRefused::UnknownPeer => Code::PeerLost,
        OfferRefused::TooManyPeers(_) => Code::MeetingFull,
        OfferRefused::Internal => Code::Internal,
        _ => Code::InvalidParameter,
    };
    Refusal::new(code, refused.to_string())
}

pub(super) fn gone() -> Refusal {
    Refusal::new(Code::PeerLost, "you are no longer in the meeting; join again")
}

/// 128 random bits (more than can be guessed), fit for JSON.
pub(super) fn fresh_secret() -> Result<String, Refusal> {
    let mut bytes = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Refusal::new(Code::Internal, "the machine has no randomness"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
