//! One publisher and twenty subscribers: what forwarding a packet costs, and how long it takes.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::cpu::{self, Watch};
use crate::daemon::Daemon;
use crate::fake::{Fake, Sends};
use crate::report::{median, percentile, say};
use crate::run::Run;
use crate::traffic::Traffic;
use crate::words::{Watches, attend};

const SUBSCRIBERS: usize = 20;
const MEETING: &str = "bench-forwarding";
/// From the last join to the window: bandwidth estimates and first key frames are over.
const SETTLE: Duration = Duration::from_secs(3);
const WINDOW: Duration = Duration::from_secs(20);

/// What one repeat showed.
#[derive(Debug, Serialize)]
pub(crate) struct Repeat {
    packets_in_per_s: f64,
    packets_out_per_s: f64,
    megabits_out_per_s: f64,
    lost: u64,
    media_us_per_packet: f64,
    process_us_per_packet: f64,
    media_cores: f64,
    delay_p50_us: u32,
    delay_p99_us: u32,
    load: Vec<f64>,
}

/// All repeats, each with a daemon of its own.
#[derive(Debug, Serialize)]
pub(crate) struct Forwarding {
    publishers: usize,
    subscribers: usize,
    window_s: u64,
    sends: &'static str,
    delay: &'static str,
    media_us_per_packet_median: f64,
    process_us_per_packet_median: f64,
    delay_p50_us_median: f64,
    delay_p99_us_median: f64,
    lost: u64,
    repeats: Vec<Repeat>,
}

impl Forwarding {
    /// Lines for the table.
    pub(crate) fn lines(&self) -> Vec<(String, String)> {
        let packets = median(self.repeats.iter().map(|it| it.packets_out_per_s));
        vec![
            (
                format!("forwarding 1 x {SUBSCRIBERS}, CPU of the media thread"),
                format!("{:.1} us per packet, at {packets:.0} packets/s", self.media_us_per_packet_median),
            ),
            (
                "the same, whole process".into(),
                format!("{:.1} us per packet", self.process_us_per_packet_median),
            ),
            (
                "sender to receiver, both fake".into(),
                format!(
                    "p50 {:.2} ms, p99 {:.2} ms; {} packets lost",
                    self.delay_p50_us_median / 1000.0,
                    self.delay_p99_us_median / 1000.0,
                    self.lost
                ),
            ),
        ]
    }
}

/// Measures `repeats` times.
pub(crate) async fn measure(run: &Run, repeats: usize) -> anyhow::Result<Forwarding> {
    let mut done = Vec::new();
    for at in 1..=repeats {
        say(&format!("forwarding, repeat {at} of {repeats}: {} s", WINDOW.as_secs()));
        done.push(once(run).await?);
    }
    let of = |value: fn(&Repeat) -> f64| median(done.iter().map(value));
    Ok(Forwarding {
        publishers: 1,
        subscribers: SUBSCRIBERS,
        window_s: WINDOW.as_secs(),
        sends: "H.264 1280x720 at 30/s and Opus at 50/s, no simulcast",
        delay: "from before encryption at the sending end to after decryption at the receiving end, both in one \
                process of the bench: its own work is in it",
        media_us_per_packet_median: of(|it| it.media_us_per_packet),
        process_us_per_packet_median: of(|it| it.process_us_per_packet),
        delay_p50_us_median: of(|it| it.delay_p50_us.into()),
        delay_p99_us_median: of(|it| it.delay_p99_us.into()),
        lost: done.iter().map(|it| it.lost).sum(),
        repeats: done,
    })
}

async fn once(run: &Run) -> anyhow::Result<Repeat> {
    let daemon = Daemon::start(&run.program, &*run.clock)?;
    let body = format!("{{\"name\":\"{MEETING}\",\"mode\":\"video\"}}");
    daemon.ask("POST", "/api/v1/meetings", &body).await?;
    let traffic = Traffic::start(Arc::clone(&run.clock))?;
    let mut attendees = Vec::new();
    for id in 0..=SUBSCRIBERS {
        let (sends, watches) = match id {
            0 => (Sends::Stamped, Watches::Nobody),
            _ => (Sends::Nothing, Watches::Everybody),
        };
        let fake = Fake::new(Arc::clone(&run.recording), sends, run.epoch, run.clock.now())?;
        attendees.push(attend(&daemon, MEETING, &traffic, (id, fake, sends), watches).await?);
    }
    run.wait(SETTLE).await;
    traffic.turn().await?;
    let watch = Watch::begin(daemon.pid())?;
    let began = run.clock.now();
    run.wait(WINDOW).await;
    let usage = watch.end()?;
    let seconds = run.clock.now().saturating_duration_since(began).as_secs_f64();
    let arrivals = traffic.turn().await?;
    for attendee in attendees {
        attendee.leave().await?;
    }
    daemon.stop()?;

    let packets = arrivals.iter().map(|(_, it)| it.packets()).sum::<u64>() as f64;
    let mut delays: Vec<u32> = arrivals.iter().flat_map(|(_, it)| it.delays_us.iter().copied()).collect();
    delays.sort_unstable();
    let media = usage.of(|name| name.starts_with("media-")).as_secs_f64();
    Ok(Repeat {
        packets_in_per_s: arrivals.iter().map(|(_, it)| it.sent).sum::<u64>() as f64 / seconds,
        packets_out_per_s: packets / seconds,
        megabits_out_per_s: arrivals.iter().map(|(_, it)| it.bytes).sum::<u64>() as f64 * 8.0 / 1e6 / seconds,
        lost: arrivals.iter().map(|(_, it)| it.lost()).sum(),
        media_us_per_packet: media * 1e6 / packets,
        process_us_per_packet: usage.process.as_secs_f64() * 1e6 / packets,
        media_cores: media / seconds,
        delay_p50_us: percentile(&delays, 50),
        delay_p99_us: percentile(&delays, 99),
        load: cpu::load(),
    })
}
