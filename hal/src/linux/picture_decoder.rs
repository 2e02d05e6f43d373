//! Decodes the pictures of a camera that codes them, one at a time: JPEG, or H.264 without a frame held back.

use std::time::Duration;

use gstreamer as gst;
use gstreamer_app::{AppSink, AppSrc};

use super::decoder::pack;
use super::pipeline::{self, Pipeline};
use crate::{Error, Result};

/// How long one picture may take; a decoder that needs longer cannot keep up with any camera.
const PATIENCE: Duration = Duration::from_millis(500);
/// The distance of pictures in the decoder's time, by which each is told from the one before.
const STEP: gst::ClockTime = gst::ClockTime::from_mseconds(1);

/// Decoders for H.264 and how each is kept from holding pictures back, best first.
const H264_DECODERS: [(&str, &str); 2] =
    [("avdec_h264", "avdec_h264 max-threads=1 max-errors=-1"), ("openh264dec", "h264parse ! openh264dec")];

/// Access units in Annex B form.
const H264_CAPS: &str = "video/x-h264,stream-format=byte-stream,alignment=au";

/// A decoder for one camera.
pub(super) struct PictureDecoder {
    pipeline: Pipeline,
    decoded: AppSink,
    coded: AppSrc,
    /// The time of the latest picture handed in.
    latest: gst::ClockTime,
}

impl PictureDecoder {
    /// Starts a decoder for JPEG.
    pub(super) fn jpeg(device: &str) -> Result<Self> {
        Self::start(device, "image/jpeg,framerate=30/1", "jpegdec max-errors=-1")
    }

    /// Starts a decoder for access units of H.264 in Annex B form.
    pub(super) fn h264(device: &str) -> Result<Self> {
        let Some((_, decoder)) = H264_DECODERS.iter().find(|(name, _)| pipeline::has_element(name)) else {
            let cause = "no decoder for its H.264; install gstreamer1.0-libav".to_owned();
            return Err(Error::Unsupported { device: device.to_owned(), cause });
        };
        Self::start(device, H264_CAPS, decoder)
    }

    fn start(device: &str, caps: &str, decoder: &str) -> Result<Self> {
        let description = format!(
            "appsrc name=coded is-live=true format=time max-bytes=0 max-buffers=2 leaky-type=downstream \
             caps={caps} ! {decoder} ! videoconvert n-threads=1 ! video/x-raw,format=I420 \
             ! appsink name=decoded max-buffers=1 drop=true sync=false async=false enable-last-sample=false"
        );
        let pipeline = Pipeline::parse(device, &description)?;
        let (decoded, coded) = (pipeline.sink("decoded")?, pipeline.source("coded")?);
        pipeline.play()?;
        Ok(Self { pipeline, decoded, coded, latest: gst::ClockTime::ZERO })
    }

    /// Width, height and planes of a picture; nothing when it is damaged.
    pub(super) fn decode(&mut self, picture: &[u8]) -> Result<Option<(u32, u32, Vec<u8>)>> {
        self.latest += STEP;
        let mut buffer = gst::Buffer::from_mut_slice(picture.to_vec());
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(self.latest);
        }
        self.pipeline.push(&self.coded, buffer)?;
        Ok(self.pull().as_ref().and_then(pack))
    }

    /// The picture that was handed in last; one before it comes late, and is of no use any more.
    fn pull(&self) -> Option<gst::Sample> {
        let patience = gst::ClockTime::try_from(PATIENCE).ok();
        let is_latest = |sample: &gst::Sample| sample.buffer().and_then(|it| it.pts()) == Some(self.latest);
        std::iter::from_fn(|| self.decoded.try_pull_sample(patience)).find(is_latest)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::simulated::time_code;

    /// Pictures from one key frame to the next.
    pub(in crate::linux) const KEY_FRAME_DISTANCE: u32 = 5;

    /// Access units of that profile of H.264, with delimiters: pictures with the time codes 0, 1, 2 and so on.
    pub(in crate::linux) fn access_units(count: u32, profile: &str) -> Vec<Vec<u8>> {
        let description = format!(
            "appsrc name=frames format=time \
             caps=video/x-raw,format=I420,width=320,height=180,framerate=30/1,colorimetry=bt709 \
             ! x264enc tune=zerolatency threads=1 sliced-threads=false key-int-max={KEY_FRAME_DISTANCE} aud=true \
             ! video/x-h264,profile={profile},stream-format=byte-stream,alignment=au \
             ! appsink name=units sync=false"
        );
        let pipeline = Pipeline::parse("x264enc", &description).unwrap();
        let (frames, units) = (pipeline.source("frames").unwrap(), pipeline.sink("units").unwrap());
        pipeline.play().unwrap();
        let code = |millis: u32| {
            let mut picture = vec![128; 320 * 180 * 3 / 2];
            time_code::encode(millis, 320, 180, &mut picture);
            let mut buffer = gst::Buffer::from_mut_slice(picture);
            buffer.get_mut().unwrap().set_pts(gst::ClockTime::from_mseconds(33 * u64::from(millis)));
            frames.push_buffer(buffer).unwrap();
            let unit = units.try_pull_sample(gst::ClockTime::from_seconds(20)).unwrap();
            unit.buffer().unwrap().map_readable().unwrap().to_vec()
        };
        (0..count).map(code).collect()
    }

    /// A JPEG picture with the time code `millis`.
    fn jpeg(millis: u32) -> Vec<u8> {
        let description = "appsrc name=frames format=time \
             caps=video/x-raw,format=I420,width=640,height=360,framerate=30/1 ! jpegenc \
             ! appsink name=jpegs sync=false";
        let pipeline = Pipeline::parse("jpegenc", description).unwrap();
        let (frames, jpegs) = (pipeline.source("frames").unwrap(), pipeline.sink("jpegs").unwrap());
        pipeline.play().unwrap();
        let mut picture = vec![128; 640 * 360 * 3 / 2];
        time_code::encode(millis, 640, 360, &mut picture);
        frames.push_buffer(gst::Buffer::from_mut_slice(picture)).unwrap();
        let sample = jpegs.try_pull_sample(gst::ClockTime::from_seconds(20)).unwrap();
        sample.buffer().unwrap().map_readable().unwrap().to_vec()
    }

    #[test]
    fn pictures_are_decoded_one_by_one_and_garbage_is_left_out() {
        let mut decoder = PictureDecoder::jpeg("test").unwrap();
        for millis in [1, 77, 4_000_000_000] {
            let (width, height, picture) = decoder.decode(&jpeg(millis)).unwrap().unwrap();
            assert_eq!((width, height), (640, 360));
            assert_eq!(time_code::decode(&picture, 640, 640, 360), Some(millis));
            assert!(decoder.decode(&[0xff, 0xd8, 1, 2, 3]).unwrap().is_none());
        }
    }

    #[test]
    fn no_decoder_holds_a_picture_of_h264_back() {
        let units = access_units(12, "constrained-baseline");
        for (name, decoder) in H264_DECODERS.iter().filter(|(name, _)| pipeline::has_element(name)) {
            let mut decoder = PictureDecoder::start("test", H264_CAPS, decoder).unwrap();
            for (unit, millis) in units.iter().zip(0..) {
                let (width, height, picture) = decoder.decode(unit).unwrap().unwrap();
                assert_eq!((width, height), (320, 180));
                assert_eq!(time_code::decode(&picture, 320, 320, 180), Some(millis), "{name}");
            }
        }
    }
}
