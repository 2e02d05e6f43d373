//! Figures that the media workers are asked for: those of a meeting, and the sums over all of them.

use tokio::sync::oneshot;

use crate::appliance::handle::{MeetingStatistics, ParticipantStatistics, Reply};
use crate::appliance::run::{Appliance, peer_of};
use crate::appliance::words;
use crate::appliance::worker::Order;
use crate::refusal::{Code, Refusal};
use crate::sfu::{PeerReport, Totals};
use crate::web::wire::Participant;

impl Appliance {
    /// Has the meeting's worker tell what it knows; the reply is sent from there.
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
        let answer = Box::new(move |mut reports: Vec<PeerReport>| {
            let mut with_report = |(peer, participant): (_, Participant)| {
                let at = reports.iter().position(|report| report.peer == peer);
                ParticipantStatistics { participant, report: at.map(|at| reports.swap_remove(at)) }
            };
            let participants = participants.into_iter().map(&mut with_report).collect();
            drop(reply.send(Ok(MeetingStatistics { meeting, participants })));
        });
        self.order(hosted, Order::Report { meeting: hosted.id, answer });
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

fn ending() -> Refusal {
    Refusal::new(Code::Internal, "the appliance is stopping")
}
