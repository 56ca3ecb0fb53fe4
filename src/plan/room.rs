//! Does what a stack may keep fit on the Docker host?

use crate::compose::Volume;
use crate::error::Error;
use crate::render::Bundle;
use crate::units::{format_bytes, parse_size};

const FLAG: &str = "--storage.tsdb.retention.size=";
/// Prometheus needs the rest for what it has not compacted yet.
const SHARE: u64 = 80;

/// Does any service keep data up to a size? Only then is it worth to ask for the disk.
pub fn keeps_data(bundle: &Bundle) -> bool {
    limits(bundle).next().is_some()
}

/// Service and limit of each that keeps its data on Docker's own disk.
fn limits(bundle: &Bundle) -> impl Iterator<Item = (&str, u64)> {
    let services = bundle.compose.services.iter();
    services.filter_map(|(name, service)| {
        let limit = service.command.iter().flatten().find_map(|flag| flag.strip_prefix(FLAG)).and_then(parse_size)?;
        // A volume of another driver, or a folder of the host, may be on another disk.
        let on_docker = service.volumes.iter().filter_map(|text| text.split(':').next());
        let mut on_docker = on_docker.filter(|volume| bundle.compose.volumes.get(*volume) == Some(&Volume::default()));
        on_docker.next().map(|_| (name.as_str(), limit))
    })
}

/// `disk`: bytes of the disk that Docker keeps volumes on, the used ones included.
pub fn warnings(bundle: &Bundle, disk: u64) -> Vec<Error> {
    let fits = disk / 100 * SHARE;
    let warning = |(service, limit): (&str, u64)| {
        let (kept, size) = (format_bytes(limit), format_bytes(disk));
        Error::new(format!("`{service}` may keep {kept}, but the whole disk of the Docker host has {size}"))
            .cause("the disk fills up before Prometheus removes its oldest data")
            .hint(format!(
                "set `retention_size` of `{service}` to at most {}MB, or leave it out and set `retention`",
                fits >> 20
            ))
    };
    limits(bundle).filter(|(_, limit)| *limit > fits).map(warning).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::render::render;
    use crate::spec::{self, OwnFiles, resolve};

    fn bundle(prometheus: &str) -> Bundle {
        let catalog = Catalog::embedded().expect("valid");
        let spec =
            spec::read("watchpost.yaml", &format!("components: {{prometheus: {{{prometheus}}}}}")).expect("valid");
        render(&resolve(&spec, &catalog, OwnFiles::default()).expect("resolved")).expect("rendered")
    }

    #[test]
    fn more_data_than_the_disk_holds_is_a_warning() {
        let large = bundle("retention_size: 500GB");
        let found = warnings(&large, 78_000_000_000);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, "`prometheus` may keep 537 GB, but the whole disk of the Docker host has 78 GB");
        assert!(found[0].hint.as_deref().is_some_and(|hint| hint.contains("at most 59509MB")), "{found:?}");
        assert!(keeps_data(&large) && warnings(&large, 1 << 40).is_empty());
        assert!(!keeps_data(&bundle("")) && warnings(&bundle(""), 1).is_empty());
        assert_eq!(warnings(&bundle("retention_size: 1PB"), 1 << 40).len(), 1);
    }

    #[test]
    fn a_volume_elsewhere_is_not_judged_by_dockers_disk() {
        let mut elsewhere = bundle("retention_size: 500GB");
        let volume = elsewhere.compose.volumes.get_mut("prometheus-data").expect("its volume");
        volume.driver = Some("nfs".into());
        assert!(warnings(&elsewhere, 1).is_empty());
    }
}
