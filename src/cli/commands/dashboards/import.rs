use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde_json::json;

use crate::cli::commands::dashboards::around::{Provisioned, shipped};
use crate::cli::commands::dashboards::own;
use crate::cli::commands::dashboards::source::Source;
use crate::cli::shared::context::{Choice, Context};
use crate::cli::{block_on, or_interrupt};
use crate::dashboard::import::{Imported, Place, import, slug};
use crate::dashboard::{self, lint};
use crate::error::{Error, Exit, Severity};
use crate::spec;
use crate::ui::human::count;
use crate::yaml;

/// The folder that is made when the spec names none.
const FOLDER: &str = "./dashboards";

/// Add a dashboard from elsewhere to the spec's folder
///
/// From a file, an address, or grafana.com. Its data sources become ours, it keeps its uid or gets one that stays the same,
/// library panels are put in, and what Grafana does not take from files is left out. A spec without a folder of dashboards
/// gets one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost dashboards import gnet:1860             the latest revision of grafana.com's number 1860
  watchpost dashboards import gnet:1860@37 --dry-run
  watchpost dashboards import exported.json --force

With -o json: {uid, title, file, from, notes, warnings, written}")]
pub struct Args {
    /// A file, an address, or a dashboard of grafana.com by its number and, if need be, its revision
    #[arg(value_name = "FILE|URL|gnet:ID[@REV]")]
    from: String,
    /// A data source of your own for one that the dashboard asks for; several may be given
    #[arg(long, value_name = "NAME=UID", value_parser = pair)]
    datasource: Vec<(String, String)>,
    /// Write to this file instead of the spec's folder
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace a file that is there already
    #[arg(long)]
    force: bool,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
    #[arg(long, hide = true, env = "WATCHPOST_GRAFANA_COM", default_value = "https://grafana.com")]
    grafana_com: String,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, uid) = text.split_once('=').ok_or_else(|| format!("`{text}` is no `NAME=UID`"))?;
    Ok((name.to_owned(), uid.to_owned()))
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    block_on(or_interrupt(bring(args, context)))
}

async fn bring(args: &Args, context: &Context) -> Result<Exit> {
    let source = Source::parse(&args.from)?;
    let target = target(args, context)?;
    let read = source.read(&args.grafana_com).await?;
    let model = dashboard::parse(&read.name, &read.text)?;
    let catalog = context.catalog(own::spec(context)?.as_ref())?;
    let place = Place {
        sources: Provisioned::rendered(context).sources,
        mapped: args.datasource.iter().cloned().collect(),
        origin: &read.origin,
        taken: shipped(&catalog).into_iter().collect(),
    };
    let imported = import(&model, &place).map_err(|error| error.within(format!("`{source}` cannot be imported")))?;
    let path = file(args, context, &target, &imported)?;
    if !args.dry_run {
        own::write(&path, &imported.text)?;
        if let Target::NewFolder { spec, text, .. } = &target {
            own::write(spec, text)?;
        }
    }
    told(args, context, &target, &path, &imported, &read.name)
}

/// Where imported files go.
enum Target {
    File(PathBuf),
    Folder(PathBuf),
    /// A folder that the spec does not name yet, and the spec's text with it.
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
            Error::usage("there is no `watchpost.yaml` here to add the dashboard to")
                .hint("name the spec with `-f FILE`, or write the dashboard elsewhere with `--out FILE`")
        );
    };
    if let Some(folder) = own::folder(context)? {
        return Ok(Target::Folder(folder));
    }
    if !context.spec(&Choice::default())?.dashboards.is_empty() {
        bail!(
            Error::new("the spec lists single files under `dashboards:`, and no folder to put another into")
                .hint("list a folder there, or name the file with `--out FILE` and list it")
        );
    }
    let name = spec.display().to_string();
    let old =
        std::fs::read_to_string(&spec).map_err(|error| Error::new(format!("cannot read `{name}`")).cause(error))?;
    let text = with_folder(&name, &old)?;
    Ok(Target::NewFolder { folder: context.base().join(FOLDER), spec, text })
}

/// The spec's text with the folder under `dashboards:`; all else stays as it is.
fn with_folder(name: &str, text: &str) -> Result<String> {
    let line = format!("dashboards: [{FOLDER}]");
    let root = yaml::parse(name, text)?;
    let changed = match root.key("dashboards") {
        // The key is there with an empty list, or with nothing.
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
    match spec::read(name, &changed) {
        Ok(read) if read.dashboards == [FOLDER] => Ok(changed),
        _ => bail!(
            Error::new(format!("`{name}` cannot be given a folder of dashboards by itself"))
                .hint(format!("add `{line}` to it and try again"))
        ),
    }
}

fn file(args: &Args, context: &Context, target: &Target, imported: &Imported) -> Result<PathBuf> {
    let same = own::files(context)?.into_iter().find(|file| file.uid == imported.uid && args.out.is_none());
    let path = match (target, &same) {
        (Target::File(path), _) => path.clone(),
        (_, Some(file)) => file.path.clone(),
        (Target::Folder(folder) | Target::NewFolder { folder, .. }, None) => {
            folder.join(format!("{}.json", slug(&imported.title)))
        }
    };
    if path.exists() && !args.force {
        bail!(
            Error::new(format!("`{}` is there already", own::shown(&path)))
                .hint("`--force` replaces it; `--out FILE` writes to another")
        );
    }
    let twin = own::files(context)?.into_iter().find(|file| {
        args.out.is_none() && file.title == imported.title && file.path != path && file.uid != imported.uid
    });
    match twin {
        None => Ok(path),
        Some(twin) => bail!(
            Error::new(format!("`{}` has the title `{}` too", own::shown(&twin.path), imported.title))
                .hint("change one title: with both, Grafana stops updating all dashboards of the folder")
        ),
    }
}

fn told(args: &Args, context: &Context, target: &Target, path: &Path, imported: &Imported, from: &str) -> Result<Exit> {
    let findings = lint::lint(&own::shown(path), &imported.text, &lint::Surroundings::default());
    let errors: Vec<&lint::Finding> = findings.iter().filter(|f| f.severity == Severity::Error).collect();
    let shown = own::shown(path);
    if context.ui.json {
        context.ui.document(&json!({
            "uid": imported.uid, "title": imported.title, "file": shown, "from": from, "notes": imported.notes,
            "warnings": findings.len(), "written": !args.dry_run,
        }))?;
        return Ok(Exit::Done);
    }
    let verb = if args.dry_run { "Would write" } else { "Wrote" };
    context.ui.data(&format!("{verb} `{}` ({}) from {from} to {shown}.", imported.title, imported.uid))?;
    for note in &imported.notes {
        context.ui.data(&format!("  {note}"))?;
    }
    if let Target::NewFolder { spec, .. } = target {
        let verb = if args.dry_run { "Would add" } else { "Added" };
        context.ui.data(&format!("{verb} `dashboards: [{FOLDER}]` to {}.", own::shown(spec)))?;
    }
    for finding in &errors {
        context.ui.warn(&finding.problem.message);
    }
    let found = count(findings.len(), "thing");
    let lint = if findings.is_empty() {
        String::new()
    } else {
        format!(" `watchpost dashboards lint {shown}` names {found} to look at.")
    };
    if !args.dry_run {
        context.ui.say(&format!("`watchpost up` deploys it.{lint}"));
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
