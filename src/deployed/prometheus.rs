//! Prometheus's configuration as it was deployed.

use super::stack::Stack;
use crate::yaml;

/// Names of the scrape jobs in the deployed configuration.
pub async fn rendered_jobs(stack: &Stack) -> Vec<String> {
    let Some((service, _)) = stack.first_of("prometheus") else { return Vec::new() };
    let files = stack.files(service).await;
    files.get("prometheus.yml").map(|content| job_names(content)).unwrap_or_default()
}

/// None when the file is not valid YAML, which Prometheus itself reports.
fn job_names(content: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(content).unwrap_or_default();
    let Ok(config) = yaml::parse("prometheus.yml", text) else { return Vec::new() };
    let jobs = config.get("scrape_configs").map(yaml::Node::items).unwrap_or_default();
    jobs.iter().filter_map(|job| Some(job.get("job_name")?.as_str()?.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jobs_of_a_configuration_are_named_and_an_unreadable_one_has_none() {
        let config = b"scrape_configs: [{job_name: node}, {job_name: shop, scheme: https}, {scheme: http}]\n";
        assert_eq!(job_names(config), ["node", "shop"]);
        assert!(job_names(b"global: {}\n").is_empty() && job_names(b"{").is_empty() && job_names(&[0xff]).is_empty());
    }
}
