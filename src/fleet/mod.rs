//! Many appliances: configured and looked at from one terminal (`alcove apply`, `alcove status`), or each following what
//! its fleet wants ([`agent`]).

pub(crate) mod administrator;
pub mod agent;
mod apply;
mod documents;
pub mod follower;
mod hosts;
pub mod nats;
pub mod rooms;
pub mod stick;
pub mod tunnels;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use administrator::Administrator;
pub use apply::{Applied, apply};

/// What is to be applied, and how.
#[derive(Debug, Clone)]
pub struct Order {
    /// A document (TOML), or a folder with `all.toml` and one `HOST.toml` for each that differs.
    pub file: PathBuf,
    /// The list of appliances; that of this machine where absent.
    pub hosts: Option<PathBuf>,
    /// The state directory of the appliance of this machine.
    pub state: PathBuf,
    /// Only says what would change.
    pub dry_run: bool,
    /// Starts anew at once what needs it, whoever is in a meeting.
    pub now: bool,
    /// How many appliances are spoken with at a time.
    pub parallel: usize,
    /// How long to wait until it is in effect.
    pub wait: Duration,
}

/// How the appliance of this machine is: a line for each condition.
///
/// # Errors
/// When it does not answer.
pub fn status(state: &Path) -> anyhow::Result<String> {
    let runtime = runtime()?;
    let status = runtime.block_on(async {
        let administrator = Administrator::of_this_machine(state)?;
        administrator.json("api/v1/status").await.context("the appliance does not tell its status")
    })?;
    let mut text = String::new();
    for condition in status["conditions"].as_array().into_iter().flatten() {
        let word = |name: &str| condition[name].as_str().unwrap_or_default();
        writeln!(
            text,
            "{:<7} {:<16} {:<13} {}",
            word("status"),
            word("type"),
            word("reason"),
            word("message")
        )?;
    }
    Ok(text)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().context("cannot start the runtime")
}
