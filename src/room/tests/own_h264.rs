//! The room with a camera that makes H.264: what is sent as it comes, and what is encoded.

use alcove_hal::Result;
use alcove_hal::codec::{Codec, EncoderSettings, PayloadSink, Probe, VideoDecoder, VideoEncoder};

use super::*;
use crate::room::testing_codecs::{CodingCamera, is_keyframe_of_camera, is_made_by_camera};

const TOP: Layer = Layer(2);

/// The glass codecs on a machine that has no time to encode more than the lowest layer.
struct SlowCodecs([Probe; 2]);

impl SlowCodecs {
    fn new() -> Self {
        let probe = |name: &str, pass_through, milliseconds| Probe {
            name: name.to_owned(),
            codec: Codec::H264,
            hardware: pass_through,
            pass_through,
            outcome: Ok(milliseconds),
        };
        Self([probe("H.264 of the camera", true, 3.0), probe("slow", false, 100.0)])
    }
}

impl Codecs for SlowCodecs {
    fn probes(&self) -> &[Probe] {
        &self.0
    }

    fn encoder(&self, settings: EncoderSettings, sink: PayloadSink) -> Result<Box<dyn VideoEncoder>> {
        GlassCodecs.encoder(settings, sink)
    }

    fn decodes(&self, _: Codec) -> bool {
        true
    }

    fn decoder(&self, codec: Codec) -> Result<Box<dyn VideoDecoder>> {
        GlassCodecs.decoder(codec)
    }
}

fn house() -> House {
    let mut house = House::with(|camera| Arc::new(CodingCamera(camera)), Arc::new(GlassCodecs));
    house.join();
    house
}

impl House {
    fn of_layer(&self, layer: Layer) -> impl Iterator<Item = &Published> {
        self.packets(Source::Camera).filter(move |packet| packet.layer == layer)
    }

    /// Whether so many packets came on every layer.
    fn has_all_layers(&self, packets: usize) -> bool {
        (0..=TOP.0).all(|layer| self.of_layer(Layer(layer)).count() >= packets)
    }
}

#[test]
fn the_top_layer_is_sent_as_the_camera_made_it_and_the_others_are_encoded() {
    let mut house = house();
    house.until("all layers", |house| house.has_all_layers(30));
    assert!(house.of_layer(TOP).all(|packet| is_made_by_camera(&packet.payload)));
    for (layer, rows) in [(Layer(0), 180), (Layer(1), 360)] {
        assert!(house.of_layer(layer).all(|packet| height(&packet.payload) == rows), "{layer:?}");
    }
    let units: Vec<_> = house.of_layer(TOP).map(|packet| packet.payload[5..].to_vec()).collect();
    let counted = (0..units.len()).map(|number| number.to_string().into_bytes());
    assert!(units.iter().cloned().eq(counted), "none is missing");
}

#[test]
fn a_camera_without_h264_is_encoded_in_every_layer() {
    let mut house = House::new();
    house.join();
    house.until("all layers", |house| house.has_all_layers(5));
    assert!(house.of_layer(TOP).all(|packet| height(&packet.payload) == 720));
}

#[test]
fn while_the_meeting_is_in_vp8_the_top_layer_is_encoded_too() {
    let mut house = house();
    house.until("H.264", |house| house.has_all_layers(5));
    house.room().set_codec(VideoCodec::Vp8);
    let is_vp8 = |packet: &&Published| packet.codec == Some(VideoCodec::Vp8);
    house.until("VP8", |house| house.of_layer(TOP).filter(is_vp8).count() > 5);
    assert!(house.of_layer(TOP).filter(is_vp8).all(|packet| height(&packet.payload) == 720));
    house.published.clear();
    house.room().set_codec(VideoCodec::H264);
    let is_h264 = |packet: &&Published| !is_vp8(packet);
    house.until("H.264 again", |house| house.of_layer(TOP).filter(is_h264).count() > 5);
    assert!(house.of_layer(TOP).filter(is_h264).all(|packet| is_made_by_camera(&packet.payload)));
}

#[test]
fn a_request_for_a_key_frame_reaches_the_camera() {
    let mut house = house();
    house.until("frames", |house| house.has_all_layers(10));
    house.published.clear();
    house.room().request_keyframe(Source::Camera, TOP);
    house.until("the key frame", |house| {
        house.of_layer(TOP).any(|packet| is_keyframe_of_camera(&packet.payload))
    });
    house.published.clear();
    house.until("more frames", |house| house.has_all_layers(30));
    assert!(!house.of_layer(TOP).any(|packet| is_keyframe_of_camera(&packet.payload)), "one is enough");
}

#[test]
fn the_notice_that_stands_for_a_lost_camera_is_encoded() {
    let mut house = house();
    house.until("frames", |house| house.has_all_layers(5));
    let plug = house.devices.camera.plug();
    plug.unplug();
    let is_notice =
        |packet: &Published| !is_made_by_camera(&packet.payload) && height(&packet.payload) == 720;
    house.until("the notice", |house| house.of_layer(TOP).any(is_notice));
    plug.plug();
    house.published.clear();
    house.until("the camera", |house| {
        house.of_layer(TOP).any(|packet| is_keyframe_of_camera(&packet.payload))
    });
}

#[test]
fn what_the_camera_made_is_sent_where_there_is_no_time_to_encode_that_size() {
    let mut house = House::with(|camera| Arc::new(CodingCamera(camera)), Arc::new(SlowCodecs::new()));
    house.join();
    house.until("the top layer", |house| house.of_layer(TOP).count() > 10);
    assert!(house.of_layer(TOP).all(|packet| is_made_by_camera(&packet.payload)));
    assert!(house.of_layer(Layer(0)).count() > 0 && house.of_layer(Layer(1)).count() == 0);
}
