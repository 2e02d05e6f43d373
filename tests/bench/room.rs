//! The room in a meeting with a stage and six tiles: what each part costs, and whether the scene is punctual.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::cpu::{Usage, Watch};
use crate::daemon::{Daemon, Figures};
use crate::fake::{Fake, Slots};
use crate::player::{Pictures, Sends};
use crate::report::say;
use crate::run::Run;
use crate::traffic::Traffic;
use crate::words::{Attendee, Joining, Watches, attend};

const MEETING: &str = "bench-room";
const PEOPLE: usize = 7;
/// During joins and leaves there are never fewer.
const PEOPLE_MIN: usize = 3;
/// The room decodes it: nothing is added to it.
const SENDS: Sends = Sends { sound: true, pictures: Pictures::Layers, is_stamped: false };
const SETTLE: Duration = Duration::from_secs(5);
const STEADY: Duration = Duration::from_secs(60);
/// How often threads are looked at, for the sake of those that end.
const LOOK: Duration = Duration::from_secs(1);
/// What microphones claim, in dBov.
const SPEAKING: i8 = -25;
const SILENT: i8 = -70;

/// The parts of the daemon by the names of their threads, the first that fits. GStreamer names its threads by
/// element: `frames` feeds an encoder (or the screen), `packets` and what follows it are a decoder.
const PARTS: [(&str, &[&str]); 10] = [
    ("sfu", &["media-"]),
    ("capture", &["room-camera"]),
    ("compose", &["room-scene"]),
    ("paint texts", &["room-paint"]),
    ("mix and play", &["room-sound"]),
    ("voice", &["room-voice"]),
    ("screen and link", &["room-screen", "room-link"]),
    ("decode", &["room-decoders", "packets", "jitterbuffer", "rtpjitter", "av:", "avdec", "vp8dec"]),
    ("encode", &["frames", "encoder", "x264", "queue"]),
    ("words", &["tokio", "alcove", "timer"]),
];

/// What the scene and the sound did in a window, by the daemon's own counters.
#[derive(Debug, Serialize)]
struct Punctuality {
    frames: u64,
    late: u64,
    missing: u64,
    compose_mean_us: u64,
    compose_max_us: u64,
    camera_frames: u64,
    pictures_decoded: u64,
    decoders_made: u64,
    packets_dropped: u64,
    packets_refused: u64,
    mixer_blocks: u64,
    mixer_underruns: u64,
    mixer_concealed: u64,
}

impl Punctuality {
    fn between(before: &Figures, after: &Figures) -> anyhow::Result<Self> {
        let counted = |name: &str| -> anyhow::Result<u64> {
            let name = format!("room_{name}_total");
            Ok(after.get(&name)? - before.get(&name)?)
        };
        Ok(Self {
            frames: counted("scene_frames")?,
            late: counted("scene_frames_late")?,
            missing: counted("scene_frames_missing")?,
            compose_mean_us: after.get("room_compose_mean_microseconds")?,
            compose_max_us: after.get("room_compose_max_microseconds")?,
            camera_frames: counted("camera_frames")?,
            pictures_decoded: counted("pictures_decoded")?,
            decoders_made: counted("decoders_made")?,
            packets_dropped: counted("packets_dropped")?,
            packets_refused: counted("packets_refused")?,
            mixer_blocks: counted("mixer_blocks")?,
            mixer_underruns: counted("mixer_underruns")?,
            mixer_concealed: counted("mixer_concealed")?,
        })
    }
}

/// CPU of a window, in per cent of a core.
#[derive(Debug, Serialize)]
struct Shares {
    whole_process: f64,
    by_part: BTreeMap<&'static str, f64>,
    by_thread: BTreeMap<String, f64>,
}

impl Shares {
    fn of(usage: &Usage, time: Duration) -> Self {
        let share = |used: Duration| 100.0 * used.as_secs_f64() / time.as_secs_f64();
        let mut by_part = BTreeMap::new();
        for (name, used) in &usage.threads {
            *by_part.entry(part_of(name)).or_default() += share(*used);
        }
        Self {
            whole_process: share(usage.process),
            by_part,
            by_thread: usage.threads.iter().map(|(name, used)| (name.clone(), share(*used))).collect(),
        }
    }
}

fn part_of(thread: &str) -> &'static str {
    let fits = |names: &[&str]| names.iter().any(|name| thread.starts_with(name));
    PARTS.iter().find(|(_, names)| fits(names)).map_or("other", |(part, _)| part)
}

/// The room in a meeting, at rest and with people who come and go.
#[derive(Debug, Serialize)]
pub(crate) struct InMeeting {
    people: usize,
    sends: &'static str,
    steady_s: u64,
    steady: Punctuality,
    steady_cpu: Shares,
    coming_and_going_s: u64,
    seed: u64,
    joins: u64,
    leaves: u64,
    coming_and_going: Punctuality,
    coming_and_going_cpu: Shares,
}

impl InMeeting {
    /// Lines for the table.
    pub(crate) fn lines(&self) -> Vec<(String, String)> {
        let scene =
            |it: &Punctuality| format!("{} late, {} missing of {} frames", it.late, it.missing, it.frames);
        let mut lines = vec![
            (format!("scene, {} s with {PEOPLE} people", self.steady_s), scene(&self.steady)),
            (
                format!("scene, {} s of joins and leaves (goal 0)", self.coming_and_going_s),
                format!(
                    "{}; {} joins, {} leaves, seed {}",
                    scene(&self.coming_and_going),
                    self.joins,
                    self.leaves,
                    self.seed
                ),
            ),
            (
                "drawing a picture of the scene".into(),
                format!(
                    "mean {} us, longest {} us",
                    self.steady.compose_mean_us, self.coming_and_going.compose_max_us
                ),
            ),
            (
                format!("CPU with {PEOPLE} people, whole process"),
                format!("{:.1} % of a core", self.steady_cpu.whole_process),
            ),
        ];
        lines.extend(
            self.steady_cpu
                .by_part
                .iter()
                .map(|(part, share)| (format!("  {part}"), format!("{share:.1} %"))),
        );
        lines
    }
}

/// Who is in the meeting, and what they need.
struct People<'a> {
    run: &'a Run,
    daemon: &'a Daemon,
    traffic: Traffic,
    there: BTreeMap<usize, Attendee>,
    next: usize,
}

impl People<'_> {
    async fn join(&mut self) -> anyhow::Result<()> {
        let fake = Fake::new(&self.run.common, SENDS, self.run.clock.now())?;
        let (id, watches) = (self.next, Watches::First(PEOPLE));
        let joining = Joining { id, fake, sends: SENDS, slots: Slots::PAGE, watches };
        let attendee = attend(self.daemon, MEETING, &self.traffic, joining).await?;
        self.there.insert(id, attendee);
        self.next += 1;
        Ok(())
    }

    async fn leave(&mut self, choice: u64) -> anyhow::Result<()> {
        let Some(id) = self.choose(choice) else { return Ok(()) };
        match self.there.remove(&id) {
            Some(attendee) => attendee.leave().await,
            None => Ok(()),
        }
    }

    fn speak(&self, choice: u64) {
        let speaker = self.choose(choice);
        for id in self.there.keys() {
            self.traffic.set_level(*id, if Some(*id) == speaker { SPEAKING } else { SILENT });
        }
    }

    fn choose(&self, choice: u64) -> Option<usize> {
        let at = usize::try_from(choice).unwrap_or(0) % self.there.len().max(1);
        self.there.keys().nth(at).copied()
    }
}

/// Measures `minutes` of joins and leaves after a minute at rest.
pub(crate) async fn measure(run: &Run, minutes: f64) -> anyhow::Result<InMeeting> {
    let daemon = Daemon::start(run.command(), &*run.clock)?;
    daemon.ask("POST", "/api/v1/meetings", &format!("{{\"name\":\"{MEETING}\",\"mode\":\"video\"}}")).await?;
    daemon.ask("POST", "/api/v1/commands/join", &format!("{{\"meeting\":\"{MEETING}\"}}")).await?;
    let traffic = Traffic::start(Arc::clone(&run.clock))?;
    let mut people = People { run, daemon: &daemon, traffic, there: BTreeMap::new(), next: 0 };
    for _ in 0..PEOPLE {
        people.join().await?;
    }
    people.speak(0);
    run.wait(SETTLE).await;
    say(&format!("the room with {PEOPLE} people at rest: {} s", STEADY.as_secs()));
    let before = daemon.figures().await?;
    let (steady_cpu, ()) = watched(run, &daemon, run.wait(STEADY)).await?;
    let between = daemon.figures().await?;
    let time = Duration::from_secs_f64(minutes * 60.0);
    say(&format!("the room while people come and go: {} s, seed {}", time.as_secs(), run.seed));
    let (coming_and_going_cpu, counts) = watched(run, &daemon, come_and_go(run, &mut people, time)).await?;
    let (joins, leaves) = counts?;
    let after = daemon.figures().await?;
    while !people.there.is_empty() {
        people.leave(0).await?;
    }
    daemon.stop()?;
    Ok(InMeeting {
        people: PEOPLE,
        sends: "each H.264 at 320x180, 640x360 and 1280x720, 30/s, and Opus; each watches all others",
        steady_s: STEADY.as_secs(),
        steady: Punctuality::between(&before, &between)?,
        steady_cpu,
        coming_and_going_s: time.as_secs(),
        seed: run.seed,
        joins,
        leaves,
        coming_and_going: Punctuality::between(&between, &after)?,
        coming_and_going_cpu,
    })
}

/// The daemon's CPU while something goes on.
async fn watched<T>(run: &Run, daemon: &Daemon, act: impl Future<Output = T>) -> anyhow::Result<(Shares, T)> {
    let mut watch = Watch::begin(daemon.pid())?;
    let began = run.clock.now();
    let mut looks = tokio::time::interval(LOOK);
    tokio::pin!(act);
    let outcome = loop {
        tokio::select! {
            outcome = &mut act => break outcome,
            _ = looks.tick() => watch.look()?,
        }
    };
    let usage = watch.end()?;
    Ok((Shares::of(&usage, run.clock.now().saturating_duration_since(began)), outcome))
}

/// Somebody joins, leaves or begins to speak, again and again; returns how many joined and left.
async fn come_and_go(run: &Run, people: &mut People<'_>, time: Duration) -> anyhow::Result<(u64, u64)> {
    let mut dice = Dice(run.seed);
    let end = run.clock.now() + time;
    let (mut joins, mut leaves) = (0, 0);
    while run.clock.now() < end {
        run.wait(Duration::from_millis(200 + dice.throw() % 2_000)).await;
        let may_leave = people.there.len() > PEOPLE_MIN;
        let may_join = people.there.len() < PEOPLE;
        match dice.throw() % 3 {
            0 => people.speak(dice.throw()),
            1 if may_leave => {
                people.leave(dice.throw()).await?;
                leaves += 1;
            }
            _ if may_join => {
                people.join().await?;
                joins += 1;
            }
            _ => {
                people.leave(dice.throw()).await?;
                leaves += 1;
            }
        }
    }
    Ok((joins, leaves))
}

/// Random numbers that a seed repeats (xorshift64*).
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        // Zero would stay zero.
        let mut state = self.0.max(1);
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        self.0 = state;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    }
}
