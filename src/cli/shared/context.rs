//! What every command starts from: the global flags, the streams, the spec and the catalog.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::catalog::Catalog;
use crate::cli::shared::files;
use crate::docker::Client;
use crate::error::Error;
use crate::fix::{Addressing, quoted};
use crate::input;
use crate::render::{self, Bundle};
use crate::spec::{self, DEFAULT_STACK, Spec, names};
use crate::ui::human::count;
use crate::ui::{Ui, Verbosity};
use crate::units::parse_duration;

/// Where a spec is looked for when `-f` names none.
const SPEC_NAMES: [&str; 2] = ["watchpost.yaml", "watchpost.yml"];

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Global options")]
pub struct Globals {
    /// Read this spec [default: ./watchpost.yaml, if it exists]
    #[arg(short, long, global = true, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Use this Docker host [default: the spec's, DOCKER_HOST, the current context, the local socket]
    #[arg(long, global = true, value_name = "URL")]
    pub host: Option<String>,
    /// Use this name for the stack on the host, not the spec's
    #[arg(long, global = true)]
    pub name: Option<String>,
    /// Add or replace components from this folder; may be given several times
    #[arg(long, global = true, value_name = "DIR")]
    pub catalog: Vec<PathBuf>,
    /// Write results in this format
    #[arg(short, long, global = true, value_name = "FORMAT", default_value = "text", hide_possible_values = false)]
    pub output: Format,
    /// Answer yes to every question
    #[arg(short, long, global = true)]
    pub yes: bool,
    /// Wait at most this long for a service to be ready, and for first scrapes
    #[arg(long, global = true, value_name = "DURATION", default_value = "2m", value_parser = duration)]
    pub timeout: Duration,
    /// Show more detail
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Print errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Use colour always, never, or only on a terminal
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    /// Decides for the whole process; `auto` follows NO_COLOR, CLICOLOR, CLICOLOR_FORCE and the terminal.
    pub fn apply(self) {
        match self {
            Self::Auto => {}
            Self::Always => anstream::ColorChoice::Always.write_global(),
            Self::Never => anstream::ColorChoice::Never.write_global(),
        }
    }
}

/// Longer waits are typos, and far beyond them clocks overflow.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

pub fn duration(text: &str) -> Result<Duration, String> {
    let seconds = parse_duration(text).filter(|seconds| *seconds > 0.0);
    let seconds = seconds.ok_or_else(|| format!("`{text}` is not a valid duration; write it like `90s` or `2m`"))?;
    let duration = Duration::try_from_secs_f64(seconds).ok().filter(|duration| *duration <= LONGEST);
    duration.ok_or_else(|| format!("`{text}` is too long; the longest duration is `10y`"))
}

impl Globals {
    pub fn json(&self) -> bool {
        self.output == Format::Json
    }

    /// The flags that lead a printed command to the stack of this run.
    pub fn addressing(&self) -> Addressing {
        Addressing {
            file: self.file.as_ref().map(|file| file.display().to_string()),
            name: self.name.clone(),
            host: self.host.clone(),
            catalog: self.catalog.iter().map(|folder| folder.display().to_string()).collect(),
            choice: Vec::new(),
            docker_host: self.host.clone(),
        }
    }

    pub fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }
}

/// Which stack is meant, for the commands that render one.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Choice {
    /// Use this stack of the catalog, not the spec's; without a spec, with its defaults
    #[arg(long)]
    pub stack: Option<String>,
    /// Override one answer of the spec, such as `prometheus.retention=30d`; may be given several times
    #[arg(long = "set", value_name = "COMPONENT.SETTING=VALUE")]
    pub set: Vec<String>,
    /// Leave out these components, separated by commas
    #[arg(long, value_name = "COMPONENTS", value_delimiter = ',')]
    pub without: Vec<String>,
}

impl Choice {
    /// The flags with their values, as they were given.
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        let mut flags = Vec::new();
        flags.extend(self.stack.iter().map(|stack| ("--stack", stack.clone())));
        flags.extend(self.set.iter().map(|assignment| ("--set", assignment.clone())));
        flags.extend(self.without.iter().map(|component| ("--without", component.clone())));
        flags
    }
}

/// A rendered stack, and where it goes.
pub struct Prepared {
    /// The name in the catalog: `standard`.
    pub stack: String,
    pub host: Option<String>,
    /// Folder that the spec's paths are relative to.
    pub base: PathBuf,
    pub bundle: Bundle,
    /// What is deployed as the spec says, and is probably not what was meant.
    pub warnings: Vec<Error>,
    /// Files under `rules:` that hold tests of rules.
    tests: Vec<String>,
}

impl Prepared {
    /// Says what is left out of the deployment, and what is probably not meant.
    pub fn say(&self, ui: &Ui) {
        if !self.tests.is_empty() {
            let files = count(self.tests.len(), "file");
            ui.say(&format!("Not loaded: {files} for `promtool test rules`, such as {}.", self.tests[0]));
        }
        self.warnings.iter().for_each(|warning| ui.caution(warning));
    }
}

pub struct Context {
    pub ui: Ui,
    pub global: Globals,
}

impl Context {
    /// The spec's path: what `-f` says, or the file in the present folder.
    pub fn spec_path(&self) -> Option<PathBuf> {
        self.global.file.clone().or_else(|| SPEC_NAMES.map(PathBuf::from).into_iter().find(|path| path.is_file()))
    }

    /// The spec as read, flags laid over it. Without a file and without `--stack` there is none.
    pub fn spec(&self, choice: &Choice) -> Result<Spec> {
        let mut spec = match self.spec_path() {
            Some(path) => read_spec(&path)?,
            None => match &choice.stack {
                Some(stack) => Spec::from_defaults(None, Some(stack)),
                None => bail!(self.no_spec()),
            },
        };
        if let Some(stack) = &choice.stack {
            spec.stack.clone_from(stack);
        }
        if let Some(name) = &self.global.name {
            check_name(name)?;
            spec.name.clone_from(name);
        }
        choice.set.iter().try_for_each(|assignment| spec.set(assignment))?;
        Ok(spec)
    }

    /// What the spec, the flags and the catalog come to: the rendered bundle.
    pub fn prepare(&self, choice: &Choice) -> Result<Prepared> {
        let mut spec = self.spec(choice)?;
        let catalog = self.catalog(Some(&spec))?;
        spec.without(&choice.without, catalog.components.keys().map(String::as_str))?;
        let base = self.base();
        let loaded = files::load(&base, &spec, &catalog)?;
        let resolved = spec::resolve(&spec, &catalog, loaded.own)?;
        let bundle = render::render(&resolved)?;
        let host = self.global.host.clone().or(spec.host.clone());
        let warnings = loaded.warnings.into_iter().chain(resolved.warnings()).collect();
        Ok(Prepared { stack: spec.stack.clone(), host, base, bundle, warnings, tests: loaded.tests })
    }

    fn no_spec(&self) -> Error {
        let error = Error::usage("`watchpost.yaml` is missing in this folder");
        if self.ui.interactive {
            error.hint(format!(
                "run `watchpost init` to write one, or pass `--stack {DEFAULT_STACK}` to use a stack's defaults without one"
            ))
        } else {
            error.hint(format!("pass `-f FILE` to name one, or `--stack {DEFAULT_STACK}` to use a stack's defaults"))
        }
    }

    /// Folder that paths in the spec are relative to.
    pub fn base(&self) -> PathBuf {
        let path = self.spec_path();
        let folder = path.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
        folder.unwrap_or(Path::new(".")).to_owned()
    }

    /// The embedded catalog, under the spec's overlay and those of `--catalog`.
    pub fn catalog(&self, spec: Option<&Spec>) -> Result<Catalog> {
        let of_spec = spec.and_then(|spec| spec.catalog.as_ref()).map(|folder| self.base().join(folder));
        let overlays: Vec<PathBuf> = of_spec.into_iter().chain(self.global.catalog.iter().cloned()).collect();
        Ok(Catalog::with_overlays(&overlays)?)
    }

    /// The catalog as the spec sees it. A spec that cannot be read does not hide the catalog.
    pub fn own_catalog(&self) -> Result<Catalog> {
        let spec = self.spec_path().and_then(|path| read_spec(&path).ok());
        self.catalog(spec.as_ref())
    }

    /// The flags that lead another command to the same stack, to stand after it: ` -f shop.yaml --name shop`.
    pub fn same_stack(&self) -> String {
        self.global.addressing().flags().iter().map(|word| format!(" {}", quoted(word))).collect()
    }

    /// What leads a printed command to the stack of this run, and Docker's own client to the host that flag or spec name.
    pub fn addressing(&self) -> Addressing {
        let of_spec = || self.stack().ok().and_then(|(_, host)| host);
        let docker_host = self.global.host.clone().or_else(of_spec);
        Addressing { docker_host, ..self.ui.addressing.clone() }
    }

    /// The same for a host that is connected.
    pub fn addressing_on(&self, client: &Client) -> Addressing {
        let mut addressing = self.addressing();
        if !client.engine.local {
            addressing.docker_host = Some(client.engine.name.clone());
        }
        addressing
    }

    /// Name and host of the stack, for commands that need no more of the spec.
    pub fn stack(&self) -> Result<(String, Option<String>)> {
        let spec = self.spec_path().map(|path| read_spec(&path)).transpose()?;
        let (of_spec, host) = spec.map_or((None, None), |spec| (Some(spec.name), spec.host));
        let name = match (&self.global.name, of_spec) {
            (Some(name), _) => {
                check_name(name)?;
                name.clone()
            }
            (None, of_spec) => of_spec.unwrap_or_else(|| spec::DEFAULT_NAME.to_owned()),
        };
        Ok((name, self.global.host.clone().or(host)))
    }
}

fn check_name(name: &str) -> Result<()> {
    if names::is_project(name) {
        return Ok(());
    }
    bail!(Error::usage(format!("`{name}` is not a valid stack name")).hint(format!("use {}", names::PROJECT_RULE)))
}

fn read_spec(path: &Path) -> Result<Spec> {
    let name = path.display().to_string();
    let text = input::text(path, input::SPEC).map_err(|error| {
        Error::new(format!("cannot read the spec `{name}`"))
            .cause(error)
            .hint("pass `-f FILE` to name another, or run `watchpost init` to write one")
    })?;
    Ok(spec::read(&name, &text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_more_than_nothing_and_at_most_ten_years() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("10y"), Ok(LONGEST));
        assert_eq!(
            duration("1000000000000y"),
            Err("`1000000000000y` is too long; the longest duration is `10y`".to_owned())
        );
        assert!(duration("0s").is_err() && duration("soon").is_err());
    }
}
