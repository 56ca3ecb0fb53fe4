//! What runs beside what the catalog has, and beside what the host has under the same tag.

use std::cmp::Ordering;

use crate::doctor::checks::docker::numbers;
use crate::doctor::fine;
use crate::doctor::look::{Deployed, Seen};
use crate::verify::report::Finding;

/// Is the deployed image the one that the catalog pins?
pub fn catalog(seen: &Seen<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for deployed in &seen.services {
        let Some(component) = seen.catalog.components.get(&deployed.component) else { continue };
        let pinned = component.manifest.image.reference();
        let wanted = seen.bundle.and_then(|bundle| bundle.compose.services.get(&deployed.name));
        let wanted = wanted.map(|service| service.image.as_str());
        findings.extend(behind(deployed, &pinned, wanted));
    }
    if findings.is_empty() && !seen.services.is_empty() {
        findings.push(fine("image:catalog", "versions", "as the catalog has them"));
    }
    if seen.services.is_empty() {
        findings.push(Finding::not_checked("image:catalog", "versions", "nothing of the stack is deployed"));
    }
    findings
}

fn behind(deployed: &Deployed, pinned: &str, wanted: Option<&str>) -> Option<Finding> {
    let image = deployed.image.as_str();
    if image == pinned {
        return None;
    }
    let ((ours, tag), (repository, pin)) = (image.rsplit_once(':')?, pinned.rsplit_once(':')?);
    let (id, name) = (format!("image:catalog/{}", deployed.name), deployed.name.as_str());
    let version = |tag: &str| numbers(tag.trim_start_matches('v'));
    let what = match version(tag).cmp(&version(pin)) {
        _ if ours != repository => format!("runs `{image}`, not the catalog's `{pinned}`"),
        // Newer than the catalog: somebody chose it.
        Ordering::Greater => return None,
        Ordering::Less if !version(tag).is_empty() => format!("runs {tag}; the catalog has {pin}"),
        _ => format!("runs the tag {tag}, not the catalog's {pin}"),
    };
    let finding = Finding::note(id, name, what);
    Some(match wanted {
        // The spec itself asks for it.
        Some(wanted) if wanted == image => finding
            .why(format!("the spec sets the image: `{image}`"))
            .fix(format!("take `image` of `{name}` out of the spec, then watchpost up")),
        Some(_) => finding.fix("watchpost up"),
        None => finding.fix(format!("watchpost up, or watchpost up --set {name}.image={pinned}")),
    })
}

/// Does the tag still name the image that runs?
pub fn tag(seen: &Seen<'_>) -> Vec<Finding> {
    let moved = |deployed: &&Deployed| {
        let now = deployed.tag_now.as_deref();
        now.is_some_and(|now| !deployed.image_id.is_empty() && now != deployed.image_id)
    };
    let finding = |deployed: &Deployed| {
        let what = format!("`{}` names another image on the host than the one that runs", deployed.image);
        Finding::note(format!("image:tag/{}", deployed.name), &deployed.name, what)
            .why("the image was pulled or built again under the same tag since the service was created")
            .fix("watchpost up")
    };
    seen.services.iter().filter(moved).map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployed(image: &str) -> Deployed {
        Deployed {
            name: "prometheus".into(),
            container: "m-prometheus-1".into(),
            component: "prometheus".into(),
            state: crate::plan::observed::State::Running,
            service: Default::default(),
            image: image.into(),
            image_id: String::new(),
            tag_now: None,
            details: Default::default(),
        }
    }

    #[test]
    fn what_is_behind_the_catalog_is_said_and_what_is_ahead_is_not() {
        let pin = "prom/prometheus:v3.5.10";
        let what = |image| behind(&deployed(image), pin, None).map(|finding| finding.what);
        assert_eq!(what(pin), None);
        assert_eq!(what("prom/prometheus:v3.5.9").as_deref(), Some("runs v3.5.9; the catalog has v3.5.10"));
        assert_eq!(what("prom/prometheus:v3.6.0"), None);
        assert!(what("prom/prometheus:latest").is_some_and(|what| what.contains("the tag latest")));
        assert!(what("own/prometheus:v3.5.10").is_some_and(|what| what.contains("own/prometheus")));
    }
}
