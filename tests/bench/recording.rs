//! Camera and microphone of fake participants: recorded once with the appliance's own codecs, played in a loop.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alcove::room::voice::VoiceEncoder;
use alcove_hal::camera::VideoMode;
use alcove_hal::clock::Clock;
use alcove_hal::codec::{Codec, EncoderSettings, Payload};
use alcove_hal::frame::Frame;
use alcove_hal::{DiscoverOptions, Hardware, discover};
use anyhow::{Context, ensure};

/// Height and bit rate of each simulcast layer, the smallest first: as pages send them.
pub(crate) const LAYERS: [(u32, u32); 3] = [(180, 150_000), (360, 500_000), (720, 1_700_000)];

/// The pictures of a recording: 5 s.
const FRAMES: usize = 150;

/// How much brighter noise makes a pixel, less one.
const NOISE_LEVELS: u8 = 16;
/// The same noise in every run.
const NOISE_SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// How long a device may take for the next frame or block.
const PATIENCE: Duration = Duration::from_secs(2);

/// The payloads of one frame.
pub(crate) type Picture = Vec<Vec<u8>>;

/// What fake participants send.
pub(crate) struct Recording {
    /// Each layer's pictures; the first of each is a key frame, the only one.
    pub(crate) layers: Vec<Vec<Picture>>,
    /// Opus packets of 20 ms.
    pub(crate) sound: Vec<Arc<[u8]>>,
}

/// Records the simulated camera and microphone in real time.
pub(crate) fn record(clock: &Arc<dyn Clock>) -> anyhow::Result<Recording> {
    let options =
        DiscoverOptions { simulated: true, room_name: "Bench".into(), ..DiscoverOptions::default() };
    let hardware = discover(&options, clock);
    let layers = record_camera(&hardware, clock)?;
    let sound = record_microphone(&hardware)?;
    Ok(Recording { layers, sound })
}

fn record_camera(hardware: &Hardware, clock: &Arc<dyn Clock>) -> anyhow::Result<Vec<Vec<Picture>>> {
    let mode = |height: u32| VideoMode { width: height * 16 / 9, height, fps: 30 };
    let camera = hardware.camera.device().context("no camera, not even a simulated one")?;
    let mut camera = camera.open(mode(720))?;
    let taken: Vec<Arc<Mutex<Vec<Payload>>>> = LAYERS.iter().map(|_| Arc::default()).collect();
    let mut encoders = Vec::new();
    for ((height, bitrate_bps), taken) in LAYERS.into_iter().zip(&taken) {
        let taken = Arc::clone(taken);
        let sink = move |payload| taken.lock().unwrap_or_else(PoisonError::into_inner).push(payload);
        let settings =
            EncoderSettings { codec: Codec::H264, mode: mode(height), bitrate_bps, own_h264: false };
        encoders.push(hardware.codecs.encoder(settings, Box::new(sink))?);
    }
    let mut noise = NOISE_SEED;
    for _ in 0..FRAMES {
        let frame = with_noise(&camera.next_frame(PATIENCE)?, &mut noise);
        for encoder in &mut encoders {
            encoder.encode(&frame)?;
        }
    }
    clock.wait_until(clock.now() + Duration::from_millis(500));
    drop(encoders);
    let layers: Vec<_> =
        taken.iter().map(|taken| pictures(&taken.lock().unwrap_or_else(PoisonError::into_inner))).collect();
    ensure!(layers.iter().all(|layer| layer.len() > FRAMES / 2), "the encoders did not keep up");
    Ok(layers)
}

/// A camera's picture is never still: without noise the encoders would send a tenth of their bit rate.
fn with_noise(frame: &Frame, noise: &mut u64) -> Frame {
    let (width, height) = (frame.width(), frame.height());
    let mut data = frame.planes().concat();
    for eight in data[..(width * height) as usize].chunks_mut(8) {
        *noise ^= *noise << 13;
        *noise ^= *noise >> 7;
        *noise ^= *noise << 17;
        for (pixel, grain) in eight.iter_mut().zip(noise.to_le_bytes()) {
            *pixel = pixel.saturating_add(grain % NOISE_LEVELS);
        }
    }
    Frame::new(width, height, data, frame.captured_at)
}

/// Payloads by the pictures that they belong to.
fn pictures(payloads: &[Payload]) -> Vec<Picture> {
    payloads
        .chunk_by(|one, next| one.timestamp == next.timestamp)
        .map(|of_one| of_one.iter().map(|one| one.data.clone()).collect())
        .collect()
}

fn record_microphone(hardware: &Hardware) -> anyhow::Result<Vec<Arc<[u8]>>> {
    let microphone = hardware.microphone.device().context("no microphone, not even a simulated one")?;
    let mut microphone = microphone.open()?;
    let mut encoder = VoiceEncoder::new().map_err(anyhow::Error::msg)?;
    let mut sound = Vec::new();
    while sound.len() < 100 {
        sound.extend(encoder.push(&microphone.read(PATIENCE)?).map(|packet| packet.payload));
    }
    Ok(sound)
}
