//! The room's seat: which meeting the room is in, and what it is told there.
//!
//! ```text
//!              somebody comes to the standing meeting
//!   ┌───────┐ ───────────────────────────────────────▶ ┌──────────────────────┐
//!   │  out  │ ◀─────────────────────────────────────── │ in the standing one  │
//!   └───────┘   the last one leaves, it ends           └──────────────────────┘
//!     ▲   │  commands/join                                │ commands/join
//!     │   └──────────────────────────▶ ┌──────────────┐ ◀─┘
//!     └─────────────────────────────── │ in another   │
//!          commands/leave, it ends     └──────────────┘
//! ```
//! Taken out by command, the room stays out until somebody comes to an empty standing meeting, or a command
//! puts it in again.

use crate::appliance::handle::RoomView;
use crate::appliance::run::{Appliance, Invitation, peer_of};
use crate::appliance::store::room::{self as kept, KeptRoom};
use crate::appliance::worker::{LocalEnd, Order};
use crate::meeting::{self, Command, LeaveReason, ParticipantId};
use crate::refusal::Refusal;
use crate::room::{DeviceClass, DeviceState, RoomEvent, RoomLink, SceneClaim, SceneModel, SceneParticipant};
use crate::sfu::{LocalSetup, SlotId, Wish};
use crate::track::Source;

/// Who is in the room's place.
pub(super) struct RoomSeat {
    taken: Option<(String, ParticipantId)>,
    /// Was taken out by command, and does not come along by itself.
    sent_out: bool,
    microphone_on: bool,
    camera_on: bool,
    /// It is in a call that began with sound alone: the camera is off until somebody switches it on.
    without_pictures: bool,
}

impl RoomSeat {
    /// Out, and muted as it was.
    pub(super) const fn left_as(kept: &KeptRoom) -> Self {
        let KeptRoom { microphone_on, camera_on, .. } = *kept;
        Self { taken: None, sent_out: false, microphone_on, camera_on, without_pictures: false }
    }

    /// The meeting that the room is in.
    pub(super) fn meeting(&self) -> Option<&str> {
        self.taken.as_ref().map(|(meeting, _)| meeting.as_str())
    }

    /// Whether that participant is the room.
    pub(super) fn is(&self, participant: ParticipantId) -> bool {
        self.taken.as_ref().is_some_and(|(_, id)| *id == participant)
    }

    /// Whether the microphone captures in meetings.
    pub(super) const fn microphone_on(&self) -> bool {
        self.microphone_on
    }

    /// Whether the camera captures in meetings.
    pub(super) const fn camera_on(&self) -> bool {
        self.camera_on && !self.without_pictures
    }
}

impl Appliance {
    /// Somebody came: the room takes its seat in its standing meeting.
    pub(super) fn room_comes_along(&mut self, name: &str) {
        let first = self.hosted.get(name).is_some_and(|hosted| hosted.standing && hosted.members.len() == 1);
        if first {
            self.seat.sent_out = false;
        }
        let standing = name == self.settings.standing_meeting;
        if !standing || self.seat.sent_out || self.seat.taken.is_some() {
            return;
        }
        if let Err(refusal) = self.seat_room(name) {
            log::warn!(meeting = name; "the room cannot take part: {refusal}");
        }
    }

    /// Somebody left: the room does not sit in its standing meeting alone.
    pub(super) fn room_stays_or_goes(&mut self, name: &str, who: ParticipantId) {
        if self.seat.is(who) {
            return self.room_is_out_of(name);
        }
        let empty = self.hosted.get(name).is_some_and(|hosted| hosted.standing && hosted.members.is_empty());
        if empty && self.seat.meeting() == Some(name) {
            self.unseat_room();
        }
    }

    pub(super) fn room_join(&mut self, name: &str) -> Result<(), Refusal> {
        let core = self.meetings.get(name)?;
        if self.seat.meeting() == Some(name) {
            return Ok(());
        }
        // Asked before the room leaves where it is: a refused move is no move.
        core.check_space()?;
        self.unseat_room();
        self.seat.sent_out = false;
        self.seat_room(name)
    }

    pub(super) fn room_leave_on_command(&mut self) -> Result<(), Refusal> {
        self.unseat_room();
        self.seat.sent_out = true;
        Ok(())
    }

    fn seat_room(&mut self, name: &str) -> Result<(), Refusal> {
        let participant = ParticipantId(self.next_id());
        let join = meeting::Join {
            participant,
            name: self.settings.room.name.clone(),
            kind: meeting::ParticipantKind::Room,
            role: meeting::Role::Speaker,
            password: None,
            custom_info: None,
            identity: None,
        };
        self.command(name, Command::Join(join))?;
        self.seat.taken = Some((name.to_owned(), participant));
        self.connect_room(name, participant);
        self.seat.without_pictures = self.begins_with_sound_alone(name);
        let video = self.meetings.get(name).is_ok_and(|core| core.settings().mode == meeting::Mode::Video);
        let tracks = [Source::Microphone, Source::Camera];
        for source in tracks.into_iter().take(if video { 2 } else { 1 }) {
            self.tell_room_track(source)?;
        }
        self.room.set_microphone(self.seat.microphone_on);
        self.room.set_camera(video && self.seat.camera_on());
        log::info!(meeting = name; "the room takes part");
        self.refresh_scene();
        self.room_arrived(name);
        Ok(())
    }

    fn connect_room(&self, name: &str, participant: ParticipantId) {
        let Some(hosted) = self.hosted.get(name) else { return };
        let setup = LocalSetup {
            publishes: vec![(Source::Microphone, Vec::new()), (Source::Camera, self.room.layer_heights())],
            audio_slots: 4,
            video_slots: 10,
            decodes: self.room.decodes(),
        };
        let (link, sfu_end) = RoomLink::new(self.workers[hosted.worker].waker());
        let end = LocalEnd { link: sfu_end, wake: self.room.waker() };
        self.order(hosted, Order::AddLocal { meeting: hosted.id, peer: peer_of(participant), setup, end });
        self.room.set_codec(hosted.codecs.plain);
        self.room.join(link);
    }

    /// Takes the room out of the meeting it is in.
    pub(super) fn unseat_room(&mut self) {
        let Some((name, participant)) = self.seat.taken.clone() else { return };
        let leave = Command::Leave { participant, reason: LeaveReason::Left };
        if let Err(refusal) = self.command(&name, leave) {
            log::debug!(meeting = name.as_str(); "the room was out already: {refusal}");
        }
        self.room_is_out_of(&name);
    }

    /// The room is no longer in that meeting: its devices stop.
    pub(super) fn room_is_out_of(&mut self, name: &str) {
        if self.seat.meeting() != Some(name) {
            return;
        }
        self.seat.taken = None;
        self.seat.without_pictures = false;
        self.room.set_microphone(false);
        self.room.set_camera(false);
        self.room.leave();
        log::info!(meeting = name; "the room has left");
        self.refresh_scene();
        self.room_departed(name);
    }

    /// Mutes or unmutes the room. What is muted stays so in the meetings to come.
    pub(super) fn room_mute(
        &mut self,
        microphone: Option<bool>,
        camera: Option<bool>,
    ) -> Result<(), Refusal> {
        self.seat.microphone_on = microphone.map_or(self.seat.microphone_on, |muted| !muted);
        self.seat.camera_on = camera.map_or(self.seat.camera_on, |muted| !muted);
        self.seat.without_pictures &= camera.is_none();
        let (microphone_on, camera_on) = (self.seat.microphone_on, self.seat.camera_on);
        self.store.write(move |db| kept::mute(db, microphone_on, camera_on));
        if self.seat.taken.is_none() {
            return Ok(());
        }
        if microphone.is_some() {
            self.room.set_microphone(self.seat.microphone_on);
            self.tell_room_track(Source::Microphone)?;
        }
        if camera.is_some() {
            self.tell_room_track(Source::Camera)?;
            self.room.set_camera(self.seat.camera_on);
        }
        Ok(())
    }

    /// The meeting learns whether the room is to be seen or heard: its switch, and whether it has a device at all.
    fn tell_room_track(&mut self, source: Source) -> Result<(), Refusal> {
        let Some((name, participant)) = self.seat.taken.clone() else { return Ok(()) };
        let is_on = match source {
            Source::Microphone => self.seat.microphone_on && self.room.has_microphone(),
            _ => self.seat.camera_on() && self.room.has_camera(),
        };
        let state = if is_on { meeting::TrackState::On } else { meeting::TrackState::Muted };
        self.command(&name, Command::SetTrack { participant, source, state })
    }

    /// The room has a camera or microphone that it had not, or has none any more.
    pub(super) fn room_has_other_devices(&mut self) {
        for source in [Source::Microphone, Source::Camera] {
            // In a meeting of sound alone there is no camera to tell of.
            if let Err(refusal) = self.tell_room_track(source) {
                log::debug!("the room's {source:?} is not told of: {refusal}");
            }
        }
    }

    pub(super) fn room_view(&self) -> RoomView {
        let status = self.room.status();
        RoomView {
            meeting: self.seat.meeting().map(str::to_owned),
            microphone_on: status.microphone_on,
            camera_on: status.camera_on,
            devices: status.devices.iter().map(device_line).collect(),
            figures: status,
        }
    }

    pub(super) fn handle_room_event(&mut self, event: RoomEvent) {
        match event {
            RoomEvent::Wishes(wishes) => self.room_watches(wishes),
            RoomEvent::Device { class, name, state: DeviceState::Lost(cause) } => {
                log::warn!(device = name.as_str(); "the {class} is lost, and is tried again: {cause}");
            }
            RoomEvent::Device { class, name, state } => {
                log::info!(device = name.as_str(); "the {class} is {}", state_word(&state));
            }
            RoomEvent::KeyframeWanted { slot } => self.room_wants_keyframe(slot),
        }
    }

    fn room_wants_keyframe(&self, slot: SlotId) {
        let Some((name, participant)) = &self.seat.taken else { return };
        let Some(hosted) = self.hosted.get(name) else { return };
        self.order(hosted, Order::WantKeyframe { peer: peer_of(*participant), slot });
    }

    fn room_watches(&self, wishes: Vec<(u64, Source, u16)>) {
        let Some((name, participant)) = &self.seat.taken else { return };
        let Some(hosted) = self.hosted.get(name) else { return };
        let wish = |(publisher, source, max_height)| Wish {
            publisher: peer_of(ParticipantId(publisher)),
            source,
            max_height,
        };
        let wishes = wishes.into_iter().map(wish).collect();
        self.order(hosted, Order::Watch { peer: peer_of(*participant), wishes });
    }

    /// A meeting has changed: the screen follows if the room is in it.
    pub(super) fn scene_follows(&self, name: &str) {
        if self.seat.meeting() == Some(name) {
            self.refresh_scene();
        }
    }

    /// Has the screen show the meeting that the room is in, or how to join the standing one.
    pub(super) fn refresh_scene(&self) {
        let invited = self.seat.meeting().unwrap_or(&self.settings.standing_meeting);
        let Invitation { url, text, claim, trouble, .. } = (self.settings.invite)(invited);
        // Of the start, which stays until the next one; then what comes and goes.
        let trouble = self.settings.troubles.first().cloned().or(trouble).unwrap_or_default();
        let call = self.scene_call();
        let claim = claim.map(|(address, code)| SceneClaim { address, code });
        let mut model =
            SceneModel { join_url: url, join_text: text, trouble, call, claim, ..SceneModel::default() };
        if let Some(name) = self.seat.meeting()
            && let (Ok(core), Some(hosted)) = (self.meetings.get(name), self.hosted.get(name))
        {
            model.meeting = Some(name.to_owned());
            model.arrangement = self.control.arrangement();
            model.active = hosted.active.map(|peer| peer.0);
            model.heard = hosted.heard.iter().map(|peer| peer.0).collect();
            let snapshot = core.snapshot();
            model.aside = self.scene_aside(core, &snapshot);
            // The way by which others are here is not one of them.
            let is_way = |id| core.participants().any(|other| other.via == Some(id));
            let shown = snapshot.participants.iter().filter(|participant| !is_way(participant.id));
            model.participants = shown.map(|participant| self.scene_participant(participant)).collect();
        }
        self.room.show(model);
    }

    fn scene_participant(&self, participant: &meeting::Participant) -> SceneParticipant {
        let sends = |source| participant.track(source) == meeting::TrackState::On;
        SceneParticipant {
            id: participant.id.0,
            name: participant.name.clone(),
            is_room: self.seat.is(participant.id),
            camera: sends(Source::Camera),
            microphone_muted: !sends(Source::Microphone),
            screen: sends(Source::Screen),
        }
    }
}

fn device_line((class, name, state): &(DeviceClass, String, DeviceState)) -> (String, String) {
    (class.to_string(), format!("{name}: {}", state_word(state)))
}

fn state_word(state: &DeviceState) -> &str {
    match state {
        DeviceState::InUse => "in use",
        DeviceState::Off => "off",
        DeviceState::Lost(cause) => cause,
    }
}
