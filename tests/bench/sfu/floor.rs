//! The floor under measurement: the bare forwarder as a process, and participants without a transport.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Stdio};

use anyhow::Context;

use super::forward::Task;
use super::server::Trial;
use super::shape::{Part, receivers};
use crate::plain::{Plain, first_flow};
use crate::player::{FRAME, Flow};
use crate::recording::LAYERS;

/// A running forwarder, and who will send through it.
pub(crate) struct Floor {
    child: Child,
    address: SocketAddr,
    participants: Vec<Plain>,
}

impl Floor {
    /// Starts this program anew as the forwarder.
    ///
    /// # Errors
    /// When it cannot be started, or does not listen.
    pub(crate) fn start(trial: &Trial<'_>, is_gathering: bool) -> anyhow::Result<Self> {
        let make = |(at, part): (usize, &Part)| Plain::new(&trial.run.common, part.sends, first_flow(at));
        let participants = trial.plan.iter().enumerate().map(make).collect::<anyhow::Result<Vec<_>>>()?;
        let routes = routes(trial.plan, &participants);
        let task = Task { ip: trial.run.common.ip, is_gathering, routes };
        let own = std::env::current_exe().context("this program does not know its own path")?;
        let mut child = trial
            .pins
            .command(own)
            .arg("forward")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the forwarder")?;
        let address = introduce(&mut child, &task)?;
        Ok(Self { child, address, participants })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// There is nothing to negotiate. Who joins a server begins at some moment of its own; here the beginnings are
    /// spread over a frame, else all would send at the same moment.
    pub(crate) fn join(&mut self, trial: &Trial<'_>) {
        let (now, count) = (trial.run.clock.now(), self.participants.len());
        for (at, mut one) in self.participants.drain(..).enumerate() {
            one.start(self.address, now + FRAME.mul_f64(at as f64 / count as f64));
            trial.traffic.add(Trial::sending(at), one);
        }
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        // Fails when it has ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Hands over the task, and returns where the forwarder listens.
fn introduce(child: &mut Child, task: &Task) -> anyhow::Result<SocketAddr> {
    let text = serde_json::to_string(task).context("a task is JSON")?;
    let mut stdin = child.stdin.take().context("the forwarder has no standard input")?;
    writeln!(stdin, "{text}").context("the forwarder takes no task")?;
    let stdout = child.stdout.take().context("the forwarder has no standard output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).context("cannot read what the forwarder says")?;
    line.trim().parse().with_context(|| format!("the forwarder said {line:?}"))
}

fn routes(plan: &[Part], participants: &[Plain]) -> Vec<Vec<SocketAddr>> {
    let flows = (0..LAYERS.len()).map(Flow::Layer).chain([Flow::Sound]).collect::<Vec<_>>();
    let route = |from: usize, flow: Flow| -> Vec<SocketAddr> {
        receivers(plan, from, flow).into_iter().map(|at| participants[at].address()).collect()
    };
    (0..plan.len()).flat_map(|from| flows.iter().map(move |flow| route(from, *flow))).collect()
}
