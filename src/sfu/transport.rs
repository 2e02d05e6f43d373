//! How a network peer's transport is set up: codecs, header extensions, certificate, caches.

use std::net::SocketAddr;

use str0m::RtcConfig;
use str0m::config::DtlsCert;
use str0m::format::{Codec, CodecConfig, FormatParams};
use str0m::media::Frequency;
use str0m::rtp::{Extension, ExtensionMap};

use crate::sfu::{ForwarderConfig, WallClock, descriptor, dtls};
use crate::track::VideoCodec;

/// The certificate that every peer of this process presents (DTLS-SRTP). Cloning is cheap.
#[derive(Clone)]
pub struct DtlsIdentity(DtlsCert);

impl DtlsIdentity {
    /// A new key and its certificate; takes a millisecond or two.
    ///
    /// # Errors
    /// When the cryptographic library yields none; the sentence says so.
    pub fn generate() -> Result<Self, String> {
        let provider = str0m::crypto::from_feature_flags();
        provider
            .dtls_provider
            .generate_certificate()
            .map(Self)
            .ok_or_else(|| "the cryptographic library made no certificate for media; restart".to_owned())
    }
}

impl std::fmt::Debug for DtlsIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DtlsIdentity")
    }
}

/// What a network peer is made with.
#[derive(Debug, Clone, Copy)]
pub(super) struct RtcSetup<'a> {
    pub(super) ice_addresses: &'a [SocketAddr],
    pub(super) ice_tcp_addresses: &'a [SocketAddr],
    pub(super) ice_relayed_address: Option<SocketAddr>,
    pub(super) certificate: &'a DtlsIdentity,
    /// H.264 or VP8: comes first in the answer, so that a browser starts with it.
    pub(super) codec: VideoCodec,
    pub(super) start_bitrate_bps: u64,
    pub(super) wall: WallClock,
}

impl<'a> RtcSetup<'a> {
    pub(super) fn new(config: &'a ForwarderConfig, codec: VideoCodec) -> Self {
        Self {
            ice_addresses: &config.ice_addresses,
            ice_tcp_addresses: &config.ice_tcp_addresses,
            ice_relayed_address: config.ice_relayed_address,
            certificate: &config.certificate,
            codec,
            start_bitrate_bps: config.start_bitrate_bps,
            wall: config.wall,
        }
    }
}

/// The transport's settings. ICE is lite: everybody reaches the appliance directly, and lite needs no checks.
/// `has_numbers`: the peer offers to number what it sends, and to be told what arrives.
pub(super) fn configure(setup: RtcSetup<'_>, has_numbers: bool) -> RtcConfig {
    let mut config = RtcConfig::new()
        .set_rtp_mode(true)
        .set_ice_lite(true)
        .set_crypto_provider(dtls::provider())
        .set_dtls_cert(setup.certificate.0.clone())
        .set_extension_map(extensions(has_numbers))
        .clear_codecs();
    let codecs = config.codec_config();
    codecs.enable_opus(true, true);
    let add_h264 = |codecs: &mut CodecConfig| {
        codecs.add_h264(108.into(), Some(109.into()), true, 0x42_e0_1f);
    };
    if setup.codec == VideoCodec::Vp8 {
        codecs.enable_vp8(true);
        add_h264(codecs);
    } else {
        add_h264(codecs);
        codecs.enable_vp8(true);
    }
    add_vp9(codecs);
    codecs.enable_av1(true);
    config
}

/// Eight bits a sample: profile 0 alone.
fn add_vp9(codecs: &mut CodecConfig) {
    let format = FormatParams { profile_id: Some(0), ..FormatParams::default() };
    codecs.add_config(98.into(), Some(99.into()), Codec::Vp9, Frequency::NINETY_KHZ, None, format);
}

/// Video orientation is left out on purpose: phones then turn the picture themselves, and neither the room
/// nor a recording needs to.
fn extensions(has_numbers: bool) -> ExtensionMap {
    let mut map = ExtensionMap::empty();
    map.set(1, Extension::AudioLevel);
    map.set(2, Extension::AbsoluteSendTime);
    if has_numbers {
        map.set(3, Extension::TransportSequenceNumber);
    }
    map.set(4, Extension::RtpMid);
    map.set(5, Extension::PlayoutDelay);
    map.set(6, Extension::AbsoluteCaptureTime);
    map.set(7, Extension::VideoTiming);
    map.set(10, Extension::RtpStreamId);
    map.set(11, Extension::RepairedRtpStreamId);
    map.set(12, descriptor::extension());
    map
}

pub(super) fn video_codec(codec: Codec) -> Option<VideoCodec> {
    match codec {
        Codec::H264 => Some(VideoCodec::H264),
        Codec::Vp8 => Some(VideoCodec::Vp8),
        Codec::Vp9 => Some(VideoCodec::Vp9),
        Codec::Av1 => Some(VideoCodec::Av1),
        _ => None,
    }
}
