//! Asks everything that the checks judge, once and concurrently.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::catalog::Catalog;
use crate::clients::api;
use crate::clients::exposition::Exposition;
use crate::clients::grafana::DataSource;
use crate::clients::prometheus::Prometheus;
use crate::compose::Service;
use crate::dashboard::import::ProvisionedSource;
use crate::deployed::provisioning;
use crate::deployed::resources::{self, Resources};
use crate::deployed::stack::Stack;
use crate::docker::{self, Client, Host, Inspection, Request};
use crate::plan::Observed;
use crate::plan::observed::{Engine, State};
use crate::promql::quoted;
use crate::render::Bundle;
use crate::units::parse_duration;
use crate::verify::clock::ClockReading;
use crate::verify::links::dashboards::access::{self, Access};
use crate::verify::memory;
use crate::yaml;

/// An answer, or why there is none.
pub type Asked<T> = Result<T, String>;

pub struct Seen<'a> {
    /// The stack's name.
    pub name: &'a str,
    pub engine: &'a Engine,
    pub host: Asked<Host>,
    /// Do mounts of `/` reach into containers? `None` when this machine cannot see it.
    pub root_shared: Option<bool>,
    pub catalog: &'a Catalog,
    /// What the spec renders to, where there is a spec.
    pub bundle: Option<&'a Bundle>,
    pub observed: &'a Observed,
    pub services: Vec<Deployed>,
    pub resources: Resources,
    pub prometheus: Asked<PrometheusSeen>,
    pub alertmanager: Asked<AlertmanagerSeen>,
    pub grafana: Asked<GrafanaSeen>,
}

/// A service that is on the host.
pub struct Deployed {
    pub name: String,
    /// The container's name.
    pub container: String,
    pub component: String,
    pub state: State,
    /// As it was deployed.
    pub service: Service,
    pub image: String,
    pub image_id: String,
    /// The id that the image's tag names on the host now.
    pub tag_now: Option<String>,
    pub details: Inspection,
}

pub struct PrometheusSeen {
    pub service: String,
    pub metrics: Asked<Exposition>,
    /// The configuration in force, and the deployed file.
    pub in_force: Asked<Value>,
    pub deployed: Asked<Value>,
    pub flags: BTreeMap<String, String>,
    pub clock: Option<ClockReading>,
    /// Samples that Prometheus stores in a second.
    pub rate: Option<f64>,
    /// Free bytes by mount point, or why node-exporter does not report them.
    pub free: Asked<BTreeMap<String, f64>>,
}

pub struct AlertmanagerSeen {
    pub service: String,
    pub metrics: Asked<Exposition>,
    pub in_force: Asked<Value>,
    pub deployed: Asked<Value>,
}

pub struct GrafanaSeen {
    pub access: Access,
    /// All of Grafana; empty when the login is not valid.
    pub data_sources: Vec<DataSource>,
    pub provisioned: Vec<ProvisionedSource>,
}

/// Looks at everything and changes nothing. What does not answer is not an error here: the checks judge it.
pub async fn look<'a>(
    client: &'a Client,
    name: &'a str,
    observed: &'a Observed,
    catalog: &'a Catalog,
    bundle: Option<&'a Bundle>,
) -> Seen<'a> {
    let stack = Stack::read(client, name, observed).await.ok();
    let (host, services, resources, prometheus, alertmanager, grafana) = tokio::join!(
        docker::host(client),
        deployed(client, stack.as_ref()),
        async {
            match &stack {
                Some(stack) => resources::look(stack, memory::is_tight).await,
                None => Resources::default(),
            }
        },
        async { prometheus(running(stack.as_ref(), "prometheus")?).await },
        async { alertmanager(running(stack.as_ref(), "alertmanager")?).await },
        async { grafana(running(stack.as_ref(), "grafana")?).await },
    );
    Seen {
        name,
        engine: &client.engine,
        host: host.map_err(|error| format!("{error:#}")),
        root_shared: docker::root_is_shared(client),
        catalog,
        bundle,
        observed,
        services,
        resources,
        prometheus,
        alertmanager,
        grafana,
    }
}

/// The stack and the component's service, when it runs.
fn running<'a>(stack: Option<&'a Stack>, component: &str) -> Asked<(&'a Stack, &'a str)> {
    let stack = stack.ok_or("nothing of the stack is deployed")?;
    let (name, deployed) = stack.first_of(component).ok_or_else(|| match stack.services.removed_of(component) {
        Some(removed) => format!("the container of `{removed}` was removed"),
        None => format!("`{component}` is not in the deployed stack"),
    })?;
    if deployed.is_running() { Ok((stack, name)) } else { Err(format!("`{name}` does not run")) }
}

async fn deployed(client: &Client, stack: Option<&Stack>) -> Vec<Deployed> {
    let Some(stack) = stack else { return Vec::new() };
    let ids: Vec<&str> = stack.services.values().map(|deployed| deployed.container.id.as_str()).collect();
    // When the tag has moved to another image, Docker lists the container by its image's id.
    let images: Vec<&str> = stack.services.values().map(|deployed| deployed.service.image.as_str()).collect();
    let (details, tags) = tokio::join!(docker::inspect_all(client, &ids), docker::image_ids(client, &images));
    let service = |(name, deployed): (&String, &crate::deployed::stack::Deployed)| Deployed {
        name: name.clone(),
        container: deployed.container.name.clone(),
        component: deployed.component().to_owned(),
        state: deployed.container.state,
        service: deployed.service.clone(),
        image: deployed.service.image.clone(),
        image_id: deployed.container.image_id.clone(),
        tag_now: tags.get(&deployed.service.image).cloned(),
        details: details.get(&deployed.container.id).cloned().unwrap_or_default(),
    };
    stack.services.iter().map(service).collect()
}

/// A file of a service as JSON.
async fn file(stack: &Stack, service: &str, path: &str) -> Asked<Value> {
    let content = stack.files(service).await.get(path).ok_or_else(|| format!("`{path}` is unreadable"))?;
    let text = std::str::from_utf8(content).map_err(|error| format!("`{path}` is not valid text: {error}"))?;
    yaml::read(path, text).map_err(|error| format!("{error:#}"))
}

/// A service's own metrics.
async fn metrics(stack: &Stack, service: &str) -> Asked<Exposition> {
    let endpoint = stack.endpoint(service).await.ok_or("it is unreachable from here")?;
    let answer = endpoint.send(&Request::get("/metrics")).await.map_err(|error| error.to_string())?;
    api::metrics(&answer).map_err(|error| error.to_string())
}

async fn prometheus((stack, service): (&Stack, &str)) -> Asked<PrometheusSeen> {
    let asked = stack.prometheus().await.ok_or("it is unreachable from here")?;
    let (metrics, in_force, flags, deployed) = tokio::join!(
        metrics(stack, service),
        async {
            let text = asked.config().await.map_err(|error| error.to_string())?;
            yaml::read("prometheus.yml", &text).map_err(|error| format!("{error:#}"))
        },
        asked.flags(),
        file(stack, service, "prometheus.yml"),
    );
    // Last, over a connection that works by now: finding one would count as uncertainty.
    let clock = ClockReading::take(async { asked.value("time()").await.ok()? }).await;
    let window = window(&metrics, &deployed, clock);
    let (rate, free) = tokio::join!(rate(&asked, service, window), async {
        let (node, _) =
            stack.first_of("node-exporter").ok_or("the stack has no node-exporter, which reports free space")?;
        free(&asked, deployed.as_ref().map_err(Clone::clone)?, node).await
    });
    Ok(PrometheusSeen {
        service: service.to_owned(),
        metrics,
        in_force,
        deployed,
        flags: flags.unwrap_or_default(),
        clock,
        rate,
        free,
    })
}

/// How many seconds back there surely are scrapes: five minutes, or less after a start. `None` when there were too few
/// scrapes yet.
fn window(metrics: &Asked<Exposition>, deployed: &Asked<Value>, clock: Option<ClockReading>) -> Option<u64> {
    let started = metrics.as_ref().ok()?.value("process_start_time_seconds")?;
    let interval = deployed.as_ref().ok().and_then(|config| config["global"]["scrape_interval"].as_str());
    let interval = interval.and_then(parse_duration).unwrap_or(60.0);
    let window = (clock?.theirs - started - 2.0 * interval).min(300.0);
    (window >= 2.0 * interval && window >= 1.0).then_some(window as u64)
}

/// Samples a second over the window; a window that began before the first scrape would yield too few.
async fn rate(prometheus: &Prometheus<'_>, service: &str, window: Option<u64>) -> Option<f64> {
    let window = window?;
    let instance = quoted(service);
    let expr = format!("sum(rate(prometheus_tsdb_head_samples_appended_total{{instance={instance}}}[{window}s]))");
    prometheus.value(&expr).await.ok()?
}

async fn free(prometheus: &Prometheus<'_>, config: &Value, node: &str) -> Asked<BTreeMap<String, f64>> {
    let instance = instance(config, node).ok_or_else(|| format!("Prometheus does not scrape `{node}`"))?;
    let expr = format!("node_filesystem_avail_bytes{{instance={}}}", quoted(instance));
    let found = prometheus.query(&expr).await.map_err(|error| error.to_string())?;
    if found.is_empty() {
        return Err(format!("Prometheus has no disk sizes from `{node}` yet"));
    }
    Ok(found.into_iter().filter_map(|mut sample| Some((sample.labels.remove("mountpoint")?, sample.value))).collect())
}

/// The label `instance` that a service's target has in a Prometheus configuration.
fn instance<'a>(config: &'a Value, service: &str) -> Option<&'a str> {
    let configs = config["scrape_configs"].as_array()?;
    let groups = configs.iter().filter_map(|config| config["static_configs"].as_array()).flatten();
    groups.into_iter().find_map(|group| {
        let target = group["targets"].as_array()?.iter().filter_map(Value::as_str);
        let target = target.into_iter().find(|target| target.split(':').next() == Some(service))?;
        Some(group["labels"]["instance"].as_str().unwrap_or(target))
    })
}

async fn alertmanager((stack, service): (&Stack, &str)) -> Asked<AlertmanagerSeen> {
    let asked = stack.alertmanager().await.ok_or("it is unreachable from here")?;
    let (metrics, in_force, deployed) =
        tokio::join!(metrics(stack, service), asked.config(), file(stack, service, "alertmanager.yml"));
    let in_force = in_force.map_err(|error| error.to_string());
    Ok(AlertmanagerSeen { service: service.to_owned(), metrics, in_force, deployed })
}

async fn grafana((stack, service): (&Stack, &str)) -> Asked<GrafanaSeen> {
    let look = access::look(stack, service, &stack.services[service]);
    let ((access, opened), files) = tokio::join!(look, stack.files(service));
    let data_sources = opened.map(|opened| opened.data_sources).unwrap_or_default();
    Ok(GrafanaSeen { access, data_sources, provisioned: provisioning::data_sources(files) })
}

impl Seen<'_> {
    pub fn service(&self, name: &str) -> Option<&Deployed> {
        self.services.iter().find(|deployed| deployed.name == name)
    }

    /// What the spec wants or, without one, what is deployed: services by name.
    pub fn wanted(&self) -> Vec<(&str, &Service)> {
        match self.bundle {
            Some(bundle) => bundle.compose.services.iter().map(|(name, service)| (name.as_str(), service)).collect(),
            None => self.services.iter().map(|deployed| (deployed.name.as_str(), &deployed.service)).collect(),
        }
    }
}

#[cfg(test)]
pub mod testing {
    use super::*;

    /// What a healthy host without any service looks like; tests change what they are about.
    pub struct Bench {
        pub engine: Engine,
        pub catalog: Catalog,
        pub observed: Observed,
        pub bundle: Option<Bundle>,
    }

    impl Bench {
        pub fn new() -> Self {
            let engine = Engine { version: "29.1.0".into(), api_version: "1.52".into(), ..Engine::default() };
            let catalog = Catalog::embedded().expect("the catalog");
            Self { engine, catalog, observed: Observed::default(), bundle: None }
        }

        pub fn seen(&self) -> Seen<'_> {
            let nothing = || "nothing of the stack is deployed".to_owned();
            Seen {
                name: "shop",
                engine: &self.engine,
                host: Ok(Host { storage_driver: "overlay2".into(), memory_limits: true, ..Host::default() }),
                root_shared: Some(true),
                catalog: &self.catalog,
                bundle: self.bundle.as_ref(),
                observed: &self.observed,
                services: Vec::new(),
                resources: Resources::default(),
                prometheus: Err(nothing()),
                alertmanager: Err(nothing()),
                grafana: Err(nothing()),
            }
        }
    }

    /// A running service of that component, called as the component is.
    pub fn deployed(component: &str, image: &str) -> Deployed {
        Deployed {
            name: component.into(),
            container: format!("shop-{component}-1"),
            component: component.into(),
            state: State::Running,
            service: Service { image: image.into(), ..Service::default() },
            image: image.into(),
            image_id: String::new(),
            tag_now: None,
            details: Inspection::default(),
        }
    }

    /// A Prometheus that answers nothing of note.
    pub fn prometheus() -> PrometheusSeen {
        PrometheusSeen {
            service: "prometheus".into(),
            metrics: Ok(Exposition::default()),
            in_force: Ok(Value::Null),
            deployed: Ok(Value::Null),
            flags: BTreeMap::new(),
            clock: None,
            rate: None,
            free: Ok(BTreeMap::new()),
        }
    }
}
