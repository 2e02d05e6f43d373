//! A GStreamer pipeline whose errors are kept as text, and which is stopped when it is dropped.

use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};

use crate::{Error, Result};

/// Initialises GStreamer; later calls cost nothing.
///
/// # Errors
/// [`Error::Unsupported`] when the library refuses to start.
pub(super) fn init() -> Result<()> {
    gst::init().map_err(|error| Error::Unsupported {
        device: "GStreamer".to_owned(),
        cause: format!("{error}; reinstall libgstreamer1.0-0"),
    })
}

/// Whether GStreamer has an element of that name.
pub(super) fn has_element(factory: &str) -> bool {
    init().is_ok() && gst::ElementFactory::find(factory).is_some()
}

/// A pipeline made from the text that `gst-launch-1.0` takes.
pub(super) struct Pipeline {
    pipeline: gst::Pipeline,
    /// What it is for, as errors name it.
    device: String,
    /// The first error that an element reported.
    error: Arc<Mutex<Option<String>>>,
}

impl Pipeline {
    /// Makes the pipeline, without starting it.
    pub(super) fn parse(device: &str, description: &str) -> Result<Self> {
        init()?;
        let unsupported = |cause: String| Error::Unsupported { device: device.to_owned(), cause };
        let element = gst::parse::launch(description).map_err(|error| unsupported(error.to_string()))?;
        let Ok(pipeline) = element.downcast::<gst::Pipeline>() else {
            return Err(unsupported("its description is a single element".to_owned()));
        };
        let error = Arc::new(Mutex::new(None));
        watch(&pipeline, &error);
        Ok(Self { pipeline, device: device.to_owned(), error })
    }

    /// Starts it. Live pipelines are not waited for: their errors show in [`Pipeline::check`].
    pub(super) fn play(&self) -> Result<()> {
        if self.pipeline.set_state(gst::State::Playing).is_ok() {
            return Ok(());
        }
        self.check()?;
        Err(self.failed("it does not start".to_owned()))
    }

    /// The element that the description calls `name`.
    pub(super) fn element(&self, name: &str) -> Result<gst::Element> {
        self.pipeline.by_name(name).ok_or_else(|| self.failed(format!("it has no element {name}")))
    }

    /// The `appsrc` that the description calls `name`.
    pub(super) fn source(&self, name: &str) -> Result<AppSrc> {
        self.element(name)?.downcast().map_err(|_| self.failed(format!("{name} is no appsrc")))
    }

    /// The `appsink` that the description calls `name`.
    pub(super) fn sink(&self, name: &str) -> Result<AppSink> {
        self.element(name)?.downcast().map_err(|_| self.failed(format!("{name} is no appsink")))
    }

    /// Fails when an element has reported an error.
    pub(super) fn check(&self) -> Result<()> {
        let error = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        error.clone().map_or(Ok(()), |cause| Err(self.failed(cause)))
    }

    /// An error of this pipeline.
    pub(super) fn failed(&self, cause: String) -> Error {
        Error::Failed { device: self.device.clone(), cause }
    }

    /// Hands `buffer` to `source`, which is one of this pipeline's and never blocks.
    pub(super) fn push(&self, source: &AppSrc, buffer: gst::Buffer) -> Result<()> {
        self.check()?;
        source
            .push_buffer(buffer)
            .map(drop)
            .map_err(|error| self.failed(format!("it takes no more: {error}")))
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // Waits for the pipeline's threads. There is nothing to do about a failure but to let go.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// Keeps the first error, and drops every message at once so that none pile up.
fn watch(pipeline: &gst::Pipeline, error: &Arc<Mutex<Option<String>>>) {
    let Some(bus) = pipeline.bus() else { return };
    let error = Arc::clone(error);
    bus.set_sync_handler(move |_, message| {
        if let gst::MessageView::Error(report) = message.view() {
            let source = message.src().map_or_else(String::new, |source| source.name().to_string());
            let mut first = error.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| format!("{source}: {}", report.error()));
        }
        gst::BusSyncReply::Drop
    });
}
