//! The images that run, beside those of the catalog and those that the host has under the same tag.

use std::cmp::Ordering;

use crate::doctor::checks::docker::numbers;
use crate::doctor::fine;
use crate::doctor::look::{Deployed, Seen};
use crate::fix::Fix;
use crate::verify::report::Finding;

/// Is every deployed image the one that the catalog pins?
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
        findings.push(fine("image:catalog", "versions", "as in the catalog"));
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
        // Newer than the catalog: someone chose it.
        Ordering::Greater => return None,
        Ordering::Less if !version(tag).is_empty() => format!("runs {tag}; the catalog has {pin}"),
        _ => format!("runs the tag {tag}, not the catalog's {pin}"),
    };
    let finding = Finding::note(id, name, what);
    Some(match wanted {
        // The spec itself sets it.
        Some(wanted) if wanted == image => finding
            .why(format!("the spec sets the image: `{image}`"))
            .fix(Fix::spec(format!("components.{name}"), "remove `image`").then(Fix::up())),
        Some(_) => finding.fix(Fix::up()),
        None => finding.fix(Fix::up().or(Fix::set(format_args!("{name}.image"), pinned))),
    })
}

/// Does every tag still name the image that runs?
pub fn tag(seen: &Seen<'_>) -> Vec<Finding> {
    let moved = |deployed: &&Deployed| {
        let now = deployed.tag_now.as_deref();
        now.is_some_and(|now| !deployed.image_id.is_empty() && now != deployed.image_id)
    };
    let finding = |deployed: &Deployed| {
        let what = format!("`{}` names another image on the host than the one that runs", deployed.image);
        Finding::note(format!("image:tag/{}", deployed.name), &deployed.name, what)
            .why("the image was pulled or built again under the same tag since the service was created")
            .fix(Fix::up())
    };
    seen.services.iter().filter(moved).map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::Service;
    use crate::doctor::look::testing::{Bench, deployed};
    use crate::render::Bundle;
    use crate::verify::report::Verdict;

    #[test]
    fn images_of_the_catalog_are_fine_and_others_are_notes() {
        let mut bench = Bench::new();
        let mut seen = bench.seen();
        assert_eq!(catalog(&seen)[0].verdict, Verdict::NotChecked, "nothing is deployed");
        let pinned = bench.catalog.components["prometheus"].manifest.image.reference();
        seen.services = vec![deployed("prometheus", &pinned), deployed("own", "own:1")];
        let found = catalog(&seen);
        assert_eq!((found.len(), found[0].id.as_str(), found[0].verdict), (1, "image:catalog", Verdict::Ok));

        let other = "other/prometheus:v1";
        seen.services = vec![deployed("prometheus", other)];
        let fix = |seen: &Seen<'_>| {
            let found = catalog(seen);
            assert_eq!((found[0].id.as_str(), found[0].verdict), ("image:catalog/prometheus", Verdict::Note));
            found[0].fix_text()
        };
        assert_eq!(fix(&seen), format!("watchpost up, or watchpost up --set prometheus.image={pinned}"));
        let spec = |image: &str| {
            let mut bundle = Bundle::default();
            bundle.compose.services.insert("prometheus".into(), Service { image: image.into(), ..Service::default() });
            bundle
        };
        bench.bundle = Some(spec(&pinned));
        let mut seen = bench.seen();
        seen.services = vec![deployed("prometheus", other)];
        assert_eq!(fix(&seen), "watchpost up");
        bench.bundle = Some(spec(other));
        let mut seen = bench.seen();
        seen.services = vec![deployed("prometheus", other)];
        assert_eq!(fix(&seen), "in watchpost.yaml under `components.prometheus`: remove `image`, then watchpost up");
    }

    #[test]
    fn a_tag_that_moved_to_another_image_is_a_note() {
        let bench = Bench::new();
        let mut seen = bench.seen();
        let running = |tag_now: Option<&str>| {
            let deployed = deployed("prometheus", "prom/prometheus:v3");
            Deployed { image_id: "sha256:a".into(), tag_now: tag_now.map(str::to_owned), ..deployed }
        };
        seen.services = vec![running(Some("sha256:a"))];
        assert_eq!(tag(&seen), []);
        seen.services = vec![running(None)];
        assert_eq!(tag(&seen), [], "the host does not have the tag any more");
        seen.services = vec![running(Some("sha256:b"))];
        let found = tag(&seen);
        assert_eq!((found[0].id.as_str(), found[0].verdict), ("image:tag/prometheus", Verdict::Note));
        assert_eq!(found[0].fix_text(), "watchpost up");
    }

    #[test]
    fn what_is_behind_the_catalog_is_said_and_what_is_ahead_is_not() {
        let pin = "prom/prometheus:v3.5.10";
        let what = |image| behind(&deployed("prometheus", image), pin, None).map(|finding| finding.what);
        assert_eq!(what(pin), None);
        assert_eq!(what("prom/prometheus:v3.5.9").as_deref(), Some("runs v3.5.9; the catalog has v3.5.10"));
        assert_eq!(what("prom/prometheus:v3.6.0"), None);
        assert!(what("prom/prometheus:latest").is_some_and(|what| what.contains("the tag latest")));
        assert!(what("own/prometheus:v3.5.10").is_some_and(|what| what.contains("own/prometheus")));
    }
}
