//! A stack as it is now: a screen that is drawn over, or a line for each change.

use std::collections::BTreeMap;
use std::time::Duration;

use anstyle::Style;

use super::human::count;
use super::style::{BAD, CHANGE, DIM, GOOD, STRONG, paint};
use super::table::{Cell, Table};
use crate::live::{FiringAlert, Live, ServiceStatus};
use crate::plan::observed::{Health, State};
use crate::time;
use crate::units::format_age;

/// State and health in one word or two.
pub fn state(service: &ServiceStatus) -> Cell {
    let restarts = match service.restarts {
        0 => String::new(),
        1 => ", restarted once".into(),
        count => format!(", restarted {count} times"),
    };
    let (style, text) = match (service.state, service.health) {
        (State::Running, Health::Healthy) => (GOOD, "healthy"),
        (State::Running, Health::None) => (GOOD, "running"),
        (State::Running, Health::Starting) => (CHANGE, "starting"),
        (State::Running, Health::Unhealthy) => (BAD, "unhealthy"),
        (State::Restarting, _) => (BAD, "restarting"),
        (State::Paused, _) => (DIM, "paused"),
        (State::Created, _) => (BAD, "never started"),
        (State::Exited | State::Dead | State::Removing, _) => (BAD, "stopped"),
        (State::Missing, _) => (BAD, "missing"),
    };
    Cell::styled(style, format!("{text}{restarts}"))
}

fn is_well(service: &ServiceStatus) -> bool {
    service.runs() && service.health != Health::Starting
}

/// How long ago, in words; empty when it never was.
pub fn since(text: Option<&str>) -> String {
    let seconds = text.and_then(time::age);
    seconds.map_or(String::new(), |seconds| format_age(Duration::from_secs_f64(seconds.max(0.0))))
}

/// The screen: at most `rows` lines of at most `columns`. `title` says what is looked at.
pub fn frame(title: &str, live: &Live, (rows, columns): (usize, usize)) -> Vec<String> {
    let mut sections = Sections::new(live, columns);
    // A blank line after the title and after the services.
    sections.shrink(rows.saturating_sub(3));
    let mut lines = vec![paint(STRONG, title), String::new()];
    lines.append(&mut sections.services);
    lines.push(String::new());
    for section in [sections.targets, sections.alerts, sections.silent] {
        lines.extend(section);
    }
    if lines.len() > rows {
        lines.truncate(rows.max(1));
        if rows > 1 {
            lines[rows - 1] = paint(DIM, "… more than this terminal has room for");
        }
    }
    lines.iter().map(|line| console::truncate_str(line, columns, "…").into_owned()).collect()
}

struct Sections {
    services: Vec<String>,
    /// In their place where there is no room.
    services_short: Vec<String>,
    targets: Vec<String>,
    alerts: Vec<String>,
    silent: Vec<String>,
}

impl Sections {
    fn new(live: &Live, columns: usize) -> Self {
        Self {
            services: services(&live.services.iter().collect::<Vec<_>>(), columns),
            services_short: services_short(&live.services, columns),
            targets: targets(live),
            alerts: alerts(live),
            silent: live.silent.iter().map(|why| format!("{} {why}", paint(BAD, "✗"))).collect(),
        }
    }

    /// Takes away what is well first, then the ends of lists.
    fn shrink(&mut self, room: usize) {
        let total = |s: &Self| s.services.len() + s.targets.len() + s.alerts.len() + s.silent.len();
        if total(self) > room {
            self.services = std::mem::take(&mut self.services_short);
        }
        while total(self) > room {
            let longest = if self.targets.len() >= self.alerts.len() { &mut self.targets } else { &mut self.alerts };
            if longest.len() < 3 {
                return;
            }
            longest.truncate(longest.len() - 2);
            longest.push(paint(DIM, "  …"));
        }
    }
}

fn services(shown: &[&ServiceStatus], columns: usize) -> Vec<String> {
    if shown.is_empty() {
        return vec!["nothing of the stack is deployed; start it with `watchpost up`".into()];
    }
    let mut table = Table::new(["SERVICE", "STATE", "UPTIME", "ADDRESS"]);
    for service in shown {
        let uptime = since(service.started_at.as_deref());
        table.row([
            service.service.as_str().into(),
            state(service),
            uptime.into(),
            service.addresses.join(", ").into(),
        ]);
    }
    table.render(Some(columns)).lines().map(str::to_owned).collect()
}

/// Those that are not well, and how many are.
fn services_short(all: &[ServiceStatus], columns: usize) -> Vec<String> {
    let (well, unwell): (Vec<&ServiceStatus>, Vec<&ServiceStatus>) = all.iter().partition(|service| is_well(service));
    let mut lines = if unwell.is_empty() && !well.is_empty() { Vec::new() } else { services(&unwell, columns) };
    if !well.is_empty() {
        let other = if unwell.is_empty() { "service" } else { "other service" };
        lines.push(format!("{} well", count(well.len(), other)));
    }
    lines
}

fn targets(live: &Live) -> Vec<String> {
    let Some(targets) = &live.targets else { return vec![format!("targets  {}", paint(DIM, "– not known"))] };
    let waiting = if targets.waiting == 0 { String::new() } else { format!(", {} not scraped yet", targets.waiting) };
    let head = match targets.down.len() {
        0 if targets.total() == 0 => paint(DIM, "– none yet"),
        0 => paint(GOOD, format!("✓ {} up{waiting}", targets.up)),
        down => paint(BAD, format!("✗ {down} of {} down{waiting}", targets.total())),
    };
    let down = targets.down.iter().map(|down| format!("  {}  {}", paint(BAD, &down.name), down.error));
    std::iter::once(format!("targets  {head}")).chain(down).collect()
}

fn alerts(live: &Live) -> Vec<String> {
    if live.targets.is_none() {
        return vec![format!("alerts   {}", paint(DIM, "– not known"))];
    }
    let head = match live.alerts.len() {
        0 => paint(GOOD, "✓ none fires"),
        number => paint(BAD, format!("✗ {number} firing")),
    };
    let mut table = Table::new([]);
    for alert in &live.alerts {
        let severity = if alert.severity.is_empty() { "–" } else { &alert.severity };
        table.row([
            Cell::styled(style_of(alert), severity),
            alert.name.as_str().into(),
            since(alert.since.as_deref()).into(),
            alert.subject.as_str().into(),
        ]);
    }
    let rows = table.render(None);
    std::iter::once(format!("alerts   {head}")).chain(rows.lines().map(|row| format!("  {row}"))).collect()
}

fn style_of(alert: &FiringAlert) -> Style {
    match alert.severity.as_str() {
        "critical" => BAD,
        "warning" => CHANGE,
        _ => DIM,
    }
}

/// What one line is about, (kind, name), and its state.
type States = BTreeMap<(&'static str, String), String>;

fn states(live: &Live) -> States {
    let mut states = States::new();
    for service in &live.services {
        states.insert(("service", service.service.clone()), state(service).text);
    }
    for why in &live.silent {
        let (who, why) = why.split_once(": ").unwrap_or(("", why));
        states.insert(("silent", who.to_owned()), format!("no answer: {why}"));
    }
    if let Some(targets) = &live.targets {
        let how = match targets.total() {
            0 => "none yet".into(),
            total => format!("{} of {total} up", targets.up),
        };
        states.insert(("targets", String::new()), how);
        for down in &targets.down {
            states.insert(("target", down.name.clone()), format!("down: {}", down.error));
        }
    }
    for alert in &live.alerts {
        let name = format!("{} {}", alert.name, alert.subject);
        let severity = if alert.severity.is_empty() { String::new() } else { format!(" ({})", alert.severity) };
        states.insert(("alert", name.trim_end().to_owned()), format!("firing{severity}"));
    }
    states
}

/// A line for each thing that is otherwise than before; without a before, for everything.
pub fn changes(before: Option<&Live>, now: &Live) -> Vec<String> {
    let (before, after) = (before.map(states).unwrap_or_default(), states(now));
    let line = |(kind, name): &(&str, String), how: &str| {
        let space = if name.is_empty() { "" } else { " " };
        if *kind == "silent" { format!("{name}  {how}") } else { format!("{kind}{space}{name}  {how}") }
    };
    let changed = after.iter().filter(|(key, how)| before.get(*key) != Some(how)).map(|(key, how)| line(key, how));
    let gone = before.keys().filter(|key| !after.contains_key(*key)).filter_map(|key| {
        let how = match key.0 {
            "service" => "removed",
            "silent" => "answers again",
            // Not to be known while Prometheus does not answer.
            "target" | "alert" if now.targets.is_none() => return None,
            "target" => "no longer down",
            "alert" => "resolved",
            _ => return None,
        };
        Some(line(key, how))
    });
    changed.chain(gone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::{DownTarget, Targets};

    fn service(name: &str, state: State) -> ServiceStatus {
        ServiceStatus {
            service: name.into(),
            title: name.into(),
            image: "x".into(),
            container: format!("m-{name}-1"),
            state,
            health: Health::None,
            started_at: None,
            restarts: 0,
            addresses: vec!["http://127.0.0.1:9090".into()],
            note: None,
        }
    }

    fn live() -> Live {
        let down = |name: &str| DownTarget { name: name.into(), error: "dial tcp: connection refused".into() };
        let firing = |name: &str| FiringAlert {
            name: name.into(),
            severity: "warning".into(),
            subject: "node/a".into(),
            since: None,
        };
        Live {
            services: vec![
                service("alertmanager", State::Running),
                service("node-exporter", State::Exited),
                service("prometheus", State::Running),
            ],
            targets: Some(Targets { up: 7, waiting: 0, down: vec![down("node/a"), down("node/b")] }),
            alerts: vec![firing("A"), firing("B")],
            silent: Vec::new(),
        }
    }

    fn plain(lines: &[String]) -> String {
        anstream::adapter::strip_str(&lines.join("\n")).to_string()
    }

    #[test]
    fn a_screen_shows_services_targets_and_alerts() {
        insta::assert_snapshot!(plain(&frame("m · local Docker", &live(), (24, 60))), @r"
        m · local Docker

        SERVICE        STATE    UPTIME  ADDRESS
        alertmanager   running          http://127.0.0.1:9090
        node-exporter  stopped          http://127.0.0.1:9090
        prometheus     running          http://127.0.0.1:9090

        targets  ✗ 2 of 9 down
          node/a  dial tcp: connection refused
          node/b  dial tcp: connection refused
        alerts   ✗ 2 firing
          warning  A    node/a
          warning  B    node/a
        ");
    }

    #[test]
    fn a_small_terminal_loses_what_is_well_first_and_never_overflows() {
        let short = frame("m", &live(), (12, 40));
        assert!(plain(&short).contains("2 other services well"), "{}", plain(&short));
        for rows in 1..14 {
            for columns in [20, 40, 60] {
                let lines = frame("a title that is rather long", &live(), (rows, columns));
                assert!(lines.len() <= rows, "{rows}: {}", plain(&lines));
                assert!(lines.iter().all(|line| console::measure_text_width(line) <= columns));
            }
        }
    }

    #[test]
    fn each_change_is_a_line_and_what_is_over_is_said() {
        let before = live();
        assert_eq!(changes(Some(&before), &before), Vec::<String>::new());
        assert_eq!(changes(None, &before).len(), 3 + 1 + 2 + 2);
        let mut now = before.clone();
        now.services[1].state = State::Running;
        now.targets =
            Some(Targets { up: 8, waiting: 0, down: vec![before.targets.clone().unwrap_or_default().down[1].clone()] });
        now.alerts.pop();
        assert_eq!(
            changes(Some(&before), &now),
            [
                "service node-exporter  running",
                "targets  8 of 9 up",
                "alert B node/a  resolved",
                "target node/a  no longer down"
            ]
        );
        now.targets = None;
        now.alerts.clear();
        now.silent = vec!["Prometheus: it does not run".into()];
        assert_eq!(
            changes(Some(&before), &now),
            ["service node-exporter  running", "Prometheus  no answer: it does not run"]
        );
    }
}
