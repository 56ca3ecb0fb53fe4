//! Every command that help, documents, errors and fixes show is one that the parser accepts.

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

/// The string literals of Rust source, without its tests; escapes that matter are undone.
fn literals(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap_or(source);
    let (mut found, mut rest) = (Vec::new(), source);
    while let Some(at) = rest.find(['"', '\'', '/']) {
        let (mark, after) = (rest.as_bytes()[at], &rest[at + 1..]);
        let raw = rest[..at].trim_end_matches('#').ends_with('r') && mark == b'"';
        rest = match mark {
            b'/' if after.starts_with('/') => after.split_once('\n').map_or("", |(_, rest)| rest),
            b'/' => after,
            // A character, not a lifetime.
            b'\'' if after.starts_with('\\') => after.get(3..).unwrap_or_default(),
            b'\'' if after.chars().nth(1) == Some('\'') => &after[after.chars().next().map_or(0, char::len_utf8) + 1..],
            b'\'' => after,
            _ => {
                let mut text = String::new();
                let mut chars = after.char_indices();
                let mut end = after.len();
                while let Some((at, c)) = chars.next() {
                    match c {
                        '\\' if !raw => match chars.next() {
                            Some((_, '\n')) => {
                                let skipped = &after[at + 2..];
                                let blank = skipped.len() - skipped.trim_start().len();
                                for _ in 0..blank {
                                    chars.next();
                                }
                            }
                            Some((_, 'n')) => text.push('\n'),
                            Some((_, c)) => text.push(c),
                            None => {}
                        },
                        '"' => {
                            end = at + 1;
                            break;
                        }
                        c => text.push(c),
                    }
                }
                found.push(text);
                &after[end..]
            }
        };
    }
    found
}

/// The text with a plausible word for every `{placeholder}`.
fn filled(text: &str) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, behind)) = after.split_once('}') else { return filled + "prometheus" };
        // What is glued to a word is the flags of the run.
        let flags = name.is_empty() && before.ends_with(|c: char| c.is_ascii_alphanumeric());
        filled.push_str(if flags || name.contains("flags") { "" } else { "prometheus" });
        rest = behind;
    }
    filled + rest
}

/// The commands of ours that a text has in backticks, and those that are the whole of it.
fn commands_in(text: &str) -> Vec<Vec<String>> {
    let mut commands: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    if text.split('`').count() == 1 {
        commands.push(text.split(", ").next().unwrap_or(text));
    }
    let lines = commands.into_iter().map(filled);
    // What begins with our name and no subcommand's is prose, a path or a label.
    let ours = |words: &Vec<String>| {
        let word = words.get(1).map(String::as_str).unwrap_or_default();
        word.starts_with('-') || help::command().find_subcommand(word).is_some()
    };
    lines.filter_map(|line| command_of(&line)).filter(ours).collect()
}

/// The literal arguments of every `Fix::watchpost([...])`; what is computed becomes a word.
fn fixes_in(source: &str, call: &str) -> Vec<Vec<String>> {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap_or(source);
    let lists = source.split(call).skip(1).filter_map(|rest| rest.split_once("])")).map(|(list, _)| list);
    let word = |argument: &str| {
        let argument = argument.trim();
        match argument.split('"').nth(1) {
            Some(text) => filled(text),
            None => "prometheus".to_owned(),
        }
    };
    let arguments = |list: &str| list.split(',').filter(|a| !a.trim().is_empty()).map(word).collect::<Vec<_>>();
    lists.map(arguments).collect()
}

fn files(folder: &std::path::Path, ends: &[&str], found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            files(&entry, ends, found);
        } else if entry.extension().is_some_and(|end| ends.iter().any(|wanted| end == *wanted)) {
            found.push((entry.display().to_string(), std::fs::read_to_string(&entry).expect("UTF-8")));
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    files(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &["rs"], &mut found);
    found.retain(|(path, _)| !path.ends_with("tests.rs") && !path.ends_with("examples.rs"));
    found
}

#[test]
fn every_command_that_can_be_printed_is_accepted() {
    let mut wrong = Vec::new();
    let mut count = 0;
    let mut hold = |place: &str, line: Vec<String>| {
        count += 1;
        wrong.extend(refused(&line).map(|why| format!("{place}: {why}")));
    };
    for (path, source) in sources() {
        for text in literals(&source) {
            commands_in(&text).into_iter().for_each(|line| hold(&path, line));
        }
        for mut arguments in fixes_in(&source, "Fix::watchpost([") {
            arguments.insert(0, "watchpost".into());
            hold(&path, arguments);
        }
    }
    let mut templates = Vec::new();
    files(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"), &["yaml", "yml"], &mut templates);
    for (path, text) in templates {
        for line in text.lines().filter_map(|line| line.split_once("watchpost ").map(|(_, rest)| rest)) {
            let line = format!("watchpost {}", line.trim_end_matches(['"', '\'', '}', ' ', '.']));
            commands_in(&line).into_iter().for_each(|line| hold(&path, line));
        }
    }
    assert!(count > 40, "only {count} commands were found");
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn the_scanner_finds_a_flag_that_does_not_exist() {
    let source = r#"fn x() { let _ = '"'; error.hint(format!("`watchpost catalog eject {name} \
                    --into overlay` copies it")); Fix::watchpost(["up", "--nonsense", name]) }"#;
    let lines: Vec<_> = literals(source).iter().flat_map(|text| commands_in(text)).collect();
    assert_eq!(lines, [["watchpost", "catalog", "eject", "prometheus", "--into", "overlay"]]);
    assert!(refused(&lines[0]).is_some());
    assert_eq!(fixes_in(source, "Fix::watchpost(["), [["up", "--nonsense", "prometheus"]]);
}

/// The shapes of Docker's commands; that they work is tried on a real stack.
#[test]
fn commands_for_docker_have_known_shapes() {
    const VERBS: [&str; 17] = [
        "cp", "exec", "info", "inspect", "kill", "load", "login", "logs", "network", "ps", "pull", "restart", "rm",
        "start", "system", "unpause", "update",
    ];
    let mut wrong = Vec::new();
    for (path, source) in sources() {
        for arguments in fixes_in(&source, "Fix::docker([") {
            if !arguments.first().is_some_and(|verb| VERBS.contains(&verb.as_str())) {
                wrong.push(format!("{path}: docker {}", arguments.join(" ")));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
