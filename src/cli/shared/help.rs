//! The top-level help, with the commands in groups.

use std::fmt::Write;

use clap::{Arg, ArgAction, CommandFactory};

use crate::cli::Cli;

const GROUPS: [(&str, &[&str]); 5] = [
    ("Deploy", &["init", "up", "plan", "down"]),
    ("Prove", &["verify", "alerts", "dashboards", "doctor"]),
    ("Look", &["status", "logs", "secrets"]),
    ("Prepare", &["render", "catalog", "schema"]),
    ("This program", &["completions", "version"]),
];

const AFTER: &str = "\
Exit status:
  0    done, or nothing to do
  1    error
  2    changes pending (`plan --exit-code`)
  3    failed, and what was there before runs again
  4    failed, and what was there before does not run
  5    locked by another
  6    proof failed
  64   wrong usage
  130  interrupted

`watchpost <command> --help` tells more about a command.";

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
            "{{about}}\n\n{{usage-heading}} {{usage}}\n\n{groups}Everywhere:\n{{options}}{{after-help}}"
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
            .help_heading("Everywhere")
            .display_order(100),
    )
}

/// A command's help begins with all that its doc comment says.
fn in_full(command: clap::Command) -> clap::Command {
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let about = wrap(&about, 90);
    compact(command)
        .help_template(format!("{about}\n\n{{usage-heading}} {{usage}}\n\n{{all-args}}{{after-help}}"))
        .mut_subcommands(in_full)
}

/// Breaks each line of `text` at spaces, so that it fits into `width` columns.
fn wrap(text: &str, width: usize) -> String {
    let mut wrapped = String::new();
    for line in text.lines() {
        let mut column = 0;
        for word in line.split(' ') {
            let length = word.chars().count();
            if column > 0 && column + 1 + length > width {
                wrapped.push('\n');
                column = 0;
            } else if column > 0 {
                wrapped.push(' ');
                column += 1;
            }
            wrapped.push_str(word);
            column += length;
        }
        wrapped.push('\n');
    }
    wrapped.truncate(wrapped.trim_end().len());
    wrapped
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
