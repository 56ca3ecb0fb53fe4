//! What Prometheus scrapes: our services, the user's targets, probed URLs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::spec::resolve::{Instance, Resolved};

/// `scrape_configs` of `prometheus.yml`, as Prometheus has them.
/// <https://prometheus.io/docs/prometheus/latest/configuration/configuration/#scrape_config>
pub fn scrape_configs(resolved: &Resolved<'_>) -> Value {
    let mut configs = own_jobs(resolved);
    configs.extend(resolved.targets.iter().map(user_job));
    configs.extend(probe_jobs(resolved));
    Value::Array(configs)
}

/// One job a component; its instances are the targets.
fn own_jobs(resolved: &Resolved<'_>) -> Vec<Value> {
    let mut jobs: BTreeMap<&str, Vec<&Instance<'_>>> = BTreeMap::new();
    for instance in &resolved.instances {
        if let Some(scrape) = &instance.component.manifest.scrape {
            jobs.entry(&scrape.job).or_default().push(instance);
        }
    }
    let job = |(job, instances): (&str, Vec<&Instance<'_>>)| {
        let scrape = instances.first()?.component.manifest.scrape.as_ref()?;
        let mut config = json!({"job_name": job});
        if scrape.path != "/metrics" {
            config["metrics_path"] = json!(scrape.path);
        }
        if scrape.honor_labels {
            config["honor_labels"] = json!(true);
        }
        if scrape.own_timestamps {
            config["track_timestamps_staleness"] = json!(true);
        }
        config["static_configs"] = instances
            .iter()
            .map(|instance| {
                let named = scrape.instance.as_ref().and_then(|variable| instance.answers.get(variable)?.as_str());
                let label = named.unwrap_or(&instance.name);
                json!({"targets": [format!("{}:{}", instance.name, scrape.port)], "labels": {"instance": label}})
            })
            .collect();
        Some(config)
    };
    jobs.into_iter().filter_map(job).collect()
}

fn user_job(target: &crate::spec::Target) -> Value {
    let mut config = json!({"job_name": target.job});
    if let Some(interval) = &target.interval {
        config["scrape_interval"] = json!(interval);
    }
    if let Some(path) = &target.path {
        // Prometheus would escape the `?`, and ask for a path that no server has.
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        config["metrics_path"] = json!(path);
        let mut params: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            params.entry(name.into_owned()).or_default().push(value.into_owned());
        }
        if !params.is_empty() {
            config["params"] = json!(params);
        }
    }
    if let Some(scheme) = &target.scheme {
        config["scheme"] = json!(scheme);
    }
    // Exporters of before 2.0 send no Content-Type, which Prometheus 3 would refuse.
    config["fallback_scrape_protocol"] = json!("PrometheusText0.0.4");
    let mut group = json!({"targets": target.addresses});
    if !target.labels.is_empty() {
        group["labels"] = json!(target.labels);
    }
    config["static_configs"] = json!([group]);
    config
}

/// One job a module and interval: the exporter is asked, the URL becomes `instance`.
fn probe_jobs(resolved: &Resolved<'_>) -> Vec<Value> {
    let Some(exporter) = resolved.instance_of("blackbox-exporter") else { return Vec::new() };
    let port = exporter.component.manifest.scrape.as_ref().map_or(9115, |scrape| scrape.port);
    let mut jobs: BTreeMap<(&str, Option<&str>), Vec<Value>> = BTreeMap::new();
    for probe in &resolved.probes {
        let mut group = json!({"targets": [probe.url]});
        if !probe.labels.is_empty() {
            group["labels"] = json!(probe.labels);
        }
        jobs.entry((&probe.module, probe.interval.as_deref())).or_default().push(group);
    }
    jobs.into_iter()
        .map(|((module, interval), groups)| {
            let name =
                interval.map_or_else(|| format!("probe-{module}"), |interval| format!("probe-{module}-{interval}"));
            let mut config = json!({"job_name": name, "metrics_path": "/probe", "params": {"module": [module]}});
            if let Some(interval) = interval {
                config["scrape_interval"] = json!(interval);
            }
            config["static_configs"] = json!(groups);
            config["relabel_configs"] = json!([
                {"source_labels": ["__address__"], "target_label": "__param_target"},
                {"source_labels": ["__param_target"], "target_label": "instance"},
                {"target_label": "module", "replacement": module},
                {"target_label": "__address__", "replacement": format!("{}:{port}", exporter.name)},
            ]);
            config
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::spec::{self, OwnFiles, resolve};

    /// The jobs of a spec, by name.
    fn jobs(text: &str) -> BTreeMap<String, Value> {
        let catalog = Catalog::embedded().expect("valid");
        let spec = spec::read("watchpost.yaml", text).expect("valid");
        let resolved = resolve(&spec, &catalog, OwnFiles::default()).expect("resolved");
        let all = scrape_configs(&resolved).as_array().cloned().unwrap_or_default();
        all.into_iter().map(|job| (job["job_name"].as_str().unwrap_or_default().to_owned(), job)).collect()
    }

    #[test]
    fn a_target_keeps_every_setting_and_has_no_others() {
        let all = jobs(
            "targets:
  - {job: full, static: ['a:1', 'b:1'], interval: 1m, path: /stats, scheme: https, labels: {team: web}}
  - {job: plain, static: ['c:1']}
",
        );
        let fallback = "PrometheusText0.0.4";
        assert_eq!(
            all["full"],
            json!({"job_name": "full", "scrape_interval": "1m", "metrics_path": "/stats", "scheme": "https",
                "fallback_scrape_protocol": fallback,
                "static_configs": [{"targets": ["a:1", "b:1"], "labels": {"team": "web"}}]})
        );
        assert_eq!(
            all["plain"],
            json!({"job_name": "plain", "fallback_scrape_protocol": fallback, "static_configs": [{"targets": ["c:1"]}]})
        );
    }

    #[test]
    fn the_query_of_a_path_becomes_parameters() {
        let target = |path: &str| {
            let text = format!("targets:\n  - {{job: a, static: ['a:1'], path: '{path}'}}\n");
            let job = jobs(&text).remove("a").expect("the job");
            (job["metrics_path"].clone(), job["params"].clone())
        };
        let params = json!({"format": ["prometheus"], "collect[]": ["cpu", "memory use"]});
        assert_eq!(target("/m?format=prometheus&collect[]=cpu&collect%5B%5D=memory+use"), (json!("/m"), params));
        assert_eq!(target("/m?"), (json!("/m"), Value::Null));
        assert_eq!(target("/m?flag"), (json!("/m"), json!({"flag": [""]})));
    }

    #[test]
    fn probes_of_one_module_and_interval_share_a_job_and_keep_their_labels() {
        let all = jobs(
            "stack: standard
components: {blackbox-exporter: true}
probes:
  - {url: 'https://a/', labels: {team: web}}
  - {url: 'https://b/'}
  - {url: 'https://c/', interval: 1m}
  - {url: 'd:5432', module: tcp}
",
        );
        let job = &all["probe-http_2xx"];
        assert_eq!(
            job["static_configs"],
            json!([{"targets": ["https://a/"], "labels": {"team": "web"}}, {"targets": ["https://b/"]}])
        );
        assert_eq!((&job["metrics_path"], &job["params"]["module"]), (&json!("/probe"), &json!(["http_2xx"])));
        assert!(job.get("scrape_interval").is_none());
        assert_eq!(job["relabel_configs"][3]["replacement"], "blackbox-exporter:9115");
        assert_eq!(all["probe-http_2xx-1m"]["scrape_interval"], "1m");
        assert_eq!(all["probe-tcp"]["static_configs"], json!([{"targets": ["d:5432"]}]));
    }

    #[test]
    fn our_own_jobs_have_the_path_and_flags_of_the_manifest_and_no_others() {
        let catalog = Catalog::embedded().expect("valid");
        let text = "stack: standard\ncomponents: {pushgateway: true}\n";
        let spec = spec::read("watchpost.yaml", text).expect("valid");
        let mut resolved = resolve(&spec, &catalog, OwnFiles::default()).expect("resolved");
        for instance in resolved.instances.clone() {
            let Some(scrape) = &instance.component.manifest.scrape else { continue };
            let mut other = instance.component.clone();
            let odd = other.manifest.scrape.as_mut().expect("a scrape");
            (odd.path, odd.honor_labels, odd.own_timestamps) =
                ("/odd".into(), !scrape.honor_labels, !scrape.own_timestamps);
            resolved.instances = vec![instance.clone()];
            let job = own_jobs(&resolved).remove(0);
            let plain = scrape.path == "/metrics";
            assert_eq!(job.get("metrics_path").is_none(), plain, "{}", instance.name);
            assert_eq!(job.get("honor_labels").is_some(), scrape.honor_labels, "{}", instance.name);
            assert_eq!(job.get("track_timestamps_staleness").is_some(), scrape.own_timestamps, "{}", instance.name);
            resolved.instances = vec![Instance { component: Box::leak(Box::new(other)), ..instance.clone() }];
            let job = own_jobs(&resolved).remove(0);
            assert_eq!(job["metrics_path"], "/odd");
            assert_eq!(job.get("honor_labels").is_none(), scrape.honor_labels, "{}", instance.name);
            assert_eq!(job.get("track_timestamps_staleness").is_none(), scrape.own_timestamps, "{}", instance.name);
        }
    }
}
