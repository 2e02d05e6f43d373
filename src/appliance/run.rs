//! The loop itself: one command, one piece of news or one deadline at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alcove_hal::clock::Clock;
use anyhow::Context;
use rtrb::RingBuffer;
use tokio::sync::mpsc;

use crate::appliance::bridges::BridgeSeat;
use crate::appliance::calling::room::Bell;
use crate::appliance::calling::{self, CallingSettings, Exchange};
use crate::appliance::control::Control;
use crate::appliance::handle::{Call, Handle, MemberId, StatusView};
use crate::appliance::happenings::Witness;
use crate::appliance::keeping::TimeOfDay;
use crate::appliance::levels::Telling;
use crate::appliance::live::LiveSettings;
use crate::appliance::lobby::Outside;
use crate::appliance::members::fresh_secret;
use crate::appliance::pulse::{Heartbeat, Pulses};
use crate::appliance::relay::RelaySettings;
use crate::appliance::relay_name;
use crate::appliance::room_aside::ShownResult;
use crate::appliance::room_seat::RoomSeat;
use crate::appliance::store::meetings::{self as records, RecordId};
use crate::appliance::store::{Store, calls as calls_kept, room as room_kept};
use crate::appliance::worker::{CROSSING_MAX, MeetingId, NEWS_MAX, News, Order, Worker};
use crate::calling::DeviceId;
use crate::meeting::{self, Meetings, Paths};
use crate::refusal::{Code, Refusal};
use crate::room::{Devices, Room, RoomEvent, RoomSettings, SnapshotError};
use crate::sfu::{Codecs, DtlsIdentity, PeerId, TrackSetup, WallClock};
use crate::track::VideoCodec;
use crate::web::wire::{Frame, Tell};

/// The most room events that wait for the loop; the room says its wishes again when they change.
const ROOM_EVENTS_MAX: usize = 256;

/// How often the clock is asked whether somebody has set it.
const CLOCK_EVERY: Duration = Duration::from_secs(10);

/// How often the invitation on the screen is made anew.
const INVITATION_EVERY: Duration = Duration::from_mins(5);

/// How people in front of the screen join the meeting that it names.
#[derive(Debug, Clone, Default)]
pub struct Invitation {
    /// What the QR code says: it lets in, and lets control the room.
    pub url: String,
    /// What may be handed on: it lets in.
    pub guest_url: String,
    /// What to type: the address, and the code that it asks for.
    pub text: String,
    /// Where to become the owner of the appliance, and the code for it, while nobody is.
    pub claim: Option<(String, String)>,
    /// What is wrong with the appliance, and what to do.
    pub trouble: Option<String>,
}

/// Makes the invitation to a meeting, for the screen.
pub type Invite = Arc<dyn Fn(&str) -> Invitation + Send + Sync>;

/// Makes the token that opens a record.
pub type RecordToken = Arc<dyn Fn(i64) -> String + Send + Sync>;

/// What the loop is started with.
pub struct Settings {
    /// The name of the meeting that is there whenever somebody comes.
    pub standing_meeting: String,
    /// The UDP and TCP port of the first media worker, the next ones counting up; 0 takes any.
    pub media_port: u16,
    /// The port of HTTPS, from which [`Handle::adopt`] is called.
    pub https_port: u16,
    /// How many media workers.
    pub media_workers: usize,
    /// How many people of a meeting one media worker carries before another one helps.
    pub people_per_worker: usize,
    /// Addresses told to browsers besides the machine's own.
    pub announce: Vec<IpAddr>,
    /// What may change while it runs.
    pub live: LiveSettings,
    /// The room as a participant.
    pub room: RoomSettings,
    /// Makes the invitation to a meeting.
    pub invite: Invite,
    /// Makes the token that opens the record of that number.
    pub record_token: RecordToken,
    /// Calls and users.
    pub calling: CallingSettings,
    /// The TURN server to be used, if any.
    pub relay: Option<RelaySettings>,
    /// The file in which is kept what outlives the process; without one nothing does.
    pub store: Option<PathBuf>,
    /// What was wrong at the start, a sentence each: shown on the screen and told in the status.
    pub troubles: Vec<String>,
    /// Who wants to hear that the appliance is alive, if anybody does.
    pub heartbeat: Option<Heartbeat>,
    /// Takes down what happens.
    pub witness: Witness,
}

/// The appliance: everything that is alive, owned by one task.
pub struct Appliance {
    pub(super) settings: Settings,
    pub(super) clock: Arc<dyn Clock>,
    started: Instant,
    /// The time of day that capture times are told by, here and by the media workers.
    pub(super) wall: WallClock,
    pub(super) meetings: Meetings,
    /// What the loop knows of each living meeting besides its rules.
    pub(super) hosted: HashMap<String, Hosted>,
    pub(super) members: HashMap<MemberId, Member>,
    /// Those who wait to be let into a meeting, by the ids that they will have.
    pub(super) outside: BTreeMap<MemberId, Outside>,
    /// Whose secret continues which member.
    pub(super) secrets: HashMap<String, MemberId>,
    /// What this box is called among those that meetings reach; another one after each start.
    pub(super) box_name: String,
    /// Whose words had nowhere to go: they are cut before anything else is done.
    pub(super) deaf: Vec<MemberId>,
    next_id: u64,
    pub(super) workers: Vec<Worker>,
    /// Why media is not relayed through a worker, or, without one, through any.
    pub(super) relay_troubles: BTreeMap<Option<usize>, String>,
    /// Where the name of the TURN server leads, or why that is not known.
    relay_server: mpsc::Receiver<Result<SocketAddr, String>>,
    pub(super) room: Room,
    pub(super) seat: RoomSeat,
    pub(super) exchange: Exchange,
    /// What the room tells of calls.
    pub(super) bell: Bell,
    /// Those who control the room.
    pub(super) control: Control,
    /// The result of a poll that is on the screen.
    pub(super) shown_result: Option<ShownResult>,
    /// When the screen's invitation is made anew.
    invitation_due: Instant,
    /// When the loops are looked at next.
    beat_due: Instant,
    pub(super) pulses: Pulses,
    /// What outlives the process.
    pub(super) store: Store,
    /// The number of the last meeting in the store.
    pub(super) last_record: RecordId,
    /// What planned times go by.
    pub(super) time_of_day: TimeOfDay,
    /// When the clock is looked at next.
    clock_due: Instant,
    calls: mpsc::Receiver<Call>,
    news: mpsc::Receiver<News>,
    room_events: mpsc::Receiver<RoomEvent>,
}

/// A living meeting, as the loop knows it.
pub(super) struct Hosted {
    pub(super) id: MeetingId,
    /// Its number in the store.
    pub(super) record: RecordId,
    /// What the store has of what was decided in it.
    pub(super) kept: meeting::State,
    /// The worker that the room is on, and whose word counts where all branches know the same.
    pub(super) worker: usize,
    /// The workers that carry it, `worker` first.
    pub(super) branches: Vec<usize>,
    pub(super) preferred_codec: VideoCodec,
    /// The codecs that are sent.
    pub(super) codecs: Codecs,
    /// The codecs that the people of each branch need.
    pub(super) needed: BTreeMap<usize, Codecs>,
    /// Who publishes what, and on which worker.
    pub(super) published: BTreeMap<PeerId, (usize, Vec<TrackSetup>)>,
    pub(super) standing: bool,
    pub(super) members: BTreeSet<MemberId>,
    pub(super) active: Option<PeerId>,
    pub(super) heard: Vec<PeerId>,
    /// How good the ways of network peers are, up and down; the best where nothing was told.
    pub(super) qualities: BTreeMap<PeerId, (u8, u8)>,
    /// Which boxes it reaches through its bridges.
    pub(super) paths: Paths,
}

/// A participant whose words go through the loop: not the room.
pub(super) struct Member {
    pub(super) meeting: String,
    pub(super) worker: usize,
    pub(super) role: meeting::Role,
    /// Absent while its socket is cut.
    pub(super) frames: Option<mpsc::Sender<Frame>>,
    pub(super) secret: String,
    /// What it alone was told last of each thing (slots, layers), to say it again after a cut.
    pub(super) told: BTreeMap<String, Tell>,
    /// Of a bridge to a meeting of another appliance.
    pub(super) bridge: Option<BridgeSeat>,
    /// How often it is told how loud everybody is, if it wants that.
    pub(super) levels: Option<Telling>,
}

impl Member {
    pub(super) const fn participant(id: MemberId) -> meeting::ParticipantId {
        meeting::ParticipantId(id.0)
    }
}

/// One number names the member, its participant and its peer: the loop gives it out.
pub(super) const fn peer_of(participant: meeting::ParticipantId) -> PeerId {
    PeerId(participant.0)
}

/// See [`peer_of`].
pub(super) const fn participant_of(peer: PeerId) -> meeting::ParticipantId {
    meeting::ParticipantId(peer.0)
}

impl Appliance {
    /// Starts the media workers and the room.
    ///
    /// # Errors
    /// When a media port is in use or the standing meeting's name is not one.
    pub fn start(
        mut settings: Settings,
        devices: &Devices,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<(Handle, Self)> {
        let (handle, calls) = Handle::new();
        let clock_unix = clock.unix_time();
        let (mut store, database, trouble) = Store::open(settings.store.as_deref())?;
        settings.troubles.extend(trouble);
        let (last_record, last_participant) = records::last_numbers(&database)?;
        let living = records::living(&database, clock_unix)?;
        let mut kept_calls = calls_kept::load(&database)?;
        let interrupted = std::mem::take(&mut kept_calls.calls);
        let recent = interrupted.iter().filter(|call| calling::is_recent(call, clock_unix));
        let awaited = recent.filter_map(|call| call.meeting.clone()).collect();
        let last_number = last_participant.max(kept_calls.last_call);
        let kept_room = room_kept::load(&database)?;
        store.start(database)?;
        let (news_sender, news) = mpsc::channel(NEWS_MAX);
        let wall = WallClock::new(clock.now(), clock.unix_time());
        let workers = start_workers(&settings, wall, &clock, &news_sender)?;
        let (room_sender, room_events) = mpsc::channel(ROOM_EVENTS_MAX);
        // At the limit the loop is busy; the room repeats what matters.
        let sink = Arc::new(move |event| drop(room_sender.try_send(event)));
        let relay_server = relay_name::follow(settings.relay.as_ref().map(|relay| relay.server.clone()));
        let room = Room::start(devices, settings.room.clone(), Arc::clone(&clock), sink);
        let seat = RoomSeat::left_as(&kept_room);
        let now = clock.now();
        let exchange = Exchange::open(
            &settings.calling,
            (&settings.room.name, settings.live.ring_for),
            DeviceId(last_number + 1),
            (&clock, kept_calls),
        )
        .context("cannot put the room into the directory")?;
        let mut appliance = Self {
            started: now,
            wall,
            clock,
            meetings: Meetings::default(),
            hosted: HashMap::new(),
            members: HashMap::new(),
            outside: BTreeMap::new(),
            secrets: HashMap::new(),
            box_name: fresh_secret()?,
            deaf: Vec::new(),
            next_id: last_number + 2,
            workers,
            relay_troubles: BTreeMap::new(),
            relay_server,
            room,
            seat,
            exchange,
            bell: Bell::default(),
            control: Control::new(kept_room, u64::try_from(clock_unix.as_millis()).unwrap_or(0), now),
            shown_result: None,
            invitation_due: now + INVITATION_EVERY,
            beat_due: now,
            pulses: Pulses::default(),
            store,
            last_record: RecordId(last_record),
            time_of_day: TimeOfDay::new(now, clock_unix),
            clock_due: now + CLOCK_EVERY,
            calls,
            news,
            room_events,
            settings,
        };
        appliance.keep_user(appliance.exchange.room());
        appliance.reach_all();
        appliance.restore(living, &awaited);
        appliance
            .open_standing()
            .with_context(|| format!("cannot open the meeting {:?}", appliance.settings.standing_meeting))?;
        appliance.room.set_volume(appliance.control.volume());
        appliance.restore_calls(interrupted);
        appliance.refresh_scene();
        Ok((handle, appliance))
    }

    /// Where media arrives.
    #[must_use]
    pub fn media_addresses(&self) -> Vec<SocketAddr> {
        self.workers.iter().flat_map(Worker::addresses).collect()
    }

    /// Runs until `stop` is ready; then every meeting is ended and everybody told.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            let deadline = self.deadline();
            tokio::select! {
                Some(call) = self.calls.recv() => self.handle_call(call),
                Some(news) = self.news.recv() => self.handle_news(news),
                Some(server) = self.relay_server.recv() => self.relay_named(server),
                Some(event) = self.room_events.recv() => self.handle_room_event(event),
                Some(endpoint) = self.exchange.gone.recv() => self.endpoint_gone(&endpoint),
                () = tokio::time::sleep_until(deadline.into()) => self.handle_timeouts(),
                () = &mut stop => break,
            }
            self.cut_the_deaf();
            self.controls_follow();
        }
        self.let_go_of_everybody();
    }

    fn handle_call(&mut self, call: Call) {
        // A reply fails only when whoever asked is gone.
        match call {
            Call::CreateMeeting(new, reply) => {
                let outcome = self.create_meeting(new);
                self.reply_when_kept(reply, outcome);
            }
            Call::Meetings(reply) => drop(reply.send(Ok(self.meeting_views()))),
            Call::Meeting(name, reply) => drop(reply.send(self.meeting_view(&name))),
            Call::Statistics(name, reply) => self.statistics(&name, reply),
            Call::Totals(reply) => self.totals(reply),
            Call::EndMeeting(name, reply) => {
                let outcome = self.end_meeting(&name);
                self.reply_when_kept(reply, outcome);
            }
            Call::Reschedule(name, schedule, reply) => {
                let outcome = self.reschedule(&name, schedule);
                self.reply_when_kept(reply, outcome);
            }
            Call::Records(reply) => self.list_records(reply),
            Call::Record(id, reply) => self.show_record(id, reply),
            Call::DueReports(reply) => self.due_reports(reply),
            Call::ReportTried(id, outcome, reply) => self.report_tried(id, outcome, reply),
            Call::Administer(name, ask, reply) => {
                let outcome = self.ask_as_administrator(&name, ask);
                self.reply_when_kept(reply, outcome);
            }
            Call::Join(join, reply) => drop(reply.send(self.join(join))),
            Call::Resume { meeting, resume, frames, reply } => {
                drop(reply.send(self.resume(&meeting, &resume, frames)));
            }
            Call::Ask(member, id, ask) => self.ask(member, id, ask),
            Call::Offer(member, sdp, reply) => {
                self.offer(member, sdp, Box::new(move |answer| drop(reply.send(answer))));
            }
            Call::Propose(member, reply) => {
                self.propose(member, Box::new(move |offer| drop(reply.send(offer))));
            }
            Call::Accept(member, sdp, reply) => {
                self.accept_answer(member, sdp, Box::new(move |done| drop(reply.send(done))));
            }
            Call::Trickle(member, candidate, reply) => {
                self.trickle(member, candidate, Box::new(move |done| drop(reply.send(done))));
            }
            Call::Cut(member) => self.cut(member),
            Call::Leave(member, reply) => drop(reply.send(self.leave(member))),
            Call::RoomJoin(name, reply) => drop(reply.send(self.room_join(&name))),
            Call::RoomLeave(reply) => drop(reply.send(self.room_leave_on_command())),
            Call::RoomMute { microphone, camera, reply } => {
                let outcome = self.room_mute(microphone, camera);
                self.reply_when_kept(reply, outcome);
            }
            Call::Identify(how, lasts, reply) => {
                self.identify(how, lasts);
                drop(reply.send(Ok(())));
            }
            Call::Snapshot(reply) => self.snapshot(reply),
            Call::RefreshScreen(reply) => {
                self.refresh_scene();
                drop(reply.send(Ok(())));
            }
            Call::Adopt(socket, first) => self.adopt(socket, &first),
            Call::Status(reply) => drop(reply.send(Ok(self.status()))),
            Call::Calling(asked) => self.handle_asked(*asked),
            Call::Control(asked) => self.handle_control(*asked),
            Call::Configure(live, reply) => {
                self.configure(*live);
                drop(reply.send(Ok(())));
            }
        }
    }

    /// Whose check it is, only the workers know.
    fn adopt(&self, socket: TcpStream, first: &[u8]) {
        let socket = Arc::new(socket);
        for worker in &self.workers {
            worker.order(Order::Adopt { socket: Arc::clone(&socket), first: first.to_vec() });
        }
    }

    fn relay_named(&mut self, server: Result<SocketAddr, String>) {
        match server {
            Ok(server) => {
                self.relay_troubles.remove(&None);
                self.workers.iter().for_each(|worker| worker.order(Order::Relay { server }));
            }
            Err(trouble) => {
                log::warn!("{trouble}");
                self.relay_troubles.insert(None, trouble);
            }
        }
    }

    /// Each once: workers have the same.
    fn troubles(&self) -> Vec<String> {
        let relay: BTreeSet<&String> = self.relay_troubles.values().collect();
        self.settings.troubles.iter().chain(relay).cloned().chain(self.store.trouble()).collect()
    }

    fn deadline(&self) -> Instant {
        let beat = self.settings.heartbeat.as_ref().map(|_| self.beat_due);
        let calls = self
            .exchange
            .calls
            .poll_timeout()
            .into_iter()
            .chain(self.bell.due())
            .chain(self.result_due())
            .chain(self.control.due());
        let others = self.meetings.poll_timeout().into_iter().chain(beat).chain(calls);
        others.fold(self.invitation_due.min(self.clock_due), Instant::min)
    }

    fn handle_timeouts(&mut self) {
        let now = self.clock.now();
        self.meetings.handle_timeout(now);
        self.pump();
        self.let_calls_wait(now);
        self.turn_bell(now);
        self.take_result_down(now);
        if self.invitation_due <= now {
            self.invitation_due = now + INVITATION_EVERY;
            self.refresh_scene();
            self.forget_records();
        }
        if self.clock_due <= now {
            self.clock_due = now + CLOCK_EVERY;
            self.follow_the_clock();
            self.see_calls();
        }
        if let Some(heartbeat) = self.settings.heartbeat.clone().filter(|_| self.beat_due <= now) {
            self.beat_due = now + heartbeat.every;
            self.beat(&heartbeat);
        }
    }

    /// The next number for a member, a meeting or a peer.
    pub(super) const fn next_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// Has the worker that the room is on carry out an order.
    pub(super) fn order(&self, hosted: &Hosted, order: Order) {
        self.workers[hosted.worker].order(order);
    }

    fn snapshot(&self, reply: super::handle::Reply<Vec<u8>>) {
        let snapshots = self.room.snapshots();
        tokio::task::spawn_blocking(move || {
            let code = |error: &SnapshotError| match error {
                SnapshotError::Busy | SnapshotError::Nothing => Code::Busy,
                SnapshotError::Failed(_) => Code::Internal,
            };
            let png = snapshots.png().map_err(|error| Refusal::new(code(&error), error.to_string()));
            drop(reply.send(png));
        });
    }

    pub(super) fn status(&self) -> StatusView {
        StatusView {
            uptime: self.clock.now().saturating_duration_since(self.started),
            room: self.room_view(),
            meetings: self.hosted.len(),
            participants: self.members.len() + usize::from(self.seat.meeting().is_some()),
            media_addresses: self.media_addresses(),
            troubles: self.troubles(),
            storage_trouble: self.store.trouble(),
            is_idle: self.members.is_empty() && self.exchange.calls.are_quiet(),
        }
    }
}

fn start_workers(
    settings: &Settings,
    wall: WallClock,
    clock: &Arc<dyn Clock>,
    news: &mpsc::Sender<News>,
) -> anyhow::Result<Vec<Worker>> {
    let identity = DtlsIdentity::generate()
        .map_err(|cause| anyhow::anyhow!("cannot make a certificate for media: {cause}"))?;
    let port = |index: usize| match settings.media_port {
        0 => 0,
        first => first.saturating_add(u16::try_from(index).unwrap_or(u16::MAX)),
    };
    let workers: Vec<Worker> = (0..settings.media_workers.max(1))
        .map(|index| {
            Worker::start(
                index,
                (port(index), settings.https_port),
                &settings.announce,
                identity.clone(),
                wall,
                Arc::clone(clock),
                (news.clone(), settings.relay.clone()),
            )
        })
        .collect::<anyhow::Result<_>>()?;
    for (to, hears) in workers.iter().enumerate() {
        for (from, _) in workers.iter().enumerate().filter(|(from, _)| *from != to) {
            let (ring, end) = RingBuffer::new(CROSSING_MAX);
            hears.order(Order::WayFrom { ring: end });
            workers[from].order(Order::WayTo { worker: to, ring, wake: hears.waker() });
        }
    }
    Ok(workers)
}
