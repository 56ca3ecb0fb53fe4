//! What people and machines see: data on stdout, narration on stderr.
//!
//! Without a terminal there are no bars and no questions; with `-o json` stdout holds nothing but JSON.

pub mod changes;
pub mod diagnosis;
pub mod failure;
pub mod human;
pub mod live;
pub mod progress;
pub mod prompt;
pub mod proof;
pub mod screen;
pub mod style;
pub mod table;

use std::io::{ErrorKind, IsTerminal, Write};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::fix::{Addressing, addressed};
use failure::Failure;
use prompt::Prompts;

/// How much is said beside the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Warnings and errors only.
    Quiet,
    Normal,
    Verbose,
}

/// The three streams, and what they are connected to.
#[derive(Debug, Clone)]
pub struct Ui {
    pub json: bool,
    pub verbosity: Verbosity,
    /// Is stderr a terminal that can redraw lines?
    pub bars: bool,
    /// Can a question be asked and answered?
    pub interactive: bool,
    /// Is stdout a terminal whose screen can be drawn over?
    pub screen: bool,
    /// Columns of the terminal stdout is connected to; `None` when it is none.
    pub width: Option<usize>,
    /// Can the terminal show more than ASCII?
    pub unicode: bool,
    /// The flags of this run, which every command that is printed carries.
    pub addressing: Addressing,
}

impl Ui {
    pub fn detect(json: bool, verbosity: Verbosity, addressing: Addressing) -> Self {
        let error_terminal = std::io::stderr().is_terminal();
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let columns = |term: console::Term| term.size_checked().map(|(_, columns)| usize::from(columns));
        Self {
            json,
            verbosity,
            bars: error_terminal && !dumb && !json && verbosity != Verbosity::Quiet,
            interactive: error_terminal && std::io::stdin().is_terminal() && !json,
            screen: std::io::stdout().is_terminal() && !dumb && !json,
            width: std::io::stdout().is_terminal().then(|| columns(console::Term::stdout())).flatten(),
            addressing,
            unicode: style::locale_is_unicode(|name| std::env::var(name).ok()),
        }
    }

    /// Writes data, ending with a newline. A reader that went away (`| head`) is no failure.
    pub fn data(&self, text: &str) -> Result<()> {
        let text = style::fit(text, self.unicode);
        let newline = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        let mut stdout = anstream::stdout().lock();
        written(write!(stdout, "{text}{newline}").and_then(|()| stdout.flush()))
    }

    /// Writes data byte by byte as it is: a rendered file, a secret.
    pub fn raw(&self, bytes: &[u8]) -> Result<()> {
        let mut stdout = std::io::stdout().lock();
        written(stdout.write_all(bytes).and_then(|()| stdout.flush()))
    }

    /// Writes one JSON document for people to read too.
    pub fn document(&self, value: &impl Serialize) -> Result<()> {
        self.json_text(serde_json::to_string_pretty(value))
    }

    /// Writes one JSON document on one line, for streams of them.
    pub fn json_line(&self, value: &impl Serialize) -> Result<()> {
        self.json_text(serde_json::to_string(value))
    }

    fn json_text(&self, text: serde_json::Result<String>) -> Result<()> {
        let mut text = text.map_err(|error| Error::new("cannot write the JSON").cause(error))?;
        text.push('\n');
        self.raw(text.as_bytes())
    }

    /// Narration: what is being done. Left out with `-q`.
    pub fn say(&self, text: &str) {
        if self.verbosity > Verbosity::Quiet {
            self.note(text);
        }
    }

    /// Narration for those who asked for more.
    pub fn detail(&self, text: &str) {
        if self.verbosity == Verbosity::Verbose {
            self.note(text);
        }
    }

    pub fn warn(&self, text: &str) {
        self.note(&format!("{}warning{:#}: {text}", style::WARNING, style::WARNING));
    }

    /// A warning with its causes and its hint, on stderr.
    pub fn caution(&self, problem: &Error) {
        let mut failure = Failure::from(problem);
        failure.address(&self.addressing);
        let width = console::Term::stderr().size_checked().map(|(_, columns)| columns.into());
        self.note(failure::block(&failure, (style::WARNING, "warning"), width).trim_end());
    }

    pub fn fail(&self, mut failure: Failure) {
        failure.address(&self.addressing);
        if self.json {
            // The text on stderr follows anyway, so that a failed write is not lost.
            drop(self.json_line(&failure));
        }
        let width = console::Term::stderr().size_checked().map(|(_, columns)| columns.into());
        self.note(&failure::render(&failure, width));
    }

    /// One finding of a check, as data: an error's look, its head saying how much it matters.
    pub fn finding(&self, problem: &Error, warning: bool) -> Result<()> {
        let head = if warning { (style::WARNING, "warning") } else { (style::ERROR, "error") };
        self.data(&failure::block(&Failure::from(problem), head, self.width))
    }

    fn note(&self, text: &str) {
        // There is nowhere left to complain when stderr is closed.
        let text = addressed(text, &self.addressing);
        drop(writeln!(anstream::stderr().lock(), "{}", style::fit(&text, self.unicode)));
    }

    /// Asks a yes-or-no question on stderr; Enter takes the default, and Esc means no. Waits for the answer off the
    /// runtime's thread, so that an interrupt from elsewhere is noticed.
    ///
    /// Errors: there is no terminal (`flag` is named), or Ctrl-C.
    pub async fn confirm(&self, question: &str, default: bool, flag: &str) -> Result<bool> {
        if !self.interactive {
            return Err(Error::usage(format!("this would ask: {question}"))
                .cause("a question needs a terminal")
                .hint(format!("pass `{flag}` to go ahead without the question")));
        }
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let (mut prompts, question) = (Prompts::new(self.unicode), question.to_owned());
        // Nobody receives when an interrupt ended the wait.
        std::thread::spawn(move || drop(sender.send(prompts.agree(&question, default))));
        receiver.await.map_err(|_| Error::interrupted())?
    }
}

fn written(result: std::io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::new("cannot write to the standard output").cause(error).hint("is the disk full?"))
        }
        _ => Ok(()),
    }
}

/// Restores the screen, the terminal's mode and the cursor, whatever was shown.
pub fn restore_terminal() {
    screen::leave();
    prompt::close();
    let terminal = console::Term::stderr();
    if terminal.is_term() {
        drop(terminal.show_cursor());
    }
}
