//! A server of others: a process that ends with the bench at the latest, and the tasks that read what it says.

use std::process::{Child, Command, ExitStatus};

use anyhow::Context;
use tokio::task::JoinHandle;

/// A running server; dropping it ends it.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Takes over what was started under that name.
    pub(crate) fn new(name: &'static str, child: Child) -> Self {
        Self { name, child, readers: Vec::new() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Reads on while the server runs.
    pub(crate) fn read(&mut self, reading: impl Future<Output = ()> + Send + 'static) {
        self.readers.push(tokio::spawn(reading));
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let asked = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status();
        asked.context("cannot run kill")?;
        self.child.wait().with_context(|| format!("cannot wait for {}", self.name))?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails when it has ended, as it should have.
        drop(self.child.kill());
        drop(self.child.wait());
        for reader in &self.readers {
            reader.abort();
        }
    }
}
