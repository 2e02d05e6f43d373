//! The room's own sound on its way out: blocks of 10 ms become Opus packets of 20 ms with their loudness.

use std::sync::Arc;

use alcove_hal::audio::{BLOCK_SAMPLES, Block};
use opusic_c::{Application, Bitrate, Channels, Encoder, ErrorCode, InbandFec, SampleRate, Signal};

use crate::room::mixer::level_dbov;

/// Samples in a packet of 20 ms.
pub const PACKET_SAMPLES: usize = 2 * BLOCK_SAMPLES;

/// The bit rate, in bits per second: full-band speech with redundancy.
const BITRATE_BPS: u32 = 40_000;

/// The loss that the redundancy is sized for, in per cent.
const EXPECTED_LOSS_PERCENT: u8 = 10;

/// 0 to 10; 5 halves the cost of 10 on small boards and is not told apart by ear for speech.
const COMPLEXITY: u8 = 5;

/// The largest packet: far above what the bit rate gives, below an MTU.
const PACKET_BYTES_MAX: usize = 1_000;

/// An Opus packet of 20 ms.
#[derive(Debug, Clone)]
pub struct VoicePacket {
    /// How loud it is, in dBov (RFC 6464).
    pub level_dbov: i8,
    /// The RTP payload (RFC 7587).
    pub payload: Arc<[u8]>,
}

/// Gathers blocks and encodes them: 48 kHz mono, in-band FEC, no DTX.
pub struct VoiceEncoder {
    encoder: Encoder,
    samples: Vec<f32>,
    buffer: Vec<u8>,
}

impl VoiceEncoder {
    /// A fresh encoder.
    ///
    /// # Errors
    /// What libopus says, for people.
    pub fn new() -> Result<Self, String> {
        let encoder = configured().map_err(|cause| cause.message().to_owned())?;
        Ok(Self { encoder, samples: Vec::with_capacity(PACKET_SAMPLES), buffer: vec![0; PACKET_BYTES_MAX] })
    }

    /// Takes 10 ms; every second one makes a packet.
    pub fn push(&mut self, block: &Block) -> Option<VoicePacket> {
        self.samples.extend_from_slice(block);
        if self.samples.len() < PACKET_SAMPLES {
            return None;
        }
        let encoded = self.encoder.encode_float_to_slice(&self.samples, &mut self.buffer);
        let level_dbov = level_dbov(&self.samples);
        self.samples.clear();
        match encoded {
            Ok(length) => Some(VoicePacket { level_dbov, payload: self.buffer[..length].into() }),
            Err(cause) => {
                log::warn!("20 ms of the microphone could not be encoded: {}", cause.message());
                None
            }
        }
    }
}

fn configured() -> Result<Encoder, ErrorCode> {
    let mut encoder = Encoder::new(Channels::Mono, SampleRate::Hz48000, Application::Voip)?;
    encoder.set_bitrate(Bitrate::Value(BITRATE_BPS))?;
    encoder.set_signal(Signal::Voice)?;
    encoder.set_inband_fec(InbandFec::Mode1)?;
    encoder.set_packet_loss(EXPECTED_LOSS_PERCENT)?;
    encoder.set_complexity(COMPLEXITY)?;
    encoder.set_dtx(false)?;
    Ok(encoder)
}
