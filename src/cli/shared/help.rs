//! The top-level help, with the commands in groups.

use std::fmt::Write;

use clap::{Arg, ArgAction, CommandFactory};

use crate::cli::Cli;
use crate::ui::human;

const GROUPS: [(&str, &[&str]); 5] = [
    ("Deploy", &["init", "up", "plan", "down"]),
    ("Verify", &["verify", "alerts", "dashboards", "doctor"]),
    ("Inspect", &["status", "logs", "secrets"]),
    ("Prepare", &["render", "catalog", "schema"]),
    ("This program", &["completions", "version"]),
];

const AFTER: &str = "\
Exit status:
  0    done, or nothing to do
  1    error
  2    changes pending (`plan --exit-code`)
  3    failed, previous version restored
  4    failed, previous version not restored
  5    locked by another run
  6    proof failed
  64   wrong usage
  130  interrupted

`watchpost <command> --help` explains a command.";

/// The whole command line, as it is parsed and as it explains itself.
pub fn command() -> clap::Command {
    let command = Cli::command();
    let mut groups = String::new();
    for (title, names) in GROUPS {
        let _ = writeln!(groups, "{title}:");
        for name in names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about);
            let _ = writeln!(groups, "  {name:<13}{}", about.map(ToString::to_string).unwrap_or_default());
        }
        groups.push('\n');
    }
    compact(command)
        .help_template(format!(
            "{{about}}\n\n{{usage-heading}} {{usage}}\n\n{groups}Global options:\n{{options}}{{after-help}}"
        ))
        .after_help(AFTER)
        .mut_subcommands(in_full)
}

/// One kind of help, with one line an option: `-h` and `--help` show the same.
fn compact(command: clap::Command) -> clap::Command {
    command.disable_help_flag(true).arg(
        Arg::new("help")
            .short('h')
            .long("help")
            .action(ArgAction::HelpShort)
            .help("Print help")
            .help_heading("Global options")
            .display_order(100),
    )
}

/// A command's help begins with all that its doc comment says.
fn in_full(command: clap::Command) -> clap::Command {
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let about = about.lines().flat_map(|line| human::lines(line, 90)).collect::<Vec<_>>().join("\n");
    compact(command)
        .help_template(format!("{about}\n\n{{usage-heading}} {{usage}}\n\n{{all-args}}{{after-help}}"))
        .mut_subcommands(in_full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_stands_in_a_group_with_a_description() {
        let command = command();
        command.clone().debug_assert();
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            assert!(GROUPS.iter().any(|(_, names)| names.contains(&sub.get_name())), "{} in no group", sub.get_name());
            assert!(sub.get_about().is_some(), "{} has no description", sub.get_name());
        }
    }
}
