//! The line of a log that says why a program failed.

use crate::reason::field;

/// Lines before a panic that may say more than the panic does.
const BEFORE_PANIC: usize = 3;
/// Words of lines that report an error, where no level says so.
const WORDS: [&str; 14] = [
    "err=",
    "error",
    "fatal",
    "panic",
    "cannot",
    "can't",
    "failed",
    "denied",
    "no space left",
    "address already in use",
    "bad_data",
    "out of memory",
    "read-only file system",
    "not writable",
];

/// The last line that reports an error, reduced to the error; failing that, the last line.
pub fn error_or_last_line(log: &[String]) -> Option<String> {
    error_line(log).or_else(|| log.iter().rev().find(|line| !is_trace(line)).cloned())
}

/// The last line that reports an error, reduced to the error: of a line in logfmt or JSON its `err`, and of a panic the
/// error before it.
pub fn error_line(log: &[String]) -> Option<String> {
    let lines: Vec<&str> = log.iter().map(String::as_str).filter(|line| !is_trace(line)).collect();
    let at = lines.iter().rposition(|line| reports_error(line))?;
    let before = if is_panic(lines[at]) { at.saturating_sub(BEFORE_PANIC)..at } else { at..at };
    let earlier = lines[before].iter().rev().find(|line| is_error_level(line));
    Some(error(earlier.unwrap_or(&lines[at])))
}

/// Is the line of a Go stack trace? Traces say where a program failed, not why.
pub fn is_trace(line: &str) -> bool {
    let before_arguments = line.split('(').next().unwrap_or_default();
    let is_call = line.ends_with(')')
        && before_arguments.len() < line.len()
        && (before_arguments == "panic" || before_arguments.contains('.'))
        && !before_arguments.contains(char::is_whitespace);
    let is_register = || {
        let mut words = line.split_whitespace();
        let (name, value, more) = (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next());
        more.is_none() && name.len() <= 6 && value.starts_with("0x") && !name.contains(['=', ':'])
    };
    const BEGINNINGS: [&str; 7] =
        ["\t", "goroutine ", "created by ", "[signal ", "PC=0x", "runtime stack:", "exit status "];
    line.trim().is_empty() || BEGINNINGS.iter().any(|start| line.starts_with(start)) || is_call || is_register()
}

fn is_panic(line: &str) -> bool {
    line.starts_with("panic: ") || line.starts_with("fatal error: ")
}

fn reports_error(line: &str) -> bool {
    match level(line).as_deref() {
        Some("error" | "err" | "fatal" | "panic" | "critical" | "crit" | "eror") => true,
        Some("info" | "debug" | "notice" | "trace") => field(line, "err").is_some(),
        _ => {
            let line = line.to_lowercase();
            WORDS.iter().any(|word| line.contains(word))
        }
    }
}

fn is_error_level(line: &str) -> bool {
    level(line).is_some() && reports_error(line) && !is_panic(line)
}

/// The level that a line gives, in small letters.
fn level(line: &str) -> Option<String> {
    let glog = |line: &str| {
        let (letter, rest) = line.split_at_checked(1)?;
        let digits = rest.get(..4)?.bytes().all(|byte| byte.is_ascii_digit());
        let level = match letter {
            "I" => "info",
            "W" => "warn",
            "E" => "error",
            "F" => "fatal",
            _ => return None,
        };
        (digits && rest.as_bytes().get(4) == Some(&b' ')).then(|| level.to_owned())
    };
    let found = field(line, "level").or_else(|| field(line, "lvl")).or_else(|| glog(line))?;
    Some(found.to_lowercase())
}

/// What a line says of its error.
fn error(line: &str) -> String {
    let named = ["err", "error", "msg"].into_iter().filter_map(|key| field(line, key));
    let found = named.into_iter().find(|text| !text.is_empty());
    let after_source = || line.split_once("] ").filter(|_| level(line).is_some()).map(|(_, text)| text.to_owned());
    let unquoted = line.strip_prefix('"').and_then(|line| line.strip_suffix('"')).unwrap_or(line);
    let text = found.or_else(after_source).unwrap_or_else(|| unquoted.to_owned());
    let text = text.strip_prefix("Error: ").unwrap_or(&text).trim_start_matches('✗').trim();
    // Messages of several lines are one here.
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(log: &str) -> Option<String> {
        error_or_last_line(&log.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[track_caller]
    fn says(log: &str, expected: &str) {
        assert_eq!(cause(log).as_deref(), Some(expected));
    }

    #[test]
    fn the_line_that_reports_the_error_is_found() {
        says("level=INFO msg=start\nlevel=ERROR msg=\"Loading failed\" err=\"unknown field\"\nbye", "unknown field");
        says("level=ERROR err=\"pq: no role \\\"x\\\"\" dsn=secret", "pq: no role \"x\"");
        says("permission denied\ngoodbye", "permission denied");
        says("cannot read a\ncannot read b\nbye", "cannot read b");
    }

    #[test]
    fn without_an_error_the_last_line_is_the_cause_and_without_lines_there_is_none() {
        says("starting\nbye", "bye");
        says("level=INFO msg=\"no error here\"\nbye", "bye");
        assert_eq!(error_line(&["bye".to_owned()]), None);
        assert_eq!(cause(""), None);
    }

    /// Recorded from Prometheus 3.5, shortened.
    #[test]
    fn a_prometheus_that_fails_says_why() {
        says(
            r#"time=2026-11-27T14:54:22.626Z level=INFO source=main.go:711 msg="Starting Prometheus Server" mode=server
time=2026-11-27T14:54:22.629Z level=ERROR source=query_logger.go:113 msg="Error opening query log file" component=activeQueryTracker file=/prometheus/queries.active err="open /prometheus/queries.active: permission denied"
panic: Unable to create mmap-ed active query log

goroutine 1 [running]:
github.com/prometheus/prometheus/promql.NewActiveQueryTracker({0x7ffd0577af79, 0xb}, 0x14, 0x30ec001bf6f0)
	github.com/prometheus/prometheus/promql/query_logger.go:145 +0x30a
main.main()
	github.com/prometheus/prometheus/cmd/prometheus/main.go:796 +0x853d"#,
            "open /prometheus/queries.active: permission denied",
        );
        says(
            r#"time=2026-11-27T14:55:04.152Z level=INFO source=web.go:641 msg="Start listening for connections" component=web address=:6379
time=2026-11-27T14:55:04.154Z level=ERROR source=main.go:996 msg="Unable to start web listener" err="listen tcp :6379: bind: address already in use""#,
            "listen tcp :6379: bind: address already in use",
        );
        says(
            r#"time=2026-11-27T14:55:05.699Z level=ERROR source=main.go:580 msg="Error loading config (--config.file=/tmp/c.yml)" file=/tmp/c.yml err="parsing YAML file /tmp/c.yml: yaml: unmarshal errors:\n  line 1: field job not found in type config.ScrapeConfig""#,
            "parsing YAML file /tmp/c.yml: yaml: unmarshal errors: line 1: field job not found in type config.ScrapeConfig",
        );
        says(
            r#"time=2026-11-27T14:43:18.406Z level=WARN source=group.go:570 msg="Rule sample appending failed" component="rule manager" group=host name=HostCpuHigh index=6 err="write to WAL: log samples: write /prometheus/wal/00000000: no space left on device"
time=2026-11-27T14:43:18.710Z level=INFO source=main.go:1056 msg="Stopping notify discovery manager...""#,
            "write to WAL: log samples: write /prometheus/wal/00000000: no space left on device",
        );
        says(
            "prometheus: error: unknown long flag '--no-such-flag'",
            "prometheus: error: unknown long flag '--no-such-flag'",
        );
    }

    /// Recorded from Alertmanager 0.33 and node_exporter 1.11.
    #[test]
    fn an_alertmanager_and_an_exporter_that_fail_say_why() {
        says(
            r#"time=2026-11-27T14:55:08.064Z level=INFO source=cluster.go:192 msg="setting advertise address explicitly" component=cluster addr=172.17.0.2 port=9094
time=2026-11-27T14:55:08.066Z level=ERROR source=main.go:274 msg="error loading configuration file" err="undefined receiver \"x\" used in route""#,
            "undefined receiver \"x\" used in route",
        );
        says(
            r#"time=2026-11-27T14:55:29.036Z level=INFO source=node_exporter.go:142 msg=zfs
time=2026-11-27T14:55:29.039Z level=ERROR source=node_exporter.go:248 msg="listen tcp :6379: bind: address already in use""#,
            "listen tcp :6379: bind: address already in use",
        );
        says(
            r#"time="2026-11-27T15:00:00Z" level=error msg="Couldn't connect to redis instance (redis://db:6379)""#,
            "Couldn't connect to redis instance (redis://db:6379)",
        );
    }

    /// In the forms of Grafana 13, cAdvisor (klog), zap and PostgreSQL.
    #[test]
    fn other_forms_of_logs_are_read() {
        says(
            "logger=provisioning t=2026-11-27T15:00:00Z level=error msg=\"Failed to provision data sources\" error=\"Datasource provisioning error: data source not found\"\nError: ✗ Datasource provisioning error: data source not found",
            "Datasource provisioning error: data source not found",
        );
        says(
            "GF_PATHS_DATA='/var/lib/grafana' is not writable.\nYou may have issues with file permissions, more information here: http://docs.grafana.org/\nmkdir: can't create directory '/var/lib/grafana/plugins': Permission denied",
            "mkdir: can't create directory '/var/lib/grafana/plugins': Permission denied",
        );
        says(
            "logger=sqlstore level=info msg=\"Connecting to DB\" dbtype=sqlite3\nlogger=migrator level=error msg=\"Executing migration failed\" id=\"create table\" error=\"database or disk is full\" duration=3ms",
            "database or disk is full",
        );
        says(
            "I1127 14:43:18.100000       1 storagedriver.go:55] Caching stats in memory\nF1127 14:43:18.123456       1 cadvisor.go:172] Failed to create a manager: could not detect clouds",
            "Failed to create a manager: could not detect clouds",
        );
        says(
            r#"{"level":"info","msg":"start"}
{"level":"error","ts":1.7,"msg":"cannot listen","err":"listen tcp :9187: bind: permission denied"}"#,
            "listen tcp :9187: bind: permission denied",
        );
        says(
            "LOG:  starting\nFATAL:  password authentication failed for user \"x\"",
            "FATAL:  password authentication failed for user \"x\""
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .as_str(),
        );
    }

    #[test]
    fn a_panic_is_named_and_its_trace_is_not() {
        says(
            "level=info msg=start\npanic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:\nmain.main()\n\t/tmp/x.go:8 +0x1d\nexit status 2",
            "panic: runtime error: index out of range [5] with length 3",
        );
        says(
            "fatal error: concurrent map writes\n\ngoroutine 20 gp=0x33eaaff84780 m=nil [cleanup wait]:\nruntime.gopark(0x0?, 0x0?)\n\truntime/proc.go:462 +0xce fp=0x33eaafed3768\ncreated by runtime.(*cleanupQueue).createGs in goroutine 1\n\nrax    0xfffffffffffffffc\nrip    0x40e88e",
            "fatal error: concurrent map writes",
        );
        says(
            "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x4977c1]\n\ngoroutine 7 [running]:\npanic({0xc1, 0x2})\n\truntime/panic.go:770 +0x132\ngithub.com/a/b.(*T).Run(0x0)\n\t/app/b.go:12 +0x4",
            "panic: runtime error: invalid memory address or nil pointer dereference",
        );
        // The next run began and failed for a reason of its own.
        says(
            "panic: first\n\ngoroutine 1 [running]:\nmain.main()\nlevel=info msg=start\nlevel=error msg=x err=\"no space left on device\"",
            "no space left on device",
        );
    }

    #[test]
    fn lines_of_a_log_are_no_trace() {
        for line in ["level=info msg=start", "Error: x (y)", "listen tcp: refused (111)", "a.b failed (z)"] {
            assert!(!is_trace(line), "{line}");
        }
    }
}
