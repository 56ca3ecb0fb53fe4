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
        config["metrics_path"] = json!(path);
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
