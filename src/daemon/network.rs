//! Has the machine's network be as it is configured, and says how it stands with that.

use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::config::Network;
use crate::system::conditions::Finding;
use crate::system::network::{Answer, MachineNetwork};

/// After how long the machine is asked anew when it has said nothing.
const UNANSWERED: Duration = Duration::from_secs(5);

/// After how long it is asked anew when it could not do it.
const FAILED: Duration = Duration::from_secs(60);

/// How long a change waits for the machine's answer before it counts as in effect all the same: what cuts the appliance off
/// is undone only from then on.
const SETTLED_MAX: Duration = Duration::from_secs(5);

/// How often is looked for it meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Has the machine asked, and waits for the answer.
pub(super) struct Wish {
    pub(super) machine: MachineNetwork,
    /// For [`follow`].
    pub(super) wanted: watch::Sender<Option<Network>>,
}

impl Wish {
    /// Returns when the machine has answered; at once where it is as is wanted.
    pub(super) async fn settle(&self, wanted: &Network) {
        self.wanted.send_replace(Some(wanted.clone()));
        let mut turns = tokio::time::interval(LOOK_EVERY);
        let answered = async {
            while self.machine.answer(wanted) == Answer::Awaited {
                turns.tick().await;
            }
        };
        // Whoever waits longer is told so by `NetworkOnline`.
        timeout(SETTLED_MAX, answered).await.ok();
    }
}

/// Asks the machine for what is wanted, and again until it is so.
pub(super) async fn follow(machine: MachineNetwork, mut wanted: watch::Receiver<Option<Network>>) {
    loop {
        let now = wanted.borrow_and_update().clone();
        let patience = now.and_then(|now| ask(&machine, &now));
        let changed = match patience {
            Some(patience) => timeout(patience, wanted.changed()).await.unwrap_or(Ok(())),
            None => wanted.changed().await,
        };
        if changed.is_err() {
            return;
        }
    }
}

/// Asks where it is not so; how long to wait for the answer.
fn ask(machine: &MachineNetwork, wanted: &Network) -> Option<Duration> {
    let patience = match machine.answer(wanted) {
        Answer::NotAsked | Answer::Done => return None,
        Answer::Awaited => UNANSWERED,
        Answer::Failed(_) => FAILED,
    };
    if let Err(error) = machine.ask(wanted) {
        log::warn!("the machine cannot be asked for its network address: {error}");
    }
    Some(patience)
}

/// Whether others can reach the machine, at the address that it is to have.
pub(super) fn online(machine: &MachineNetwork, wanted: &Network) -> Finding {
    match machine.answer(wanted) {
        Answer::NotAsked | Answer::Done => addressed(wanted),
        Answer::Awaited => Finding::no(
            "Applying",
            "the machine is being given its address; if that lasts, see alcove-network.path and the log of \
             alcove-network.service",
        ),
        Answer::Failed(why) => {
            Finding::no("NotAsConfigured", format!("the machine's address is not as configured: {why}"))
        }
    }
}

fn addressed(wanted: &Network) -> Finding {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let is_missing = |ip: &IpAddr| !interfaces.iter().any(|interface| interface.ip() == *ip);
    if let Some(ip) = wanted.static_ip().filter(is_missing) {
        let message = format!(
            "no network card has {ip}, which network.address says; see to the cable, and to other files of systemd-networkd"
        );
        return Finding::no("NotAddressed", message);
    }
    match interfaces.iter().find(|interface| !interface.is_loopback() && !interface.is_link_local()) {
        Some(interface) => Finding::yes("Addressed", format!("{} has {}", interface.name, interface.ip())),
        None => Finding::no(
            "NoAddress",
            "no network card has an address; see to the cable, the Wi-Fi and the router's DHCP",
        ),
    }
}
