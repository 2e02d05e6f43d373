//! Cores: the server on one, the generator on another, so that neither is measured waiting for the other.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// Which core is whose; on a machine of one core nothing is pinned.
pub(crate) struct Pins(Option<Cores>);

struct Cores {
    all: usize,
    generator: usize,
    server: usize,
}

impl Pins {
    /// Pins this process, with all of its threads, until it is dropped.
    pub(crate) fn new() -> Self {
        let all = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let cores = Cores { all, generator: 0, server: all - 1 };
        let is_done = all > 1 && pin_own_threads(&cores.generator.to_string());
        Self(is_done.then_some(cores))
    }

    /// What starts a program on the server's core, which does not outlive this process.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some(cores) = &self.0 {
            command.args(["taskset", "--cpu-list", &cores.server.to_string()]);
        }
        command.arg(program);
        command
    }

    /// For people.
    pub(crate) fn describe(&self) -> String {
        match &self.0 {
            Some(Cores { generator, server, .. }) => {
                format!("server pinned to core {server} (one core), generator to core {generator}")
            }
            None => "nothing pinned: server and generator share what cores there are".into(),
        }
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        if let Some(cores) = &self.0 {
            pin_own_threads(&format!("0-{}", cores.all - 1));
        }
    }
}

/// Returns whether it could be done.
fn pin_own_threads(cores: &str) -> bool {
    let pid = std::process::id().to_string();
    let mut command = Command::new("taskset");
    command.args(["--all-tasks", "--pid", "--cpu-list", cores, &pid]).stdout(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
