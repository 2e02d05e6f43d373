//! What the forwarder is told and what it tells: the values at its edge.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::sfu::{Codecs, PeerId, SlotId, TrackSetup};
use crate::track::{Layer, Source, VideoCodec};

/// What a peer's role lets it do with media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permit {
    /// Its tracks are forwarded.
    pub send: bool,
    /// Its slots are filled.
    pub receive: bool,
}

/// Whether a track is forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TrackFlow {
    /// It is.
    On,
    /// Published, and silent or dark: nothing is forwarded, whatever arrives.
    Muted,
    /// Not published: nothing is forwarded, whatever arrives.
    #[default]
    Off,
}

/// A track that a subscriber wants to see, and how large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// Whose.
    pub publisher: PeerId,
    /// `Camera` or `Screen`.
    pub source: Source,
    /// The largest useful height in pixels.
    pub max_height: u16,
}

/// What happened inside the forwarder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The peer's transport is up.
    Connected {
        /// Whose.
        peer: PeerId,
    },
    /// The peer is no longer there: its slots, tracks and routes are already removed.
    Gone {
        /// Who.
        peer: PeerId,
        /// Why.
        why: GoneWhy,
    },
    /// Nothing arrived from the peer for a while: it should offer an ICE restart. Said once per silence.
    Silent {
        /// Who.
        peer: PeerId,
    },
    /// A slot shows another track from a certain packet on.
    SlotFilled {
        /// Whose slot.
        peer: PeerId,
        /// Which.
        slot: SlotId,
        /// The publisher and the track; `None` when the slot is empty from now on.
        track: Option<(PeerId, Source)>,
        /// The RTP timestamp of the first packet of it, as the subscriber receives it.
        rtp_timestamp: u32,
    },
    /// Who speaks; on change only.
    Speakers {
        /// The active speaker, for the stage. Stays after the last word until somebody else speaks.
        active: Option<PeerId>,
        /// Who is heard speaking now, the loudest first, at most three.
        heard: Vec<PeerId>,
    },
    /// How loud those are who are not silent, in dBov (-127 to 0); with each tick while that is wanted.
    Levels(Vec<(PeerId, i8)>),
    /// How good a network peer's way is has changed: 0 (lost) to 5 (nothing to be noticed), 5 at first.
    Quality {
        /// Whose.
        peer: PeerId,
        /// From the peer to here.
        up: u8,
        /// From here to the peer.
        down: u8,
    },
    /// A network peer or a local one publishes these tracks; other branches of the meeting are to know them.
    Publishes {
        /// Who.
        peer: PeerId,
        /// What; all of it.
        tracks: Vec<TrackSetup>,
    },
    /// What everybody on this side of a bridge decodes, for the other end to go by; on change only.
    Decodes {
        /// Which bridge.
        peer: PeerId,
        /// The codecs.
        codecs: Vec<VideoCodec>,
    },
    /// From now on publishers shall send these codecs, as far as the peers of this branch are concerned.
    Codecs(Codecs),
    /// A local publisher shall encode a key frame of a layer, or one of another branch shall be asked for it.
    KeyframeWanted {
        /// Whose track.
        peer: PeerId,
        /// Which.
        source: Source,
        /// Which layer of it.
        layer: Layer,
    },
    /// The highest layer of a video track that anybody watches has changed. A publisher may stop those above
    /// it. At first every layer counts as wanted.
    LayersWanted {
        /// Whose track.
        peer: PeerId,
        /// Which.
        source: Source,
        /// `None` while nobody watches it.
        highest: Option<Layer>,
    },
}

/// Why a peer is no longer there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GoneWhy {
    /// No way through the network was found, or it was lost for too long.
    IceFailed,
    /// The other end said goodbye.
    ClosedByPeer,
    /// The peer's own code panicked; it alone was dropped.
    Panicked,
    /// The transport gave up; the sentence is for the log.
    Error(String),
}

impl fmt::Display for GoneWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IceFailed => f.write_str("no way through the network"),
            Self::ClosedByPeer => f.write_str("closed by the other end"),
            Self::Panicked => f.write_str("its transport panicked"),
            Self::Error(cause) => write!(f, "its transport failed: {cause}"),
        }
    }
}

/// Why an offer or a candidate is not taken; each sentence is fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfferRefused {
    /// More text than any browser sends.
    #[error("the offer has {bytes} bytes, and at most {max} are taken; offer fewer codecs or media lines")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Not SDP, or SDP that contradicts itself.
    #[error("the offer cannot be read as SDP ({0}); send what createOffer returned, unchanged")]
    Malformed(String),
    /// Nothing in it that this meeting could use.
    #[error("the offer has nothing usable: {0}")]
    NothingUsable(&'static str),
    /// A second offer with other media lines.
    #[error(
        "the offer changes the media lines; only an ICE restart may follow the first offer, so join anew"
    )]
    LinesChanged,
    /// The meeting holds as many peers as it may.
    #[error("the meeting has {0} peers and takes no more; wait until somebody leaves")]
    TooManyPeers(usize),
    /// A candidate for a peer that has not offered.
    #[error("this peer has not offered yet; send the offer before its candidates")]
    UnknownPeer,
    /// Not a candidate line.
    #[error("the candidate cannot be read ({0}); send the candidate attribute unchanged")]
    BadCandidate(String),
    /// More candidates than any machine has addresses.
    #[error("{0} candidates were taken and no more are; restart ICE")]
    TooManyCandidates(usize),
    /// The transport library failed; a bug, and only this peer is concerned.
    #[error("the offer could not be answered because of a fault of the appliance; try again")]
    Internal,
}

/// What a datagram carries, as networks are told (RFC 8837, 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrafficClass {
    /// Checks and handshakes: nothing that is late is spoilt.
    Other,
    /// Sound, and the reports that hold sound and picture together.
    Audio,
    /// Pictures.
    Video,
}

/// What carries datagrams (RFC 8445, 4: transport protocol).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// They travel alone.
    Udp,
    /// Framed, over a socket that the other end has opened (RFC 6544, RFC 4571).
    Tcp,
}

/// The way of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Route {
    /// What carries it.
    pub protocol: Protocol,
    /// Where it leaves.
    pub source: SocketAddr,
    /// Where it arrives.
    pub destination: SocketAddr,
}

/// A run of datagrams for one destination: equal segments, the last one may be shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// For whom.
    pub peer: PeerId,
    /// From which address of ours to which of the peer's.
    pub route: Route,
    /// The bytes of each segment.
    pub segment_size: usize,
    /// What they carry.
    pub class: TrafficClass,
}

/// Counters of a peer since it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PeerStats {
    /// Media packets that arrived from it.
    pub packets_in: u64,
    /// Their payload bytes.
    pub bytes_in: u64,
    /// Media packets that were sent to it.
    pub packets_out: u64,
    /// Their payload bytes.
    pub bytes_out: u64,
    /// Media packets from it that were lost on the way, and not sent again in time.
    pub lost_in: u64,
    /// Packets to it that were lost on the way; `None` where it does not tell of each.
    pub lost_out: Option<u64>,
    /// The bandwidth estimate towards it, where there is one.
    pub estimate_bps: Option<u64>,
    /// The round trip, where its reports told.
    pub rtt: Option<Duration>,
    /// Key frames that were asked of it.
    pub keyframes_asked: u64,
    /// Key frames that it asked for.
    pub keyframes_wanted: u64,
}
