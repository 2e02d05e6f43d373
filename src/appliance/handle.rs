//! How the edges talk to the loop: a cloneable handle, one method per command, each answered once.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::appliance::calling::Asked;
pub use crate::appliance::calling::{Errand, NewUser, PageId, Reach, SignOn, UserView, errands};
use crate::appliance::control;
pub use crate::appliance::control::ControllerView;
use crate::appliance::live::LiveSettings;
pub(crate) use crate::appliance::statistics::milliseconds;
pub(crate) use crate::appliance::words::{codec_word, source_word};
use crate::appliance::{run, words};
use crate::refusal::{Code, Refusal};
pub use crate::room::{PictureDelay, RoomStatus};
pub use crate::sfu::{
    LayerReport, PeerId, PeerReport, Shown, SlotReport, Totals, TrackFlow, TrackReport, WayReport,
};
use crate::web::wire::{
    Ask, Frame, LeaveReason, Mode, Participant, ParticipantKind, PollState, Question, Resume, Role,
    SamePerson, Schedule,
};

/// The most commands that wait for the loop; the next one is refused with `busy`.
const CALLS_MAX: usize = 1024;

/// Whoever asks while the loop ends, or starts anew: that is nobody's fault.
pub(super) fn ending() -> Refusal {
    Refusal::new(Code::Busy, "the appliance is stopping, or starts anew; try again in a moment")
}

/// The most words that wait for one client: all that a resumed one can have missed, and more. A client that
/// does not read them is cut.
pub const FRAMES_MAX: usize = 2048;

/// What a meeting is created with.
#[derive(Debug, Clone, Default)]
pub struct NewMeeting {
    /// Unique among the living meetings: 1 to 64 characters of `a-z 0-9 - _ .`.
    pub name: String,
    /// Sound and pictures, or sound alone.
    pub mode: Mode,
    /// Asked of every joiner.
    pub password: Option<String>,
    /// Given to every joiner.
    pub custom_info: Option<serde_json::Value>,
    /// The most participants; the configuration's limit where absent.
    pub max_participants: Option<u32>,
    /// Whether newcomers wait until a host lets them in.
    pub lobby: bool,
    /// Whether nobody comes in before a host does.
    pub wait_for_host: bool,
    /// What becomes of somebody who is in it and joins again.
    pub same_person: SamePerson,
    /// When it is.
    pub schedule: Schedule,
    /// Who gets its report by e-mail.
    pub report_to: Option<String>,
}

/// A meeting as the API shows it.
#[derive(Debug, Clone)]
pub struct MeetingView {
    /// Its unique name.
    pub name: String,
    /// Sound and pictures, or sound alone.
    pub mode: Mode,
    /// Whether joiners are asked for a password.
    pub has_password: bool,
    /// Given to every joiner.
    pub custom_info: Option<serde_json::Value>,
    /// The most participants.
    pub max_participants: u32,
    /// Whether newcomers wait until a host lets them in, at the moment.
    pub lobby: bool,
    /// Whether nobody comes in before a host does.
    pub wait_for_host: bool,
    /// What becomes of somebody who is in it and joins again.
    pub same_person: SamePerson,
    /// When it is.
    pub schedule: Schedule,
    /// Whether it is the room's standing meeting.
    pub standing: bool,
    /// Who is in it.
    pub participants: Vec<Participant>,
}

/// Who wants to join; whatever let it in was checked by the edge.
#[derive(Debug)]
pub struct Join {
    /// The meeting's name.
    pub meeting: String,
    /// The name to show.
    pub name: String,
    /// What sort of participant it is.
    pub kind: ParticipantKind,
    /// What its token lets it do.
    pub role: Role,
    /// The meeting's password, as given.
    pub password: Option<String>,
    /// Shown to every other participant.
    pub custom_info: Option<serde_json::Value>,
    /// What stays the same when the same person joins again.
    pub identity: Option<String>,
    /// The user of the directory who it is, if one.
    pub user: Option<JoinUser>,
    /// It is a bridge, and these boxes are reached through it.
    pub bridge: Option<Vec<String>>,
    /// Where its words go; dropping the receiver is a cut.
    pub frames: mpsc::Sender<Frame>,
}

/// Who of the directory wants to join.
#[derive(Debug, Clone, Copy)]
pub struct JoinUser {
    /// Which user.
    pub user: u64,
    /// The number of the token that signs them in; a token for the meeting that names them has none.
    pub number: Option<u32>,
}

/// What has come of a join.
#[derive(Debug)]
pub enum Entry {
    /// In: the new member, and its `welcome`.
    In(MemberId, Frame),
    /// Outside. What is waited for comes as a frame, and then the `welcome` or a refusal without a number; who waits no
    /// longer says so by [`Handle::cut`].
    Waits(MemberId),
}

/// A participant that the loop has admitted, as the edge knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(pub u64);

/// A meeting in which somebody was, going on or over.
#[derive(Debug, Clone)]
pub struct RecordSummary {
    /// The number of the record.
    pub id: i64,
    /// The meeting's name.
    pub meeting: String,
    /// When it was created, in milliseconds since 1970.
    pub created_at_ms: u64,
    /// When it ended, if it has.
    pub ended_at_ms: Option<u64>,
    /// How many times somebody came.
    pub attendances: u32,
    /// How many polls were opened.
    pub polls: u32,
}

/// What is known of a meeting.
#[derive(Debug, Clone)]
pub struct RecordView {
    /// Which it was, and when.
    pub summary: RecordSummary,
    /// Who was there, in the order in which they came.
    pub attendances: Vec<AttendanceView>,
    /// The polls that were opened, in their order.
    pub polls: Vec<PollResult>,
}

/// Somebody who was in a meeting.
#[derive(Debug, Clone)]
pub struct AttendanceView {
    /// The last name that was shown.
    pub name: String,
    /// What sort it was.
    pub kind: ParticipantKind,
    /// What it might do in the end.
    pub role: Role,
    /// When it came, in milliseconds since 1970.
    pub joined_at_ms: u64,
    /// When it went, if it has.
    pub left_at_ms: Option<u64>,
    /// Why it went.
    pub reason: Option<LeaveReason>,
}

/// What has come of a report that was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportOutcome {
    /// It was.
    Sent,
    /// It never will be.
    Refused,
    /// It is to be tried again.
    Later,
}

/// How a poll went.
#[derive(Debug, Clone)]
pub struct PollResult {
    /// What it asked.
    pub question: Question,
    /// Whether it still takes votes.
    pub state: PollState,
    /// How many people have voted.
    pub voters: u32,
    /// How many votes each option has.
    pub counts: Vec<u32>,
    /// Who has voted, and for what; for nothing where the poll is anonymous.
    pub votes: Vec<(String, Vec<u8>)>,
}

/// What the room is doing, as the API shows it.
#[derive(Debug, Clone)]
pub struct RoomView {
    /// The meeting that the room is in, if any.
    pub meeting: Option<String>,
    /// Whether its microphone captures.
    pub microphone_on: bool,
    /// Whether its camera captures.
    pub camera_on: bool,
    /// The devices in use, by class, and why they were chosen.
    pub devices: Vec<(String, String)>,
    /// Its counters since the start.
    pub figures: RoomStatus,
}

/// What the whole appliance is doing.
#[derive(Debug, Clone)]
pub struct StatusView {
    /// How long it has been running.
    pub uptime: Duration,
    /// The room.
    pub room: RoomView,
    /// The living meetings.
    pub meetings: usize,
    /// The participants of all meetings.
    pub participants: usize,
    /// Where media arrives.
    pub media_addresses: Vec<SocketAddr>,
    /// What was wrong at the start, or is now, a sentence each.
    pub troubles: Vec<String>,
    /// Why what has to be kept is not kept, if it is not.
    pub storage_trouble: Option<String>,
    /// Whether nobody is in a meeting and no call goes on: a start anew disturbs nobody.
    pub is_idle: bool,
}

/// The figures of a meeting.
#[derive(Debug, Clone)]
pub struct MeetingStatistics {
    /// Its name.
    pub meeting: String,
    /// Everybody, in the order in which they came.
    pub participants: Vec<ParticipantStatistics>,
    /// The pictures on the room's screen, if the room is in it.
    pub screen: Vec<PictureDelay>,
}

/// The figures of a participant.
#[derive(Debug, Clone)]
pub struct ParticipantStatistics {
    /// Who.
    pub participant: Participant,
    /// What is known of its media; `None` before it has offered any.
    pub report: Option<PeerReport>,
}

/// The id of whoever is behind a peer, as it stands in the words.
#[must_use]
pub fn participant_word(peer: PeerId) -> String {
    words::id_word(run::participant_of(peer))
}

/// A reply to come.
pub(super) type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// Everything that the edges can ask of the loop.
pub(super) enum Call {
    Configure(Box<LiveSettings>, Reply<()>),
    CreateMeeting(NewMeeting, Reply<MeetingView>),
    Meetings(Reply<Vec<MeetingView>>),
    Meeting(String, Reply<MeetingView>),
    Statistics(String, Reply<MeetingStatistics>),
    Totals(Reply<Totals>),
    EndMeeting(String, Reply<()>),
    Reschedule(String, Schedule, Reply<MeetingView>),
    Records(Reply<Vec<RecordSummary>>),
    Record(i64, Reply<RecordView>),
    DueReports(Reply<Vec<(i64, String)>>),
    ReportTried(i64, ReportOutcome, Reply<()>),
    /// What an administrator asks of a meeting.
    Administer(String, Ask, Reply<()>),
    /// The reply carries the `welcome` or the refusal; later words go to `Join::frames`.
    Join(Join, Reply<Entry>),
    Resume {
        meeting: String,
        resume: Resume,
        frames: mpsc::Sender<Frame>,
        reply: Reply<(MemberId, Frame)>,
    },
    /// The `u32` is the request's id, which the answering frame repeats.
    Ask(MemberId, u32, Ask),
    /// An offer from outside the WebSocket (WHIP, WHEP); answered with SDP.
    Offer(MemberId, String, Reply<String>),
    /// A bridge offers to another appliance ...
    Propose(MemberId, Reply<String>),
    /// ... which has answered.
    Accept(MemberId, String, Reply<()>),
    /// Candidates or an ICE restart from outside the WebSocket.
    Trickle(MemberId, String, Reply<()>),
    /// The socket is gone; the participant may come back.
    Cut(MemberId),
    Leave(MemberId, Reply<()>),
    RoomJoin(String, Reply<()>),
    RoomLeave(Reply<()>),
    RoomMute {
        microphone: Option<bool>,
        camera: Option<bool>,
        reply: Reply<()>,
    },
    /// The box is looked for: how it is reached, and how long it shows itself.
    Identify(String, Duration, Reply<()>),
    Snapshot(Reply<Vec<u8>>),
    RefreshScreen(Reply<()>),
    /// A TCP socket that has begun with this datagram where TLS was expected.
    Adopt(TcpStream, Vec<u8>),
    Status(Reply<StatusView>),
    /// What concerns calls and users.
    Calling(Box<Asked>),
    /// What concerns those who control the room.
    Control(Box<control::Asked>),
}

/// The edges' way to the loop. Cloning is cheap.
#[derive(Clone)]
pub struct Handle {
    calls: mpsc::Sender<Call>,
}

impl Handle {
    /// A handle, and the end that the loop reads.
    pub(super) fn new() -> (Self, mpsc::Receiver<Call>) {
        let (calls, receiver) = mpsc::channel(CALLS_MAX);
        (Self { calls }, receiver)
    }

    /// Creates a meeting.
    ///
    /// # Errors
    /// `meeting-exists`, `invalid-parameter`, `busy`.
    pub async fn create_meeting(&self, new: NewMeeting) -> Result<MeetingView, Refusal> {
        self.call(|reply| Call::CreateMeeting(new, reply)).await
    }

    /// All living meetings.
    ///
    /// # Errors
    /// `busy`.
    pub async fn meetings(&self) -> Result<Vec<MeetingView>, Refusal> {
        self.call(Call::Meetings).await
    }

    /// One living meeting.
    ///
    /// # Errors
    /// `meeting-not-found`, `busy`.
    pub async fn meeting(&self, name: String) -> Result<MeetingView, Refusal> {
        self.call(|reply| Call::Meeting(name, reply)).await
    }

    /// The figures of a living meeting.
    ///
    /// # Errors
    /// `meeting-not-found`, `busy`.
    pub async fn statistics(&self, name: String) -> Result<MeetingStatistics, Refusal> {
        self.call(|reply| Call::Statistics(name, reply)).await
    }

    /// Sums over the media of all meetings since the start.
    ///
    /// # Errors
    /// `busy`.
    pub async fn totals(&self) -> Result<Totals, Refusal> {
        self.call(Call::Totals).await
    }

    /// Ends a meeting for all.
    ///
    /// # Errors
    /// `meeting-not-found`, `busy`.
    pub async fn end_meeting(&self, name: String) -> Result<(), Refusal> {
        self.call(|reply| Call::EndMeeting(name, reply)).await
    }

    /// Puts a meeting to another time.
    ///
    /// # Errors
    /// `meeting-not-found`, `invalid-parameter`, `busy`.
    pub async fn reschedule(&self, name: String, schedule: Schedule) -> Result<MeetingView, Refusal> {
        self.call(|reply| Call::Reschedule(name, schedule, reply)).await
    }

    /// The latest meetings in which somebody was.
    ///
    /// # Errors
    /// `busy`, `internal` when the store cannot be read.
    pub async fn records(&self) -> Result<Vec<RecordSummary>, Refusal> {
        self.call(Call::Records).await
    }

    /// What is known of one of them.
    ///
    /// # Errors
    /// `meeting-not-found`, `busy`, `internal` when the store cannot be read.
    pub async fn record(&self, id: i64) -> Result<RecordView, Refusal> {
        self.call(|reply| Call::Record(id, reply)).await
    }

    /// The reports that are to be sent now: of which records, and to whom.
    ///
    /// # Errors
    /// `busy`, `internal` when the store cannot be read.
    pub async fn due_reports(&self) -> Result<Vec<(i64, String)>, Refusal> {
        self.call(Call::DueReports).await
    }

    /// A report was tried. Returns when that is kept, so that it is not sent twice.
    pub async fn report_tried(&self, id: i64, outcome: ReportOutcome) {
        if let Err(refusal) = self.call(|reply| Call::ReportTried(id, outcome, reply)).await {
            log::warn!("that the report of meeting {id} was tried cannot be noted: {refusal}");
        }
    }

    /// Has a meeting do what an administrator asks of it, who may do what a host may.
    ///
    /// # Errors
    /// `meeting-not-found`, `busy`, and those of the word.
    pub async fn administer(&self, name: String, ask: Ask) -> Result<(), Refusal> {
        self.call(|reply| Call::Administer(name, ask, reply)).await
    }

    /// Joins a meeting, or begins to wait outside it. The standing meeting comes into being by this.
    ///
    /// # Errors
    /// `meeting-not-found`, `meeting-full`, `wrong-password`, `invalid-parameter`, `busy`.
    pub async fn join(&self, join: Join) -> Result<Entry, Refusal> {
        self.call(|reply| Call::Join(join, reply)).await
    }

    /// Joins a meeting, for those who cannot wait.
    ///
    /// # Errors
    /// Those of [`Handle::join`], and `waiting-for-host`.
    pub async fn join_now(&self, join: Join) -> Result<MemberId, Refusal> {
        match self.join(join).await? {
            Entry::In(member, _) => Ok(member),
            Entry::Waits(member) => {
                self.cut(member).await;
                let detail = "a host has to let people in here; ask one to open the lobby, and try again";
                Err(Refusal::new(Code::WaitingForHost, detail))
            }
        }
    }

    /// Comes back after a cut: the member and its `resumed`, or a fresh `welcome` when too much was missed.
    ///
    /// # Errors
    /// `meeting-not-found`, `peer-lost` when it was away too long, `busy`.
    pub async fn resume(
        &self,
        meeting: String,
        resume: Resume,
        frames: mpsc::Sender<Frame>,
    ) -> Result<(MemberId, Frame), Refusal> {
        self.call(|reply| Call::Resume { meeting, resume, frames, reply }).await
    }

    /// Hands on a member's request; the answer comes as a [`Frame`]. Waits while the loop is busy, which
    /// slows the asking socket down and nobody else.
    pub async fn ask(&self, member: MemberId, id: u32, ask: Ask) {
        self.post(Call::Ask(member, id, ask)).await;
    }

    /// Hands on an offer from outside the WebSocket, and returns the answer.
    ///
    /// # Errors
    /// `invalid-parameter` for SDP that cannot be used, `peer-lost`, `busy`.
    pub async fn offer(&self, member: MemberId, sdp: String) -> Result<String, Refusal> {
        self.call(|reply| Call::Offer(member, sdp, reply)).await
    }

    /// Has the media of a bridge offer itself; the offer is for the other end.
    ///
    /// # Errors
    /// `not-permitted`, `peer-lost`, `busy`.
    pub async fn propose(&self, member: MemberId) -> Result<String, Refusal> {
        self.call(|reply| Call::Propose(member, reply)).await
    }

    /// Hands on what the other end has answered.
    ///
    /// # Errors
    /// `invalid-parameter` for an answer that does not fit, `peer-lost`, `busy`.
    pub async fn accept_answer(&self, member: MemberId, sdp: String) -> Result<(), Refusal> {
        self.call(|reply| Call::Accept(member, sdp, reply)).await
    }

    /// Hands on one ICE candidate (the value of `a=candidate`).
    ///
    /// # Errors
    /// `invalid-parameter`, `peer-lost`, `busy`.
    pub async fn trickle(&self, member: MemberId, candidate: String) -> Result<(), Refusal> {
        self.call(|reply| Call::Trickle(member, candidate, reply)).await
    }

    /// The member's socket is gone; it may come back.
    pub async fn cut(&self, member: MemberId) {
        self.post(Call::Cut(member)).await;
    }

    /// The member leaves.
    ///
    /// # Errors
    /// `peer-lost` when it has left, `busy`.
    pub async fn leave(&self, member: MemberId) -> Result<(), Refusal> {
        self.call(|reply| Call::Leave(member, reply)).await
    }

    /// Puts the room into a meeting; it leaves the one it is in.
    ///
    /// # Errors
    /// `meeting-not-found`, `meeting-full`, `busy`.
    pub async fn room_join(&self, meeting: String) -> Result<(), Refusal> {
        self.call(|reply| Call::RoomJoin(meeting, reply)).await
    }

    /// Other settings hold from now on.
    ///
    /// # Errors
    /// `busy`.
    pub async fn configure(&self, live: LiveSettings) -> Result<(), Refusal> {
        self.call(|reply| Call::Configure(Box::new(live), reply)).await
    }

    /// Takes the room out of its meeting.
    ///
    /// # Errors
    /// `busy`.
    pub async fn room_leave(&self) -> Result<(), Refusal> {
        self.call(Call::RoomLeave).await
    }

    /// Mutes or unmutes the room, on the word of somebody in it. `None` leaves a device as it is.
    ///
    /// # Errors
    /// `busy`.
    pub async fn room_mute(&self, microphone: Option<bool>, camera: Option<bool>) -> Result<(), Refusal> {
        self.call(|reply| Call::RoomMute { microphone, camera, reply }).await
    }

    /// Has the room make itself seen and heard for so long; `how` says how it is reached.
    ///
    /// # Errors
    /// `busy`.
    pub async fn identify(&self, how: String, lasts: Duration) -> Result<(), Refusal> {
        self.call(|reply| Call::Identify(how, lasts, reply)).await
    }

    /// What the screen shows, as PNG.
    ///
    /// # Errors
    /// `busy` while another snapshot is being made.
    pub async fn snapshot(&self) -> Result<Vec<u8>, Refusal> {
        self.call(Call::Snapshot).await
    }

    /// Has the screen say what it would say if it were made now.
    ///
    /// # Errors
    /// `busy`.
    pub async fn refresh_screen(&self) -> Result<(), Refusal> {
        self.call(Call::RefreshScreen).await
    }

    /// What the appliance is doing.
    ///
    /// # Errors
    /// `busy`.
    pub async fn status(&self) -> Result<StatusView, Refusal> {
        self.call(Call::Status).await
    }

    /// Hands over a non-blocking socket that has begun with a datagram of media (RFC 4571) where TLS was expected, for the
    /// worker that knows the check in it. Nobody's is closed.
    pub fn adopt(&self, socket: TcpStream, first: Vec<u8>) {
        // While the loop is busy browsers try other ways, and this one again.
        drop(self.calls.try_send(Call::Adopt(socket, first)));
    }

    pub(super) async fn call<T>(&self, build: impl FnOnce(Reply<T>) -> Call) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.calls.try_send(build(reply)).map_err(|_| {
            Refusal::new(Code::Busy, "the appliance has too much to do; try again in a moment")
        })?;
        answer.await.unwrap_or_else(|_| Err(ending()))
    }

    pub(super) async fn post(&self, call: Call) {
        // Only fails when the loop has stopped, and then there is nobody left to tell.
        let _ = self.calls.send(call).await;
    }
}
