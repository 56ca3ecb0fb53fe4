//! A deployed stack: what was deployed, and the ways to ask it.
//!
//! Verification rests on what is deployed, not on the spec: services come from the containers' labels, files from their
//! volumes. A spec adds what is missing and where a secret comes from. Without one, `verify --name` works all the same.
//! A service whose container was removed by hand is still known: Prometheus's deployed configuration names it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};

use tokio::sync::OnceCell;

use crate::compose::Service;
use crate::compose::values::{self, SECRETS_TARGET};
use crate::docker::{self, Client, ServiceEndpoint};
use crate::error::{Error, Result};
use crate::plan::Observed;
use crate::plan::observed::{Container, State, label};

use crate::clients::alertmanager::Alertmanager;
use crate::clients::grafana::Grafana;
use crate::clients::prometheus::Prometheus;
use crate::deployed::{prometheus, redact};

/// Images of these components contain `nc`, which a tunnel needs; in the order in which they are tried.
const HELPERS: [&str; 4] = ["prometheus", "alertmanager", "blackbox-exporter", "node-exporter"];

/// The services of a stack as they were deployed, by name; plain data.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Services {
    all: BTreeMap<String, Deployed>,
    /// Names of services that were deployed and whose container does not exist any more.
    pub removed: BTreeSet<String>,
}

/// What findings say of a service: its name, its container's, and whether it runs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ServiceState {
    pub service: String,
    pub container: String,
    pub running: bool,
}

/// One deployed service.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployed {
    pub container: Container,
    /// As it was deployed, from the container's label.
    pub service: Service,
}

impl Deployed {
    pub fn component(&self) -> &str {
        self.service.extension.as_ref().map_or("", |extension| extension.component.as_str())
    }

    /// In bytes, as it was deployed; 0 without a limit.
    pub fn memory_limit(&self) -> u64 {
        self.service.mem_limit.as_deref().and_then(values::bytes).unwrap_or_default()
    }

    pub fn is_running(&self) -> bool {
        self.container.state == State::Running
    }
}

impl Services {
    /// Without parked containers.
    fn read(observed: &Observed) -> Self {
        let mut services = BTreeMap::new();
        for container in observed.containers.iter().filter(|container| !container.parked) {
            let service = serde_json::from_str(container.label(label::SERVICE)).unwrap_or_default();
            services.insert(container.service.clone(), Deployed { container: container.clone(), service });
        }
        Self { all: services, removed: BTreeSet::new() }
    }

    /// The removed service of a component: called as it is, or with its name before.
    pub fn removed_of(&self, component: &str) -> Option<&str> {
        let of =
            |name: &&String| name.strip_prefix(component).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        self.removed.iter().find(of).map(String::as_str)
    }

    /// The first service of a component, by name.
    pub fn first_of(&self, component: &str) -> Option<(&str, &Deployed)> {
        self.all_of(component).next()
    }

    pub fn all_of(&self, component: &str) -> impl Iterator<Item = (&str, &Deployed)> {
        let all = self.all.iter().filter(move |(_, deployed)| deployed.component() == component);
        all.map(|(name, deployed)| (name.as_str(), deployed))
    }
}

impl Deref for Services {
    type Target = BTreeMap<String, Deployed>;

    fn deref(&self) -> &Self::Target {
        &self.all
    }
}

impl DerefMut for Services {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.all
    }
}

impl<const N: usize> From<[(String, Deployed); N]> for Services {
    fn from(services: [(String, Deployed); N]) -> Self {
        Self { all: services.into(), removed: BTreeSet::new() }
    }
}

pub struct Stack {
    pub client: Client,
    pub name: String,
    pub services: Services,
    http: reqwest::Client,
    asked: BTreeMap<String, Asked>,
}

/// What was asked of a service once.
#[derive(Default)]
struct Asked {
    endpoint: OnceCell<Option<ServiceEndpoint>>,
    files: OnceCell<BTreeMap<String, Vec<u8>>>,
}

impl Stack {
    /// Errors: nothing of the stack is on the host.
    pub async fn read(client: &Client, name: &str, observed: &Observed) -> Result<Self> {
        let mut stack = Self::new(client, name, observed)?;
        let service = stack.first_of("prometheus").map(|(service, _)| service.to_owned());
        stack.services.removed = match service {
            Some(service) => {
                let files = stack.files(&service).await;
                let named = files.get("prometheus.yml").map(|content| prometheus::services_named(content));
                let has = |name: &String| stack.services.contains_key(name);
                named.unwrap_or_default().into_iter().filter(|name| !has(name)).collect()
            }
            // Its files stay when its container is removed, and no stack is deployed without it.
            None => {
                let files = format!("{name}_prometheus-files");
                let had = observed.volumes.iter().any(|volume| volume.name == files);
                had.then(|| "prometheus".to_owned()).into_iter().collect()
            }
        };
        Ok(stack)
    }

    fn new(client: &Client, name: &str, observed: &Observed) -> Result<Self> {
        let services = Services::read(observed);
        if services.is_empty() {
            return Err(Error::new(format!("nothing of the stack `{name}` is deployed here"))
                .cause(format!("looked on {}", client.engine.name))
                .hint("check `--name` and the host, or deploy with `watchpost up`"));
        }
        let asked = services.keys().map(|service| (service.clone(), Asked::default())).collect();
        Ok(Self { client: client.clone(), name: name.to_owned(), services, http: crate::http::inside(), asked })
    }

    /// The first service of a component, by name.
    pub fn first_of(&self, component: &str) -> Option<(&str, &Deployed)> {
        self.services.first_of(component)
    }

    /// The state of the first service of a component; one whose container was removed does not run.
    pub fn state_of(&self, component: &str) -> Option<ServiceState> {
        let Some((name, deployed)) = self.first_of(component) else {
            let service = self.services.removed_of(component)?.to_owned();
            return Some(ServiceState { container: format!("{}-{service}-1", self.name), service, running: false });
        };
        let container = deployed.container.name.clone();
        Some(ServiceState { service: name.to_owned(), container, running: deployed.is_running() })
    }

    /// Ids of running containers that can send requests for us inside the stack's network.
    pub fn helpers(&self) -> Vec<String> {
        HELPERS
            .iter()
            .flat_map(|component| self.services.all_of(component))
            .filter(|(_, deployed)| deployed.is_running())
            .map(|(_, deployed)| deployed.container.id.clone())
            .collect()
    }

    /// A service's own port, the one that its probe asks; `None` when it does not run or has no probe.
    pub async fn endpoint(&self, service: &str) -> Option<&ServiceEndpoint> {
        let deployed = self.services.get(service).filter(|deployed| deployed.is_running())?;
        let probe = deployed.service.extension.as_ref()?.probe.as_ref()?;
        let endpoint = self.asked.get(service)?.endpoint.get_or_init(async || {
            Some(ServiceEndpoint::new(&self.client, &self.http, &deployed.container, probe.port, &self.helpers()))
        });
        endpoint.await.as_ref()
    }

    /// The files that a service has now, by path below `/etc/watchpost/current`. Empty when it has none.
    pub async fn files(&self, service: &str) -> &BTreeMap<String, Vec<u8>> {
        static NONE: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let (Some(deployed), Some(asked)) = (self.services.get(service), self.asked.get(service)) else { return &NONE };
        let hash = deployed.container.label(label::FILES);
        if hash.is_empty() {
            return &NONE;
        }
        let read = async || {
            let path = format!("/etc/watchpost/{hash}");
            docker::download(&self.client, &deployed.container.id, &path).await.unwrap_or_default()
        };
        asked.files.get_or_init(read).await
    }

    /// The last lines of a service's log, without the values of its secrets.
    pub async fn log(&self, service: &str) -> Vec<String> {
        let Some(deployed) = self.services.get(service) else { return Vec::new() };
        let lines = docker::last_lines(&self.client, &deployed.container.id);
        let (lines, secrets) = tokio::join!(lines, self.secrets(service));
        lines.iter().map(|line| redact::redact(line, &secrets)).collect()
    }

    /// The secrets that a service reads, and their parts: none of them may be shown.
    pub async fn secrets(&self, service: &str) -> Vec<String> {
        let Some(deployed) = self.services.get(service) else { return Vec::new() };
        let mut values = Vec::new();
        for name in &deployed.service.secrets {
            let path = format!("{SECRETS_TARGET}/{name}");
            if let Some(secret) = docker::read_secret(&self.client, &deployed.container.id, &path).await {
                values.extend(redact::secret_parts(secret.expose()));
            }
        }
        values
    }

    pub async fn prometheus(&self) -> Option<Prometheus<'_>> {
        let (name, _) = self.first_of("prometheus")?;
        Some(Prometheus::new(self.endpoint(name).await?))
    }

    pub async fn alertmanager(&self) -> Option<Alertmanager<'_>> {
        let (name, _) = self.first_of("alertmanager")?;
        Some(Alertmanager::new(self.endpoint(name).await?))
    }

    /// Grafana with its administrator's login, read from the service's own secret.
    pub async fn grafana(&self) -> Option<Grafana<'_>> {
        let (name, deployed) = self.first_of("grafana")?;
        let environment = &deployed.service.environment;
        let user = environment.get("GF_SECURITY_ADMIN_USER").map_or("admin", String::as_str);
        let path = environment.get("GF_SECURITY_ADMIN_PASSWORD__FILE")?;
        let password = docker::read_secret(&self.client, &deployed.container.id, path).await;
        Some(Grafana::new(self.endpoint(name).await?, user, password))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_found_by_component_and_parked_containers_are_left_out() {
        let container = |service: &str, component: &str, parked: bool| {
            let deployed = testing::deployed("shop", component, Service::default());
            let text = serde_json::to_string(&deployed.service).expect("JSON");
            let labels = [(label::SERVICE.to_owned(), text)].into();
            Container { service: service.into(), labels, parked, ..deployed.container }
        };
        let containers = vec![
            container("postgres-exporter-b", "postgres-exporter", false),
            container("postgres-exporter-a", "postgres-exporter", false),
            container("grafana", "grafana", true),
        ];
        let services = Services::read(&Observed { containers, ..Observed::default() });
        let names: Vec<&str> = services.all_of("postgres-exporter").map(|(name, _)| name).collect();
        assert_eq!(names, ["postgres-exporter-a", "postgres-exporter-b"]);
        assert_eq!(services.first_of("postgres-exporter").map(|(name, _)| name), Some("postgres-exporter-a"));
        assert!(services.first_of("grafana").is_none() && services.len() == 2);
    }

    #[test]
    fn a_removed_service_belongs_to_the_component_that_its_name_begins_with() {
        let removed = ["alertmanager", "postgres-exporter-orders"].map(str::to_owned).into();
        let services = Services { removed, ..Services::default() };
        assert_eq!(services.removed_of("alertmanager"), Some("alertmanager"));
        assert_eq!(services.removed_of("postgres-exporter"), Some("postgres-exporter-orders"));
        assert!(services.removed_of("alert").is_none() && services.removed_of("grafana").is_none());
    }
}

#[cfg(test)]
pub mod testing {
    use super::*;
    use crate::compose::Extension;

    /// The running container of a service of that component, called as the component is: `shop-prometheus-1`.
    pub fn deployed(stack: &str, component: &str, service: Service) -> Deployed {
        let extension = Extension { component: component.to_owned(), ..service.extension.unwrap_or_default() };
        let container = Container {
            id: format!("id-of-{component}"),
            name: format!("{stack}-{component}-1"),
            service: component.to_owned(),
            image: service.image.clone(),
            state: State::Running,
            labels: [(label::PROJECT.to_owned(), stack.to_owned())].into(),
            addresses: [(format!("{stack}_default"), "172.20.0.2".to_owned())].into(),
            ..Container::default()
        };
        Deployed { container, service: Service { extension: Some(extension), ..service } }
    }
}
