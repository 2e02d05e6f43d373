//! The figures of a meeting, for machines: how good each way is, what is published, who is shown what.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use super::input::Segments;
use super::problem::{Document, Problem};
use crate::appliance::handle::{
    LayerReport, MeetingStatistics, ParticipantStatistics, PeerId, PeerReport, PictureDelay, Shown,
    SlotReport, TrackFlow, TrackReport, codec_word, milliseconds, participant_word, source_word,
};
use crate::track::Kind;
use crate::web::wire::{ParticipantKind, Source, VideoCodec};

/// The figures of a meeting, as they are at this moment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Statistics {
    /// The meeting's name.
    pub meeting: String,
    /// Everybody, in the order in which they came.
    pub participants: Vec<Figures>,
    /// The pictures on the room's screen, while the room is in the meeting.
    pub screen: Vec<PictureFigures>,
}

/// A picture on the room's screen: how old it is when it is handed to the screen, in milliseconds, as means.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PictureFigures {
    /// Whose.
    pub participant: String,
    /// Which track.
    pub source: Source,
    /// From the capture to the screen: the sum of the others.
    pub total_ms: f64,
    /// From the capture until the room had it.
    pub arrival_ms: f64,
    /// Collecting its packets in order, and decoding.
    pub decode_ms: f64,
    /// Waiting for the scene to be drawn.
    pub wait_ms: f64,
    /// Drawing the scene and handing it to the screen.
    pub screen_ms: f64,
}

/// The figures of a participant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Figures {
    /// Its id.
    pub participant: String,
    /// Its name.
    pub name: String,
    /// What sort it is.
    pub kind: ParticipantKind,
    /// Its media; absent before it has offered any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<Media>,
}

/// The media of a participant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Media {
    /// Whether there is a way for it.
    pub connected: bool,
    /// From the participant to the appliance and back, in milliseconds; absent where it was not measured, and for the
    /// room, which is here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_trip_ms: Option<f64>,
    /// What came from it.
    pub up: Direction,
    /// What went to it.
    pub down: Direction,
    /// What its way carries, in bits per second, by our estimate; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate_bps: Option<u64>,
    /// Key frames that were asked of it.
    pub keyframes_asked: u64,
    /// Key frames that it asked for.
    pub keyframes_wanted: u64,
    /// What it publishes.
    pub tracks: Vec<TrackFigures>,
    /// What it is sent: one for each of its media lines that receive.
    pub slots: Vec<SlotFigures>,
}

/// One direction of a way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Direction {
    /// 5 (nothing to be noticed) to 1 (hardly of use), 0 (lost); absent for the room, which is here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 5)]
    pub grade: Option<u8>,
    /// Media packets since it came.
    pub packets: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// Payload bits per second over the last second; absent in the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitrate_bps: Option<u64>,
    /// Packets lost since it came: upwards those that were not sent again in time; downwards all that it missed, absent
    /// where it does not tell of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
    /// The share lost in the last two seconds, 0 to 1; absent when too little was sent to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
}

/// A published track.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrackFigures {
    /// Which.
    pub source: Source,
    /// `on`, `muted` or `off`.
    pub state: Flow,
    /// The codec that arrives; absent for sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec: Option<VideoCodec>,
    /// Its layers, the smallest first; sound has one.
    pub layers: Vec<LayerFigures>,
}

/// Whether a track is forwarded.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Flow {
    /// It is.
    On,
    /// Published, and silent or dark.
    Muted,
    /// Not published, or not allowed to be.
    Off,
}

/// A layer of a published track.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LayerFigures {
    /// In pixels; absent for sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u16>,
    /// What was measured last while it was sent; absent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitrate_bps: Option<u64>,
    /// Whether it arrives now.
    pub sent: bool,
    /// How many slots show or play it.
    pub watchers: usize,
    /// From the capture until its pictures arrived at the appliance, in milliseconds; absent where the publisher does
    /// not stamp them, or its clock is not known yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_here_ms: Option<f64>,
    /// Of it until the encoding began; absent where the publisher does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capture_ms: Option<f64>,
    /// Of it the encoding; absent where the publisher does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encode_ms: Option<f64>,
}

/// A slot.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SlotFigures {
    /// The `a=mid` of its m-line; the room's are counted.
    pub mid: String,
    /// For pictures, not for sound.
    pub video: bool,
    /// What is in it; absent while it is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown: Option<ShownFigures>,
    /// What replaces it with the next key frame, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub awaited: Option<ShownFigures>,
}

/// A layer in a slot.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownFigures {
    /// Whose.
    pub participant: String,
    /// Which track.
    pub source: Source,
    /// Which of its layers, 0 the smallest.
    pub layer: u8,
    /// The layer's height in pixels; absent for sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u16>,
}

/// The figures of a meeting, as they are at this moment.
#[utoipa::path(
    get, path = "/api/v1/meetings/{name}/statistics", tag = "meetings", operation_id = "showStatistics",
    params(("name" = String, Path, description = "The meeting's name")),
    responses(
        (status = 200, description = "The figures", body = Statistics),
        (status = 404, description = "`meeting-not-found`", body = Document, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Document, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    Segments(name): Segments<String>,
) -> Result<Json<Statistics>, Problem> {
    Ok(Json(shared.handle.statistics(name).await?.into()))
}

impl From<MeetingStatistics> for Statistics {
    fn from(view: MeetingStatistics) -> Self {
        let participants = view.participants.into_iter().map(Figures::from).collect();
        let screen = view.screen.into_iter().map(PictureFigures::from).collect();
        Self { meeting: view.meeting, participants, screen }
    }
}

impl From<PictureDelay> for PictureFigures {
    fn from(delay: PictureDelay) -> Self {
        let PictureDelay { participant, source, arrival, decoding, waiting, screen } = delay;
        Self {
            participant: participant_word(PeerId(participant)),
            source: source_word(source),
            total_ms: milliseconds(arrival + decoding + waiting + screen),
            arrival_ms: milliseconds(arrival),
            decode_ms: milliseconds(decoding),
            wait_ms: milliseconds(waiting),
            screen_ms: milliseconds(screen),
        }
    }
}

impl From<ParticipantStatistics> for Figures {
    fn from(view: ParticipantStatistics) -> Self {
        Self {
            participant: view.participant.id,
            name: view.participant.name,
            kind: view.participant.kind,
            media: view.report.map(Media::from),
        }
    }
}

impl From<PeerReport> for Media {
    fn from(report: PeerReport) -> Self {
        let PeerReport { is_connected, stats, rates_bps, way, tracks, slots, .. } = report;
        Self {
            connected: is_connected,
            round_trip_ms: stats.rtt.map(milliseconds),
            up: Direction {
                grade: way.map(|way| way.up_grade),
                packets: stats.packets_in,
                bytes: stats.bytes_in,
                bitrate_bps: rates_bps.map(|(up, _)| up),
                lost: Some(stats.lost_in),
                loss: way.and_then(|way| way.up_loss),
            },
            down: Direction {
                grade: way.map(|way| way.down_grade),
                packets: stats.packets_out,
                bytes: stats.bytes_out,
                bitrate_bps: rates_bps.map(|(_, down)| down),
                lost: stats.lost_out,
                loss: way.and_then(|way| way.down_loss),
            },
            estimate_bps: stats.estimate_bps,
            keyframes_asked: stats.keyframes_asked,
            keyframes_wanted: stats.keyframes_wanted,
            tracks: tracks.into_iter().map(TrackFigures::from).collect(),
            slots: slots.into_iter().map(SlotFigures::from).collect(),
        }
    }
}

impl From<TrackReport> for TrackFigures {
    fn from(report: TrackReport) -> Self {
        Self {
            source: source_word(report.source),
            state: match report.flow {
                TrackFlow::On => Flow::On,
                TrackFlow::Muted => Flow::Muted,
                TrackFlow::Off => Flow::Off,
            },
            codec: report.codec.map(codec_word),
            layers: report.layers.into_iter().map(LayerFigures::from).collect(),
        }
    }
}

impl From<LayerReport> for LayerFigures {
    fn from(report: LayerReport) -> Self {
        let LayerReport { height, bitrate_bps, is_sent, watchers, delays } = report;
        Self {
            height,
            bitrate_bps,
            sent: is_sent,
            watchers,
            until_here_ms: delays.until_here.map(milliseconds),
            capture_ms: delays.until_encoding.map(milliseconds),
            encode_ms: delays.encoding.map(milliseconds),
        }
    }
}

impl From<SlotReport> for SlotFigures {
    fn from(report: SlotReport) -> Self {
        Self {
            mid: report.slot.to_string(),
            video: report.kind == Kind::Video,
            shown: report.shown.map(ShownFigures::from),
            awaited: report.awaited.map(ShownFigures::from),
        }
    }
}

impl From<Shown> for ShownFigures {
    fn from(shown: Shown) -> Self {
        Self {
            participant: participant_word(shown.publisher),
            source: source_word(shown.source),
            layer: shown.layer.0,
            height: shown.height,
        }
    }
}
