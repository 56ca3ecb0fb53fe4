//! The one error type: what went wrong and where, why, and what to do about it.
//!
//! The library keeps its own type, since a caller needs more than a message: the place in a file, the exit status, a hint.
//! `cli` wraps it in `anyhow` to add what it knows, and one place there prints the whole chain.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::fix::{Addressing, Fix, addressed};
use crate::input;

/// Exit statuses; `--help` lists the same numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    Done = 0,
    Error = 1,
    /// `plan --exit-code` found something to change.
    ChangesPending = 2,
    RolledBack = 3,
    NotRolledBack = 4,
    Locked = 5,
    ProofFailed = 6,
    Usage = 64,
    Interrupted = 130,
}

/// What a check finds: an error must be fixed; a warning should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// A place in a text file. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    pub file: String,
    pub line: usize,
    pub column: usize,
    /// How many characters the offending text spans on its first line (at least 1).
    pub width: usize,
    /// The line of source; of a long one, the part around the text.
    pub excerpt: String,
    /// Characters of the line before the excerpt.
    pub skipped: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// An error as people read it: one line that says what and where, then causes, then a hint.
///
/// `message` is a lowercase fragment that names the thing in backticks.
#[derive(Debug, Clone)]
pub struct Error(Box<Parts>);

/// An error's fields, reached through `Error` itself.
#[derive(Debug, Clone)]
pub struct Parts {
    pub exit: Exit,
    pub message: String,
    pub at: Option<Location>,
    /// Said under the offending text, such as ``did you mean `retention`?``.
    pub label: Option<String>,
    /// What caused it: a chain of errors, outermost first.
    source: Option<Box<Cause>>,
    /// Lines quoted from elsewhere: a container's last log lines, a health check's output.
    pub quoted: Vec<String>,
    /// Advice in words; commands in it stand in backticks.
    pub hint: Option<String>,
    /// The steps that repair it, printed behind the hint.
    pub fix: Option<Fix>,
    /// Further errors found in the same pass, so that one run shows them all.
    pub also: Vec<Error>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            exit: Exit::Error,
            message: input::cut_quotes(message.into()),
            at: None,
            label: None,
            source: None,
            quoted: Vec::new(),
            hint: None,
            fix: None,
            also: Vec::new(),
        }))
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(message).exit(Exit::Usage)
    }

    /// Ctrl-C, or Esc at the first question.
    pub fn interrupted() -> Self {
        Self::new("interrupted").exit(Exit::Interrupted)
    }

    /// Keeps the place and drops its line of source, which may hold a secret.
    pub fn without_excerpt(mut self) -> Self {
        if let Some(at) = &mut self.0.at {
            at.excerpt.clear();
        }
        self
    }

    pub fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    pub fn at(mut self, location: Location) -> Self {
        self.at = Some(location);
        self
    }

    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(input::cut_quotes(label.into()));
        self
    }

    /// Adds a cause, words or an error of any kind, at the end of the chain.
    pub fn cause(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let mut end = &mut self.source;
        while let Some(cause) = end {
            end = &mut cause.next;
        }
        *end = Some(Box::new(Cause { error: Arc::from(cause.into()), next: None }));
        self
    }

    /// What caused it, as texts, outermost first.
    pub fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        let mut source = self.source();
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        causes
    }

    pub fn quote(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.quoted.extend(lines);
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(input::cut_quotes(hint.into()));
        self
    }

    /// The steps that repair it.
    pub fn fix(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }

    /// Puts the flags of this run into every command, so that it works as printed.
    pub fn address(&mut self, addressing: &Addressing) {
        let parts = &mut *self.0;
        if let Some(hint) = &mut parts.hint {
            *hint = addressed(hint, addressing);
        }
        if let Some(fix) = &mut parts.fix {
            fix.address(addressing);
        }
        parts.also.iter_mut().for_each(|error| error.address(addressing));
    }

    /// Puts the same error under a larger heading: the old message becomes the first cause.
    pub fn within(mut self, message: impl Into<String>) -> Self {
        let inner = std::mem::replace(&mut self.message, message.into());
        let next = self.source.take();
        self.source = Some(Box::new(Cause { error: Arc::from(Box::<dyn StdError + Send + Sync>::from(inner)), next }));
        self
    }

    /// Folds errors found in one pass into one; `Ok` when there are none.
    pub fn all(mut errors: Vec<Error>) -> Result<()> {
        if errors.is_empty() {
            return Ok(());
        }
        let mut first = errors.remove(0);
        first.also.extend(errors);
        Err(first)
    }
}

/// The message alone; `{:#}` adds the place and the causes, on one line.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !f.alternate() {
            return Ok(());
        }
        self.at.iter().try_for_each(|at| write!(f, " ({at})"))?;
        self.causes().iter().try_for_each(|cause| write!(f, ": {cause}"))
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|cause| cause as _)
    }
}

/// One link of an error's chain: a cause, and what stands behind it. The last one goes on with its own sources.
#[derive(Debug, Clone)]
struct Cause {
    error: Arc<dyn StdError + Send + Sync>,
    next: Option<Box<Cause>>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.next {
            Some(next) => Some(next.as_ref()),
            None => self.error.source(),
        }
    }
}

/// As findings of a check hold it: `{message, file, line, column, hint}`; what is not known is null.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let at = self.at.as_ref();
        let mut map = serializer.serialize_struct("Error", 5)?;
        map.serialize_field("message", &self.message)?;
        map.serialize_field("file", &at.map(|at| &at.file))?;
        map.serialize_field("line", &at.map(|at| at.line))?;
        map.serialize_field("column", &at.map(|at| at.column))?;
        map.serialize_field("hint", &self.hint)?;
        map.end()
    }
}

impl std::ops::Deref for Error {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl std::ops::DerefMut for Error {
    fn deref_mut(&mut self) -> &mut Parts {
        &mut self.0
    }
}

/// The entry of `known` that was probably meant by `given`, if any is near enough.
pub fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(given, candidate), candidate))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_a_chain_of_values_that_can_be_told_apart() {
        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let error = Error::new("cannot read `a`").cause("named by DOCKER_HOST").cause(denied).within("cannot connect");
        assert_eq!(error.causes(), ["cannot read `a`", "named by DOCKER_HOST", "permission denied"]);
        assert_eq!(error.to_string(), "cannot connect");
        assert_eq!(format!("{error:#}"), "cannot connect: cannot read `a`: named by DOCKER_HOST: permission denied");
        assert_eq!(error.clone().causes(), error.causes());
    }

    #[test]
    fn a_misspelling_finds_its_neighbour_and_nonsense_finds_nothing() {
        let known = ["retention", "port", "scrape_interval"];
        assert_eq!(did_you_mean("retension", known), Some("retention"));
        assert_eq!(did_you_mean("xyzzy", known), None);
    }
}
