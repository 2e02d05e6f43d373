//! `alcove apply`: puts the provisioned layer of many appliances to what documents say, waits until that is in effect,
//! and confirms what would undo itself.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::administrator::Administrator;
use super::documents::Documents;
use super::{Order, hosts, runtime};

/// The longest that one answer is waited for while something comes into effect, in seconds.
const ANSWER_S: u64 = 30;

/// How long to wait before an appliance that starts anew is asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// What came of it for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Applied {
    /// Which are as they are to be, and were.
    pub unchanged: usize,
    /// Which are now; or would be changed.
    pub changed: usize,
    /// Which are not.
    pub failed: usize,
}

/// Carries it out, and tells of each appliance on standard output; how far it is, on standard error.
///
/// # Errors
/// When the documents or the list cannot be used, before anything is done.
pub fn apply(order: &Order) -> anyhow::Result<Applied> {
    let documents = Documents::open(&order.file)?;
    let mut tasks = Vec::new();
    match &order.hosts {
        None => {
            let administrator = Administrator::of_this_machine(&order.state)?;
            tasks.push(("this machine".to_owned(), administrator, documents.of(None)?));
        }
        Some(list) => {
            for host in hosts::read(list)? {
                let document = documents.of(Some(&host.name))?;
                tasks.push((host.shown(), host.administrator()?, document));
            }
        }
    }
    runtime()?.block_on(all(order, tasks))
}

async fn all(order: &Order, tasks: Vec<(String, Administrator, Value)>) -> anyhow::Result<Applied> {
    let (count, places) = (tasks.len(), Arc::new(Semaphore::new(order.parallel.max(1))));
    let mut running = JoinSet::new();
    for (name, administrator, document) in tasks {
        let (places, order) = (Arc::clone(&places), order.clone());
        running.spawn(async move {
            // Never closed.
            let _place = places.acquire_owned().await;
            (name, one(&order, &administrator, &document).await)
        });
    }
    let mut applied = Applied::default();
    while let Some(ended) = running.join_next().await {
        let (name, outcome) = ended.context("an appliance was not spoken with to the end")?;
        let text = match outcome {
            Ok(changes) if changes.is_empty() => {
                applied.unchanged += 1;
                format!("{name}: nothing to change\n")
            }
            Ok(changes) => {
                applied.changed += 1;
                let verdict = if order.dry_run { "would change" } else { "changed, and in effect" };
                format!(
                    "{name}: {verdict}\n{}",
                    changes.iter().map(|line| format!("  {line}\n")).collect::<String>()
                )
            }
            Err(error) => {
                applied.failed += 1;
                format!("{name}: failed: {error:#}\n")
            }
        };
        std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")?;
        tell(&progress(applied, count));
    }
    tell("\n");
    Ok(applied)
}

/// `[#####     ] 5 of 10, 1 failed`, written over what stood there.
fn progress(applied: Applied, count: usize) -> String {
    const WIDTH: usize = 30;
    let done = applied.unchanged + applied.changed + applied.failed;
    let marks = done * WIDTH / count.max(1);
    let failed = if applied.failed > 0 { format!(", {} failed", applied.failed) } else { String::new() };
    format!("\r[{}{}] {done} of {count}{failed}", "#".repeat(marks), " ".repeat(WIDTH - marks))
}

/// Progress is for whoever looks; that nobody does is no failure.
fn tell(text: &str) {
    drop(std::io::stderr().write_all(text.as_bytes()));
}

/// The changes of one appliance, a line each.
async fn one(order: &Order, administrator: &Administrator, document: &Value) -> anyhow::Result<Vec<String>> {
    let etag = administrator.tagged("api/v1/config").await?;
    let query = "api/v1/config?layer=provisioned";
    let tried = administrator.put(&format!("{query}&dryRun=true"), &etag, document).await?;
    let lines = lines(&tried);
    if order.dry_run {
        return Ok(lines);
    }
    let when = if order.now { "now" } else { "idle" };
    let done = administrator.put(&format!("{query}&apply={when}"), &etag, document).await?;
    let generation = done["generation"].as_u64().context("it has told no generation")?;
    let in_effect = in_effect(administrator, generation);
    tokio::time::timeout(order.wait, in_effect).await.with_context(|| {
        format!("generation {generation} was accepted, and is not in effect after {} s", order.wait.as_secs())
    })??;
    if done["confirm_within_s"].is_u64() {
        administrator.post("api/v1/config/confirm", &json!({ "generation": generation })).await?;
    }
    Ok(lines)
}

/// Returns when it is; an appliance that starts anew is asked again.
async fn in_effect(administrator: &Administrator, generation: u64) -> anyhow::Result<()> {
    let path = format!("api/v1/status?waitFor=ConfigApplied&generation={generation}&timeout={ANSWER_S}");
    let mut pause = tokio::time::interval(PAUSE);
    loop {
        pause.tick().await;
        let Ok(status) = administrator.patient(&path, Duration::from_secs(ANSWER_S)).await else { continue };
        let conditions = status["conditions"].as_array().into_iter().flatten();
        let taken_back = conditions.clone().find(|condition| condition["reason"] == "TakenBack");
        match taken_back {
            Some(condition) => bail!("{}", condition["message"].as_str().unwrap_or("it was taken back")),
            None => return Ok(()),
        }
    }
}

fn lines(tried: &Value) -> Vec<String> {
    let value = |value: &Value| if value.is_null() { "(not set)".to_owned() } else { value.to_string() };
    let line = |change: &Value| {
        let word = |name: &str| change[name].as_str().unwrap_or_default().to_owned();
        format!(
            "{}: {} -> {} ({})",
            word("key"),
            value(&change["before"]),
            value(&change["after"]),
            word("applies")
        )
    };
    tried["changes"].as_array().into_iter().flatten().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_shows_how_far_it_is() {
        let applied = Applied { unchanged: 1, changed: 1, failed: 1 };
        assert_eq!(
            progress(applied, 6),
            format!("\r[{}{}] 3 of 6, 1 failed", "#".repeat(15), " ".repeat(15))
        );
        assert!(progress(Applied::default(), 0).ends_with("] 0 of 0"));
    }
}
