//! One plain line an event.

use super::super::Verbosity;
use super::super::human::count;
use super::super::style::{WARNING, paint};
use crate::event::Event;
use crate::units::format_took;

/// The event's line; `None` when it is not worth one at this verbosity.
pub fn line(event: &Event, verbosity: Verbosity) -> Option<String> {
    let verbose = verbosity == Verbosity::Verbose;
    Some(match event {
        Event::PullsStarted { total: 0 } => return None,
        Event::PullsStarted { total } => format!("pulling {}", count(*total, "image")),
        Event::PullProgress { .. } => return None,
        Event::Pulled { image, took: time } => format!("pulled {image} in {}", format_took(*time)),
        Event::NetworkCreated { name } if verbose => format!("network {name} created"),
        Event::VolumeCreated { name } if verbose => format!("volume {name} created"),
        Event::FilesWritten { service, files } if verbose => format!("{service}: {} written", count(*files, "file")),
        Event::ServiceCreating { service } if verbose => format!("{service}: creating"),
        Event::ServiceStarting { service } => format!("{service}: starting"),
        Event::ServiceWaiting { service, why } if verbose => format!("{service}: {why}"),
        Event::ServiceReady { service, took: time } => format!("{service}: ready after {}", format_took(*time)),
        Event::ServiceFailed { service, cause, log } => {
            let log: String = log.iter().map(|line| format!("\n    {}", line.trim_end())).collect();
            format!("{service}: failed: {cause}{log}")
        }
        Event::ServiceRestored { service, image, ready: true } => format!("{service}: {image} is back, ready"),
        Event::ServiceRestored { service, image, .. } => format!("{service}: {image} is running again"),
        Event::ServiceRemoved { service } => format!("{service}: removed"),
        Event::Removed { what, name } => format!("{what} {name} removed"),
        Event::Interrupted => super::STOPPING.into(),
        Event::ProofWaiting { what } => format!("proof: waiting for {what}"),
        Event::DeliveryStep { receiver, step } => format!("{receiver}: {step}"),
        Event::Warning { text } => format!("{}: {text}", paint(WARNING, "warning")),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn lines(verbosity: Verbosity) -> String {
        let service = || "grafana".to_owned();
        let events = [
            Event::PullsStarted { total: 1 },
            Event::PullProgress {
                image: "grafana/grafana:13.2.3".into(),
                layer: "4f4fb700ef54".into(),
                status: "Downloading".into(),
                current: 1,
                total: 2,
            },
            Event::Pulled { image: "grafana/grafana:13.2.3".into(), took: Duration::from_secs(18) },
            Event::NetworkCreated { name: "monitoring_default".into() },
            Event::FilesWritten { service: service(), files: 3 },
            Event::ServiceCreating { service: service() },
            Event::ServiceStarting { service: service() },
            Event::ServiceWaiting { service: service(), why: "not answering yet".into() },
            Event::ServiceReady { service: service(), took: Duration::from_millis(6200) },
            Event::ServiceFailed {
                service: service(),
                cause: "exited 1 after 0.4 s".into(),
                log: vec!["bad\n".into()],
            },
        ];
        events.iter().filter_map(|event| line(event, verbosity)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn without_a_terminal_each_event_that_matters_is_one_line() {
        insta::assert_snapshot!(lines(Verbosity::Normal), @r"
        pulling 1 image
        pulled grafana/grafana:13.2.3 in 18 s
        grafana: starting
        grafana: ready after 6.2 s
        grafana: failed: exited 1 after 0.4 s
            bad
        ");
    }

    #[test]
    fn verbose_tells_of_every_step() {
        assert_eq!(lines(Verbosity::Verbose).lines().count(), 10);
    }
}
