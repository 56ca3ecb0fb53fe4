//! Prometheus's disk against its retention, its memory against its series.

use std::collections::BTreeMap;

use crate::doctor::fine;
use crate::doctor::look::{PrometheusSeen, Seen};
use crate::units::{format_bytes, format_roughly, format_thousands};
use crate::units::{parse_duration, parse_size};
use crate::verify::report::Finding;

/// Bytes that a sample takes on disk, index included, until compaction has measured it.
/// <https://prometheus.io/docs/prometheus/latest/storage/#operational-aspects>
const BYTES_A_SAMPLE: f64 = 1.7;
/// Of a disk, this share may be planned for.
const SHARE: f64 = 0.8;
/// Bytes of memory that a series takes at the least, and so that queries and compaction have room.
const SERIES_LEAST: f64 = 3000.0;
const SERIES_COMFORTABLE: f64 = 8000.0;
/// Prometheus's own, when nothing is said.
const RETENTION: &str = "15d";

/// What the estimate rests on. Bytes and seconds.
struct Disk {
    samples_per_second: f64,
    bytes_per_sample: f64,
    /// By compaction, not assumed.
    measured: bool,
    retention: f64,
    /// `retention.size`, when it is set.
    limit: Option<f64>,
    free: f64,
    used: f64,
    /// Of what is not in blocks yet.
    head: f64,
}

pub fn disk(seen: &Seen<'_>) -> Vec<Finding> {
    let (id, subject) = ("storage:disk", "disk");
    let Ok(prometheus) = &seen.prometheus else { return not_there(seen, id, subject) };
    match measured(seen, prometheus) {
        Ok(disk) => vec![judge(&disk, &prometheus.service)],
        Err(why) => vec![Finding::not_checked(id, subject, why)],
    }
}

fn not_there(seen: &Seen<'_>, id: &str, subject: &str) -> Vec<Finding> {
    let why = seen.prometheus.as_ref().err().cloned().unwrap_or_default();
    vec![Finding::not_checked(id, subject, why)]
}

fn measured(seen: &Seen<'_>, prometheus: &PrometheusSeen) -> Result<Disk, String> {
    let metrics = prometheus.metrics.as_ref()?;
    let rate = prometheus.rate.filter(|rate| *rate > 0.0);
    let rate = rate.ok_or("how fast samples come shows after a few scrapes")?;
    let deployed = seen.service(&prometheus.service);
    let flag = |name: &str| prometheus.flags.get(name).map(String::as_str).unwrap_or_default();
    let folder = deployed.and_then(|deployed| deployed.details.mounts.get(flag("storage.tsdb.path")));
    let folder = folder.ok_or("its data is in no volume")?;
    let free = of_folder(prometheus.free.as_ref()?, folder).ok_or("node-exporter does not see the volume's disk")?;
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
        retention: retention(flag("storage.tsdb.retention.time")),
        limit: parse_size(flag("storage.tsdb.retention.size")).filter(|limit| *limit > 0).map(|limit| limit as f64),
        free,
        used: metrics.value("prometheus_tsdb_storage_blocks_bytes").unwrap_or(0.0) + head,
        head,
    })
}

/// Seconds; `0s` is what Prometheus shows when nothing was said.
fn retention(text: &str) -> f64 {
    let seconds = parse_duration(text).filter(|seconds| *seconds > 0.0);
    seconds.or_else(|| parse_duration(RETENTION)).unwrap_or_default()
}

/// What is free on the filesystem that holds the folder: that of the longest mount point above it.
fn of_folder(free: &BTreeMap<String, f64>, folder: &str) -> Option<f64> {
    let above = |mount: &str| {
        let mount = mount.trim_end_matches('/');
        folder.strip_prefix(mount).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    free.iter().filter(|(mount, _)| above(mount)).max_by_key(|(mount, _)| mount.len()).map(|(_, free)| *free)
}

fn judge(disk: &Disk, service: &str) -> Finding {
    let (id, subject) = ("storage:disk", "disk");
    let daily = disk.samples_per_second * disk.bytes_per_sample;
    let need = daily * disk.retention + disk.head;
    let room = disk.free + disk.used;
    let kept = format_roughly(disk.retention);
    let how = format!(
        "{} samples/s at {:.1} bytes ({})",
        format_thousands(disk.samples_per_second),
        disk.bytes_per_sample,
        if disk.measured { "measured" } else { "assumed until the first compaction" }
    );
    // As many whole days as fit.
    let fits = ((room * SHARE - disk.head) / daily / 86_400.0).floor();
    let shorter =
        if fits >= 1.0 { format!("watchpost up --set {service}.retention={fits:.0}d") } else { String::new() };
    let limited = format!("watchpost up --set {service}.retention_size={:.0}MB", room * SHARE / 1_048_576.0);
    let fix = if shorter.is_empty() { limited } else { format!("{shorter}, or {limited}") };
    if let Some(limit) = disk.limit {
        if limit > room {
            return Finding::broken(
                id,
                subject,
                format!("may take {}, and {} are there", format_bytes(limit as u64), format_bytes(room as u64)),
            )
            .why("`retention_size` is more than the disk has: it is full before the oldest data goes")
            .fix(fix);
        }
        if need > limit {
            let lasts = format_roughly((limit - disk.head).max(0.0) / daily);
            return Finding::note(
                id,
                subject,
                format!("{} last for {lasts}, not for {kept}", format_bytes(limit as u64)),
            )
            .why(format!("{how}; `retention_size` ends it sooner"))
            .fix(format!("raise `retention_size` of `{service}`, or lower `retention` to what it comes to"));
        }
    }
    let what =
        format!("{kept} of data take {}; {} are free", format_bytes(need as u64), format_bytes(disk.free as u64));
    if disk.limit.is_none() && need > room {
        return Finding::broken(
            id,
            subject,
            format!("{kept} of data need {}, and {} are there", format_bytes(need as u64), format_bytes(room as u64)),
        )
        .why(how)
        .fix(fix);
    }
    if disk.limit.is_none() && need > room * SHARE {
        return Finding::note(id, subject, what).why(format!("{how}; that is more than 80 % of the disk")).fix(fix);
    }
    let mut finding = fine(id, subject, what);
    finding.why.push(how);
    finding
}

pub fn series(seen: &Seen<'_>) -> Vec<Finding> {
    let (id, subject) = ("storage:series", "memory");
    let Ok(prometheus) = &seen.prometheus else { return not_there(seen, id, subject) };
    let series = match &prometheus.metrics {
        Ok(metrics) => metrics.value("prometheus_tsdb_head_series"),
        Err(why) => return vec![Finding::not_checked(id, subject, why)],
    };
    let Some(series) = series else {
        return vec![Finding::not_checked(id, subject, "Prometheus does not count its series")];
    };
    let limit = seen.service(&prometheus.service).map_or(0, |deployed| deployed.details.memory_limit);
    vec![fits(series, limit as f64, &prometheus.service)]
}

/// `limit` in bytes; 0: none.
fn fits(series: f64, limit: f64, service: &str) -> Finding {
    let (id, subject) = ("storage:series", "memory");
    let (least, comfortable) = (series * SERIES_LEAST, series * SERIES_COMFORTABLE);
    let said = format_thousands(series);
    if limit == 0.0 {
        return fine(id, subject, format!("{said} series, without a limit"));
    }
    let what =
        format!("{said} series want {}; the limit is {}", format_bytes(comfortable as u64), format_bytes(limit as u64));
    // In whole steps of 64 MB, with some air.
    let steps = (comfortable * 1.25 / f64::from(64 << 20)).ceil().max(1.0) * 64.0;
    let fix = format!("watchpost up --set {service}.memory={steps:.0}m");
    if least > limit {
        return Finding::broken(
            id,
            subject,
            format!(
                "{said} series need {} at the least; the limit is {}",
                format_bytes(least as u64),
                format_bytes(limit as u64)
            ),
        )
        .why("the kernel ends Prometheus when it takes more than its limit")
        .fix(fix);
    }
    if comfortable > limit {
        return Finding::note(id, subject, what)
            .why("queries and compaction have no room: count 8 kB a series")
            .fix(fix);
    }
    fine(id, subject, what)
}

/// Services that the kernel ended.
pub fn killed(seen: &Seen<'_>) -> Vec<Finding> {
    let killed = seen.services.iter().filter(|deployed| deployed.details.out_of_memory);
    let finding = |deployed: &crate::doctor::look::Deployed| {
        let limit = format_bytes(deployed.details.memory_limit as f64 as u64);
        let double = (deployed.details.memory_limit >> 19).max(64);
        Finding::broken(format!("oom:{}", deployed.name), &deployed.name, "was ended by the kernel: out of memory")
            .why(format!("it took more than its limit of {limit}"))
            .fix(format!("watchpost up --set {}.memory={double}m", deployed.name))
    };
    killed.map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::report::Verdict;

    const GB: f64 = 1e9;

    fn disk(free: f64, limit: Option<f64>) -> Disk {
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
        }
    }

    #[test]
    fn retention_that_the_disk_cannot_hold_is_said_with_one_that_it_can() {
        let found = judge(&disk(50.0 * GB, None), "prometheus");
        assert_eq!(found.verdict, Verdict::Broken);
        assert_eq!(found.what, "30 days of data need 88 GB, and 50 GB are there");
        assert!(found.fix_text().contains("prometheus.retention=13d"));
        assert_eq!(judge(&disk(100.0 * GB, None), "p").verdict, Verdict::Note);
        assert_eq!(judge(&disk(200.0 * GB, None), "p").verdict, Verdict::Ok);
    }

    #[test]
    fn a_limit_by_size_is_held_against_the_disk_and_against_the_retention() {
        assert_eq!(judge(&disk(50.0 * GB, Some(60.0 * GB)), "p").verdict, Verdict::Broken);
        let found = judge(&disk(50.0 * GB, Some(40.0 * GB)), "p");
        assert_eq!((found.verdict, found.what.as_str()), (Verdict::Note, "40 GB last for 13 days, not for 30 days"));
        assert_eq!(judge(&disk(200.0 * GB, Some(100.0 * GB)), "p").verdict, Verdict::Ok);
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
