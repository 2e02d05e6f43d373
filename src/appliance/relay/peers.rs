//! Whom the relay serves: permissions for those who may send, channels for those who are sent to (RFC 8656, 9 to 12).

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::Relay;
use super::messages::{self, Ask, CHANNEL_HEAD_BYTES, CHANNELS};
use crate::sfu::PeerId;

/// Permissions end after 5 minutes and channels after 10 (RFC 8656, 9 and 12).
pub(super) const PERMIT_EVERY: Duration = Duration::from_mins(4);
const BIND_EVERY: Duration = Duration::from_mins(8);
/// The most addresses that may send to us: of a peer, and of all. The newest is left out.
pub(super) const OF_PEER_MAX: usize = 16;
const PERMISSIONS_MAX: usize = 1024;
/// The most addresses in one request, so that it fits into a datagram.
const PERMITTED_AT_ONCE: usize = 32;
/// The most requests that are under way; the next one is made at a later refresh.
const REQUESTS_MAX: usize = 64;

#[derive(Default)]
pub(super) struct Permission {
    pub(super) wanted_by: BTreeSet<PeerId>,
    pub(super) asked_at: Option<Instant>,
}

pub(super) struct Channel {
    pub(super) number: u16,
    pub(super) is_bound: bool,
    asked_at: Instant,
}

impl Relay {
    /// A peer may send to the relayed address from there.
    pub(in crate::appliance) fn permit(&mut self, peer: PeerId, from: IpAddr, now: Instant) {
        let of_peer = self.permissions.values().filter(|one| one.wanted_by.contains(&peer)).count();
        let is_known = self.permissions.contains_key(&from);
        if of_peer >= OF_PEER_MAX || (!is_known && self.permissions.len() >= PERMISSIONS_MAX) {
            return;
        }
        self.permissions.entry(from).or_default().wanted_by.insert(peer);
        self.ask_permissions(now);
    }

    /// Nobody needs the permissions any more that only this peer has wanted; they end by themselves.
    pub(in crate::appliance) fn forget(&mut self, peer: PeerId) {
        self.permissions.retain(|_, one| {
            one.wanted_by.remove(&peer);
            !one.wanted_by.is_empty()
        });
    }

    /// Appends a datagram for a peer in a form for the server. Returns whether it went through a channel: those of
    /// equal length stay of equal length.
    pub(in crate::appliance) fn wrap(
        &mut self,
        peer: SocketAddr,
        datagram: &[u8],
        out: &mut Vec<u8>,
        now: Instant,
    ) -> bool {
        if let Some(channel) = self.channels.get(&peer).filter(|channel| channel.is_bound) {
            out.extend(channel.number.to_be_bytes());
            out.extend((datagram.len() as u16).to_be_bytes());
            out.extend(datagram);
            return true;
        }
        if !self.channels.contains_key(&peer) {
            self.bind(peer, now);
        }
        if let Ok(indication) = messages::indication(peer, datagram) {
            out.extend(indication);
        }
        false
    }

    /// Keeps permissions and channels from ending.
    pub(super) fn renew(&mut self, now: Instant) {
        self.ask_permissions(now);
        let is_due = |one: &Channel| now.saturating_duration_since(one.asked_at) >= BIND_EVERY;
        let due = self.channels.iter().filter(|(_, one)| is_due(one));
        let due: Vec<(SocketAddr, u16)> = due.map(|(peer, one)| (*peer, one.number)).collect();
        for (peer, channel) in due {
            if !self.permissions.contains_key(&peer.ip()) {
                self.channels.remove(&peer);
            } else if let Some(one) = self.channels.get_mut(&peer) {
                one.asked_at = now;
                self.ask(Ask::Bind { channel, peer }, now);
            }
        }
    }

    /// Without a channel, all goes on as it began.
    fn bind(&mut self, peer: SocketAddr, now: Instant) {
        let channel = self.next_channel;
        if self.requests.len() < REQUESTS_MAX && CHANNELS.contains(&channel) {
            self.next_channel += 1;
            self.channels.insert(peer, Channel { number: channel, is_bound: false, asked_at: now });
            self.ask(Ask::Bind { channel, peer }, now);
        }
    }

    pub(super) fn ask_permissions(&mut self, now: Instant) {
        let Some(address) = self.address() else { return };
        let mut due = Vec::new();
        for (from, one) in &mut self.permissions {
            let is_due = one.asked_at.is_none_or(|at| now.saturating_duration_since(at) >= PERMIT_EVERY);
            if is_due && from.is_ipv4() == address.is_ipv4() && due.len() < PERMITTED_AT_ONCE {
                one.asked_at = Some(now);
                due.push(*from);
            }
        }
        if !due.is_empty() {
            self.ask(Ask::Permit(due), now);
        }
    }
}

/// The address of a UDP candidate (RFC 8839, 5.1); none of names that only the peer's network knows.
pub(in crate::appliance) fn address_of(candidate: &str) -> Option<IpAddr> {
    let mut words = candidate.split_whitespace().skip(2);
    let (transport, _, ip) = (words.next()?, words.next()?, words.next()?);
    transport.eq_ignore_ascii_case("udp").then(|| ip.parse().ok())?
}

/// How long a datagram becomes in a channel.
pub(in crate::appliance) const fn with_head(datagram_bytes: usize) -> usize {
    datagram_bytes + CHANNEL_HEAD_BYTES
}
