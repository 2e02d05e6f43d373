//! The daemon's entry: arguments, then the command.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use alcove::appliance::clock::SystemClock;
use alcove::cli::{Cli, Command, ConfigCommand, NetworkCommand};
use alcove::fleet::{self, Order};
use alcove::system::claim::Claim;
use alcove::system::configuration::Configuration;
use alcove::{check, config, daemon, room, system};
use alcove_hal::clock::Clock;
use anyhow::Context as _;
use clap::Parser as _;

/// How a dry run ends that has found something to change.
const WOULD_CHANGE: u8 = 3;

fn main() -> ExitCode {
    // Bad usage ends here, with clap's exit code 2.
    let cli = Cli::parse();
    match carry_out(cli.command) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "alcove: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run { config, state, simulated, stick } => {
            let (files, fault) = config::files_for_service(config.as_deref())?;
            system::log::install(Arc::new(SystemClock))?;
            let fault =
                fault.map(|fault| format!("{fault}. Everything is as by default until that is mended."));
            daemon::run(files, (&state, &stick), simulated, fault.into_iter().collect())
        }
        Command::Devices { json } => show_devices(json),
        Command::Check { state, within } => {
            let clock: Arc<dyn Clock> = Arc::new(SystemClock);
            say(&check::run(&state, Duration::from_secs(within.into()), &clock)?)
        }
        Command::Status { state } => say(&fleet::status(&state)?),
        Command::ClaimCode { state } => say(&(Claim::read_code(&state)? + "\n")),
        Command::Apply { file, hosts, dry_run, now, parallel, wait, state } => {
            let wait = Duration::from_secs(wait.into());
            let applied =
                fleet::apply(&Order { file, hosts, state, dry_run, now, parallel: parallel.into(), wait })?;
            anyhow::ensure!(applied.failed == 0, "{} could not be configured", applied.failed);
            return Ok(if dry_run && applied.changed > 0 {
                ExitCode::from(WOULD_CHANGE)
            } else {
                ExitCode::SUCCESS
            });
        }
        Command::Network { command: NetworkCommand::Apply } => system::network::apply(),
        Command::Config { command: ConfigCommand::Show { config, state, explain } } => {
            let (configuration, trouble) = Configuration::open(&state, config::files(config.as_deref())?);
            tell(trouble)?;
            let config = configuration.state().config;
            say(&if explain { config::explain(&config) } else { config::show(&config) })
        }
    }?;
    Ok(ExitCode::SUCCESS)
}

fn show_devices(json: bool) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (files, fault) = config::files_for_service(None)?;
    tell(fault.map(|fault| fault.to_string()))?;
    let room = config::merged(&files).room;
    let wishes = room::devices::wishes(&room);
    let options = alcove_hal::DiscoverOptions { simulated: false, room_name: room.name, wishes };
    let report = alcove_hal::discover(&options, &clock).report();
    let text = if json { serde_json::to_string_pretty(&report)? + "\n" } else { report.to_string() };
    say(&text)
}

fn tell(trouble: Option<String>) -> anyhow::Result<()> {
    trouble.map_or(Ok(()), |trouble| {
        writeln!(std::io::stderr(), "alcove: {trouble}").context("cannot write to standard error")
    })
}

fn say(text: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}
