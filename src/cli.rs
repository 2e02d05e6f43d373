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
        /// Where a USB stick is mounted that says what the appliance is to be
        #[arg(long, value_name = "DIR", default_value = "/run/alcove-stick")]
        stick: PathBuf,
    },
    /// Shows cameras, microphones, loudspeakers, displays and encoders, which are used, and why
    Devices {
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Asks the running appliance to work once: that it is ready, and that a call through it is heard
    Check {
        /// Where it keeps keys and tokens
        #[arg(long, value_name = "DIR", env = "STATE_DIRECTORY", default_value = "/var/lib/alcove")]
        state: PathBuf,
        /// Asks again and again for so long before it gives up
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        within: u32,
    },
    /// Shows how the appliance of this machine is: what is amiss, why, and what to do
    Status {
        /// Where it keeps keys and tokens
        #[arg(long, value_name = "DIR", env = "STATE_DIRECTORY", default_value = "/var/lib/alcove")]
        state: PathBuf,
    },
    /// Prints the code that makes whoever enters it on the page /admin the owner of this machine's appliance
    ClaimCode {
        /// Where it keeps keys and tokens
        #[arg(long, value_name = "DIR", env = "STATE_DIRECTORY", default_value = "/var/lib/alcove")]
        state: PathBuf,
    },
    /// Has one appliance, or many, be configured as documents say; ends with 3 when a dry run finds something to change
    Apply {
        /// A document (TOML), or a folder with all.toml and a HOST.toml for each that differs
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
        /// The appliances, a line `https://HOST[:PORT] TOKEN [FINGERPRINT]` each; that of this machine where absent
        #[arg(long, value_name = "FILE")]
        hosts: Option<PathBuf>,
        /// Only says what would change
        #[arg(long)]
        dry_run: bool,
        /// Starts anew at once what needs it, whoever is in a meeting
        #[arg(long)]
        now: bool,
        /// How many appliances are spoken with at a time
        #[arg(long, value_name = "COUNT", default_value_t = 20)]
        parallel: u16,
        /// How long to wait until it is in effect
        #[arg(long, value_name = "SECONDS", default_value_t = 120)]
        wait: u32,
        /// Where the appliance of this machine keeps keys and tokens
        #[arg(long, value_name = "DIR", env = "STATE_DIRECTORY", default_value = "/var/lib/alcove")]
        state: PathBuf,
    },
    /// Changes the network of this machine as the running appliance wants it
    #[command(hide = true)]
    Network {
        /// What to do with it.
        #[command(subcommand)]
        command: NetworkCommand,
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
        /// Where what came over the network is kept
        #[arg(long, value_name = "DIR", env = "STATE_DIRECTORY", default_value = "/var/lib/alcove")]
        state: PathBuf,
        /// Says of each key what it means, its unit, its range and its default
        #[arg(long)]
        explain: bool,
    },
}

/// The commands about the machine's network.
#[derive(Debug, Subcommand)]
pub enum NetworkCommand {
    /// Has systemd-networkd take what the appliance has asked for; alcove-network.service runs it as root
    Apply,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use clap_complete::Shell;

    use super::*;
    use crate::blessed;

    #[test]
    fn the_manual_says_what_the_program_can_be_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let command = Cli::command().disable_help_subcommand(true);
        clap_mangen::generate_to(command, &folder).expect("pages are written");
        let pages = std::fs::read_dir(&folder).expect("the folder").flatten();
        for page in pages {
            let text = std::fs::read_to_string(page.path()).expect("a page");
            blessed::compare(&format!("systemd/man/{}", page.file_name().display()), &text);
        }
    }

    #[test]
    fn shells_complete_what_the_program_can_be_told() {
        for (shell, file) in
            [(Shell::Bash, "alcove.bash"), (Shell::Zsh, "_alcove"), (Shell::Fish, "alcove.fish")]
        {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "alcove", &mut text);
            blessed::compare(&format!("systemd/completion/{file}"), &String::from_utf8(text).expect("text"));
        }
    }
}
