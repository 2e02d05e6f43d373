//! What the loop orders of a media worker, and how it is carried out.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use rtrb::{Consumer, Producer};

use super::bridges::BridgeOrder;
use super::{Hosted, MeetingId, ToBranch, WayTo, WorkerThread};
use crate::room::SfuEnd;
use crate::sfu::{
    BridgeLines, Codecs, Forwarder, ForwarderConfig, LocalSetup, OfferRefused, PeerId, PeerReport, Permit,
    SlotId, Totals, TrackFlow, TrackSetup, Wish,
};
use crate::track::{Layer, Source, VideoCodec};

/// What a subscriber is sent before its bandwidth is known: all that a meeting on a LAN needs.
const START_BITRATE_BPS: u64 = 10_000_000;

/// Takes the answer to an offer, on the worker's thread. It must not block.
pub(in crate::appliance) type AnswerSink = Box<dyn FnOnce(Result<String, OfferRefused>) + Send>;

/// Takes what is known of everybody in a meeting, on the worker's thread. It must not block.
pub(in crate::appliance) type ReportSink = Box<dyn FnOnce(Vec<PeerReport>) + Send>;

/// Takes the sums of a worker, on its thread. It must not block.
pub(in crate::appliance) type TotalsSink = Box<dyn FnOnce(Totals) + Send>;

/// A participant in this process, as the worker reaches it.
pub(in crate::appliance) struct LocalEnd {
    pub(in crate::appliance) link: SfuEnd,
    /// Called after something was put into the link.
    pub(in crate::appliance) wake: Arc<dyn Fn() + Send + Sync>,
}

/// What the loop orders.
pub(in crate::appliance) enum Order {
    Open {
        meeting: MeetingId,
        video: bool,
        codec: VideoCodec,
    },
    Close {
        meeting: MeetingId,
    },
    Offer {
        meeting: MeetingId,
        peer: PeerId,
        permit: Permit,
        /// Its lines carry the tracks of many.
        is_bridge: bool,
        sdp: String,
        answer: AnswerSink,
    },
    /// Offer lines to another appliance.
    Propose {
        /// In which meeting.
        meeting: MeetingId,
        /// The bridge.
        peer: PeerId,
        /// So many each way.
        lines: BridgeLines,
        /// Where the offer goes.
        offer: AnswerSink,
    },
    /// The other appliance has answered.
    Accept {
        /// The bridge.
        peer: PeerId,
        /// What it has answered.
        sdp: String,
        /// Told what has come of it.
        done: Box<dyn FnOnce(Result<(), OfferRefused>) + Send>,
    },
    /// What a bridge carries.
    Bridge {
        /// Which.
        peer: PeerId,
        /// What of it changes.
        order: BridgeOrder,
    },
    Trickle {
        peer: PeerId,
        candidate: String,
        done: Box<dyn FnOnce(Result<(), OfferRefused>) + Send>,
    },
    AddLocal {
        meeting: MeetingId,
        peer: PeerId,
        setup: LocalSetup,
        end: LocalEnd,
    },
    Remove {
        peer: PeerId,
    },
    Watch {
        peer: PeerId,
        wishes: Vec<Wish>,
    },
    SetPermit {
        peer: PeerId,
        permit: Permit,
    },
    SetTrack {
        peer: PeerId,
        source: Source,
        flow: TrackFlow,
    },
    WantKeyframe {
        peer: PeerId,
        slot: SlotId,
    },
    /// Whether it is told ten times a second how loud everybody is.
    TellLevels {
        meeting: MeetingId,
        wanted: bool,
    },
    /// Other workers that carry branches of the meeting.
    Branches {
        meeting: MeetingId,
        others: Vec<usize>,
    },
    AddElsewhere {
        meeting: MeetingId,
        peer: PeerId,
        tracks: Vec<TrackSetup>,
    },
    WatchedElsewhere {
        meeting: MeetingId,
        peer: PeerId,
        source: Source,
        branch: usize,
        highest: Option<Layer>,
    },
    WantKeyframeElsewhere {
        meeting: MeetingId,
        peer: PeerId,
        source: Source,
        layer: Layer,
    },
    CodecsElsewhere {
        meeting: MeetingId,
        codecs: Codecs,
    },
    /// What is published here goes to another worker through this ring; after putting packets in, `wake` is called.
    WayTo {
        worker: usize,
        ring: Producer<ToBranch>,
        wake: Arc<dyn Fn() + Send + Sync>,
    },
    /// What is published on another worker comes through this ring.
    WayFrom {
        ring: Consumer<ToBranch>,
    },
    Report {
        meeting: MeetingId,
        answer: ReportSink,
    },
    Totals {
        answer: TotalsSink,
    },
    /// For all workers: the one that knows whose check the datagram is takes the socket.
    Adopt {
        socket: Arc<TcpStream>,
        first: Vec<u8>,
    },
    /// Where the name of the TURN server leads.
    Relay {
        server: SocketAddr,
    },
    Stop,
}

impl WorkerThread {
    /// Returns whether the worker shall stop.
    pub(super) fn carry_out_orders(&mut self) -> bool {
        while let Ok(order) = self.orders.try_recv() {
            if matches!(order, Order::Stop) {
                self.close_all();
                return true;
            }
            self.carry_out(order);
        }
        false
    }

    fn carry_out(&mut self, order: Order) {
        let now = self.clock.now();
        match order {
            Order::Open { meeting, video, codec } => self.open(meeting, video, codec),
            Order::Close { meeting } => self.close(meeting, now),
            Order::Offer { meeting, peer, permit, is_bridge, sdp, answer } => {
                answer(self.offer(meeting, peer, (permit, is_bridge), &sdp, now));
            }
            Order::Propose { meeting, peer, lines, offer } => {
                offer(self.propose(meeting, peer, lines, now));
            }
            Order::Accept { peer, sdp, done } => done(self.accept(peer, &sdp, now)),
            Order::Bridge { peer, order } => self.order_bridge(peer, order, now),
            Order::Trickle { peer, candidate, done } => {
                self.permit(peer, &candidate, now);
                let outcome = self.home_of(peer).map_or(Err(OfferRefused::UnknownPeer), |hosted| {
                    hosted.forwarder.trickle(peer, &candidate, now)
                });
                done(outcome);
            }
            Order::AddLocal { meeting, peer, setup, end } => self.add_local(meeting, peer, setup, end, now),
            Order::Remove { peer } => self.remove(peer, now),
            Order::Watch { peer, wishes } => {
                if let Some(hosted) = self.home_of(peer) {
                    hosted.forwarder.watch(peer, wishes, now);
                }
            }
            Order::SetTrack { peer, source, flow } => {
                if let Some(hosted) = self.home_of(peer) {
                    hosted.forwarder.set_track(peer, source, flow, now);
                }
            }
            Order::SetPermit { peer, permit } => {
                if let Some(hosted) = self.home_of(peer) {
                    hosted.forwarder.set_permit(peer, permit, now);
                }
            }
            Order::WantKeyframe { peer, slot } => {
                if let Some(hosted) = self.home_of(peer) {
                    hosted.forwarder.want_keyframe(peer, slot, now);
                }
            }
            Order::TellLevels { meeting, wanted } => {
                if let Some(hosted) = self.meetings.get_mut(&meeting) {
                    hosted.forwarder.tell_levels(wanted);
                }
            }
            Order::Branches { meeting, others } => {
                if let Some(hosted) = self.meetings.get_mut(&meeting) {
                    hosted.others.clone_from(&others);
                    hosted.forwarder.set_branches(others);
                }
            }
            Order::AddElsewhere { meeting, peer, tracks } => {
                if let Some(hosted) = self.meetings.get_mut(&meeting) {
                    hosted.forwarder.add_elsewhere(peer, tracks, now);
                    self.homes.insert(peer, meeting);
                }
            }
            Order::WatchedElsewhere { meeting, peer, source, branch, highest } => {
                if let Some(hosted) = self.touch(meeting) {
                    hosted.forwarder.watched_elsewhere(peer, source, branch, highest, now);
                }
            }
            Order::WantKeyframeElsewhere { meeting, peer, source, layer } => {
                if let Some(hosted) = self.touch(meeting) {
                    hosted.forwarder.want_keyframe_elsewhere(peer, source, layer, now);
                }
            }
            Order::CodecsElsewhere { meeting, codecs } => {
                if let Some(hosted) = self.touch(meeting) {
                    hosted.forwarder.set_codecs_elsewhere(codecs);
                }
            }
            Order::WayTo { worker, ring, wake } => {
                self.ways_to.push(WayTo { worker, ring, wake, fed: false });
            }
            Order::WayFrom { ring } => self.ways_from.push(ring),
            Order::Report { meeting, answer } => {
                answer(self.meetings.get(&meeting).map_or_else(Vec::new, |hosted| hosted.forwarder.report()));
            }
            Order::Totals { answer } => answer(self.totals()),
            Order::Adopt { socket, first } => self.adopt(&socket, &first, now),
            Order::Relay { server } => self.set_relay_server(server, now),
            Order::Stop => {}
        }
    }

    fn touch(&mut self, meeting: MeetingId) -> Option<&mut Hosted> {
        let hosted = self.meetings.get_mut(&meeting)?;
        hosted.dirty = true;
        Some(hosted)
    }

    fn open(&mut self, meeting: MeetingId, video: bool, codec: VideoCodec) {
        let config = ForwarderConfig {
            ice_addresses: self.addresses.clone(),
            ice_tcp_addresses: self.tcp_addresses.clone(),
            ice_relayed_address: self.relayed,
            certificate: self.identity.clone(),
            preferred_codec: codec,
            video,
            start_bitrate_bps: START_BITRATE_BPS,
            wall: self.wall,
        };
        let forwarder = Forwarder::new(config);
        self.meetings
            .insert(meeting, Hosted { forwarder, others: Vec::new(), local: HashMap::new(), dirty: false });
    }

    fn offer(
        &mut self,
        meeting: MeetingId,
        peer: PeerId,
        (permit, is_bridge): (Permit, bool),
        sdp: &str,
        now: Instant,
    ) -> Result<String, OfferRefused> {
        let hosted = self.meetings.get_mut(&meeting).ok_or(OfferRefused::UnknownPeer)?;
        hosted.dirty = true;
        let answer = if is_bridge {
            hosted.forwarder.offer_of_bridge(peer, sdp, now)?
        } else {
            hosted.forwarder.offer(peer, permit, sdp, now)?
        };
        // The browser's first check may arrive before it has read the answer.
        if let Some(ufrag) = hosted.forwarder.ufrag(peer) {
            self.demux.insert_ufrag(peer, ufrag);
        }
        self.homes.insert(peer, meeting);
        for candidate in sdp.lines().filter(|line| line.starts_with("a=candidate:")) {
            self.permit(peer, candidate, now);
        }
        Ok(answer)
    }

    fn add_local(
        &mut self,
        meeting: MeetingId,
        peer: PeerId,
        setup: LocalSetup,
        end: LocalEnd,
        now: Instant,
    ) {
        let Some(hosted) = self.meetings.get_mut(&meeting) else { return };
        hosted.forwarder.add_local(peer, setup, now);
        hosted.local.insert(peer, end);
        hosted.dirty = true;
        self.homes.insert(peer, meeting);
    }

    fn remove(&mut self, peer: PeerId, now: Instant) {
        let Some(meeting) = self.homes.remove(&peer) else { return };
        if let Some(hosted) = self.meetings.get_mut(&meeting) {
            hosted.forwarder.remove(peer, now);
            hosted.local.remove(&peer);
            hosted.dirty = true;
        }
        self.demux.remove(peer);
        self.gone.push(peer);
        if let Some(relay) = &mut self.relay {
            relay.forget(peer);
        }
    }

    fn close(&mut self, meeting: MeetingId, now: Instant) {
        let peers: Vec<PeerId> =
            self.homes.iter().filter(|(_, home)| **home == meeting).map(|(peer, _)| *peer).collect();
        for peer in peers {
            self.remove(peer, now);
        }
        self.flush();
        if let Some(hosted) = self.meetings.remove(&meeting) {
            self.ended.merge(&hosted.forwarder.totals());
        }
    }

    fn totals(&self) -> Totals {
        let mut totals = self.ended;
        self.meetings.values().for_each(|hosted| totals.merge(&hosted.forwarder.totals()));
        totals
    }

    fn close_all(&mut self) {
        let now = self.clock.now();
        for meeting in self.meetings.keys().copied().collect::<Vec<_>>() {
            self.close(meeting, now);
        }
        self.close_relay(now);
    }

    pub(super) fn home_of(&mut self, peer: PeerId) -> Option<&mut Hosted> {
        let hosted = self.meetings.get_mut(self.homes.get(&peer)?)?;
        hosted.dirty = true;
        Some(hosted)
    }
}
