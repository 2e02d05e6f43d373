//! A call through the appliance and back: one end speaks (WHIP), the other listens (WHEP), over real ICE, DTLS and
//! SRTP on this machine.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use alcove_hal::clock::Clock;
use anyhow::{Context as _, bail};
use aws_lc_rs::rand;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::format::{Codec, PayloadParams};
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc};
use tokio::net::UdpSocket;
use tokio::time::sleep_until;

use crate::fleet::administrator::Administrator;

/// How many packets of sound are sent, one every 20 ms: a second.
const PACKETS: u64 = 50;
/// How many have to come back. The first ones may be sent before the listener has its place.
const WANTED: u64 = PACKETS / 2;
const PACKET: Duration = Duration::from_millis(20);
/// RTP ticks of a packet of Opus.
const PACKET_TICKS: u32 = 960;
/// How long the whole call may take.
const CALL_MAX: Duration = Duration::from_secs(10);
/// A packet of Opus that says nothing, 20 ms long (RFC 6716, section 3.1: configuration 31, one frame).
const QUIET: [u8; 3] = [0xf8, 0xff, 0xfe];
/// As loud as somebody who speaks, or the appliance would pass it on to nobody.
const LEVEL_DBOV: i8 = -20;
const DATAGRAM_BYTES_MAX: usize = 2048;

/// Calls, and tells what came back.
pub(super) async fn through(administrator: &Administrator, clock: &dyn Clock) -> anyhow::Result<String> {
    let mut random = [0_u8; 4];
    rand::fill(&mut random).context("there is no randomness")?;
    let meeting = format!("check-{:08x}", u32::from_ne_bytes(random));
    administrator.open_meeting(&meeting).await?;
    let outcome = call(administrator, &meeting, clock).await;
    // The call's outcome counts; a meeting that nobody is in ends by itself.
    drop(administrator.end_meeting(&meeting).await);
    outcome
}

async fn call(administrator: &Administrator, meeting: &str, clock: &dyn Clock) -> anyhow::Result<String> {
    let mut speaker =
        End::open(administrator, &format!("whip/{meeting}"), Direction::SendOnly, clock.now()).await?;
    let mut listener =
        End::open(administrator, &format!("whep/{meeting}"), Direction::RecvOnly, clock.now()).await?;
    let began = clock.now();
    let mut sent = 0;
    let mut next_packet = began;
    while listener.received < WANTED {
        let now = clock.now();
        if now >= began + CALL_MAX {
            bail!(
                "{} of {sent} packets came back in {} s; {}",
                listener.received,
                CALL_MAX.as_secs(),
                state(&speaker, &listener)
            );
        }
        if speaker.is_connected && listener.is_connected && sent < PACKETS && now >= next_packet {
            speaker.speak(sent, now);
            sent += 1;
            next_packet = now.max(next_packet + PACKET);
        }
        let due = speaker.drain(now)?.min(listener.drain(now)?);
        let due = if sent < PACKETS { due.min(next_packet.max(now + Duration::from_millis(1))) } else { due };
        tokio::select! {
            outcome = speaker.socket.readable() => outcome.context("a socket failed")?,
            outcome = listener.socket.readable() => outcome.context("a socket failed")?,
            () = sleep_until(due.min(began + CALL_MAX).into()) => {}
        }
        speaker.receive(clock)?;
        listener.receive(clock)?;
    }
    let took = clock.now().saturating_duration_since(began);
    Ok(format!("heard after {} ms, through {}", took.as_millis(), listener.remote))
}

fn state(speaker: &End, listener: &End) -> &'static str {
    match (speaker.is_connected, listener.is_connected) {
        (false, _) => "the speaker could not connect: is UDP let through to the media port?",
        (_, false) => "the listener could not connect: is UDP let through to the media port?",
        _ => "both were connected",
    }
}

/// One end of the call.
struct End {
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    remote: SocketAddr,
    mid: Mid,
    is_connected: bool,
    received: u64,
}

impl End {
    async fn open(
        administrator: &Administrator,
        path: &str,
        direction: Direction,
        now: Instant,
    ) -> anyhow::Result<Self> {
        let mut config = Rtc::builder().set_rtp_mode(true).clear_codecs();
        config.codec_config().enable_opus(true, false);
        let mut rtc = config.build(now);
        let (offer, pending, mid) = offer(&mut rtc, direction)?;
        let answer = administrator.offer(path, offer).await?;
        let remote =
            candidate(&answer).context("the appliance has no network address: is a network plugged in?")?;
        // An address of this machine reaches itself from itself, whichever network is there.
        let socket = UdpSocket::bind((remote.ip(), 0)).await.context("no free UDP port")?;
        let local = socket.local_addr().context("a socket without an address")?;
        let answer = SdpAnswer::from_sdp_string(&answer).context("the answer is no SDP")?;
        rtc.sdp_api().accept_answer(pending, answer).context("the answer does not fit the offer")?;
        rtc.add_local_candidate(Candidate::host(local, "udp").context("no candidate")?);
        rtc.handle_input(Input::Timeout(now)).context("the transport failed")?;
        Ok(Self { rtc, socket, local, remote, mid, is_connected: false, received: 0 })
    }

    fn speak(&mut self, number: u64, now: Instant) {
        let Some(pt) = opus(&self.rtc) else { return };
        let extensions = ExtensionValues {
            audio_level: Some(LEVEL_DBOV),
            voice_activity: Some(true),
            ..ExtensionValues::default()
        };
        let ticks = u32::try_from(number).unwrap_or(0) * PACKET_TICKS;
        let packet = RtpWrite::new(pt, number.into(), ticks, now, QUIET.to_vec()).ext_vals(extensions);
        if let Some(flow) = self.rtc.direct_api().stream_tx_by_mid(self.mid, None) {
            flow.write_rtp(packet);
        }
    }

    /// Takes everything that waits in the socket.
    fn receive(&mut self, clock: &dyn Clock) -> anyhow::Result<()> {
        let mut buffer = [0; DATAGRAM_BYTES_MAX];
        while let Ok((length, source)) = self.socket.try_recv_from(&mut buffer) {
            let now = clock.now();
            if let Ok(datagram) = Receive::new(Protocol::Udp, source, self.local, &buffer[..length]) {
                self.rtc.handle_input(Input::Receive(now, datagram)).context("the transport failed")?;
            }
            self.drain(now)?;
        }
        Ok(())
    }

    /// Sends what is to be sent; when to come again.
    fn drain(&mut self, now: Instant) -> anyhow::Result<Instant> {
        self.rtc.handle_input(Input::Timeout(now)).context("the transport failed")?;
        loop {
            match self.rtc.poll_output().context("the transport failed")? {
                Output::Timeout(at) => return Ok(at),
                // What a full socket does not take is lost, as on any network.
                Output::Transmit(datagram) => {
                    drop(self.socket.try_send_to(&datagram.contents, datagram.destination));
                }
                Output::Event(Event::Connected) => self.is_connected = true,
                Output::Event(Event::RtpPacket(_)) => self.received += 1,
                Output::Event(_) => {}
            }
        }
    }
}

fn offer(rtc: &mut Rtc, direction: Direction) -> anyhow::Result<(String, SdpPendingOffer, Mid)> {
    let mut api = rtc.sdp_api();
    let mid = api.add_media(MediaKind::Audio, direction, None, None, None);
    let (offer, pending) = api.apply().context("an offer without changes")?;
    Ok((offer.to_sdp_string(), pending, mid))
}

fn opus(rtc: &Rtc) -> Option<Pt> {
    let params = rtc.codec_config().params();
    params.iter().find(|one| one.spec().codec == Codec::Opus).map(PayloadParams::pt)
}

/// The first UDP address that an answer names (RFC 8839, section 5.1); one of IPv4 where there is any.
fn candidate(answer: &str) -> Option<SocketAddr> {
    let lines = answer.lines().filter_map(|line| line.strip_prefix("a=candidate:"));
    let addresses: Vec<SocketAddr> = lines
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let is_udp = words.get(2)?.eq_ignore_ascii_case("udp");
            let address = (words.get(4)?.parse::<IpAddr>().ok()?, words.get(5)?.parse().ok()?);
            is_udp.then(|| SocketAddr::from(address))
        })
        .collect();
    addresses.iter().find(|address| address.is_ipv4()).or_else(|| addresses.first()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_to_call_is_the_first_one_of_ipv4() {
        let answer = "v=0\r\na=candidate:1 1 udp 2130706175 fe80::1 7800 typ host\r\n\
                      a=candidate:2 1 UDP 2130706175 10.0.0.7 7801 typ host\r\n";
        assert_eq!(candidate(answer), Some(([10, 0, 0, 7], 7801).into()));
        assert_eq!(candidate("v=0\r\na=candidate:1 1 tcp 1 10.0.0.7 9 typ host\r\n"), None);
    }
}
