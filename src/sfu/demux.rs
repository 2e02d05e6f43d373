//! Whose datagram is it: the routing table of one UDP socket.
//!
//! ```text
//!  address known ────────────────────────────▶ its peer
//!  unknown, a STUN binding request ─ ufrag ──▶ its peer ─ accepted? ─▶ confirm(address)
//!  unknown, anything else ───────────────────▶ nobody
//! ```

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use crate::sfu::PeerId;

/// The most addresses of one peer; the oldest is forgotten, so that nobody fills the table.
const ADDRESSES_MAX: usize = 8;
/// The ufrags of a peer that are valid at once: the one before an ICE restart stays until the next restart,
/// because checks with it are still on their way.
const UFRAGS_MAX: usize = 2;

/// The STUN attribute USERNAME and the magic cookie (RFC 8489, 5 and 14.3).
const STUN_USERNAME: u16 = 0x0006;
const STUN_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const STUN_HEADER_BYTES: usize = 20;

/// Finds the peer of each datagram of one socket.
#[derive(Debug, Default)]
pub struct Demux {
    by_address: HashMap<SocketAddr, PeerId>,
    by_ufrag: HashMap<String, PeerId>,
    of_peer: HashMap<PeerId, Known>,
}

#[derive(Debug, Default)]
struct Known {
    addresses: VecDeque<SocketAddr>,
    ufrags: VecDeque<String>,
}

impl Demux {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The peer that a datagram is for, if any. A new address is not learnt here: call
    /// [`confirm`](Self::confirm) once the peer has accepted the datagram.
    #[must_use]
    pub fn route(&self, source: SocketAddr, datagram: &[u8]) -> Option<PeerId> {
        // A check that names a ufrag goes where it says: an address can pass from one peer to another
        // when a page is loaded anew and gets the same port.
        self.checked(datagram).or_else(|| self.by_address.get(&source).copied())
    }

    /// The peer that a STUN check names, whatever it came over.
    #[must_use]
    pub fn checked(&self, datagram: &[u8]) -> Option<PeerId> {
        local_ufrag(datagram).and_then(|ufrag| self.by_ufrag.get(ufrag)).copied()
    }

    /// Makes a peer reachable by its local ICE ufrag: before its answer leaves.
    pub fn insert_ufrag(&mut self, peer: PeerId, ufrag: impl Into<String>) {
        let ufrag = ufrag.into();
        if self.by_ufrag.get(&ufrag) == Some(&peer) {
            return;
        }
        let known = self.of_peer.entry(peer).or_default();
        known.ufrags.push_back(ufrag.clone());
        if known.ufrags.len() > UFRAGS_MAX
            && let Some(oldest) = known.ufrags.pop_front()
        {
            self.by_ufrag.remove(&oldest);
        }
        self.by_ufrag.insert(ufrag, peer);
    }

    /// Learns an address whose datagram the peer has accepted.
    pub fn confirm(&mut self, peer: PeerId, source: SocketAddr) {
        match self.by_address.insert(source, peer) {
            Some(before) if before == peer => return,
            Some(before) => self.forget_address_of(before, source),
            None => {}
        }
        let known = self.of_peer.entry(peer).or_default();
        known.addresses.push_back(source);
        if known.addresses.len() > ADDRESSES_MAX
            && let Some(oldest) = known.addresses.pop_front()
        {
            self.by_address.remove(&oldest);
        }
    }

    /// Forgets a peer.
    pub fn remove(&mut self, peer: PeerId) {
        let Some(known) = self.of_peer.remove(&peer) else { return };
        for address in known.addresses {
            self.by_address.remove(&address);
        }
        for ufrag in known.ufrags {
            self.by_ufrag.remove(&ufrag);
        }
    }

    fn forget_address_of(&mut self, peer: PeerId, source: SocketAddr) {
        if let Some(known) = self.of_peer.get_mut(&peer) {
            known.addresses.retain(|address| *address != source);
        }
    }
}

/// The part of the USERNAME of a STUN message that names the receiver (RFC 8445, 7.2.2: `theirs:ours`
/// as the sender sees it, so ours comes first).
fn local_ufrag(datagram: &[u8]) -> Option<&str> {
    if *datagram.first()? > 3 || datagram.get(4..8)? != STUN_COOKIE {
        return None;
    }
    let mut rest = datagram.get(STUN_HEADER_BYTES..)?;
    loop {
        let kind = u16::from_be_bytes([*rest.first()?, *rest.get(1)?]);
        let length = usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]));
        let value = rest.get(4..4 + length)?;
        if kind == STUN_USERNAME {
            return std::str::from_utf8(value).ok()?.split(':').next();
        }
        rest = rest.get(4 + length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 168, 1, 7], port))
    }

    fn check(username: &str) -> Vec<u8> {
        let mut message = vec![0, 1, 0, 0];
        message.extend(STUN_COOKIE);
        message.extend([7; 12]);
        message.extend([0x80, 0x22, 0, 3, b'a', b'b', b'c', 0]);
        message.extend(STUN_USERNAME.to_be_bytes());
        message.extend((username.len() as u16).to_be_bytes());
        message.extend(username.as_bytes());
        message.resize(message.len().next_multiple_of(4), 0);
        message
    }

    #[test]
    fn a_check_is_routed_by_its_ufrag_and_media_only_once_the_address_is_confirmed() {
        let mut demux = Demux::new();
        demux.insert_ufrag(PeerId(1), "abcd");
        assert_eq!(demux.route(address(5000), &check("abcd:theirs")), Some(PeerId(1)));
        assert_eq!(demux.route(address(5000), &[0x80, 96]), None);
        demux.confirm(PeerId(1), address(5000));
        assert_eq!(demux.route(address(5000), &[0x80, 96]), Some(PeerId(1)));
    }

    #[test]
    fn an_unknown_ufrag_and_noise_are_nobodys() {
        let mut demux = Demux::new();
        demux.insert_ufrag(PeerId(1), "abcd");
        assert_eq!(demux.route(address(1), &check("abce:x")), None);
        assert_eq!(demux.route(address(1), b""), None);
        assert_eq!(demux.route(address(1), &[0; 19]), None);
    }

    #[test]
    fn both_ufrags_are_valid_over_a_restart_and_the_oldest_goes_with_the_next() {
        let mut demux = Demux::new();
        for ufrag in ["one", "two"] {
            demux.insert_ufrag(PeerId(1), ufrag);
        }
        demux.insert_ufrag(PeerId(1), "two");
        assert_eq!(demux.route(address(1), &check("one:x")), Some(PeerId(1)));
        demux.insert_ufrag(PeerId(1), "three");
        assert_eq!(demux.route(address(1), &check("one:x")), None);
        assert_eq!(demux.route(address(1), &check("two:x")), Some(PeerId(1)));
    }

    #[test]
    fn a_peer_has_at_most_eight_addresses() {
        let mut demux = Demux::new();
        for port in 0..20 {
            demux.confirm(PeerId(1), address(port));
        }
        assert_eq!(demux.by_address.len(), ADDRESSES_MAX);
        assert_eq!(demux.route(address(19), &[0x80]), Some(PeerId(1)));
        assert_eq!(demux.route(address(0), &[0x80]), None);
    }

    #[test]
    fn an_address_passes_to_the_peer_that_proved_it_last() {
        let mut demux = Demux::new();
        demux.confirm(PeerId(1), address(5));
        demux.confirm(PeerId(2), address(5));
        demux.remove(PeerId(1));
        assert_eq!(demux.route(address(5), &[0x80]), Some(PeerId(2)));
    }

    #[test]
    fn a_removed_peer_leaves_nothing_behind() {
        let mut demux = Demux::new();
        demux.insert_ufrag(PeerId(1), "abcd");
        demux.confirm(PeerId(1), address(5));
        demux.remove(PeerId(1));
        assert!(demux.by_address.is_empty() && demux.by_ufrag.is_empty() && demux.of_peer.is_empty());
    }

    proptest! {
        #[test]
        fn no_datagram_is_trusted(mut datagram in proptest::collection::vec(any::<u8>(), 0..64)) {
            local_ufrag(&datagram);
            if datagram.len() > 8 {
                datagram[0] = 0;
                datagram[4..8].copy_from_slice(&STUN_COOKIE);
            }
            local_ufrag(&datagram);
        }
    }
}
