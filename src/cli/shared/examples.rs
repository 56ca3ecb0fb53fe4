//! Every command line that help and documents show is one that the parser takes.

use crate::cli::shared::help;

/// The words of a line as a shell splits it: quotes, no escapes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match quote {
            Some(mark) if c == mark => quote = None,
            Some(_) => word.push(c),
            None if matches!(c, '"' | '\'') => (quote, begun) = (Some(c), true),
            None if c.is_whitespace() => {
                if begun || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            None => word.push(c),
        }
    }
    if begun || !word.is_empty() {
        words.push(word);
    }
    words
}

/// The command line at the beginning of a text: up to a remark, a pipe, or a placeholder.
fn command_of(line: &str) -> Option<Vec<String>> {
    let line = line.trim_start().trim_start_matches("$ ");
    let line = line.split(" #").next()?.split(" | ").next()?.split(" && ").next()?.split(" > ").next()?;
    // In help, two spaces divide an example from what it does.
    let line = line.split("  ").next()?.trim();
    let plain = line.starts_with("watchpost ") && !line.contains(['<', '…', '[']);
    plain.then(|| words(line))
}

fn refused(line: &[String]) -> Option<String> {
    let error = help::command().try_get_matches_from(line).err()?;
    (error.use_stderr()).then(|| format!("{}: {error}", line.join(" ")))
}

fn after_helps(command: &clap::Command, found: &mut Vec<String>) {
    found.extend(command.get_after_help().map(ToString::to_string));
    command.get_subcommands().for_each(|sub| after_helps(sub, found));
}

#[test]
fn every_example_of_every_help_is_taken() {
    let mut helps = Vec::new();
    after_helps(&help::command(), &mut helps);
    let lines: Vec<Vec<String>> = helps.iter().flat_map(|help| help.lines().filter_map(command_of)).collect();
    assert!(lines.len() > 10, "{lines:?}");
    assert_eq!(lines.iter().filter_map(|line| refused(line)).collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn every_command_of_the_documents_is_taken() {
    let mut lines = Vec::new();
    for text in [include_str!("../../../CONTRIBUTING.md"), include_str!("../../../README.md")] {
        let mut fenced = false;
        for line in text.lines() {
            if line.starts_with("```") {
                fenced = !fenced;
            } else if fenced {
                lines.extend(command_of(line));
            } else {
                lines.extend(line.split('`').skip(1).step_by(2).filter_map(command_of));
            }
        }
    }
    assert!(lines.len() > 5, "{lines:?}");
    assert_eq!(lines.iter().filter_map(|line| refused(line)).collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn a_line_is_split_as_a_shell_does() {
    let line = r#"watchpost up --set 'a.b=c d' ""  what it does"#;
    assert_eq!(command_of(line).expect("a command"), ["watchpost", "up", "--set", "a.b=c d", ""]);
    assert_eq!(command_of("  watchpost plan # looks only").expect("a command"), ["watchpost", "plan"]);
}
