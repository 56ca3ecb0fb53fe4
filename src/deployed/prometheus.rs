//! Prometheus's configuration as it was deployed.

use super::stack::Stack;
use crate::yaml;

/// Names of the scrape jobs in the deployed configuration.
pub async fn rendered_jobs(stack: &Stack) -> Vec<String> {
    let Some((service, _)) = stack.first_of("prometheus") else { return Vec::new() };
    let files = stack.files(service).await;
    let rendered = files.get("prometheus.yml").and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
    let Ok(config) = yaml::parse("prometheus.yml", rendered) else { return Vec::new() };
    let jobs = config.get("scrape_configs").map(yaml::Node::items).unwrap_or_default();
    jobs.iter().filter_map(|job| Some(job.get("job_name")?.as_str()?.to_owned())).collect()
}
