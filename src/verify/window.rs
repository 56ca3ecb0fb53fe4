//! Windows that hold fewer than two samples: `rate(x[15s])` of a target that is scraped every 15 s.

use std::collections::BTreeSet;

use crate::clients::series::Series;
use crate::fix::Fix;
use crate::promql::{Query, Selector};
use crate::units::format_window;
use crate::verify::absence;
use crate::verify::snapshot::Snapshot;

/// Functions that need two samples: with one they yield nothing, or never anything but 0.
const NEED_TWO: [&str; 11] = [
    "rate",
    "irate",
    "increase",
    "delta",
    "idelta",
    "deriv",
    "predict_linear",
    "double_exponential_smoothing",
    "holt_winters",
    "changes",
    "resets",
];
/// A window of so many intervals survives a scrape that fails, and one that comes late.
const ADVISED: f64 = 4.0;
/// An interval longer than this is the likelier mistake than the window, in seconds.
const LONG_INTERVAL: f64 = 60.0;

/// A window that is too narrow for its function.
#[derive(Debug, Clone, PartialEq)]
pub struct NarrowWindow {
    pub selector: Selector,
    pub function: String,
    /// Seconds.
    pub window: f64,
    /// Seconds between two samples.
    pub interval: f64,
    /// In words, and equal for all windows that the same interval makes too narrow.
    pub cause: String,
    /// Can it never hold two samples? Otherwise it does now and then.
    pub always: bool,
    /// Does the interval come from Prometheus's own setting?
    global: bool,
}

impl NarrowWindow {
    /// `rate(x[15s])` needs two samples, and a window of 15s holds at most one
    pub fn what(&self) -> String {
        let Self { function, window, .. } = self;
        let window = format_window(*window);
        let call = format!("`{function}({}[{window}])`", self.selector.metric);
        let held = if self.always { "holds at most one" } else { "often holds only one" };
        format!("{call} needs two samples, and {window} {held}")
    }

    /// `file`: where the window is written.
    pub fn fix(&self, file: &str) -> Fix {
        let least = format_window(ADVISED * self.interval);
        let widen = Fix::edit(file, format!("give `{}` a window of at least {least}", self.function)).then(Fix::up());
        if self.global && self.interval > LONG_INTERVAL {
            return Fix::set("prometheus.scrape_interval", format_window(LONG_INTERVAL)).or(widen);
        }
        widen
    }
}

/// The windows of the query that are too narrow; those whose interval is unknown are not among them.
pub fn too_narrow(query: &Query, snapshot: &Snapshot<'_>, series: &Series) -> Vec<NarrowWindow> {
    let mut found = Vec::new();
    for (function, window, selector) in query.ranges() {
        if !NEED_TWO.contains(&function.as_str()) {
            continue;
        }
        let Some(interval) = absence::interval(&selector, snapshot, series) else { continue };
        if window >= 2.0 * interval {
            continue;
        }
        let (cause, global) = cause(&selector, interval, snapshot, series);
        found.push(NarrowWindow { always: window <= interval, selector, function, window, interval, cause, global });
    }
    found
}

fn cause(selector: &Selector, interval: f64, snapshot: &Snapshot<'_>, series: &Series) -> (String, bool) {
    let every = format_window(interval);
    if snapshot.recording(&selector.metric).is_some() {
        return (format!("`{}` is recorded every {every}", selector.metric), false);
    }
    let jobs: BTreeSet<&str> = absence::jobs_of(selector, snapshot, series);
    let own = |job: &&&str| snapshot.configuration.jobs.iter().any(|one| one.name == **job && one.interval.is_some());
    match jobs.iter().find(own) {
        Some(job) => (format!("the scrape interval of `{job}` is {every}"), false),
        None => (format!("the scrape interval is {every}"), true),
    }
}

#[cfg(test)]
mod tests;
