//! A peer as the forwarder keeps it: its link, its slots, its tracks and its wishes.

use crate::sfu::bridge::Carrier;
use crate::sfu::budget::Budget;
use crate::sfu::inbound::Packet;
use crate::sfu::local::{Delivered, LocalSetup};
use crate::sfu::outbox::Outbox;
use crate::sfu::quality::Quality;
use crate::sfu::rewrite::Numbers;
use crate::sfu::rtc_peer::RtcPeer;
use crate::sfu::slot::Slot;
use crate::sfu::statistics::Rates;
use crate::sfu::{PeerId, PeerStats, Permit, SlotId, Wish};
use crate::track::{Kind, VideoCodec};

use std::time::Instant;

/// How a peer is reached.
pub(super) enum Link {
    /// Over the network.
    Rtc(Box<RtcPeer>),
    /// In this process.
    Local,
    /// In another branch of the meeting: it publishes, and has no slots.
    Elsewhere,
    /// In a meeting elsewhere: what it publishes arrives at a bridge.
    Guest {
        /// At which.
        bridge: PeerId,
    },
}

/// A peer of the meeting.
pub(super) struct Peer {
    pub(super) id: PeerId,
    pub(super) link: Link,
    pub(super) permit: Permit,
    pub(super) slots: Vec<Slot>,
    /// The indices of its tracks in the forwarder.
    pub(super) tracks: Vec<usize>,
    /// Of a bridge.
    pub(super) carrier: Option<Box<Carrier>>,
    /// `None` until it says what it wants to see.
    pub(super) wishes: Option<Vec<Wish>>,
    /// `None` for a local peer, which has all the bandwidth there is.
    pub(super) budget: Option<Budget>,
    pub(super) needs_seating: bool,
    pub(super) stats: PeerStats,
    pub(super) rates: Rates,
    /// `None` for a local peer, whose way is none.
    pub(super) quality: Option<Quality>,
    /// Of the bits of pictures that would be shown with all the bandwidth in the world, what is shown.
    pub(super) shown: f64,
}

impl Peer {
    pub(super) fn over_network(
        link: RtcPeer,
        id: PeerId,
        permit: Permit,
        start_bps: u64,
        now: Instant,
    ) -> Self {
        let slots = Self::slots_of(&link);
        let plan = link.plan();
        let carrier = plan.is_of_bridge.then(|| Box::new(Carrier::of(plan)));
        let peer = Self::new(id, permit, slots, Some(Budget::new(start_bps)), Link::Rtc(Box::new(link)));
        Self { quality: Some(Quality::new(now)), carrier, ..peer }
    }

    pub(super) fn in_process(id: PeerId, setup: &LocalSetup) -> Self {
        let audio = (0..setup.audio_slots).map(|_| (Kind::Audio, Vec::new()));
        let video = (0..setup.video_slots).map(|_| (Kind::Video, setup.decodes.clone()));
        let slots = (0_u16..).zip(audio.chain(video));
        let slots = slots.map(|(at, (kind, decodes))| Slot::new(SlotId(at), kind, decodes)).collect();
        Self::new(id, Permit { send: true, receive: true }, slots, None, Link::Local)
    }

    pub(super) fn elsewhere(id: PeerId) -> Self {
        Self::without_slots(id, Permit { send: true, receive: false }, Link::Elsewhere)
    }

    pub(super) fn without_slots(id: PeerId, permit: Permit, link: Link) -> Self {
        Self::new(id, permit, Vec::new(), None, link)
    }

    pub(super) const fn is_elsewhere(&self) -> bool {
        matches!(self.link, Link::Elsewhere)
    }

    fn new(id: PeerId, permit: Permit, mut slots: Vec<Slot>, budget: Option<Budget>, link: Link) -> Self {
        for kind in [Kind::Audio, Kind::Video] {
            let mut of_kind: Vec<&mut Slot> = slots.iter_mut().filter(|slot| slot.kind == kind).collect();
            if let [_, .., last] = of_kind.as_mut_slice() {
                last.for_screen = true;
            }
        }
        Self {
            id,
            link,
            permit,
            slots,
            tracks: Vec::new(),
            carrier: None,
            wishes: None,
            budget,
            needs_seating: true,
            stats: PeerStats::default(),
            rates: Rates::default(),
            quality: None,
            shown: 1.0,
        }
    }

    /// Its slots may be filled.
    pub(super) fn takes_media(&self) -> bool {
        self.permit.receive
            && match &self.link {
                Link::Rtc(rtc) => rtc.is_connected(),
                Link::Local => true,
                Link::Elsewhere | Link::Guest { .. } => false,
            }
    }

    /// The codecs that it decodes in every video slot; `None` if it watches nothing.
    pub(super) fn decodes(&self, codec: VideoCodec) -> Option<bool> {
        if let Some(carrier) = &self.carrier {
            return carrier.decodes(codec);
        }
        let mut video = self.slots.iter().filter(|slot| slot.kind == Kind::Video).peekable();
        video.peek()?;
        self.permit.receive.then(|| video.all(|slot| slot.can_decode(Some(codec))))
    }

    /// Sends a packet to one of its slots, a blank one without what it says. Returns whether it is to be flushed and was not before.
    pub(super) fn send(
        &mut self,
        slot: usize,
        packet: &Packet,
        numbers: Numbers,
        is_blank: bool,
        now: Instant,
        out: &mut Outbox,
    ) -> bool {
        self.stats.packets_out += 1;
        self.stats.bytes_out += packet.payload.len() as u64;
        match &mut self.link {
            Link::Rtc(rtc) => rtc.write(slot, packet, numbers, is_blank, now),
            Link::Local if is_blank => false,
            Link::Local => {
                // Picture ids stay as they are: decoders in this process do not look at them.
                out.deliver(
                    self.id,
                    Delivered {
                        slot: self.slots[slot].id,
                        codec: packet.codec,
                        sequence: numbers.sequence,
                        timestamp: numbers.timestamp,
                        marker: numbers.marker,
                        captured_at: packet.captured.and_then(|captured| captured.at),
                        payload: match packet.red {
                            Some(red) => packet.payload[red.primary_at..].into(),
                            None => packet.payload.clone(),
                        },
                    },
                );
                false
            }
            Link::Elsewhere | Link::Guest { .. } => false,
        }
    }
}
