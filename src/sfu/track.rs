//! A published track: its layers as they arrive, who is fed from it, and the key frames asked of it.

use std::time::{Duration, Instant};

use crate::sfu::allocation::Rung;
use crate::sfu::inbound::Packet;
use crate::sfu::keyframe::Sight;
use crate::sfu::layer::{KeyframeAsk, LayerIn, WantedLayers};
use crate::sfu::red::Mender;
use crate::sfu::slot::Feed;
use crate::sfu::temporal::{TEMPORAL_LAYERS, TID_MAX};
use crate::sfu::{PeerId, TrackFlow};
use crate::track::{Kind, Layer, Source, VideoCodec};

/// A simulcast layer without packets for this long is not sent any more; others are shown instead.
const LAYER_DEAD_AFTER: Duration = Duration::from_secs(1);

/// A slot that is fed, by its indices in the forwarder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subscriber {
    pub(super) peer: usize,
    pub(super) slot: usize,
}

/// A published track.
#[derive(Debug)]
pub(super) struct Track {
    /// The index of its publisher in the forwarder.
    pub(super) publisher: usize,
    pub(super) publisher_id: PeerId,
    pub(super) source: Source,
    pub(super) flow: TrackFlow,
    /// Its publisher's role lets it send.
    pub(super) permitted: bool,
    pub(super) codec: Option<VideoCodec>,
    /// The layers share one flow; the first of them stands for it.
    pub(super) shared: bool,
    pub(super) layers: Vec<LayerIn>,
    pub(super) subscribers: Vec<Subscriber>,
    wanted: WantedLayers,
    /// The highest layer that each other branch watches, where it was told.
    elsewhere: Vec<(usize, Option<Layer>)>,
    /// Of sound.
    pub(super) mender: Mender,
}

/// What a packet changed about its track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Noted {
    pub(super) feed_epoch: u32,
    /// The layer was not sent before, or its height is another one: allocations may change.
    pub(super) news: bool,
}

impl Track {
    /// `heights` of the layers, smallest first; empty where only the number is known.
    pub(super) fn new(
        publisher: usize,
        publisher_id: PeerId,
        source: Source,
        layers: usize,
        heights: &[u16],
    ) -> Self {
        let layers = layers.clamp(1, Layer::MAX);
        let layer_in = |at: usize| LayerIn::new(heights.get(at).copied(), at, layers);
        Self {
            publisher,
            publisher_id,
            source,
            flow: TrackFlow::Off,
            permitted: true,
            codec: None,
            shared: false,
            layers: (0..layers).map(layer_in).collect(),
            subscribers: Vec::new(),
            wanted: WantedLayers::all(layers),
            elsewhere: Vec::new(),
            mender: Mender::default(),
        }
    }

    /// What another branch watches; all of it until it is told otherwise.
    pub(super) fn elsewhere(&self, branch: usize) -> Option<Layer> {
        let told = self.elsewhere.iter().find(|(of, _)| *of == branch);
        told.map_or(Some(Layer((self.layers.len() - 1) as u8)), |(_, highest)| *highest)
    }

    pub(super) fn set_elsewhere(&mut self, branch: usize, highest: Option<Layer>) {
        self.elsewhere.retain(|(of, _)| *of != branch);
        self.elsewhere.push((branch, highest));
    }

    /// Where what concerns the flow of a layer is kept: its numbers, and key frames.
    pub(super) fn flow_of(&mut self, layer: Layer) -> Option<&mut LayerIn> {
        let at = if self.shared { 0 } else { usize::from(layer.0) };
        self.layers.get_mut(at)
    }

    /// Takes note of a packet that arrived. `None`: it is of no use.
    pub(super) fn note(
        &mut self,
        layer: Layer,
        fresh: bool,
        packet: &Packet,
        sight: Sight,
        now: Instant,
    ) -> Option<Noted> {
        let simulcast = self.layers.len() > 1;
        let turns = self.shared != packet.spatial.is_some();
        if turns {
            if !sight.starts_keyframe {
                // From before the turn, and late.
                return None;
            }
            self.turn();
        }
        let codec_changed = packet.codec.is_some() && self.codec != packet.codec;
        self.codec = packet.codec.or(self.codec);
        let mut news = codec_changed | turns;
        if self.flow_of(layer)?.count(fresh, packet.sequence) && self.shared {
            let epoch = self.layers[0].epoch;
            self.layers[1..].iter_mut().for_each(|layer| layer.restart(epoch));
        }
        let state = self.layers.get_mut(usize::from(layer.0))?;
        news |= state.note(packet, sight, now);
        let feed_epoch = state.epoch;
        if let Some(heights) = packet.spatial.and_then(|spatial| spatial.heights) {
            // All that follow in the same picture are known from its first packet on.
            let told = self.layers.iter_mut().zip(heights).filter(|(_, height)| *height > 0);
            told.for_each(|(layer, height)| news |= layer.show(height, now));
        } else if simulcast && sight.height.is_some() {
            self.guess_heights();
        }
        Some(Noted { feed_epoch, news })
    }

    /// From now on the layers share a flow, or each is one again.
    fn turn(&mut self) {
        self.shared = !self.shared;
        let epoch = self.layers.iter().map(|layer| layer.epoch).max().unwrap_or(0) + 1;
        for layer in &mut self.layers {
            layer.restart(epoch);
            layer.forget_past();
        }
    }

    /// Layers of unknown height are halves and doubles of their neighbours.
    fn guess_heights(&mut self) {
        let Some(known) = self.layers.iter().position(|layer| layer.height_told) else { return };
        let height = u32::from(self.layers[known].height);
        for (at, layer) in self.layers.iter_mut().enumerate().filter(|(_, layer)| !layer.height_told) {
            let guess = if at > known { height << (at - known) } else { height >> (known - at) };
            layer.height = u16::try_from(guess.max(1)).unwrap_or(u16::MAX);
        }
    }

    /// Its layers for the allocation, in the order of their heights.
    pub(super) fn rungs(&self) -> Vec<Rung> {
        let mut rungs: Vec<Rung> = Vec::new();
        let smallest = self.layers.iter().map(|layer| layer.height).min();
        for (at, layer) in self.layers.iter().enumerate() {
            let frames = self.frames(at);
            // Half of the frames are better than a smaller picture, a quarter of them is not.
            let fewest = if Some(layer.height) == smallest { 0 } else { frames.len().saturating_sub(2) };
            let whole = frames.len() - 1;
            for (nth, (temporal, bps)) in frames.into_iter().enumerate().skip(fewest) {
                let frames = if nth == whole { TID_MAX } else { temporal };
                rungs.push(Rung { layer: Layer(at as u8), frames, height: layer.height, bps });
            }
        }
        rungs.sort_by_key(|rung| (rung.height, rung.frames));
        rungs
    }

    /// What a layer costs alone.
    pub(super) fn bps_of(&self, layer: Layer) -> u64 {
        self.layers.get(usize::from(layer.0)).map_or(0, |layer| layer.frames_bps().into_iter().sum())
    }

    /// What the layers up to this one cost together.
    pub(super) fn bps_up_to(&self, layer: Layer) -> u64 {
        (0..=layer.0).map(|at| self.bps_of(Layer(at))).sum()
    }

    /// The temporal layers of a layer, each with what it costs together with those below it.
    fn frames(&self, at: usize) -> Vec<(u8, u64)> {
        // In one flow a layer comes with those below it.
        let from = if self.shared { 0 } else { at };
        let mut each = [0; TEMPORAL_LAYERS];
        for layer in &self.layers[from..=at] {
            each.iter_mut().zip(layer.frames_bps()).for_each(|(sum, bps)| *sum += bps);
        }
        let mut sum = 0;
        let frames = (0..).zip(each).filter(|(_, bps)| *bps > 0);
        let mut frames: Vec<(u8, u64)> = frames
            .map(|(at, bps)| {
                (at, {
                    sum += bps;
                    sum
                })
            })
            .collect();
        if frames.is_empty() {
            frames.push((0, 0));
        }
        frames
    }

    /// The feed that comes closest to a layer among those that are sent: the next smaller one, else the
    /// next larger one; itself if none is sent.
    pub(super) fn nearest(&self, index: usize, ideal: Layer) -> Feed {
        let sent = |at: &usize| self.layers[*at].live;
        let at = usize::from(ideal.0).min(self.layers.len() - 1);
        let at = (0..=at).rev().find(sent).or_else(|| (at..self.layers.len()).find(sent)).unwrap_or(at);
        Feed { track: index, layer: Layer(at as u8), epoch: self.layers[at].epoch, shared: self.shared }
    }

    /// Time has passed; returns whether a layer died.
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        if self.layers.len() < 2 || self.source.kind() == Kind::Audio {
            return false;
        }
        let mut died = false;
        for layer in &mut self.layers {
            let silent =
                layer.last_packet.is_none_or(|at| now.saturating_duration_since(at) > LAYER_DEAD_AFTER);
            if layer.live && silent {
                layer.live = false;
                died = true;
            }
        }
        died
    }

    /// The track begins or stops to be forwarded. Its publisher goes by what it was told last, and so do other branches.
    pub(super) fn set_flow(&mut self, flow: TrackFlow) {
        self.flow = flow;
        for layer in &mut self.layers {
            layer.live = false;
            layer.ask = KeyframeAsk::default();
            layer.cache.forget();
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.flow == TrackFlow::On && self.permitted
    }

    pub(super) fn subscribe(&mut self, subscriber: Subscriber) {
        if !self.subscribers.contains(&subscriber) {
            self.subscribers.push(subscriber);
        }
    }

    pub(super) fn unsubscribe(&mut self, subscriber: Subscriber) {
        self.subscribers.retain(|one| *one != subscriber);
    }

    /// Compares with the highest layer that anybody watches; returns it when its publisher is to be told.
    pub(super) fn judge_wanted(&mut self, highest: Option<Layer>, now: Instant) -> Option<Option<Layer>> {
        self.wanted.judge(highest, now)
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time; it is only added to")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn packet(sequence: u64) -> Packet {
        Packet::bare(sequence, 0, Some(VideoCodec::Vp8), [0_u8; 1000])
    }

    fn camera() -> Track {
        Track::new(0, PeerId(1), Source::Camera, 3, &[])
    }

    fn heights(track: &Track) -> Vec<u16> {
        track.rungs().iter().map(|rung| rung.height).collect()
    }

    #[test]
    fn a_told_height_scales_the_guesses_for_the_other_layers() {
        let mut track = camera();
        assert_eq!(heights(&track), [180, 360, 720]);
        let sight = Sight { starts_keyframe: true, height: Some(270) };
        track.note(Layer(0), true, &packet(1), sight, origin());
        assert_eq!(heights(&track), [270, 540, 1080]);
    }

    #[test]
    fn the_nearest_layer_that_is_sent_stands_in_for_one_that_is_not() {
        let t0 = origin();
        let mut track = camera();
        assert_eq!(track.nearest(0, Layer(2)).layer, Layer(2));
        track.note(Layer(1), true, &packet(1), Sight::default(), t0);
        assert_eq!(track.nearest(0, Layer(2)).layer, Layer(1));
        assert_eq!(track.nearest(0, Layer(0)).layer, Layer(1));
        assert!(track.tick(t0 + Duration::from_secs(2)));
        assert_eq!(track.nearest(0, Layer(0)).layer, Layer(0));
    }

    #[test]
    fn a_sender_that_counts_anew_begins_another_epoch_and_a_late_packet_does_not() {
        let t0 = origin();
        let mut track = camera();
        let mut epoch = |sequence, fresh| {
            track.note(Layer(0), fresh, &packet(sequence), Sight::default(), t0).map(|noted| noted.feed_epoch)
        };
        assert_eq!(epoch(9000, true), Some(0));
        assert_eq!(epoch(8990, false), Some(0));
        assert_eq!(epoch(0, false), Some(1));
        assert_eq!(epoch(70, true), Some(2));
    }

    #[test]
    fn key_frames_are_asked_for_once_a_second_and_not_right_after_one_came() {
        let t0 = origin();
        let at = |ms| t0 + Duration::from_millis(ms);
        let mut ask = KeyframeAsk::default();
        assert!(!ask.poll(t0));
        ask.want();
        assert!(ask.poll(at(0)));
        assert!(!ask.poll(at(999)));
        assert!(ask.poll(at(1000)));
        ask.answered(at(1500));
        assert!(!ask.poll(at(3000)), "nobody wants one");
        ask.answered(at(3000));
        ask.want();
        assert!(!ask.poll(at(3999)));
        assert!(ask.poll(at(4000)));
    }

    #[test]
    fn a_publisher_that_never_answers_is_left_in_peace() {
        let t0 = origin();
        let mut ask = KeyframeAsk::default();
        ask.want();
        let asked = (0..600).filter(|tenth| ask.poll(t0 + Duration::from_millis(tenth * 100))).count();
        assert_eq!(asked, 10 + 25, "requests in a minute");
    }

    #[test]
    fn a_publisher_may_stop_layers_that_nobody_watched_for_three_seconds() {
        let t0 = origin();
        let at = |ms| t0 + Duration::from_millis(ms);
        let mut track = camera();
        assert_eq!(track.judge_wanted(None, at(0)), None);
        assert_eq!(track.judge_wanted(Some(Layer(0)), at(2900)), None);
        assert_eq!(track.judge_wanted(Some(Layer(0)), at(3000)), Some(Some(Layer(0))));
        assert_eq!(track.judge_wanted(Some(Layer(2)), at(3001)), Some(Some(Layer(2))));
        assert_eq!(track.judge_wanted(Some(Layer(2)), at(3002)), None);
    }

    #[test]
    fn a_layer_costs_what_was_measured() {
        let t0 = origin();
        let mut track = camera();
        assert_eq!(track.rungs()[0].bps, 150_000);
        for step in 0..101 {
            let at = t0 + Duration::from_millis(step * 10);
            track.note(Layer(0), step == 0, &packet(step), Sight::default(), at);
        }
        assert_eq!(track.rungs()[0].bps, 808_000);
    }
}
