//! Room to room: another appliance of the directory, reached over its own words of calls and meetings.
//!
//! ```text
//!   our calls ◀─ Errand, Told ─▶ Talk ◀─ words of calls ─▶ its calls        who rings, who answers
//!   our meeting ◀─ words ─▶ Joint ◀─ words ─▶ its meeting                   who is there, on which line
//!   our worker ◀═════════════ media, SRTP ═════════════▶ its worker
//! ```
//!
//! We are to it what a page is: signed in, rung, let into the meeting of an answered call. In both meetings one
//! participant is the bridge; everybody of the other side is there through it, with name, sound, picture and all.

mod crossing;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod joint;
mod lines;
mod mirror;
mod neighbour;
mod socket;
mod talk;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::appliance::Handle;
use crate::appliance::handle::Errand;
use crate::system::tunnels::Dial;
use neighbour::Neighbour;

/// The most errands that wait for one appliance.
const ERRANDS_MAX: usize = 64;

/// Speaks with every appliance that the directory says how to reach, until the loop ends; with those that have no address
/// through tunnels.
pub async fn serve((handle, room_name): (Handle, String), dial: Dial, mut errands: mpsc::Receiver<Errand>) {
    let mut neighbours: BTreeMap<u64, (mpsc::Sender<Errand>, JoinHandle<()>)> = BTreeMap::new();
    while let Some(errand) = errands.recv().await {
        match errand {
            Errand::Reach { user, name, way } => {
                let (sender, receiver) = mpsc::channel(ERRANDS_MAX);
                let here = (handle.clone(), room_name.clone());
                let neighbour = Neighbour::new((user, name), (way, Arc::clone(&dial)), here);
                let task = tokio::spawn(neighbour.run(receiver));
                if let Some((_, before)) = neighbours.insert(user, (sender, task)) {
                    before.abort();
                }
            }
            Errand::Forget { user } => {
                if let Some((_, task)) = neighbours.remove(&user) {
                    task.abort();
                }
            }
            Errand::Ring { user, .. }
            | Errand::Stop { user, .. }
            | Errand::Enter { user, .. }
            | Errand::Out { user, .. } => {
                let Some((sender, _)) = neighbours.get(&user) else { continue };
                if sender.try_send(errand).is_err() {
                    log::error!(user = user; "an appliance is not told: too much waits for it");
                }
            }
        }
    }
    for (_, task) in neighbours.into_values() {
        task.abort();
    }
}
