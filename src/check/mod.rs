//! `alcove check`: asks the running appliance to do its work once, the way people and their browsers would.
//!
//! It is what decides whether an update may stay, so it asks for what a room cannot do without, and for nothing
//! that a room may lack for a while, such as a camera.

mod call;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alcove_hal::clock::Clock;
use anyhow::Context as _;

use crate::fleet::administrator::Administrator;

/// How long to wait between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// Asks the appliance whose state is in that folder, again and again for as long as `within`, once at least.
/// Returns what was found, a line each.
///
/// # Errors
/// What is wrong: one sentence.
pub fn run(state: &Path, within: Duration, clock: &Arc<dyn Clock>) -> anyhow::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let deadline = clock.now() + within;
    loop {
        match runtime.block_on(attempt(state, &**clock)) {
            Ok(found) => return Ok(found),
            Err(error) if clock.now() >= deadline => return Err(error),
            Err(_) => clock.wait_until(clock.now() + PAUSE),
        }
    }
}

async fn attempt(state: &Path, clock: &dyn Clock) -> anyhow::Result<String> {
    let administrator = Administrator::of_this_machine(state)?;
    let mut found = String::new();
    administrator.text("readyz").await.context("the appliance is not ready")?;
    writeln!(found, "ready       {}", administrator.url())?;
    let status =
        administrator.json("api/v1/status").await.context("the appliance does not tell its status")?;
    for (class, choice) in devices(&status) {
        writeln!(found, "{class:<11} {choice}")?;
    }
    for trouble in status["troubles"].as_array().into_iter().flatten().filter_map(|trouble| trouble.as_str())
    {
        writeln!(found, "trouble     {trouble}")?;
    }
    let call =
        call::through(&administrator, clock).await.context("a call through the appliance does not work")?;
    writeln!(found, "call        {call}")?;
    Ok(found)
}

/// The devices in use, as the status tells them.
fn devices(status: &serde_json::Value) -> impl Iterator<Item = (&str, &str)> {
    let listed = status["room"]["devices"].as_array().into_iter().flatten();
    listed.filter_map(|device| Some((device["class"].as_str()?, device["choice"].as_str()?)))
}
