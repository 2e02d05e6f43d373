//! A whole meeting in virtual time: the forwarder, its browsers, and the network between them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use alcove::sfu::local::Delivered;
use alcove::sfu::{
    Demux, DtlsIdentity, Event, Forwarder, ForwarderConfig, PeerId, Permit, Route, SlotId, TrackFlow,
    WallClock, Wish,
};
use alcove::track::{Source, VideoCodec};
use str0m::media::Mid;

use crate::browser::{AUDIO_SLOTS, Browser, Stamp};
use crate::link::{Dice, Link, Parcel, Weather};

pub(crate) const SERVER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)), 7800);
pub(crate) const BOTH: [VideoCodec; 2] = [VideoCodec::Vp8, VideoCodec::H264];
pub(crate) const CAMERA: [Source; 2] = [Source::Microphone, Source::Camera];
pub(crate) const EVERYTHING: Permit = Permit { send: true, receive: true };
/// A slot, what it shows, and from which timestamp on.
type Fill = (Mid, Option<(PeerId, Source)>, u32);

const STEP: Duration = Duration::from_millis(1);

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) forwarder: Forwarder,
    pub(crate) demux: Demux,
    pub(crate) link: Link,
    pub(crate) dice: Dice,
    pub(crate) browsers: Vec<Browser>,
    pub(crate) events: Vec<Event>,
    pub(crate) delivered: Vec<(PeerId, Delivered)>,
    /// The largest number of segments of a run.
    pub(crate) longest_run: usize,
    /// Whether whoever joins negotiates sound with copies.
    pub(crate) red: bool,
    pub(crate) next_id: u64,
}

impl World {
    pub(crate) fn new(weather: Weather, seed: u64) -> Self {
        Self::preferring(VideoCodec::H264, weather, seed)
    }

    /// A meeting in which pages shall send that codec.
    pub(crate) fn preferring(codec: VideoCodec, weather: Weather, seed: u64) -> Self {
        #[expect(clippy::print_stdout, reason = "a failed run is repeated by its seed")]
        {
            println!("seed {seed}");
        }
        #[expect(clippy::disallowed_methods, reason = "the origin of virtual time; it is only added to")]
        let now = Instant::now();
        let config = ForwarderConfig {
            ice_addresses: vec![SERVER],
            ice_tcp_addresses: vec![],
            ice_relayed_address: None,
            certificate: DtlsIdentity::generate().expect("a certificate"),
            preferred_codec: codec,
            video: true,
            start_bitrate_bps: 20_000_000,
            wall: WallClock::new(now, Duration::from_secs(1_750_000_000)),
        };
        Self {
            now,
            forwarder: Forwarder::new(config),
            demux: Demux::new(),
            link: Link::new(weather, seed),
            dice: Dice::new(!seed),
            browsers: Vec::new(),
            events: Vec::new(),
            delivered: Vec::new(),
            longest_run: 0,
            red: true,
            next_id: 1,
        }
    }

    /// A browser joins with its tracks on.
    pub(crate) fn join(&mut self, codecs: &[VideoCodec], sends: &[Source]) -> PeerId {
        let id = PeerId(self.next_id);
        self.next_id += 1;
        let address = SocketAddr::from(([10, 0, 1, id.0 as u8], 5000 + id.0 as u16));
        let mut browser = Browser::new(id, address, codecs, self.red, sends, self.now);
        let offer = browser.offer();
        let answer = self.forwarder.offer(id, EVERYTHING, &offer, self.now).expect("an answer");
        self.demux.insert_ufrag(id, self.forwarder.ufrag(id).expect("a ufrag"));
        browser.answer(&answer);
        browser.use_codec(self.forwarder.codecs().of_pages());
        self.browsers.push(browser);
        for source in sends {
            self.forwarder.set_track(id, *source, TrackFlow::On, self.now);
        }
        id
    }

    pub(crate) fn leave(&mut self, id: PeerId) {
        self.forwarder.remove(id, self.now);
        self.demux.remove(id);
        self.browsers.retain(|browser| browser.id != id);
        self.deliver_outputs();
    }

    pub(crate) fn restart_ice(&mut self, id: PeerId) {
        let now = self.now;
        let offer = self.browser(id).restart_offer();
        let answer = self.forwarder.offer(id, EVERYTHING, &offer, now).expect("an answer");
        self.demux.insert_ufrag(id, self.forwarder.ufrag(id).expect("a ufrag"));
        self.browser(id).answer(&answer);
    }

    pub(crate) fn watch(&mut self, id: PeerId, wishes: &[(PeerId, u16)]) {
        let wish = |(publisher, max_height): &(PeerId, u16)| Wish {
            publisher: *publisher,
            source: Source::Camera,
            max_height: *max_height,
        };
        self.forwarder.watch(id, wishes.iter().map(wish).collect(), self.now);
    }

    pub(crate) fn browser(&mut self, id: PeerId) -> &mut Browser {
        self.browsers.iter_mut().find(|browser| browser.id == id).expect("a browser that is present")
    }

    pub(crate) fn run(&mut self, lasting: Duration) {
        let end = self.now + lasting;
        while self.now < end {
            self.now += STEP;
            self.step();
        }
    }

    fn step(&mut self) {
        while let Some(parcel) = self.link.receive(self.now) {
            if parcel.destination == SERVER {
                self.serve(&parcel);
            } else {
                self.hand_to_browser(&parcel);
            }
        }
        let mut out = Vec::new();
        for browser in &mut self.browsers {
            browser.step(self.now, &mut out);
        }
        self.send(out);
        if self.forwarder.poll_timeout().is_some_and(|at| at <= self.now) {
            self.forwarder.handle_timeout(self.now);
        }
        self.forwarder.flush(self.now);
        self.deliver_outputs();
    }

    pub(crate) fn serve(&mut self, parcel: &Parcel) {
        let Some(peer) = self.demux.route(parcel.source, &parcel.contents) else { return };
        let accepted = self.forwarder.handle_datagram(peer, parcel.route(), &parcel.contents, self.now);
        if accepted {
            self.demux.confirm(peer, parcel.source);
        }
    }

    fn hand_to_browser(&mut self, parcel: &Parcel) {
        let mut out = Vec::new();
        let receiver = self.browsers.iter_mut().find(|browser| browser.address == parcel.destination);
        if let Some(browser) = receiver {
            browser.receive(parcel, self.now, &mut out);
        }
        self.send(out);
    }

    fn send(&mut self, parcels: Vec<Parcel>) {
        for parcel in parcels {
            self.link.send(parcel, self.now);
        }
    }

    fn deliver_outputs(&mut self) {
        while let Some((run, contents)) = self.forwarder.poll_transmit() {
            self.longest_run = self.longest_run.max(contents.len().div_ceil(run.segment_size));
            for contents in contents.chunks(run.segment_size) {
                let Route { source, destination, .. } = run.route;
                self.link.send(Parcel { source, destination, contents: contents.to_vec() }, self.now);
            }
        }
        self.delivered.extend(std::iter::from_fn(|| self.forwarder.poll_delivery()));
        while let Some(event) = self.forwarder.poll_event() {
            match &event {
                Event::Codecs(codecs) => {
                    for browser in &mut self.browsers {
                        browser.use_codec(codecs.of_pages());
                    }
                }
                Event::Gone { peer, .. } => self.demux.remove(*peer),
                _ => {}
            }
            self.events.push(event);
        }
    }

    /// The mid of a slot, as the page learns it.
    pub(crate) fn mid(&self, peer: PeerId, slot: SlotId) -> Mid {
        Mid::from(self.forwarder.mid(peer, slot).expect("a slot").as_str())
    }

    /// What the events say is in the slots of a peer now.
    pub(crate) fn told(&self, of: PeerId) -> BTreeMap<SlotId, (PeerId, Source)> {
        let mut slots = BTreeMap::new();
        for event in &self.events {
            if let Event::SlotFilled { peer, slot, track, .. } = event
                && *peer == of
            {
                match track {
                    Some(track) => slots.insert(*slot, *track),
                    None => slots.remove(slot),
                };
            }
        }
        slots
    }

    /// The publishers whose cameras or screens a browser received within the last moments.
    pub(crate) fn seen_by(&mut self, id: PeerId) -> Vec<Stamp> {
        self.recent(id, AUDIO_SLOTS, usize::MAX)
    }

    /// The same for sounds.
    pub(crate) fn heard_by(&mut self, id: PeerId) -> Vec<Stamp> {
        self.recent(id, 0, AUDIO_SLOTS)
    }

    fn recent(&mut self, id: PeerId, from: usize, count: usize) -> Vec<Stamp> {
        let since = self.now - Duration::from_millis(200);
        let browser = self.browser(id);
        let slots: Vec<Mid> = browser.slots.iter().skip(from).take(count).copied().collect();
        let newest = slots.into_iter().filter_map(|slot| browser.newest_in(slot));
        newest.filter(|arrival| arrival.at >= since).map(|arrival| arrival.stamp).collect()
    }

    /// Whatever has happened: each slot counts on, time does not run back, pictures change at key frames
    /// only, and the words agree with the packets. Returns the packets that never came.
    pub(crate) fn check_slots(&mut self, id: PeerId) -> u64 {
        let mut missing = 0;
        let fills: Vec<Fill> = self
            .events
            .iter()
            .filter_map(|event| match event {
                Event::SlotFilled { peer, slot, track, rtp_timestamp } if *peer == id => {
                    Some((self.mid(id, *slot), *track, *rtp_timestamp))
                }
                _ => None,
            })
            .collect();
        for (slot, arrivals) in &self.browser(id).arrivals {
            let mut before: Option<(u64, crate::browser::Arrival)> = None;
            for (sequence, arrival) in arrivals {
                if let Some((last, old)) = before {
                    missing += sequence - last - 1;
                    let ahead = arrival.timestamp.wrapping_sub(old.timestamp);
                    assert!(ahead < 1 << 31, "{id}: time runs back in {slot}: {old:?} {arrival:?}");
                    let (a, b) = (old.stamp, arrival.stamp);
                    // The sizes of VP9 come together.
                    let size =
                        |stamp: Stamp| if stamp.codec == Some(VideoCodec::Vp9) { 0 } else { stamp.layer };
                    let other = (a.publisher, a.source, size(a)) != (b.publisher, b.source, size(b));
                    if *sequence == last + 1 && other {
                        assert!(b.begins, "{id}: {slot} changes in the middle: {a:?} {b:?}");
                        assert!(ahead > 0, "{id}: {slot} is cut within a timestamp");
                    }
                }
                let said = fills.iter().filter(|(mid, _, _)| mid == slot);
                let said =
                    said.take_while(|(_, _, from)| arrival.timestamp.wrapping_sub(*from) < 1 << 31).last();
                let shown = Some((PeerId(arrival.stamp.publisher), arrival.stamp.source));
                assert_eq!(
                    said.map(|(_, track, _)| *track),
                    Some(shown),
                    "{id}: the words about {slot} disagree"
                );
                before = Some((*sequence, *arrival));
            }
        }
        missing
    }
}
