//! The programs that publish or play over WHIP and WHEP: a bounded table, emptied when they are no longer there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use tokio::sync::mpsc;

use super::sdp::{Direction, Offer};
use crate::appliance::handle::MemberId;
use crate::refusal::{Code, Refusal};
use crate::web::wire::{Event, Frame};

/// The most programs at a time; the next one is refused with 503.
pub(crate) const BRIDGES_MAX: usize = 256;

/// One program.
#[derive(Debug, Clone)]
pub(crate) struct Bridge {
    /// Who it is in the meeting.
    pub member: MemberId,
    /// The meeting.
    pub meeting: String,
    /// Whether it publishes or plays.
    pub direction: Direction,
    /// What it offered last.
    pub offer: Offer,
    /// Names the ICE generation (RFC 9725, section 4.3.1), with its quotation marks.
    pub etag: String,
}

/// The table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bridges {
    table: Arc<Mutex<BTreeMap<String, Bridge>>>,
}

impl Bridges {
    /// Whether there is room for one more.
    pub(crate) fn has_room(&self) -> bool {
        self.table().len() < BRIDGES_MAX
    }

    /// Takes a program in under an unguessable name, for as long as the loop has words for it.
    ///
    /// # Errors
    /// `busy` when there is no room, `internal` when the system has no randomness.
    pub(crate) fn insert(&self, bridge: Bridge, frames: mpsc::Receiver<Frame>) -> Result<String, Refusal> {
        let id = unguessable()?;
        {
            let mut table = self.table();
            if table.len() >= BRIDGES_MAX {
                return Err(full());
            }
            table.insert(id.clone(), bridge);
        }
        tokio::spawn(keep(self.clone(), id.clone(), frames));
        Ok(id)
    }

    /// One program, if it is of this meeting and direction.
    pub(crate) fn find(&self, id: &str, meeting: &str, direction: Direction) -> Option<Bridge> {
        let fits = |bridge: &&Bridge| bridge.meeting == meeting && bridge.direction == direction;
        self.table().get(id).filter(fits).cloned()
    }

    /// Notes the ICE generation of a program.
    pub(crate) fn restarted(&self, id: &str, offer: Offer, etag: &str) {
        if let Some(bridge) = self.table().get_mut(id) {
            bridge.offer = offer;
            etag.clone_into(&mut bridge.etag);
        }
    }

    /// Forgets a program.
    pub(crate) fn remove(&self, id: &str) {
        self.table().remove(id);
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<String, Bridge>> {
        // Each change is one call of the map: the table is whole after a panic elsewhere.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The refusal when the table is full.
pub(crate) fn full() -> Refusal {
    Refusal::new(Code::Busy, format!("{BRIDGES_MAX} programs publish or play already; try again later"))
}

/// 128 random bits as text.
///
/// # Errors
/// `internal` when the system has no randomness.
pub(crate) fn unguessable() -> Result<String, Refusal> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| Refusal::new(Code::Internal, "the system has no random numbers"))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// Reads away the words that a program has no ears for, until the loop lets go of it.
async fn keep(bridges: Bridges, id: String, mut frames: mpsc::Receiver<Frame>) {
    while let Some(frame) = frames.recv().await {
        if matches!(frame, Frame::Delta { event: Event::Ended {}, .. }) {
            break;
        }
    }
    bridges.remove(&id);
}
