//! What every command starts from: the global flags, the streams, the spec and the catalog.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::catalog::Catalog;
use crate::cli::shared::files;
use crate::error::Error;
use crate::fix::{Addressing, quoted};
use crate::render::{self, Bundle};
use crate::spec::{self, DEFAULT_STACK, Spec};
use crate::ui::{Ui, Verbosity};
use crate::units::parse_duration;

/// Where a spec is looked for when `-f` names none.
const SPEC_NAMES: [&str; 2] = ["watchpost.yaml", "watchpost.yml"];

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Globals {
    /// The spec [default: ./watchpost.yaml, where there is one]
    #[arg(short, long, global = true, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The Docker host [default: the spec's, DOCKER_HOST, the current context, the local socket]
    #[arg(long, global = true, value_name = "URL")]
    pub host: Option<String>,
    /// The stack's name on the host, instead of the spec's
    #[arg(long, global = true)]
    pub name: Option<String>,
    /// A folder that adds or replaces components; several may be given
    #[arg(long, global = true, value_name = "DIR")]
    pub catalog: Vec<PathBuf>,
    /// How results are written
    #[arg(short, long, global = true, value_name = "FORMAT", default_value = "text", hide_possible_values = false)]
    pub output: Format,
    /// Go ahead without asking
    #[arg(short, long, global = true)]
    pub yes: bool,
    /// How long to wait until a service is ready, or for first scrapes
    #[arg(long, global = true, value_name = "DURATION", default_value = "2m", value_parser = duration)]
    pub timeout: Duration,
    /// Tell more
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Tell only what went wrong
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// When to use colour
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

pub fn duration(text: &str) -> Result<Duration, String> {
    let seconds = parse_duration(text).filter(|seconds| *seconds > 0.0);
    seconds.map(Duration::from_secs_f64).ok_or_else(|| format!("`{text}` is no duration; write it like `90s` or `2m`"))
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
    /// A stack of the catalog, instead of the spec's; without a spec, with its defaults
    #[arg(long)]
    pub stack: Option<String>,
    /// One answer over the spec's, such as `prometheus.retention=30d`; several may be given
    #[arg(long = "set", value_name = "COMPONENT.SETTING=VALUE")]
    pub set: Vec<String>,
    /// Components to leave out, separated by commas
    #[arg(long, value_name = "COMPONENTS", value_delimiter = ',')]
    pub without: Vec<String>,
}

/// A rendered stack, and where it goes.
pub struct Prepared {
    /// The name in the catalog: `standard`.
    pub stack: String,
    pub host: Option<String>,
    /// Folder that the spec's paths are relative to.
    pub base: PathBuf,
    pub bundle: Bundle,
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
        let own = files::load(&base, &spec, &catalog)?;
        let resolved = spec::resolve(&spec, &catalog, own)?;
        let bundle = render::render(&resolved)?;
        Ok(Prepared { stack: spec.stack.clone(), host: self.global.host.clone().or(spec.host), base, bundle })
    }

    fn no_spec(&self) -> Error {
        let error = Error::usage("there is no `watchpost.yaml` here");
        if self.ui.interactive {
            error.hint(format!(
                "`watchpost init` makes one; `--stack {DEFAULT_STACK}` goes without one, with the stack's defaults"
            ))
        } else {
            error.hint(format!("name one with `-f FILE`, or take a stack's defaults with `--stack {DEFAULT_STACK}`"))
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

    /// The flags that lead another command to the same stack, to stand after it: ` -f shop.yaml --name shop`.
    pub fn same_stack(&self) -> String {
        self.global.addressing().flags().iter().map(|word| format!(" {}", quoted(word))).collect()
    }

    /// What leads a printed command to the stack of this run; `docker_host` is for Docker's own client.
    pub fn addressing_on(&self, docker_host: Option<&str>) -> Addressing {
        Addressing { docker_host: docker_host.map(str::to_owned), ..self.global.addressing() }
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

/// Compose's rule for project names, <https://docs.docker.com/reference/compose-file/version-and-name/>.
fn check_name(name: &str) -> Result<()> {
    let valid = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_');
    if valid {
        return Ok(());
    }
    bail!(
        Error::usage(format!("`{name}` is no name for a stack"))
            .hint("lowercase letters, digits, `-` and `_`, beginning with a letter or digit")
    )
}

fn read_spec(path: &Path) -> Result<Spec> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::new(format!("cannot read the spec `{name}`"))
            .cause(error)
            .hint("`-f FILE` names another; `watchpost init` makes one")
    })?;
    Ok(spec::read(&name, &text)?)
}
