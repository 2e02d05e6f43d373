//! The command line: what `alcove` can be told to do.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// The open room appliance.
#[derive(Debug, Parser)]
#[command(name = "alcove", version, about, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the appliance until it is told to stop
    Run {
        /// The configuration; /etc/alcove/alcove.toml where it exists and none is named
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Where keys and tokens are kept
        #[arg(long, value_name = "DIR", env = "STATE_DIRECTORY", default_value = "/var/lib/alcove")]
        state: PathBuf,
        /// Uses simulated hardware even where there is real one
        #[arg(long)]
        simulated: bool,
    },
    /// Shows cameras, microphones, loudspeakers, displays and encoders, which are used, and why
    Devices {
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Shows the configuration
    Config {
        /// What to do with it.
        #[command(subcommand)]
        command: ConfigCommand,
    },
}

/// The commands about the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Prints the configuration in force, with defaults
    Show {
        /// The configuration; /etc/alcove/alcove.toml where it exists and none is named
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Says of each key what it means, its unit, its range and its default
        #[arg(long)]
        explain: bool,
    },
}
