//! A browser as the appliance's page makes it: one offer with four senders and fixed slots, by str0m.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use alcove::sfu::PeerId;
use alcove::track::{Source, VideoCodec};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Rid, Simulcast, SimulcastLayer};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc};

use crate::link::Parcel;

pub(crate) const FRAME: Duration = Duration::from_millis(33);
pub(crate) const SOUND: Duration = Duration::from_millis(20);
pub(crate) const RIDS: [&str; 3] = ["q", "h", "f"];
pub(crate) const HEIGHTS: [u16; 3] = [180, 360, 720];
pub(crate) const AUDIO_SLOTS: usize = 4;
pub(crate) const VIDEO_SLOTS: usize = 5;

/// What is written into each payload, so that whoever receives it can tell where it is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) publisher: u64,
    pub(crate) source: Source,
    pub(crate) layer: u8,
    pub(crate) begins: bool,
    pub(crate) codec: Option<VideoCodec>,
}

/// A packet as it arrived in a slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) stamp: Stamp,
    pub(crate) timestamp: u32,
    pub(crate) at: Instant,
    pub(crate) picture: Option<u16>,
    pub(crate) marker: bool,
}

#[derive(Debug, Default, Clone)]
struct Flow {
    sequence: u64,
    wants_keyframe: bool,
    picture: u16,
}

pub(crate) struct Browser {
    pub(crate) id: PeerId,
    pub(crate) address: SocketAddr,
    pub(crate) rtc: Rtc,
    deadline: Instant,
    pending: Option<SdpPendingOffer>,
    pub(crate) senders: Vec<(Source, Mid)>,
    pub(crate) slots: Vec<Mid>,
    flows: BTreeMap<(Source, u8), Flow>,
    /// What it sends; the server decides whether it is forwarded.
    pub(crate) sends: Vec<Source>,
    pub(crate) level: i8,
    pub(crate) codec: VideoCodec,
    /// What it said last, for those who miss it; kept where it negotiated sound with copies (RFC 2198).
    said: BTreeMap<Source, Vec<u8>>,
    red: bool,
    pub(crate) connected: bool,
    /// Which layers of which tracks were asked for key frames, and when.
    pub(crate) keyframe_requests: Vec<(Source, u8, Instant)>,
    /// By slot and sequence number.
    pub(crate) arrivals: BTreeMap<Mid, BTreeMap<u64, Arrival>>,
    /// The timestamps of which copies arrived, by slot.
    pub(crate) copies: BTreeMap<Mid, Vec<u32>>,
    /// How many sizes of the camera share its flow, of VP9.
    sizes: u8,
    next_frame: Instant,
    next_sound: Instant,
    started: Instant,
}

impl Browser {
    pub(crate) fn new(
        id: PeerId,
        address: SocketAddr,
        codecs: &[VideoCodec],
        red: bool,
        sends: &[Source],
        now: Instant,
    ) -> Self {
        let mut config = Rtc::builder().set_rtp_mode(true).clear_codecs();
        let known = config.codec_config();
        known.enable_opus(true, red);
        for codec in codecs {
            match codec {
                VideoCodec::Vp8 => known.enable_vp8(true),
                VideoCodec::H264 => known.add_h264(102.into(), Some(103.into()), true, 0x42_e0_1f),
                VideoCodec::Vp9 => known.enable_vp9(true),
                VideoCodec::Av1 => known.enable_av1(true),
            }
        }
        let mut rtc = config.build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp").expect("an address"));
        Self {
            id,
            address,
            rtc,
            deadline: now,
            pending: None,
            senders: Vec::new(),
            slots: Vec::new(),
            flows: BTreeMap::new(),
            sends: sends.to_vec(),
            level: -40,
            codec: codecs[0],
            said: BTreeMap::new(),
            red,
            connected: false,
            keyframe_requests: Vec::new(),
            arrivals: BTreeMap::new(),
            copies: BTreeMap::new(),
            sizes: 3,
            next_frame: now + Duration::from_millis(id.0 % 33),
            next_sound: now + Duration::from_millis(id.0 % 20),
            started: now,
        }
    }

    /// The page's offer: microphone, camera with three layers, screen, its sound, then the slots.
    pub(crate) fn offer(&mut self) -> String {
        let layers = RIDS.map(|rid| SimulcastLayer { rid: Rid::from(rid), attributes: None });
        let simulcast = Simulcast { send: layers.to_vec(), recv: Vec::new() };
        let mut api = self.rtc.sdp_api();
        let mut add = |kind, direction, simulcast| api.add_media(kind, direction, None, None, simulcast);
        self.senders = vec![
            (Source::Microphone, add(MediaKind::Audio, Direction::SendOnly, None)),
            (Source::Camera, add(MediaKind::Video, Direction::SendOnly, Some(simulcast))),
            (Source::Screen, add(MediaKind::Video, Direction::SendOnly, None)),
            (Source::ScreenAudio, add(MediaKind::Audio, Direction::SendOnly, None)),
        ];
        self.slots = (0..AUDIO_SLOTS).map(|_| add(MediaKind::Audio, Direction::RecvOnly, None)).collect();
        self.slots.extend((0..VIDEO_SLOTS).map(|_| add(MediaKind::Video, Direction::RecvOnly, None)));
        let (offer, pending) = api.apply().expect("changes");
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    pub(crate) fn restart_offer(&mut self) -> String {
        let mut api = self.rtc.sdp_api();
        api.ice_restart(true);
        let (offer, pending) = api.apply().expect("a restart");
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    pub(crate) fn answer(&mut self, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).expect("an answer");
        let pending = self.pending.take().expect("an offer");
        self.rtc.sdp_api().accept_answer(pending, answer).expect("a fitting answer");
    }

    /// A new address of the same browser, as after a change of network.
    pub(crate) fn move_to(&mut self, address: SocketAddr) {
        self.address = address;
        self.rtc.add_local_candidate(Candidate::host(address, "udp").expect("an address"));
    }

    pub(crate) fn receive(&mut self, parcel: &Parcel, now: Instant, out: &mut Vec<Parcel>) {
        let Ok(receive) = Receive::new(Protocol::Udp, parcel.source, parcel.destination, &parcel.contents)
        else {
            return;
        };
        self.rtc.handle_input(Input::Receive(now, receive)).expect("a datagram");
        self.drain(now, out);
    }

    /// Sends what is due.
    pub(crate) fn step(&mut self, now: Instant, out: &mut Vec<Parcel>) {
        if self.connected && now >= self.next_sound {
            self.next_sound += SOUND;
            for source in [Source::Microphone, Source::ScreenAudio] {
                self.send_sound(source, now);
            }
        }
        if self.connected && now >= self.next_frame {
            self.next_frame += FRAME;
            if self.codec == VideoCodec::Vp9 {
                self.send_picture(now);
            } else {
                for layer in 0..3 {
                    self.send_frame(Source::Camera, Some(layer), now);
                }
                self.send_frame(Source::Screen, None, now);
            }
        }
        if self.deadline <= now {
            self.rtc.handle_input(Input::Timeout(now)).expect("time passes");
            self.drain(now, out);
        }
    }

    fn ticks(&self, now: Instant, hz: u64) -> u32 {
        // Each browser counts from somewhere else.
        let offset = self.id.0.wrapping_mul(0x9e37_79b9);
        (now.duration_since(self.started).as_micros() as u64 * hz / 1_000_000 + offset) as u32
    }

    fn send_sound(&mut self, source: Source, now: Instant) {
        if !self.sends.contains(&source) {
            return;
        }
        let extensions = ExtensionValues {
            audio_level: Some(self.level),
            voice_activity: Some(true),
            ..ExtensionValues::default()
        };
        let stamp = Stamp { publisher: self.id.0, source, layer: 0, begins: true, codec: None };
        let flow = self.flows.entry((source, 0)).or_default();
        flow.sequence += 1;
        let sequence = flow.sequence + 1000 * self.id.0 % 60_000;
        let sound = payload(stamp, 0, 60);
        let timestamp = self.ticks(now, 48_000);
        let payload = match self.said.insert(source, sound.clone()).filter(|_| self.red) {
            Some(copy) => with_copy(&copy, &sound),
            None => sound,
        };
        self.write(source, None, sequence, timestamp, payload, true, extensions, now);
    }

    fn send_frame(&mut self, source: Source, layer: Option<u8>, now: Instant) {
        if !self.sends.contains(&source) {
            return;
        }
        let timestamp = self.ticks(now, 90_000);
        let at = layer.unwrap_or(0);
        let codec = self.codec;
        let flow = self
            .flows
            .entry((source, at))
            .or_insert_with(|| Flow { wants_keyframe: true, ..Flow::default() });
        let key = std::mem::take(&mut flow.wants_keyframe);
        flow.picture = (flow.picture + 1) & 0x7fff;
        let picture = flow.picture;
        let packets = if key { 4 } else { 1 + u64::from(at) };
        for packet in 0..packets {
            let begins = key && packet == 0;
            let stamp = Stamp { publisher: self.id.0, source, layer: at, begins, codec: Some(codec) };
            let flow = self.flows.entry((source, at)).or_default();
            flow.sequence += 1;
            let sequence = flow.sequence + 1000 * self.id.0 % 60_000;
            let body = payload(stamp, picture, if packet + 1 == packets { 300 } else { 900 });
            let last = packet + 1 == packets;
            self.write(source, layer, sequence, timestamp, body, last, ExtensionValues::default(), now);
        }
    }

    /// A picture of the camera in all of its sizes, in the flow of the first (L3T3).
    fn send_picture(&mut self, now: Instant) {
        if !self.sends.contains(&Source::Camera) {
            return;
        }
        let timestamp = self.ticks(now, 90_000);
        let flow = self.flows.entry((Source::Camera, 0));
        let flow = flow.or_insert_with(|| Flow { wants_keyframe: true, ..Flow::default() });
        let key = std::mem::take(&mut flow.wants_keyframe);
        flow.picture = (flow.picture + 1) & 0x7fff;
        let picture = flow.picture;
        let sizes = self.sizes;
        for layer in 0..sizes {
            let packets = if key { 4 } else { 1 + layer };
            for packet in 0..packets {
                let place = Vp9 { picture, key, sizes, begins: packet == 0, ends: packet + 1 == packets };
                let begins = key && layer == 0 && packet == 0;
                let (source, codec) = (Source::Camera, Some(VideoCodec::Vp9));
                let stamp = Stamp { publisher: self.id.0, source, layer, begins, codec };
                let flow = self.flows.entry((source, 0)).or_default();
                flow.sequence += 1;
                let sequence = flow.sequence + 1000 * self.id.0 % 60_000;
                let body = place.payload(stamp, if place.ends { 300 } else { 900 });
                let last = place.ends && layer + 1 == sizes;
                self.write(source, Some(0), sequence, timestamp, body, last, ExtensionValues::default(), now);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of an RTP packet")]
    fn write(
        &mut self,
        source: Source,
        layer: Option<u8>,
        sequence: u64,
        timestamp: u32,
        payload: Vec<u8>,
        marker: bool,
        extensions: ExtensionValues,
        now: Instant,
    ) {
        let wanted = match (payload_is_video(source), self.codec) {
            (false, _) => Codec::Opus,
            (true, VideoCodec::H264) => Codec::H264,
            (true, VideoCodec::Vp8) => Codec::Vp8,
            (true, VideoCodec::Vp9) => Codec::Vp9,
            (true, VideoCodec::Av1) => Codec::Av1,
        };
        let params = self.rtc.codec_config().params();
        let params = params.iter().find(|one| one.spec().codec == wanted).expect("a codec of its own");
        let is_red = wanted == Codec::Opus && payload[0] == 0x80 | OPUS;
        let pt = params.red().filter(|_| is_red).unwrap_or_else(|| params.pt());
        let mid = self.senders.iter().find(|(one, _)| *one == source).expect("a sender").1;
        let rid = layer.map(|at| Rid::from(RIDS[usize::from(at)]));
        let mut direct = self.rtc.direct_api();
        let stream = direct.stream_tx_by_mid(mid, rid).expect("a stream");
        let rtp = RtpWrite::new(pt, sequence.into(), timestamp, now, payload)
            .marker(marker)
            .nackable(payload_is_video(source))
            .ext_vals(extensions);
        stream.write_rtp(rtp);
        self.deadline = now;
    }

    /// Asks for a key frame, as a decoder does that has lost something.
    pub(crate) fn ask_keyframe(&mut self, slot: Mid, now: Instant) {
        let mut direct = self.rtc.direct_api();
        if let Some(stream) = direct.stream_rx_by_mid(slot, None) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
        }
        self.deadline = now;
    }

    fn drain(&mut self, now: Instant, out: &mut Vec<Parcel>) {
        loop {
            match self.rtc.poll_output().expect("a healthy browser") {
                Output::Timeout(at) => {
                    self.deadline = at;
                    return;
                }
                Output::Transmit(transmit) => out.push(Parcel {
                    source: transmit.source,
                    destination: transmit.destination,
                    contents: transmit.contents.to_vec(),
                }),
                Output::Event(event) => self.on_event(event, now),
            }
        }
    }

    fn on_event(&mut self, event: Event, now: Instant) {
        match event {
            Event::Connected => {
                self.connected = true;
                self.next_frame = now;
                self.next_sound = now;
            }
            Event::KeyframeRequest(request) => {
                let source = self.senders.iter().find(|(_, mid)| *mid == request.mid).map(|one| one.0);
                let layer =
                    request.rid.and_then(|rid| RIDS.iter().position(|one| *one == &*rid)).unwrap_or(0);
                self.keyframe_requests.extend(source.map(|source| (source, layer as u8, now)));
                if let Some(flow) = source.and_then(|source| self.flows.get_mut(&(source, layer as u8))) {
                    flow.wants_keyframe = true;
                }
            }
            // Fills the place of one that was left out.
            Event::RtpPacket(packet) if packet.payload.is_empty() => {}
            Event::RtpPacket(packet) => {
                let mut direct = self.rtc.direct_api();
                let mid = direct.stream_rx(&packet.header.ssrc).expect("a known stream").mid();
                let (stamp, picture) = read_payload(&packet.payload);
                let (timestamp, marker) = (packet.header.timestamp, packet.header.marker);
                let arrivals = self.arrivals.entry(mid).or_default();
                arrivals.insert(*packet.seq_no, Arrival { stamp, timestamp, at: now, picture, marker });
                if let Some((offset, copy)) = copy_in(&packet.payload) {
                    assert_eq!(read_payload(copy).0.publisher, stamp.publisher);
                    self.copies.entry(mid).or_default().push(timestamp.wrapping_sub(offset));
                }
            }
            _ => {}
        }
    }

    /// So many sizes of the camera share its flow from now on; that begins with a key frame, as in a real encoder.
    pub(crate) fn make_sizes(&mut self, sizes: u8) {
        self.sizes = sizes;
        if let Some(flow) = self.flows.get_mut(&(Source::Camera, 0)) {
            flow.wants_keyframe = true;
        }
    }

    /// A change of codec begins with key frames, as in a real encoder.
    pub(crate) fn use_codec(&mut self, codec: VideoCodec) {
        if self.codec != codec {
            self.codec = codec;
            for flow in self.flows.values_mut() {
                flow.wants_keyframe = true;
            }
        }
    }

    pub(crate) fn newest_in(&self, slot: Mid) -> Option<Arrival> {
        self.arrivals.get(&slot)?.values().next_back().copied()
    }
}

fn payload_is_video(source: Source) -> bool {
    matches!(source, Source::Camera | Source::Screen)
}

/// Opus as everybody here numbers it.
const OPUS: u8 = 111;
/// 20 ms in ticks of 48 kHz.
pub(crate) const SOUND_TICKS: u32 = 960;

/// Sound behind a copy of what was said before it (RFC 2198).
fn with_copy(copy: &[u8], sound: &[u8]) -> Vec<u8> {
    let header = (0x80 | u32::from(OPUS)) << 24 | SOUND_TICKS << 10 | copy.len() as u32;
    [&header.to_be_bytes(), &[OPUS][..], copy, sound].concat()
}

/// The copy in such a payload, and by how much it is older.
fn copy_in(payload: &[u8]) -> Option<(u32, &[u8])> {
    let header = u32::from_be_bytes(*payload.first_chunk()?);
    let is_red = header >> 24 == u32::from(0x80 | OPUS) && payload.get(4) == Some(&OPUS);
    is_red.then(|| (header >> 10 & 0x3fff, &payload[5..5 + (header & 0x3ff) as usize]))
}

/// The temporal layers 0, 2, 1 and 2, each frame of an upper one needing nothing but layer 0 (RFC 7741, 4.2).
const TEMPORAL: [u8; 4] = [0x00, 0xa0, 0x60, 0xa0];

/// A payload that begins as its codec says, with the stamp at its end.
pub(crate) fn payload(stamp: Stamp, picture: u16, length: usize) -> Vec<u8> {
    let height = HEIGHTS[usize::from(stamp.layer)].to_le_bytes();
    let mut bytes = match (stamp.codec, stamp.begins) {
        (None, _) => vec![0x78],
        (Some(VideoCodec::H264), true) => vec![0x65, 0x88],
        (Some(VideoCodec::H264), false) => vec![0x61, 0x9a],
        (Some(VideoCodec::Vp8), begins) => {
            let [high, low] = (picture | 0x8000).to_be_bytes();
            let temporal = TEMPORAL[usize::from(picture % 4)];
            let mut bytes =
                vec![if begins { 0x90 } else { 0x80 }, 0xe0, high, low, (picture / 4) as u8, temporal];
            if begins {
                bytes.extend([0x10, 0, 0, 0x9d, 0x01, 0x2a, 0, 1, height[0], height[1]]);
            } else {
                bytes.push(0x11);
            }
            bytes
        }
        (Some(VideoCodec::Vp9 | VideoCodec::Av1), begins) => vec![if begins { 0x08 } else { 0x48 }],
    };
    bytes.resize(length, 0);
    sign(bytes, stamp)
}

/// The stamp at the end of a payload.
fn sign(mut bytes: Vec<u8>, stamp: Stamp) -> Vec<u8> {
    bytes.extend(stamp.publisher.to_be_bytes());
    let source = Source::ALL.iter().position(|one| *one == stamp.source).expect("a source") as u8;
    let codec = match stamp.codec {
        None => 0,
        Some(VideoCodec::H264) => 1,
        Some(VideoCodec::Vp8) => 2,
        Some(VideoCodec::Vp9) => 3,
        Some(VideoCodec::Av1) => 4,
    };
    bytes.extend([source, stamp.layer, u8::from(stamp.begins), codec]);
    bytes
}

/// Where a packet stands in a picture of VP9 (RFC 9628, 4.2).
struct Vp9 {
    picture: u16,
    key: bool,
    sizes: u8,
    begins: bool,
    ends: bool,
}

impl Vp9 {
    fn payload(&self, stamp: Stamp, length: usize) -> Vec<u8> {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags = 0xa0 | flag(!self.key, 0x40) | flag(self.begins, 0x08) | flag(self.ends, 0x04);
        let [high, low] = (self.picture | 0x8000).to_be_bytes();
        // Temporal layers 0, 2, 1 and 2; from each, those above it can be followed.
        let temporal = if self.key { 0 } else { [0, 2, 1, 2][usize::from(self.picture % 4)] };
        let layer = temporal << 5 | 0x10 | stamp.layer << 1 | flag(stamp.layer > 0, 1);
        let mut bytes = vec![flags | flag(stamp.begins, 0x02), high, low, layer, (self.picture / 4) as u8];
        if stamp.begins {
            bytes.push((self.sizes - 1) << 5 | 0x10);
            for height in &HEIGHTS[..usize::from(self.sizes)] {
                bytes.extend((height / 9 * 16).to_be_bytes());
                bytes.extend(height.to_be_bytes());
            }
        }
        bytes.resize(length, 0);
        sign(bytes, stamp)
    }
}

/// The stamp of a payload, and the picture id of one of VP8 or VP9.
pub(crate) fn read_payload(bytes: &[u8]) -> (Stamp, Option<u16>) {
    let [.., source, layer, begins, codec] = *bytes else { panic!("a payload without a stamp") };
    let publisher = bytes[bytes.len() - 12..bytes.len() - 4].try_into().expect("eight bytes");
    let codec = match codec {
        0 => None,
        1 => Some(VideoCodec::H264),
        2 => Some(VideoCodec::Vp8),
        3 => Some(VideoCodec::Vp9),
        _ => Some(VideoCodec::Av1),
    };
    let picture = match codec {
        Some(VideoCodec::Vp8) => Some(u16::from_be_bytes([bytes[2], bytes[3]]) & 0x7fff),
        Some(VideoCodec::Vp9) if bytes[0] & 0x80 != 0 => {
            Some(u16::from_be_bytes([bytes[1], bytes[2]]) & 0x7fff)
        }
        _ => None,
    };
    let stamp = Stamp {
        publisher: u64::from_be_bytes(publisher),
        source: Source::ALL[usize::from(source)],
        layer,
        begins: begins == 1,
        codec,
    };
    (stamp, picture)
}
