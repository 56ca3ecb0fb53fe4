//! What is known of the place where dashboards go: data sources, scrape interval, metrics, taken uids.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::catalog::Catalog;
use crate::cli::commands::dashboards::{own, reach};
use crate::cli::shared::context::{Choice, Context};
use crate::dashboard;
use crate::dashboard::import::Source;
use crate::dashboard::lint::Surroundings;
use crate::deployed::Stack;
use crate::deployed::provisioning::{scrape_interval, sources};
use crate::time::now;

/// A metric counts as there when it had a sample this recently, in seconds.
const RECENT: f64 = 300.0;

/// What Grafana is provisioned with: as deployed, else as the spec renders, else the defaults.
pub struct Provisioned {
    pub sources: Vec<Source>,
    pub scrape_interval: Option<f64>,
}

impl Provisioned {
    fn of(files: &BTreeMap<String, Vec<u8>>) -> Option<Self> {
        let sources = sources(files);
        (!sources.is_empty()).then(|| Self { sources, scrape_interval: scrape_interval(files) })
    }

    /// Without asking the host.
    pub fn rendered(context: &Context) -> Self {
        let bundle = context.prepare(&Choice::default()).ok().map(|prepared| prepared.bundle);
        let files = bundle.as_ref().map(|bundle| {
            let files = bundle.service_files("grafana").into_iter();
            files.map(|(path, content)| (path.to_owned(), content.to_vec())).collect()
        });
        files.as_ref().and_then(Self::of).unwrap_or_else(|| {
            let source = |name: &str, kind: &str| Source {
                name: name.into(),
                uid: format!("watchpost-{kind}"),
                kind: kind.into(),
            };
            let sources = vec![source("Prometheus", "prometheus"), source("Alertmanager", "alertmanager")];
            Self { sources, scrape_interval: None }
        })
    }
}

/// Uids of the dashboards that Watchpost brings.
pub fn shipped(catalog: &Catalog) -> BTreeSet<String> {
    let files = catalog.components.values().flat_map(|component| component.files_in("dashboards", ".json"));
    files
        .filter_map(|(_, file)| dashboard::parse(&file.name, file.text().ok()?).ok())
        .map(|model| dashboard::uid(&model).to_owned())
        .collect()
}

/// What lint holds dashboards against. With the stack in reach also what Grafana and Prometheus have now; the second
/// value says why not, when it is not.
pub async fn surroundings(context: &Context, texts: &[&str], offline: bool) -> Result<(Surroundings, Option<String>)> {
    let catalog = context.catalog(own::spec(context)?.as_ref())?;
    let rendered = Provisioned::rendered(context);
    let mut around = Surroundings {
        sources: rendered.sources.into_iter().map(|source| source.uid).collect(),
        taken: shipped(&catalog),
        scrape_interval: rendered.scrape_interval,
        ..Surroundings::default()
    };
    if offline {
        return Ok((around, None));
    }
    let stack = match reach::stack(context).await {
        Ok(stack) => stack,
        Err(error) => return Ok((around, Some(error.to_string()))),
    };
    live(&stack, texts, &mut around).await;
    let why = around.metrics.is_none().then(|| "Prometheus does not answer".to_owned());
    Ok((around, why))
}

async fn live(stack: &Stack, texts: &[&str], around: &mut Surroundings) {
    if let Some((service, _)) = stack.of("grafana") {
        around.scrape_interval = scrape_interval(stack.files(service).await).or(around.scrape_interval);
    }
    // People may have added data sources in Grafana.
    if let Ok((opened, _)) = reach::grafana(stack).await {
        around.sources.extend(opened.sources.into_iter().map(|source| source.uid));
    }
    let Some(prometheus) = stack.prometheus().await else { return };
    around.metrics = prometheus.metric_names(now() - RECENT).await.ok();
    let unread: BTreeSet<String> = texts.iter().flat_map(|text| dashboard::lint::unread(text)).collect();
    for expr in unread {
        let answer = prometheus.query(&expr).await;
        match answer {
            Err(refusal) if refusal.status.is_none() => {}
            answer => drop(around.answers.insert(expr, answer.err().map(|refusal| refusal.message))),
        }
    }
}
