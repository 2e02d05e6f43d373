//! One repeat: a fresh server, everybody joins, and a window in which everything is counted.

use std::time::Duration;

use anyhow::{bail, ensure};
use serde::Serialize;

use super::pins::Pins;
use super::server::{Server, System, Trial};
use super::shape::{Part, Shape, expected};
use crate::arrivals::Arrivals;
use crate::cipher::{Counts, PINNED};
use crate::cpu::{self, Usage, Watch};
use crate::player::{Flow, SOUND};
use crate::report::{median, percentile};
use crate::run::Run;
use crate::traffic::Traffic;

/// From the last join to the window: bandwidth estimates and first key frames are over.
pub(crate) const SETTLE: Duration = Duration::from_secs(6);
/// With less of the load than this another load was measured: the machine was busy with something else.
const OFFERED: f64 = 0.97;
/// How often threads are looked at, for the sake of those that end.
const LOOK: Duration = Duration::from_secs(1);

/// What one repeat showed.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Repeat {
    /// Packets that arrived at the receivers.
    pub(crate) forwarded: u64,
    /// What was sent in the window, times who was to receive it.
    pub(crate) expected: u64,
    pub(crate) forwarded_per_s: f64,
    pub(crate) megabits_per_s: f64,
    /// Numbers that are missing for good at the receivers.
    pub(crate) lost: u64,
    pub(crate) loss_percent: f64,
    /// Of them at most so many were dropped at the generator's own sockets.
    pub(crate) dropped_by_generator: u64,
    /// Of the whole process.
    pub(crate) cpu_s_per_million: f64,
    pub(crate) server_cores: f64,
    /// Of a process that only speaks for the one that forwards: in no other figure.
    pub(crate) beside_cpu_s_per_million: Option<f64>,
    /// Of the threads that forward alone, where they can be told by their names.
    pub(crate) media_threads_cpu_s_per_million: Option<f64>,
    pub(crate) generator_cores: f64,
    /// From before encryption at the sender until the receiver's kernel has it.
    pub(crate) delay_us: Delay,
    /// The same until after decryption.
    pub(crate) delay_decrypted_us: Delay,
    pub(crate) memory_empty_kb: u64,
    pub(crate) memory_kb: u64,
    pub(crate) memory_per_participant_kb: f64,
    /// Nothing of it at the floor, where nobody joins.
    pub(crate) join_ms: Option<Join>,
    pub(crate) srtp: Option<&'static str>,
    /// The machine's load averages at the end.
    pub(crate) load: Vec<f64>,
}

/// Of all packets of the window.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Delay {
    pub(crate) p50: u32,
    pub(crate) p99: u32,
    pub(crate) max: u32,
}

/// Of all participants.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Join {
    pub(crate) median: f64,
    pub(crate) max: f64,
}

/// What was counted in a window.
struct Window {
    seconds: f64,
    server: Usage,
    beside: Option<Usage>,
    generator: Usage,
    /// By participant.
    arrivals: Vec<(usize, Arrivals)>,
}

/// Measures once.
pub(crate) async fn measure(
    run: &Run,
    pins: &Pins,
    system: System,
    shape: Shape,
    time: Duration,
) -> anyhow::Result<Repeat> {
    let (plan, traffic) = (shape.plan(), Traffic::start(run.clock.clone())?);
    let trial = Trial { run, shape, plan: &plan, pins, traffic: &traffic };
    let ciphers = Counts::now();
    let mut server = Server::start(system, &trial).await?;
    let memory_empty_kb = cpu::memory(server.pid())?.rss_kb;
    let join_ms = server.join(&trial).await?;
    run.wait(SETTLE).await;
    let window = watch(&trial, &server, time).await?;
    let memory_kb = cpu::memory(server.pid())?.rss_kb;
    server.stop().await?;
    let srtp = profile(system, &Counts::now().used_since(ciphers))?;
    ensure!(window.packets() > 0, "{} forwarded nothing", system.name());
    let offered = window.offered(&plan);
    ensure!(offered > OFFERED, "the generator was held up: it sent {:.0} % of the load", 100.0 * offered);
    Ok(window.repeat(&plan, &Around { memory_empty_kb, memory_kb, join_ms, srtp }))
}

/// The one profile that may be used.
fn profile(system: System, used: &[&'static str]) -> anyhow::Result<Option<&'static str>> {
    match used {
        [] if system.is_floor() => Ok(None),
        [PINNED] => Ok(Some(PINNED)),
        _ => bail!("{} used the SRTP profiles {used:?} instead of {PINNED} alone", system.name()),
    }
}

async fn watch(trial: &Trial<'_>, server: &Server, time: Duration) -> anyhow::Result<Window> {
    let (run, traffic) = (trial.run, trial.traffic);
    traffic.turn().await?;
    let beside = server.beside().map(Watch::begin).transpose()?;
    let (mut server, generator) = (Watch::begin(server.pid())?, Watch::begin(std::process::id())?);
    let began = run.clock.now();
    while run.clock.now() < began + time {
        let left = (began + time).saturating_duration_since(run.clock.now());
        run.wait(left.min(LOOK)).await;
        server.look()?;
    }
    let arrivals = traffic.turn().await?;
    let (server, generator) = (server.end()?, generator.end()?);
    let beside = beside.map(Watch::end).transpose()?;
    let seconds = run.clock.now().saturating_duration_since(began).as_secs_f64();
    let arrivals = arrivals.into_iter().map(|(id, one)| (Trial::participant(id), one)).collect();
    Ok(Window { seconds, server, beside, generator, arrivals })
}

/// What was seen before and after the window.
struct Around {
    memory_empty_kb: u64,
    memory_kb: u64,
    join_ms: Vec<f64>,
    srtp: Option<&'static str>,
}

impl Window {
    fn sum(&self, of: impl Fn(&Arrivals) -> u64) -> u64 {
        self.arrivals.iter().map(|(_, one)| of(one)).sum()
    }

    fn packets(&self) -> u64 {
        self.sum(Arrivals::packets)
    }

    fn delay(&self, of: impl Fn(&Arrivals) -> &Vec<u32>) -> Delay {
        let mut all: Vec<u32> = self.arrivals.iter().flat_map(|(_, one)| of(one).iter().copied()).collect();
        all.sort_unstable();
        let max = all.last().copied().unwrap_or_default();
        Delay { p50: percentile(&all, 50), p99: percentile(&all, 99), max }
    }

    fn sent(&self, participants: usize) -> Vec<[u64; Flow::COUNT]> {
        let mut sent = vec![[0; Flow::COUNT]; participants];
        for (participant, one) in &self.arrivals {
            for (sum, count) in sent[*participant].iter_mut().zip(one.sent) {
                *sum += count;
            }
        }
        sent
    }

    /// How much of what was to be sent was sent, by the sound, whose pace is always the same.
    fn offered(&self, plan: &[Part]) -> f64 {
        let sent: u64 = self.sent(plan.len()).iter().map(|sent| sent[Flow::Sound.index()]).sum();
        let senders = plan.iter().filter(|part| part.sends.sound).count();
        sent as f64 * SOUND.as_secs_f64() / (senders as f64 * self.seconds)
    }

    fn repeat(&self, plan: &[Part], around: &Around) -> Repeat {
        let (forwarded, lost) = (self.packets(), self.sum(Arrivals::lost));
        let per_million = |time: Duration| time.as_secs_f64() * 1e6 / forwarded as f64;
        let all = |usage: &Usage| usage.threads.values().sum::<Duration>();
        let media = self.server.of(|name| name.starts_with("media-"));
        let grown_kb = around.memory_kb as f64 - around.memory_empty_kb as f64;
        Repeat {
            forwarded,
            expected: expected(plan, &self.sent(plan.len())),
            forwarded_per_s: forwarded as f64 / self.seconds,
            megabits_per_s: self.sum(|one| one.bytes) as f64 * 8e-6 / self.seconds,
            lost,
            loss_percent: 100.0 * lost as f64 / (forwarded + lost) as f64,
            dropped_by_generator: self.sum(|one| one.dropped.into()),
            cpu_s_per_million: per_million(all(&self.server)),
            server_cores: all(&self.server).as_secs_f64() / self.seconds,
            media_threads_cpu_s_per_million: (!media.is_zero()).then(|| per_million(media)),
            beside_cpu_s_per_million: self.beside.as_ref().map(|usage| per_million(all(usage))),
            generator_cores: all(&self.generator).as_secs_f64() / self.seconds,
            delay_us: self.delay(|one| &one.delays_us),
            delay_decrypted_us: self.delay(|one| &one.delays_decrypted_us),
            memory_empty_kb: around.memory_empty_kb,
            memory_kb: around.memory_kb,
            memory_per_participant_kb: grown_kb / plan.len() as f64,
            join_ms: join(&around.join_ms),
            srtp: around.srtp,
            load: cpu::load(),
        }
    }
}

fn join(all_ms: &[f64]) -> Option<Join> {
    let max = all_ms.iter().copied().fold(0.0, f64::max);
    (!all_ms.is_empty()).then(|| Join { median: median(all_ms.iter().copied()), max })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_profile_than_the_pinned_one_fails_and_is_named() {
        assert_eq!(profile(System::Janus, &[PINNED]).unwrap(), Some(PINNED));
        assert_eq!(profile(System::Floor, &[]).unwrap(), None);
        assert!(profile(System::Alcove, &[]).is_err());
        let wrong = profile(System::Janus, &["AES128_CM_SHA1_80", PINNED]).unwrap_err().to_string();
        assert!(wrong.contains("AES128_CM_SHA1_80") && wrong.contains("Janus"));
    }

    #[test]
    fn where_nobody_joins_there_is_no_time_of_joining() {
        assert!(join(&[]).is_none());
        let two = join(&[10.0, 30.0]).unwrap();
        assert!((two.median - 20.0).abs() < 1e-9 && (two.max - 30.0).abs() < 1e-9);
    }

    #[test]
    fn a_generator_that_was_held_up_is_seen_by_the_sound() {
        let plan = Shape::Audio(2).plan();
        let sent = |count| {
            let mut one = Arrivals::default();
            one.sent[Flow::Sound.index()] = count;
            one
        };
        let arrivals = vec![(0, sent(250)), (1, sent(150))];
        let window = Window {
            seconds: 5.0,
            server: Usage::default(),
            beside: None,
            generator: Usage::default(),
            arrivals,
        };
        assert!((window.offered(&plan) - 0.8).abs() < 1e-9);
    }
}
