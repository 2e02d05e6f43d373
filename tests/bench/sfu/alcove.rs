//! Alcove under measurement: the daemon with a meeting, and participants that join it as pages do.

use super::server::Trial;
use super::shape::Part;
use crate::daemon::Daemon;
use crate::fake::{Fake, Slots};
use crate::words::{Attendee, Joining, Watches, attend};

const MEETING: &str = "bench-sfu";

/// The running daemon, and who has joined.
pub(crate) struct Alcove {
    daemon: Daemon,
    attendees: Vec<Attendee>,
}

impl Alcove {
    /// Starts the daemon with an empty meeting.
    pub(crate) async fn start(trial: &Trial<'_>) -> anyhow::Result<Self> {
        let daemon = Daemon::start(trial.pins.command(&trial.run.program), &**trial.clock())?;
        let meeting = serde_json::json!({
            "name": MEETING,
            "mode": if trial.shape.has_pictures() { "video" } else { "audio" },
            "max_participants": trial.plan.len(),
        });
        daemon.ask("POST", "/api/v1/meetings", &meeting.to_string()).await?;
        Ok(Self { daemon, attendees: Vec::new() })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    /// From opening the WebSocket until media is connected.
    pub(crate) async fn join(&mut self, trial: &Trial<'_>) -> anyhow::Result<Vec<f64>> {
        let mut join_ms = Vec::new();
        for (at, part) in trial.plan.iter().enumerate() {
            let began = trial.clock().now();
            let joining = joining(trial, at, part)?;
            self.attendees.push(attend(&self.daemon, MEETING, trial.traffic, joining).await?);
            join_ms.push(trial.milliseconds_since(began));
        }
        Ok(join_ms)
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        for attendee in self.attendees {
            attendee.leave().await?;
        }
        self.daemon.stop()
    }
}

fn joining(trial: &Trial<'_>, at: usize, part: &Part) -> anyhow::Result<Joining> {
    let mut fake = Fake::new(&trial.run.common, part.sends, trial.clock().now())?;
    fake.claim(part.level_dbov);
    let slots = if trial.shape.has_pictures() { Slots::PAGE } else { Slots { pictures: 0, ..Slots::PAGE } };
    let watches = if part.sees.is_empty() { Watches::Nobody } else { Watches::First(part.sees.len()) };
    Ok(Joining { id: Trial::sending(at), fake, sends: part.sends, slots, watches })
}
