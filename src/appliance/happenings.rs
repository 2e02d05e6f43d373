//! What the loop tells of what happens in it, to whoever takes it down.

use std::sync::Arc;

use crate::appliance::run::Appliance;
use crate::meeting;
use crate::web::wire;
use crate::web::wire::calling::{CallRecord, CallState};

/// Something that has happened.
#[derive(Debug)]
pub enum Happening<'a> {
    /// A meeting was opened: by somebody, or again after a restart.
    MeetingOpened {
        /// Its name.
        meeting: &'a str,
    },
    /// Something has changed in a meeting; the last thing is that it has ended.
    InMeeting {
        /// Its name.
        meeting: &'a str,
        /// What.
        event: &'a wire::Event,
    },
    /// A call began, was answered, or somebody's part in it is another one.
    Call(&'a CallState),
    /// A call is over.
    CallEnded(&'a CallRecord),
}

/// Takes down what happens. It is called in the loop, and never waits.
pub type Witness = Arc<dyn Fn(&Happening<'_>) + Send + Sync>;

impl Appliance {
    pub(super) fn happened(&self, happening: &Happening<'_>) {
        (self.settings.witness)(happening);
    }

    /// Tells those in the meeting, and whoever takes it down.
    pub(super) fn announce(&mut self, name: &str, numbered: &meeting::Numbered) {
        let frame = crate::appliance::words::delta_word(numbered);
        if let wire::Frame::Delta { event, .. } = &frame {
            self.happened(&Happening::InMeeting { meeting: name, event });
        }
        self.broadcast(name, &frame);
    }
}
