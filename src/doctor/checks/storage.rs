//! Does Prometheus's retention fit its disk, and do its series fit its memory?

use std::collections::BTreeMap;

use crate::compose::values;
use crate::docker::MemoryUse;
use crate::doctor::fine;
use crate::doctor::look::{Deployed, PrometheusSeen, Seen};
use crate::fix::Fix;
use crate::units::{format_bytes, format_roughly, format_thousands, parse_duration, parse_size};
use crate::verify::report::Finding;
use crate::verify::{memory, space};

/// Bytes on disk for a sample, index included, until compaction has measured it.
/// <https://prometheus.io/docs/prometheus/latest/storage/#operational-aspects>
const BYTES_A_SAMPLE: f64 = 1.7;
/// Only this share of a disk may be planned for.
const SHARE: f64 = 0.8;
/// Bytes of memory that a series needs at least, and with room for queries and compaction.
const SERIES_LEAST: f64 = 3000.0;
const SERIES_COMFORTABLE: f64 = 8000.0;
/// Prometheus's default.
const RETENTION: &str = "15d";
/// In seconds.
const DAY: f64 = 86_400.0;

/// What the estimate is made from, in bytes and seconds.
struct Disk {
    samples_per_second: f64,
    bytes_per_sample: f64,
    /// Measured by compaction, not assumed.
    measured: bool,
    retention: f64,
    /// `retention.size`, when it is set.
    limit: Option<f64>,
    free: f64,
    used: f64,
    /// Bytes that are not in blocks yet.
    head: f64,
    /// What Prometheus runs with, where the spec or this run's flags say something else.
    runs_with: Option<String>,
}

/// Volumes that are full, or soon will be.
pub fn full(seen: &Seen<'_>) -> Vec<Finding> {
    seen.resources.volumes.iter().filter_map(|(name, volume)| space::judge(name, volume, false)).collect()
}

/// Services that work at their memory limit.
pub fn short(seen: &Seen<'_>) -> Vec<Finding> {
    let short =
        |(name, used): (&String, &MemoryUse)| memory::judge(name, seen.service(name)?.details.memory_limit, used);
    seen.resources.memory.iter().filter_map(short).collect()
}

pub fn disk(seen: &Seen<'_>) -> Vec<Finding> {
    let (id, subject) = ("storage:disk", "disk");
    let Ok(prometheus) = &seen.prometheus else { return no_prometheus(seen, id, subject) };
    if full(seen).iter().any(|finding| finding.is_broken() && finding.subject == prometheus.service) {
        // What it would need is of no use before there is room.
        return Vec::new();
    }
    match measured(seen, prometheus) {
        Ok(disk) => vec![judge(&disk, &prometheus.service)],
        Err(why) => vec![Finding::not_checked(id, subject, why)],
    }
}

fn no_prometheus(seen: &Seen<'_>, id: &str, subject: &str) -> Vec<Finding> {
    let why = seen.prometheus.as_ref().err().cloned().unwrap_or_default();
    vec![Finding::not_checked(id, subject, why)]
}

fn measured(seen: &Seen<'_>, prometheus: &PrometheusSeen) -> Result<Disk, String> {
    let metrics = prometheus.metrics.as_ref()?;
    let rate = prometheus.rate.filter(|rate| *rate > 0.0);
    let rate = rate.ok_or("the sample rate is known only after a few scrapes")?;
    let deployed = seen.service(&prometheus.service);
    let flag = |name: &str| prometheus.flags.get(name).map(String::as_str).unwrap_or_default();
    let folder = deployed.and_then(|deployed| deployed.details.mounts.get(flag("storage.tsdb.path")));
    let folder = folder.ok_or("Prometheus's data is not in a volume")?;
    // A volume may be a disk of its own, which node-exporter does not see.
    let free = match seen.resources.volumes.get(&prometheus.service) {
        Some(volume) => volume.space.free as f64,
        None => of_folder(prometheus.free.as_ref()?, folder).ok_or("node-exporter does not see the volume's disk")?,
    };
    let wanted = |name: &str| wanted_flag(seen, &prometheus.service, name).unwrap_or_else(|| flag(name).to_owned());
    let (kept, limit) = (wanted("storage.tsdb.retention.time"), wanted("storage.tsdb.retention.size"));
    let runs_with = runs_with(&kept, flag("storage.tsdb.retention.time"));
    let chunks = metrics
        .value("prometheus_tsdb_compaction_chunk_size_bytes_sum")
        .zip(metrics.value("prometheus_tsdb_compaction_chunk_samples_sum"))
        .filter(|(_, samples)| *samples > 0.0);
    let head = ["prometheus_tsdb_wal_storage_size_bytes", "prometheus_tsdb_head_chunks_storage_size_bytes"];
    let head: f64 = head.iter().filter_map(|metric| metrics.value(metric)).sum();
    Ok(Disk {
        samples_per_second: rate,
        bytes_per_sample: chunks.map_or(BYTES_A_SAMPLE, |(bytes, samples)| bytes / samples),
        measured: chunks.is_some(),
        retention: retention(&kept),
        limit: parse_size(&limit).filter(|limit| *limit > 0).map(|limit| limit as f64),
        free,
        used: metrics.value("prometheus_tsdb_storage_blocks_bytes").unwrap_or(0.0) + head,
        head,
        runs_with,
    })
}

/// A flag of Prometheus as the spec has it; empty when a spec leaves it out, `None` without a spec.
fn wanted_flag(seen: &Seen<'_>, service: &str, name: &str) -> Option<String> {
    let command = seen.bundle?.compose.services.get(service)?.command.as_deref().unwrap_or_default();
    let flag = format!("--{name}=");
    let value = command.iter().find_map(|word| word.strip_prefix(&flag));
    Some(value.unwrap_or_default().to_owned())
}

/// Says what is in force, when the judged retention is another.
fn runs_with(wanted: &str, in_force: &str) -> Option<String> {
    let (wanted, in_force) = (retention(wanted), retention(in_force));
    (wanted != in_force).then(|| format!("Prometheus runs with a retention of {}", format_roughly(in_force)))
}

/// In seconds; Prometheus shows `0s` for its default.
fn retention(text: &str) -> f64 {
    let seconds = parse_duration(text).filter(|seconds| *seconds > 0.0);
    seconds.or_else(|| parse_duration(RETENTION)).unwrap_or_default()
}

/// Free bytes on the filesystem of the folder: that of the longest mount point above it.
fn of_folder(free: &BTreeMap<String, f64>, folder: &str) -> Option<f64> {
    let above = |mount: &str| {
        let mount = mount.trim_end_matches('/');
        folder.strip_prefix(mount).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let nearest = free.iter().filter(|(mount, _)| above(mount)).max_by_key(|(mount, _)| mount.len());
    nearest.map(|(_, free)| *free)
}

fn judge(disk: &Disk, service: &str) -> Finding {
    let (id, subject) = ("storage:disk", "disk");
    let daily = disk.samples_per_second * disk.bytes_per_sample * DAY;
    let need = daily * disk.retention / DAY + disk.head;
    let room = disk.free + disk.used;
    let kept = format_roughly(disk.retention);
    let origin = if disk.measured { "measured" } else { "assumed until the first compaction" };
    let rate = format_thousands(disk.samples_per_second);
    let mut why = format!("{rate} samples/s at {:.1} bytes ({origin})", disk.bytes_per_sample);
    if let Some(runs_with) = &disk.runs_with {
        why = format!("{why}; {runs_with}");
    }
    let fix = fit_disk(service, room * SHARE, disk.head, daily);
    let bytes = |bytes: f64| format_bytes(bytes as u64);
    if let Some(limit) = disk.limit {
        if limit > room {
            let what = format!("may use {} but only {} is free", bytes(limit), bytes(room));
            return Finding::broken(id, subject, what)
                .why("`retention_size` exceeds the disk, which fills up before Prometheus removes its oldest data")
                .fix(fix);
        }
        if need > limit {
            let lasts = format_roughly((limit - disk.head).max(0.0) / daily * DAY);
            let what = format!("{} holds {lasts} of data, not {kept}", bytes(limit));
            let raise = format!("raise `retention_size`, or lower `retention` to {lasts}");
            return Finding::note(id, subject, what)
                .why(format!("{why}; Prometheus removes what exceeds `retention_size`"))
                .fix(Fix::spec(format!("components.{service}"), raise).then(Fix::up()));
        }
    } else if need > room {
        let what = format!("{kept} of data needs {} but only {} is free", bytes(need), bytes(room));
        return Finding::broken(id, subject, what).why(why).fix(fix);
    }
    let what = format!("{kept} of data needs {}; {} is free", bytes(need), bytes(disk.free));
    if disk.limit.is_none() && need > room * SHARE {
        return Finding::note(id, subject, what).why(format!("{why}; that is more than 80 % of the disk")).fix(fix);
    }
    fine(id, subject, what).why(why)
}

/// As many whole days as fit into `room` bytes, or as many bytes.
fn fit_disk(service: &str, room: f64, head: f64, daily: f64) -> Fix {
    let size = Fix::set(format_args!("{service}.retention_size"), format_args!("{:.0}MB", room / 1_048_576.0));
    let days = ((room - head) / daily).floor();
    if days < 1.0 { size } else { Fix::set(format_args!("{service}.retention"), format_args!("{days:.0}d")).or(size) }
}

pub fn series(seen: &Seen<'_>) -> Vec<Finding> {
    let (id, subject) = ("storage:series", "memory");
    let Ok(prometheus) = &seen.prometheus else { return no_prometheus(seen, id, subject) };
    let series = match &prometheus.metrics {
        Ok(metrics) => metrics.value("prometheus_tsdb_head_series"),
        Err(why) => return vec![Finding::not_checked(id, subject, why)],
    };
    let Some(series) = series else {
        return vec![Finding::not_checked(id, subject, "Prometheus does not count its series")];
    };
    let runs_with = seen.service(&prometheus.service).map_or(0, |deployed| deployed.details.memory_limit);
    let wanted = seen.bundle.and_then(|bundle| bundle.compose.services.get(&prometheus.service));
    let wanted = wanted.map(|service| service.mem_limit.as_deref().and_then(values::bytes).unwrap_or_default());
    let limit = wanted.unwrap_or(runs_with);
    let mut finding = fits(series, limit as f64, &prometheus.service);
    if limit != runs_with {
        finding = finding.why(format!("Prometheus runs with a limit of {}", format_bytes(runs_with)));
    }
    vec![finding]
}

/// `limit` is in bytes; 0: none.
fn fits(series: f64, limit: f64, service: &str) -> Finding {
    let (id, subject) = ("storage:series", "memory");
    let (least, comfortable) = (series * SERIES_LEAST, series * SERIES_COMFORTABLE);
    let count = format_thousands(series);
    let bytes = |bytes: f64| format_bytes(bytes as u64);
    if limit == 0.0 {
        return fine(id, subject, format!("{count} series, without a limit"));
    }
    // In whole steps of 64 MB, with some air.
    let steps = (comfortable * 1.25 / f64::from(64 << 20)).ceil().max(1.0) * 64.0;
    let fix = Fix::set(format_args!("{service}.memory"), format_args!("{steps:.0}m"));
    if least > limit {
        let what = format!("{count} series need at least {}; the limit is {}", bytes(least), bytes(limit));
        return Finding::broken(id, subject, what).why("the kernel kills Prometheus at its limit").fix(fix);
    }
    let what = format!("{count} series need {}; the limit is {}", bytes(comfortable), bytes(limit));
    if comfortable > limit {
        return Finding::note(id, subject, what)
            .why("queries and compaction have no room: count 8 kB for a series")
            .fix(fix);
    }
    fine(id, subject, what)
}

/// Services that the kernel killed.
pub fn killed(seen: &Seen<'_>) -> Vec<Finding> {
    let killed = seen.services.iter().filter(|deployed| deployed.details.out_of_memory);
    let finding = |deployed: &Deployed| {
        let (name, limit) = (&deployed.name, deployed.details.memory_limit);
        Finding::broken(format!("oom:{name}"), name, "ran out of memory")
            .why(memory::killed(limit))
            .fix(memory::raise(name, limit))
    };
    killed.map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::exposition::Exposition;
    use crate::compose::Service;
    use crate::deployed::resources::VolumeSpace;
    use crate::docker::Space;
    use crate::doctor::look::testing::{Bench, deployed, prometheus};
    use crate::render::Bundle;
    use crate::verify::report::Verdict;

    /// 20,000 samples a second into a volume on a disk of that many bytes.
    fn seen(bench: &Bench, free: f64) -> Seen<'_> {
        let folder = "/var/lib/docker/volumes/shop/_data";
        let mut running = deployed("prometheus", "prom/prometheus:v3");
        running.details.mounts = BTreeMap::from([("/prometheus".to_owned(), folder.to_owned())]);
        running.details.memory_limit = 2_000_000_000;
        let mut seen = bench.seen();
        seen.services = vec![running];
        seen.prometheus = Ok(PrometheusSeen {
            metrics: Ok(Exposition::read("prometheus_tsdb_head_series 100000\n")),
            flags: BTreeMap::from([
                ("storage.tsdb.path".to_owned(), "/prometheus".to_owned()),
                ("storage.tsdb.retention.time".to_owned(), "30d".to_owned()),
            ]),
            rate: Some(20_000.0),
            free: Ok(BTreeMap::from([("/".to_owned(), free)])),
            ..prometheus()
        });
        seen
    }

    #[track_caller]
    fn only(mut findings: Vec<Finding>, id: &str) -> Finding {
        assert_eq!((findings.len(), findings[0].id.as_str()), (1, id), "{findings:#?}");
        findings.remove(0)
    }

    #[test]
    fn the_disk_is_judged_from_what_prometheus_and_node_exporter_report() {
        let bench = Bench::new();
        assert_eq!(only(disk(&seen(&bench, 200.0 * GB)), "storage:disk").verdict, Verdict::Ok);
        let full = only(disk(&seen(&bench, 50.0 * GB)), "storage:disk");
        assert_eq!(
            (full.verdict, full.why[0].as_str()),
            (Verdict::Broken, "20,000 samples/s at 1.7 bytes (assumed until the first compaction)")
        );
        let mut measured = seen(&bench, 50.0 * GB);
        measured.prometheus.as_mut().expect("seen").metrics = Ok(Exposition::read(
            "prometheus_tsdb_compaction_chunk_size_bytes_sum 1000\nprometheus_tsdb_compaction_chunk_samples_sum 2000\n",
        ));
        let measured = only(disk(&measured), "storage:disk");
        assert_eq!(
            (measured.verdict, measured.why[0].as_str()),
            (Verdict::Ok, "20,000 samples/s at 0.5 bytes (measured)")
        );
    }

    #[test]
    fn a_disk_that_nobody_reports_is_not_checked_and_says_why() {
        let bench = Bench::new();
        let why = |change: &dyn Fn(&mut PrometheusSeen)| {
            let mut seen = seen(&bench, 200.0 * GB);
            change(seen.prometheus.as_mut().expect("seen"));
            let found = only(disk(&seen), "storage:disk");
            assert_eq!(found.verdict, Verdict::NotChecked);
            found.what
        };
        assert_eq!(why(&|seen| seen.rate = None), "the sample rate is known only after a few scrapes");
        assert_eq!(why(&|seen| seen.flags.clear()), "Prometheus's data is not in a volume");
        assert_eq!(why(&|seen| seen.free = Err("no node-exporter".into())), "no node-exporter");
        assert_eq!(why(&|seen| seen.metrics = Err("it does not answer".into())), "it does not answer");
        assert_eq!(only(disk(&bench.seen()), "storage:disk").what, "nothing of the stack is deployed");
    }

    #[test]
    fn memory_is_judged_from_the_series_and_the_limit_of_the_container() {
        let bench = Bench::new();
        let mut seen = seen(&bench, GB);
        assert_eq!(only(series(&seen), "storage:series").verdict, Verdict::Ok);
        seen.services[0].details.memory_limit = 200_000_000;
        assert_eq!(only(series(&seen), "storage:series").verdict, Verdict::Broken);
        seen.prometheus.as_mut().expect("seen").metrics = Ok(Exposition::default());
        assert_eq!(only(series(&seen), "storage:series").verdict, Verdict::NotChecked);
        seen.prometheus.as_mut().expect("seen").metrics = Err("it does not answer".into());
        assert_eq!(only(series(&seen), "storage:series").what, "it does not answer");
        assert_eq!(only(series(&bench.seen()), "storage:series").verdict, Verdict::NotChecked);
    }

    #[test]
    fn what_the_spec_or_a_flag_says_is_judged_and_what_runs_is_said_beside_it() {
        let mut bundle = Bundle::default();
        let command = vec!["--storage.tsdb.retention.time=400d".to_owned()];
        let service = Service { command: Some(command), mem_limit: Some("100m".into()), ..Service::default() };
        bundle.compose.services.insert("prometheus".into(), service);
        let bench = Bench { bundle: Some(bundle), ..Bench::new() };
        let seen = seen(&bench, 200.0 * GB);
        let found = only(disk(&seen), "storage:disk");
        assert_eq!(found.verdict, Verdict::Broken, "{found:?}");
        assert!(found.why[0].ends_with("; Prometheus runs with a retention of 30 days"), "{found:?}");
        let found = only(series(&seen), "storage:series");
        assert_eq!(found.verdict, Verdict::Broken, "{found:?}");
        assert_eq!(found.why.last().map(String::as_str), Some("Prometheus runs with a limit of 2.0 GB"));
    }

    #[test]
    fn a_full_volume_and_a_service_at_its_memory_limit_are_named_as_verify_names_them() {
        let bench = Bench::new();
        let mut seen = seen(&bench, 200.0 * GB);
        assert!(full(&seen).is_empty() && short(&seen).is_empty());
        let volume = |free: u64| VolumeSpace {
            volume: "shop_prometheus-data".into(),
            folder: "/prometheus".into(),
            space: Space { size: 1_500_000, free },
        };
        seen.resources.volumes.insert("prometheus".into(), volume(0));
        assert_eq!(only(full(&seen), "disk:prometheus").verdict, Verdict::Broken);
        assert!(disk(&seen).is_empty(), "said once");
        // Not what node-exporter sees of the disk around it.
        seen.resources.volumes.insert("prometheus".into(), volume(1_400_000));
        assert_eq!(only(disk(&seen), "storage:disk").verdict, Verdict::Broken);
        seen.services[0].details.memory_limit = 40 << 20;
        let used = MemoryUse { used: 41_000_000, held: 33_000_000, faults: 2000.0 };
        seen.resources.memory.insert("prometheus".into(), used);
        assert_eq!(only(short(&seen), "memory:prometheus").verdict, Verdict::Broken);
    }

    #[test]
    fn a_service_that_the_kernel_killed_is_broken_and_needs_more_memory() {
        let bench = Bench::new();
        let mut seen = seen(&bench, GB);
        assert_eq!(killed(&seen), []);
        (seen.services[0].details.out_of_memory, seen.services[0].details.memory_limit) = (true, 128 << 20);
        let found = only(killed(&seen), "oom:prometheus");
        assert_eq!((found.verdict, found.why), (Verdict::Broken, vec![memory::killed(128 << 20)]));
        assert_eq!(found.fix, Some(memory::raise("prometheus", 128 << 20)));
    }

    const GB: f64 = 1e9;

    fn estimate(free: f64, limit: Option<f64>) -> Disk {
        // 20,000 samples/s at 1.7 bytes for 30 days: 88 GB.
        Disk {
            samples_per_second: 20_000.0,
            bytes_per_sample: 1.7,
            measured: false,
            retention: 30.0 * 86_400.0,
            limit,
            free,
            used: 0.0,
            head: 0.0,
            runs_with: None,
        }
    }

    #[test]
    fn retention_that_the_disk_cannot_hold_is_said_with_one_that_it_can() {
        let found = judge(&estimate(50.0 * GB, None), "prometheus");
        assert_eq!(found.verdict, Verdict::Broken);
        assert_eq!(found.what, "30 days of data needs 88 GB but only 50 GB is free");
        assert!(found.fix_text().contains("prometheus.retention=13d"));
        assert_eq!(judge(&estimate(100.0 * GB, None), "p").verdict, Verdict::Note);
        assert_eq!(judge(&estimate(200.0 * GB, None), "p").verdict, Verdict::Ok);
    }

    #[test]
    fn a_limit_by_size_is_held_against_the_disk_and_against_the_retention() {
        assert_eq!(judge(&estimate(50.0 * GB, Some(60.0 * GB)), "p").verdict, Verdict::Broken);
        let found = judge(&estimate(50.0 * GB, Some(40.0 * GB)), "p");
        assert_eq!((found.verdict, found.what.as_str()), (Verdict::Note, "40 GB holds 13 days of data, not 30 days"));
        assert_eq!(judge(&estimate(200.0 * GB, Some(100.0 * GB)), "p").verdict, Verdict::Ok);
    }

    #[test]
    fn the_nearest_mount_above_the_volume_counts() {
        let free =
            BTreeMap::from([("/".to_owned(), 1.0), ("/var/lib/docker".to_owned(), 2.0), ("/var/lib/d".into(), 3.0)]);
        assert_eq!(of_folder(&free, "/var/lib/docker/volumes/x/_data"), Some(2.0));
        assert_eq!(of_folder(&free, "/data"), Some(1.0));
        assert_eq!(of_folder(&BTreeMap::new(), "/data"), None);
    }

    #[test]
    fn series_are_held_against_the_memory_limit() {
        assert_eq!(fits(100_000.0, 2e9, "p").verdict, Verdict::Ok);
        assert_eq!(fits(100_000.0, 0.5e9, "p").verdict, Verdict::Note);
        let found = fits(100_000.0, 0.2e9, "prometheus");
        assert_eq!(found.verdict, Verdict::Broken);
        assert_eq!(found.fix_text(), "watchpost up --set prometheus.memory=960m");
        assert_eq!(fits(100_000.0, 0.0, "p").verdict, Verdict::Ok);
    }
}
