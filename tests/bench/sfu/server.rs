//! The systems under measurement, each as a process that a shape's participants join.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alcove_hal::clock::Clock;
use anyhow::Context;
use clap::ValueEnum;
use tokio::sync::oneshot;

use super::alcove::Alcove;
use super::floor::Floor;
use super::galene::Galene;
use super::janus::Janus;
use super::mediasoup::Mediasoup;
use super::pins::Pins;
use super::shape::{Part, Shape};
use crate::run::Run;
use crate::traffic::Traffic;

/// How long media may take to connect.
const PATIENCE: Duration = Duration::from_secs(10);
/// More endpoints than a participant has with any system.
const ENDPOINTS_EACH: usize = 32;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum System {
    Alcove,
    Janus,
    Mediasoup,
    Galene,
    /// A bare UDP forwarder, a call for each datagram.
    Floor,
    /// The same with runs of datagrams in one call.
    FloorGso,
}

/// One repeat of one shape with one system, as the server's part sees it.
pub(crate) struct Trial<'a> {
    pub(crate) run: &'a Run,
    pub(crate) shape: Shape,
    pub(crate) plan: &'a [Part],
    pub(crate) pins: &'a Pins,
    pub(crate) traffic: &'a Traffic,
}

impl Trial<'_> {
    /// The endpoint that a participant sends from (and receives at, where one does for both).
    pub(crate) fn sending(participant: usize) -> usize {
        participant * ENDPOINTS_EACH
    }

    /// The endpoints that it receives at where those are others.
    pub(crate) fn receiving(participant: usize, number: usize) -> usize {
        Self::sending(participant) + 1 + number
    }

    /// Whose endpoint it is.
    pub(crate) fn participant(endpoint: usize) -> usize {
        endpoint / ENDPOINTS_EACH
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.run.clock
    }

    pub(crate) fn milliseconds_since(&self, began: Instant) -> f64 {
        self.clock().now().saturating_duration_since(began).as_secs_f64() * 1e3
    }

    /// Waits until media is connected.
    pub(crate) async fn connected(&self, connected: oneshot::Receiver<()>) -> anyhow::Result<()> {
        tokio::time::timeout(PATIENCE, connected).await.context("media did not connect")?.context("no media")
    }
}

impl System {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Alcove => "Alcove",
            Self::Janus => "Janus",
            Self::Mediasoup => "mediasoup",
            Self::Galene => "Galène",
            Self::Floor => "bare UDP",
            Self::FloorGso => "bare UDP, GSO",
        }
    }

    /// Whether it is no conference server: nothing is encrypted, nobody joins.
    pub(crate) fn is_floor(self) -> bool {
        matches!(self, Self::Floor | Self::FloorGso)
    }

    /// The version that is installed.
    ///
    /// # Errors
    /// When it is not installed: why.
    pub(crate) fn version(self, run: &Run) -> anyhow::Result<String> {
        match self {
            Self::Alcove => said(run.command().arg("--version")),
            Self::Janus => super::janus::version(),
            Self::Mediasoup => super::mediasoup::version(run),
            Self::Galene => super::galene::version(run),
            Self::Floor | Self::FloorGso => Ok(env!("CARGO_PKG_VERSION").into()),
        }
    }
}

/// The first line that a program says.
pub(crate) fn said(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("{:?} is not there", command.get_program()))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

/// A running system.
pub(crate) enum Server {
    Alcove(Alcove),
    Janus(Janus),
    Mediasoup(Mediasoup),
    Galene(Galene),
    Floor(Floor),
}

impl Server {
    /// Starts it as a new process, with nobody there.
    pub(crate) async fn start(system: System, trial: &Trial<'_>) -> anyhow::Result<Self> {
        match system {
            System::Alcove => Alcove::start(trial).await.map(Self::Alcove),
            System::Janus => Janus::start(trial).await.map(Self::Janus),
            System::Mediasoup => Mediasoup::start(trial).await.map(Self::Mediasoup),
            System::Galene => Galene::start(trial).await.map(Self::Galene),
            System::Floor => Floor::start(trial, false).map(Self::Floor),
            System::FloorGso => Floor::start(trial, true).map(Self::Floor),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        match self {
            Self::Alcove(alcove) => alcove.pid(),
            Self::Janus(janus) => janus.pid(),
            Self::Mediasoup(mediasoup) => mediasoup.pid(),
            Self::Galene(galene) => galene.pid(),
            Self::Floor(floor) => floor.pid(),
        }
    }

    /// A process that only speaks for the one that forwards, where there is one.
    pub(crate) fn beside(&self) -> Option<u32> {
        match self {
            Self::Mediasoup(mediasoup) => Some(mediasoup.beside()),
            _ => None,
        }
    }

    /// Lets everybody join, one after the other; returns how long each took in milliseconds.
    pub(crate) async fn join(&mut self, trial: &Trial<'_>) -> anyhow::Result<Vec<f64>> {
        match self {
            Self::Alcove(alcove) => alcove.join(trial).await,
            Self::Janus(janus) => janus.join(trial).await,
            Self::Mediasoup(mediasoup) => mediasoup.join(trial).await,
            Self::Galene(galene) => galene.join(trial).await,
            Self::Floor(floor) => {
                floor.join(trial);
                Ok(Vec::new())
            }
        }
    }

    /// Ends the process.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        match self {
            Self::Alcove(alcove) => alcove.stop().await,
            Self::Janus(janus) => janus.stop(),
            Self::Mediasoup(mediasoup) => mediasoup.stop(),
            Self::Galene(galene) => galene.stop(),
            Self::Floor(floor) => {
                drop(floor);
                Ok(())
            }
        }
    }
}
