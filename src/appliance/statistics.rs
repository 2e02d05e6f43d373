//! Figures that the media workers are asked for: those of a meeting, and the sums over all of them.

use std::time::Duration;

use tokio::sync::oneshot;

use crate::appliance::handle::{MeetingStatistics, ParticipantStatistics, Reply, ending};
use crate::appliance::run::{Appliance, Hosted, participant_of, peer_of};
use crate::appliance::words;
use crate::appliance::worker::Order;
use crate::sfu::{DelayReport, LayerReport, PeerId, PeerReport, Totals, TrackReport};
use crate::track::Source;
use crate::web::wire::{Participant, TrackDelay};

impl Appliance {
    /// Has the meeting's workers tell what they know; the reply is sent when all have.
    pub(super) fn statistics(&self, name: &str, reply: Reply<MeetingStatistics>) {
        let (core, hosted) = match (self.meetings.get(name), self.hosted.get(name)) {
            (Ok(core), Some(hosted)) => (core, hosted),
            (Err(refusal), _) => return drop(reply.send(Err(refusal))),
            (_, None) => return drop(reply.send(Err(ending()))),
        };
        let snapshot = core.snapshot();
        let participants: Vec<_> = snapshot
            .participants
            .iter()
            .map(|participant| (peer_of(participant.id), words::participant_word(participant)))
            .collect();
        let meeting = name.to_owned();
        let is_here = self.seat.meeting() == Some(name);
        let screen = if is_here { self.room.picture_delays() } else { Vec::new() };
        let reports = self.reports(hosted);
        tokio::spawn(async move {
            let Some(mut reports) = reports.await else { return drop(reply.send(Err(ending()))) };
            let mut with_report = |(peer, participant): (_, Participant)| {
                let at = reports.iter().position(|report| report.peer == peer);
                ParticipantStatistics { participant, report: at.map(|at| reports.swap_remove(at)) }
            };
            let participants = participants.into_iter().map(&mut with_report).collect();
            drop(reply.send(Ok(MeetingStatistics { meeting, participants, screen })));
        });
    }

    /// What every branch of a meeting knows of its peers; `None` while the appliance stops.
    pub(super) fn reports(&self, hosted: &Hosted) -> impl Future<Output = Option<Vec<PeerReport>>> + use<> {
        let ask = |branch: &usize| {
            let (told, answer) = oneshot::channel();
            // Fails only when whoever asked is gone.
            let answer_sink = Box::new(|reports| _ = told.send(reports));
            self.workers[*branch].order(Order::Report { meeting: hosted.id, answer: answer_sink });
            answer
        };
        let answers: Vec<_> = hosted.branches.iter().map(ask).collect();
        async move {
            let mut all = Vec::new();
            for answer in answers {
                all.extend(answer.await.ok()?);
            }
            Some(all)
        }
    }

    /// Has every worker tell its sums; the reply is sent when all have.
    pub(super) fn totals(&self, reply: Reply<Totals>) {
        let ask = |worker: &super::worker::Worker| {
            let (told, answer) = oneshot::channel();
            // Fails only when whoever asked is gone.
            worker.order(Order::Totals { answer: Box::new(|totals| _ = told.send(totals)) });
            answer
        };
        let answers: Vec<_> = self.workers.iter().map(ask).collect();
        tokio::spawn(async move {
            let mut sums = Totals::default();
            for answer in answers {
                match answer.await {
                    Ok(totals) => sums.merge(&totals),
                    Err(_) => return drop(reply.send(Err(ending()))),
                }
            }
            drop(reply.send(Ok(sums)));
        });
    }
}

/// How old the pictures of each layer are when they arrive, where anything is known.
pub(super) fn delay_words(reports: &[PeerReport]) -> Vec<TrackDelay> {
    let of_track = |peer, track: &TrackReport| -> Vec<TrackDelay> {
        let layers = (0..).zip(&track.layers);
        layers.filter_map(|(at, layer)| delay_word(peer, track.source, at, layer)).collect()
    };
    let of_peer = |report: &PeerReport| -> Vec<TrackDelay> {
        report.tracks.iter().flat_map(|track| of_track(report.peer, track)).collect()
    };
    reports.iter().flat_map(of_peer).collect()
}

fn delay_word(peer: PeerId, source: Source, at: u8, layer: &LayerReport) -> Option<TrackDelay> {
    let delays = layer.delays;
    let height = layer.height.filter(|_| delays != DelayReport::default() && layer.is_sent)?;
    Some(TrackDelay {
        participant: words::id_word(participant_of(peer)),
        source: words::source_word(source),
        layer: at,
        height,
        until_here_ms: delays.until_here.map(milliseconds),
        capture_ms: delays.until_encoding.map(milliseconds),
        encode_ms: delays.encoding.map(milliseconds),
    })
}

/// To a tenth: finer than anything here is measured.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_to_a_tenth_of_a_millisecond() {
        for (time, told) in [(Duration::from_micros(12_345), "12.3"), (Duration::ZERO, "0")] {
            assert_eq!(milliseconds(time).to_string(), told);
        }
    }
}
