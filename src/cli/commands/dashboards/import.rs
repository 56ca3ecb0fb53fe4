use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde_json::json;

use crate::cli::commands::dashboards::around::{Provisioned, own_dashboards, own_folder, shipped_uids, spec};
use crate::cli::commands::dashboards::source::ImportSource;
use crate::cli::shared::context::{Choice, Context};
use crate::cli::shared::files;
use crate::cli::{block_on, or_interrupt};
use crate::dashboard::import::{Destination, Imported, import, slug};
use crate::dashboard::{self, lint};
use crate::error::{Error, Exit, Severity};
use crate::fix::quoted;
use crate::input;
use crate::spec::read as read_spec;
use crate::ui::human::count;
use crate::yaml;

/// The folder for a spec that lists none.
const FOLDER: &str = "./dashboards";

/// Add a dashboard from elsewhere to the spec's folder
///
/// Reads a file, an address, or grafana.com. Replaces its data sources with those of the stack, keeps its uid or gives it a
/// stable one, inlines library panels, wraps schema v2, and leaves out what Grafana rejects in files. Adds a folder of dashboards to a spec
/// that lists none.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost dashboards import gnet:1860             the latest revision of grafana.com's number 1860
  watchpost dashboards import gnet:1860@37 --dry-run
  watchpost dashboards import exported.json --force

With -o json: {uid, title, file, from, notes, warnings, written}")]
pub struct Args {
    /// Import from a file, an address, or grafana.com by the dashboard's number and, if need be, its revision
    #[arg(value_name = "FILE|URL|gnet:ID[@REV]")]
    from: String,
    /// Use your own data source for one that the dashboard asks for; several may be given
    #[arg(long, value_name = "NAME=UID", value_parser = pair)]
    datasource: Vec<(String, String)>,
    /// Write to this file instead of the spec's folder
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
    #[arg(long, hide = true, env = "WATCHPOST_GRAFANA_COM", default_value = "https://grafana.com")]
    grafana_com: String,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, uid) = text.split_once('=').ok_or_else(|| format!("`{text}` is not a valid `NAME=UID`"))?;
    Ok((name.to_owned(), uid.to_owned()))
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    block_on(or_interrupt(import_from(args, context)))
}

async fn import_from(args: &Args, context: &Context) -> Result<Exit> {
    let source = ImportSource::parse(&args.from)?;
    let target = target(args, context)?;
    let source_text = source.read(&args.grafana_com).await?;
    let model = dashboard::parse(&source_text.name, &source_text.text)?;
    let catalog = context.catalog(spec(context)?.as_ref())?;
    let provisioned = Provisioned::rendered(context);
    let destination = Destination {
        grafana: &provisioned.grafana,
        data_sources: provisioned.data_sources.clone(),
        mapping: args.datasource.iter().cloned().collect(),
        origin: &source_text.origin,
        used_uids: shipped_uids(&catalog).into_iter().collect(),
    };
    let imported =
        import(&model, &destination).map_err(|error| error.within(format!("`{source}` cannot be imported")))?;
    let path = file(args, context, &target, &imported)?;
    if !args.dry_run {
        files::write(&path, &imported.text)?;
        if let Target::NewFolder { spec, text, .. } = &target {
            files::write(spec, text)?;
        }
    }
    report(args, context, &target, &path, &imported, &source_text.name)
}

/// Where imported files go.
enum Target {
    File(PathBuf),
    Folder(PathBuf),
    /// A folder that the spec does not list yet, and the spec's text with it.
    NewFolder {
        folder: PathBuf,
        spec: PathBuf,
        text: String,
    },
}

fn target(args: &Args, context: &Context) -> Result<Target> {
    if let Some(path) = &args.out {
        return Ok(Target::File(path.clone()));
    }
    let Some(spec) = context.spec_path() else {
        bail!(
            Error::usage("`watchpost.yaml` is missing here, so the dashboard cannot be added to it")
                .hint("name the spec with `-f FILE`, or write the dashboard elsewhere with `--out FILE`")
        );
    };
    if let Some(folder) = own_folder(context)? {
        return Ok(Target::Folder(folder));
    }
    if !context.spec(&Choice::default())?.dashboards.is_empty() {
        bail!(
            Error::new("the spec lists single files under `dashboards:` but no folder for another")
                .hint("list a folder there, or name the file with `--out FILE` and list it")
        );
    }
    let name = spec.display().to_string();
    let old =
        input::text(&spec, input::SPEC).map_err(|error| Error::new(format!("cannot read `{name}`")).cause(error))?;
    let text = with_folder(&name, &old)?;
    Ok(Target::NewFolder { folder: files::join(&context.base(), FOLDER), spec, text })
}

/// The spec's text with the folder under `dashboards:`; all else stays as it is.
fn with_folder(name: &str, text: &str) -> Result<String> {
    let line = format!("dashboards: [{FOLDER}]");
    let root = yaml::parse(name, text)?;
    let changed = match root.key("dashboards") {
        // The key exists with an empty list, or with nothing.
        Some(key) => {
            let at = key.location().line - 1;
            text.split_inclusive('\n')
                .enumerate()
                .map(|(index, old)| if index == at { format!("{line}\n") } else { old.to_owned() })
                .collect()
        }
        None if text.is_empty() || text.ends_with('\n') => format!("{text}{line}\n"),
        None => format!("{text}\n{line}\n"),
    };
    match read_spec(name, &changed) {
        Ok(spec) if spec.dashboards == [FOLDER] => Ok(changed),
        _ => bail!(
            Error::new(format!("cannot add a folder of dashboards to `{name}` automatically"))
                .hint(format!("add `{line}` to it and try again"))
        ),
    }
}

fn file(args: &Args, context: &Context, target: &Target, imported: &Imported) -> Result<PathBuf> {
    let own = if args.out.is_none() { own_dashboards(context)? } else { Vec::new() };
    let same = own.iter().find(|file| file.uid == imported.uid);
    let path = match (target, same) {
        (Target::File(path), _) => path.clone(),
        (_, Some(file)) => file.path.clone(),
        (Target::Folder(folder) | Target::NewFolder { folder, .. }, None) => {
            folder.join(format!("{}.json", slug(&imported.title)))
        }
    };
    if path.exists() && !args.force {
        bail!(
            Error::new(format!("`{}` already exists", files::readable(&path)))
                .hint("`--force` replaces it; `--out FILE` writes to another")
        );
    }
    let same_title =
        |file: &&files::OwnDashboard| file.title == imported.title && file.path != path && file.uid != imported.uid;
    match own.iter().find(same_title) {
        None => Ok(path),
        Some(twin) => {
            bail!(
                Error::new(format!("`{}` has the title `{}` too", files::readable(&twin.path), imported.title))
                    .hint("change one title: with both, Grafana stops updating all dashboards of the folder")
            )
        }
    }
}

fn report(
    args: &Args,
    context: &Context,
    target: &Target,
    path: &Path,
    imported: &Imported,
    from: &str,
) -> Result<Exit> {
    let file = files::readable(path);
    let findings = lint::lint(&file, &imported.text, &lint::Surroundings::default());
    let errors: Vec<&lint::Finding> = findings.iter().filter(|f| f.severity == Severity::Error).collect();
    if context.ui.json {
        context.ui.document(&json!({
            "uid": imported.uid, "title": imported.title, "file": file, "from": from, "notes": imported.notes,
            "warnings": findings.len(), "written": !args.dry_run,
        }))?;
        return Ok(Exit::Done);
    }
    let verb = if args.dry_run { "Would write" } else { "Wrote" };
    context.ui.data(&format!("{verb} `{}` ({}) from {from} to {file}.", imported.title, imported.uid))?;
    for note in &imported.notes {
        context.ui.data(&format!("  {note}"))?;
    }
    if let Target::NewFolder { spec, .. } = target {
        let verb = if args.dry_run { "Would add" } else { "Added" };
        context.ui.data(&format!("{verb} `dashboards: [{FOLDER}]` to {}.", files::readable(spec)))?;
    }
    for finding in &errors {
        context.ui.warn(&finding.problem.message);
    }
    if !args.dry_run {
        let mut next = "`watchpost up` deploys it.".to_owned();
        if !findings.is_empty() {
            let found = count(findings.len(), "finding");
            next += &format!(" `watchpost dashboards lint {}` shows {found}.", quoted(&file));
        }
        context.ui.say(&next);
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spec_gets_a_folder_and_stays_as_it_is_otherwise() {
        let spec = "# ours\nname: shop # a comment\nstack: standard\n";
        assert_eq!(with_folder("w", spec).expect("changed"), format!("{spec}dashboards: [./dashboards]\n"));
        let without_end = "name: shop\nstack: standard";
        assert_eq!(
            with_folder("w", without_end).expect("changed"),
            format!("{without_end}\ndashboards: [./dashboards]\n")
        );
        let empty = "name: shop\ndashboards: []\nstack: standard\n";
        assert_eq!(
            with_folder("w", empty).expect("changed"),
            "name: shop\ndashboards: [./dashboards]\nstack: standard\n"
        );
        assert!(with_folder("w", "{name: shop}\n").is_err(), "a flow mapping cannot be added to by a line");
    }
}
