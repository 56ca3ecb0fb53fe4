//! When the volume of a service is full: one judgement for `verify` and `doctor`.

use crate::deployed::resources::VolumeSpace;
use crate::fix::Fix;
use crate::report::Finding;
use crate::units::format_bytes;

/// How every program of the stack reports that a disk is full.
const MESSAGES: [&str; 3] = ["no space left on device", "disk is full", "disk quota exceeded"];
/// A volume with less than one part in so many free is full, and with less than this it soon is.
const FULL: u64 = 200;
const TIGHT: u64 = 20;

/// Does the text of a program say that its disk is full?
pub fn is_said(text: &str) -> bool {
    let text = text.to_lowercase();
    MESSAGES.iter().any(|message| text.contains(message))
}

/// A volume that is full or soon will be. `said`: the service says so itself.
pub fn judge(service: &str, volume: &VolumeSpace, said: bool) -> Option<Finding> {
    let (size, free) = (volume.space.size, volume.space.free);
    if size == 0 {
        return None;
    }
    let id = format!("disk:{service}");
    let room = format!("{} of {} is free at {}", format_bytes(free), format_bytes(size), volume.folder);
    let finding = if said || free < size / FULL {
        Finding::broken(id, service, format!("has no space left on its volume `{}`", volume.volume))
            .cause(format!("no space left on the volume `{}`", volume.volume))
    } else if free < size / TIGHT {
        Finding::warning(id, service, format!("has little space left on its volume `{}`", volume.volume))
    } else {
        return None;
    };
    Some(finding.why(room).fix(make_room(service, &volume.volume)))
}

/// What makes room on a volume.
pub fn make_room(service: &str, volume: &str) -> Fix {
    let free = Fix::words(format!("free space on the disk of the volume `{volume}` on the Docker host"));
    match service {
        "prometheus" => {
            free.or(Fix::spec("components.prometheus.retention", "keep data for less time").then(Fix::up()))
        }
        _ => free,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::Space;
    use crate::report::Verdict;

    fn judged(free: u64, said: bool) -> Option<Finding> {
        let space = Space { size: 1_500_000, free };
        judge(
            "prometheus",
            &VolumeSpace { volume: "shop_prometheus-data".into(), folder: "/prometheus".into(), space },
            said,
        )
    }

    #[test]
    fn a_full_volume_is_broken_with_how_much_is_free_and_one_with_room_is_not() {
        let full = judged(0, false).expect("broken");
        assert_eq!((full.id.as_str(), full.verdict), ("disk:prometheus", Verdict::Broken));
        assert_eq!(full.what, "has no space left on its volume `shop_prometheus-data`");
        assert_eq!(full.why, ["0 B of 1.5 MB is free at /prometheus"]);
        assert_eq!(
            full.fix_text(),
            "free space on the disk of the volume `shop_prometheus-data` on the Docker host, or in watchpost.yaml under \
             `components.prometheus.retention`: keep data for less time, then watchpost up"
        );
        assert_eq!(judged(40_000, false).map(|finding| finding.verdict), Some(Verdict::Warning));
        assert_eq!(judged(80_000, false), None);
        // A write may need more than what is free.
        assert_eq!(judged(80_000, true).map(|finding| finding.verdict), Some(Verdict::Broken));
    }

    #[test]
    fn a_full_disk_is_known_by_what_programs_say() {
        assert!(
            is_said("write /prometheus/wal/00000000: no space left on device") && is_said("database or disk is full")
        );
        assert!(!is_said("permission denied"));
    }
}
