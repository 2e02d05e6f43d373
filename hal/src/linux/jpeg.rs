//! Decodes the JPEG pictures of a camera.

use std::time::Duration;

use gstreamer as gst;
use gstreamer_app::{AppSink, AppSrc};

use super::decoder::pack;
use super::pipeline::Pipeline;
use crate::Result;

/// How long one picture may take; a decoder that needs longer cannot keep up with any camera.
const PATIENCE: Duration = Duration::from_millis(500);

/// A decoder for one camera.
pub(super) struct JpegDecoder {
    pipeline: Pipeline,
    pictures: AppSink,
    jpegs: AppSrc,
}

impl JpegDecoder {
    /// Starts the decoder.
    pub(super) fn start(device: &str) -> Result<Self> {
        let description = "appsrc name=jpegs is-live=true format=time do-timestamp=true max-bytes=0 max-buffers=2 \
             leaky-type=downstream caps=image/jpeg,framerate=30/1 ! jpegdec max-errors=-1 \
             ! videoconvert n-threads=1 ! video/x-raw,format=I420 \
             ! appsink name=pictures max-buffers=1 drop=true sync=false async=false enable-last-sample=false";
        let pipeline = Pipeline::parse(device, description)?;
        let (pictures, jpegs) = (pipeline.sink("pictures")?, pipeline.source("jpegs")?);
        pipeline.play()?;
        Ok(Self { pipeline, pictures, jpegs })
    }

    /// Width, height and planes of a picture; nothing when it is damaged.
    pub(super) fn decode(&self, jpeg: &[u8]) -> Result<Option<(u32, u32, Vec<u8>)>> {
        self.pipeline.push(&self.jpegs, gst::Buffer::from_mut_slice(jpeg.to_vec()))?;
        let patience = gst::ClockTime::try_from(PATIENCE).ok();
        Ok(self.pictures.try_pull_sample(patience).as_ref().and_then(pack))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated::time_code;

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
        let decoder = JpegDecoder::start("test").unwrap();
        for millis in [1, 77, 4_000_000_000] {
            let (width, height, picture) = decoder.decode(&jpeg(millis)).unwrap().unwrap();
            assert_eq!((width, height), (640, 360));
            assert_eq!(time_code::decode(&picture, 640, 640, 360), Some(millis));
            assert!(decoder.decode(&[0xff, 0xd8, 1, 2, 3]).unwrap().is_none());
        }
    }
}
