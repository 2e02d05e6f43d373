//! How soon everybody else sees what one of them does: fifty sockets in one meeting, one command after the other.

use std::time::{Duration, Instant};

use alcove::web::wire::{Ask, Audience, Event, Frame, Tell};
use anyhow::Context;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::daemon::Daemon;
use crate::report::{percentile, say};
use crate::run::Run;
use crate::words::Words;

/// How many people are in the meeting.
const PEOPLE: usize = 50;

/// How many commands of each kind.
const COMMANDS: usize = 200;

/// How long a command may take to be seen by all.
const PATIENCE: Duration = Duration::from_secs(10);

/// How soon one kind of command was seen.
#[derive(Debug, Serialize)]
struct Seen {
    command: &'static str,
    commands: usize,
    seen_p50_us: u32,
    seen_p99_us: u32,
    seen_max_us: u32,
}

/// How soon commands were seen by all others.
#[derive(Debug, Serialize)]
pub(crate) struct Commands {
    people: usize,
    kinds: Vec<Seen>,
}

impl Commands {
    /// Lines for the table.
    pub(crate) fn lines(&self) -> Vec<(String, String)> {
        let ms = |us: u32| f64::from(us) / 1e3;
        let line = |seen: &Seen| {
            let what = format!("{} seen by {} others (goal p99 50 ms)", seen.command, self.people - 1);
            let [p50, p99, max] = [seen.seen_p50_us, seen.seen_p99_us, seen.seen_max_us].map(ms);
            (what, format!("p50 {p50:.1} ms, p99 {p99:.1} ms, longest {max:.1} ms"))
        };
        self.kinds.iter().map(line).collect()
    }
}

/// One who is in the meeting: does what is asked, and tells when something of others is seen.
struct Person {
    asks: mpsc::UnboundedSender<Ask>,
}

/// Raises hands and writes in a meeting of fifty, and looks when the others see it. What this process needs to take in fifty
/// TLS sockets is in the figures.
pub(crate) async fn measure(run: &Run) -> anyhow::Result<Commands> {
    say(&format!("commands: {PEOPLE} people, {COMMANDS} raised hands and messages"));
    let daemon = Daemon::start(run.command(), &*run.clock)?;
    daemon.ask("POST", "/api/v1/meetings", r#"{"name":"crowd"}"#).await?;
    let (sights, mut seen) = mpsc::unbounded_channel();
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        people.push(enter(&daemon, number, sights.clone(), run).await?);
    }
    let mut kinds = Vec::new();
    for (command, ask) in [("a raised hand", hand as fn(usize) -> Ask), ("a message", message)] {
        let mut all_us = Vec::new();
        for turn in 0..COMMANDS {
            let began = run.clock.now();
            let asker = &people[turn % PEOPLE];
            asker.asks.send(ask(turn)).context("a participant has gone")?;
            let others = collect(turn % PEOPLE, &mut seen);
            let times =
                tokio::time::timeout(PATIENCE, others).await.context("not everybody saw a command")?;
            all_us.extend(times.iter().map(|at| microseconds(at.saturating_duration_since(began))));
        }
        all_us.sort_unstable();
        kinds.push(Seen {
            command,
            commands: COMMANDS,
            seen_p50_us: percentile(&all_us, 50),
            seen_p99_us: percentile(&all_us, 99),
            seen_max_us: all_us.last().copied().unwrap_or_default(),
        });
    }
    drop(people);
    daemon.stop()?;
    Ok(Commands { people: PEOPLE, kinds })
}

/// Hands go up in the first round, down in the second, and so on.
fn hand(turn: usize) -> Ask {
    Ask::Hand { participant: None, up: (turn / PEOPLE).is_multiple_of(2) }
}

fn message(turn: usize) -> Ask {
    Ask::Chat { to: Audience::All, text: format!("message {turn}") }
}

/// Until all others have seen it.
async fn collect(asker: usize, seen: &mut mpsc::UnboundedReceiver<(usize, Instant)>) -> Vec<Instant> {
    let mut times = Vec::new();
    while times.len() < PEOPLE - 1 {
        match seen.recv().await {
            Some((who, at)) if who != asker => times.push(at),
            Some(_) => {}
            None => break,
        }
    }
    times
}

async fn enter(
    daemon: &Daemon,
    number: usize,
    sights: mpsc::UnboundedSender<(usize, Instant)>,
    run: &Run,
) -> anyhow::Result<Person> {
    let mut words = Words::open(daemon, "crowd").await?;
    words.hello(daemon.admin_token(), &format!("Person {number}")).await?;
    let (asks, mut asked) = mpsc::unbounded_channel();
    let clock = run.clock.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                ask = asked.recv() => match ask {
                    Some(ask) => words.say(ask).await?,
                    None => return anyhow::Ok(()),
                },
                frame = words.read() => match frame? {
                    Some(frame) if is_sight(&frame) => drop(sights.send((number, clock.now()))),
                    Some(Frame::Refused { refused, .. }) => anyhow::bail!("refused: {}", refused.detail),
                    Some(_) => {}
                    None => return Ok(()),
                },
            }
        }
    });
    Ok(Person { asks })
}

fn is_sight(frame: &Frame) -> bool {
    matches!(frame, Frame::Delta { event: Event::Hand { .. }, .. } | Frame::Told { tell: Tell::Chat { .. } })
}

fn microseconds(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}
