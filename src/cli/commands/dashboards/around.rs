//! What is known of the place where dashboards go: your files, data sources, scrape interval, metrics, used uids.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::Result;

use crate::catalog::Catalog;
use crate::cli::commands::dashboards::reach;
use crate::cli::shared::context::{Choice, Context};
use crate::cli::shared::files::{self, OwnDashboard};
use crate::clients::grafana::DataSource;
use crate::dashboard;
use crate::dashboard::import::ProvisionedSource;
use crate::dashboard::lint::Surroundings;
use crate::deployed::Stack;
use crate::deployed::provisioning::{data_sources, scrape_interval};
use crate::spec::Spec;
use crate::time::now;

/// A metric exists when it had a sample this recently, in seconds.
const RECENT: f64 = 300.0;

/// The spec; `None` when there is no file.
pub fn spec(context: &Context) -> Result<Option<Spec>> {
    context.spec_path().map(|_| context.spec(&Choice::default())).transpose()
}

fn listed(context: &Context) -> Result<Vec<String>> {
    Ok(spec(context)?.map(|spec| spec.dashboards).unwrap_or_default())
}

/// Your dashboards: those that the spec lists.
pub fn own_dashboards(context: &Context) -> Result<Vec<OwnDashboard>> {
    Ok(files::dashboards(&context.base(), &listed(context)?))
}

/// The first folder of dashboards that the spec lists.
pub fn own_folder(context: &Context) -> Result<Option<PathBuf>> {
    Ok(files::dashboards_folder(&context.base(), &listed(context)?))
}

/// What Grafana is provisioned with: as deployed, else as the spec renders, else the defaults.
pub struct Provisioned {
    pub data_sources: Vec<ProvisionedSource>,
    pub scrape_interval: Option<f64>,
    /// The tag of Grafana's image; empty when nothing renders.
    pub grafana: String,
}

impl Provisioned {
    fn in_files(files: &BTreeMap<String, Vec<u8>>) -> Option<Self> {
        let data_sources = data_sources(files);
        let grafana = String::new();
        (!data_sources.is_empty()).then(|| Self { data_sources, scrape_interval: scrape_interval(files), grafana })
    }

    /// Without asking the host.
    pub fn rendered(context: &Context) -> Self {
        let bundle = context.prepare(&Choice::default()).ok().map(|prepared| prepared.bundle);
        let files = bundle.as_ref().map(|bundle| {
            let files = bundle.service_files("grafana").into_iter();
            files.map(|(path, content)| (path.to_owned(), content.to_vec())).collect()
        });
        let mut provisioned = files.as_ref().and_then(Self::in_files).unwrap_or_else(|| {
            let source = |name: &str, kind: &str| ProvisionedSource {
                name: name.into(),
                uid: format!("watchpost-{kind}"),
                kind: kind.into(),
            };
            let data_sources = vec![source("Prometheus", "prometheus"), source("Alertmanager", "alertmanager")];
            Self { data_sources, scrape_interval: None, grafana: String::new() }
        });
        let image =
            bundle.as_ref().and_then(|bundle| bundle.compose.services.get("grafana")).map(|service| &service.image);
        let tag = image.and_then(|image| image.rsplit_once(':')).map(|(_, tag)| tag.to_owned());
        provisioned.grafana = tag.unwrap_or_default();
        provisioned
    }
}

/// Uids of the dashboards that Watchpost brings.
pub fn shipped_uids(catalog: &Catalog) -> BTreeSet<String> {
    let files = catalog.components.values().flat_map(|component| component.files_in("dashboards", ".json"));
    files
        .filter_map(|(_, file)| dashboard::parse(&file.name, file.text().ok()?).ok())
        .map(|model| dashboard::uid(&model).to_owned())
        .collect()
}

/// The gauges among the metrics of all components.
fn gauges(catalog: &Catalog) -> BTreeSet<String> {
    let samples = catalog.components.values().filter_map(|component| component.files.get("metrics.prom")?.text().ok());
    let declared = samples.flat_map(str::lines).filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" gauge"));
    declared.map(str::to_owned).collect()
}

/// What lint compares dashboards with. When the stack is reachable, this includes what Grafana and Prometheus have now; the
/// second value says why not, when it is not.
pub async fn surroundings(context: &Context, texts: &[&str], offline: bool) -> Result<(Surroundings, Option<String>)> {
    let catalog = context.catalog(spec(context)?.as_ref())?;
    let rendered = Provisioned::rendered(context);
    let mut around = Surroundings {
        sources: rendered.data_sources,
        shipped_uids: shipped_uids(&catalog),
        grafana: rendered.grafana,
        gauges: gauges(&catalog),
        scrape_interval: rendered.scrape_interval,
        ..Surroundings::default()
    };
    if offline {
        return Ok((around, None));
    }
    let stack = match reach::stack(context).await {
        Ok(stack) => stack,
        Err(error) => return Ok((around, Some(format!("{error:#}")))),
    };
    add_live(&stack, texts, &mut around).await;
    let why = around.metrics.is_none().then(|| "Prometheus does not answer".to_owned());
    Ok((around, why))
}

/// Adds what Grafana and Prometheus say.
async fn add_live(stack: &Stack, texts: &[&str], around: &mut Surroundings) {
    if let Some((service, _)) = stack.first_of("grafana") {
        around.scrape_interval = scrape_interval(stack.files(service).await).or(around.scrape_interval);
    }
    // Data sources may have been added in Grafana.
    if let Ok((opened, _)) = reach::grafana(stack).await {
        let provisioned =
            |source: DataSource| ProvisionedSource { name: source.name, uid: source.uid, kind: source.kind };
        around.sources = opened.data_sources.into_iter().map(provisioned).collect();
    }
    let Some(prometheus) = stack.prometheus().await else { return };
    let (metrics, gauges) = tokio::join!(prometheus.metric_names(now() - RECENT), prometheus.gauges());
    around.metrics = metrics.ok();
    around.gauges.extend(gauges.unwrap_or_default());
    let unread: BTreeSet<String> = texts.iter().flat_map(|text| dashboard::lint::unread(text)).collect();
    for expr in unread {
        match prometheus.query(&expr).await {
            // Without an answer there is no judgement.
            Err(refusal) if refusal.status.is_none() => {}
            answer => drop(around.answers.insert(expr, answer.err().map(|refusal| refusal.message))),
        }
    }
}
