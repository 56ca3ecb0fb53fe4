//! The event stream as people follow it: bars with a terminal, plain lines without, JSON for machines.

mod bars;
mod plain;
mod pulls;

use std::cell::RefCell;

use super::Ui;
use super::style::{BAD, CHANGE, DIM, GOOD, paint};
use crate::event::Event;
use bars::Bars;

/// Said when a run is interrupted and what it began comes to an end.
const STOPPING: &str = "interrupted: putting back what was there";

/// Consumes events; what it shows depends on what `Ui` found.
pub struct Progress<'a> {
    ui: &'a Ui,
    bars: Option<RefCell<Bars>>,
}

impl<'a> Progress<'a> {
    /// `services` are the names that may occur, for aligned columns.
    pub fn new<'s>(ui: &'a Ui, services: impl IntoIterator<Item = &'s str>) -> Self {
        let width = services.into_iter().map(console::measure_text_width).max().unwrap_or_default();
        let bars = ui.bars.then(|| RefCell::new(Bars::new(width, ui.unicode)));
        Self { ui, bars }
    }

    pub fn event(&self, event: Event) {
        if self.ui.json {
            // A reader that went away shows at the next document; work goes on.
            drop(self.ui.json_line(&event));
        } else if let Some(bars) = &self.bars {
            bars.borrow_mut().event(event);
        } else if let Some(line) = plain::line(&event, self.ui.verbosity) {
            self.ui.say(&line);
        }
        // Events themselves are quiet with `-q`; what went wrong is in the error that follows.
    }

    /// Leaves finished lines where they are and removes the others.
    pub fn finish(&self) {
        if let Some(bars) = &self.bars {
            bars.borrow_mut().finish();
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.finish();
    }
}

/// What a service's line says after its name, for the events that are about a service.
fn service_state(event: &Event) -> Option<(&str, String)> {
    Some(match event {
        Event::ServiceCreating { service } => (service, paint(DIM, "creating")),
        Event::ServiceStarting { service } => (service, paint(DIM, "starting")),
        Event::ServiceWaiting { service, why } => (service, paint(DIM, why)),
        Event::ServiceReady { service, took } => {
            (service, format!("{}  {:>10}", paint(GOOD, "✓ ready"), crate::units::format_took(*took)))
        }
        Event::ServiceFailed { service, cause, .. } => (service, paint(BAD, format!("✗ {cause}"))),
        Event::ServiceRestored { service, image, ready } => {
            let tag = image.rsplit_once(':').map_or(image.as_str(), |(_, tag)| tag);
            let state = if *ready { "is back, ready" } else { "is running again" };
            (service, format!("{} {tag} {state}", paint(GOOD, "✓")))
        }
        Event::ServiceRemoved { service } => (service, paint(CHANGE, "- removed")),
        Event::DeliveryStep { receiver, step } => (receiver, paint(DIM, step)),
        _ => return None,
    })
}
