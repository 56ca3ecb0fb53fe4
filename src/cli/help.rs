//! The top-level help, with the commands in groups.

use std::fmt::Write;

use clap::CommandFactory;

use super::Cli;

const GROUPS: [(&str, &[&str]); 4] = [
    ("Deploy", &["up", "plan", "down"]),
    ("Look", &["status", "logs", "secrets"]),
    ("Prepare", &["render", "catalog", "schema"]),
    ("This program", &["completions", "version"]),
];

const AFTER: &str = "\
Exit status: 0 done or nothing to do; 1 error; 2 changes pending (`plan --exit-code`); 3 failed and rolled back;
4 failed and not rolled back; 5 locked by another; 6 proof failed; 64 wrong usage; 130 interrupted.

`watchpost <command> --help` tells more about a command.";

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
    command
        .help_template(format!("{{about}}\n\n{{usage-heading}} {{usage}}\n\n{groups}Everywhere:\n{{options}}{{after-help}}"))
        .after_help(AFTER)
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
