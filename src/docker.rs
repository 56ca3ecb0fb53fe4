//! The Docker host: connecting, observing, and carrying out a plan. It makes no decisions; those are in the plan.

mod apply;
mod archive;
pub mod connect;
mod courier;
mod create;
mod dag;
mod exec;
mod gate;
mod host;
mod inspect;
mod listener;
mod locality;
mod logs;
mod observe;
mod obstacles;
mod pull;
pub mod reach;
mod remove;
mod restore;
mod sockets;
mod stats;
mod status;
mod store;
mod undo;
mod watch;

pub use apply::{Job, apply};
pub use archive::{download, read_secret};
pub use connect::{Client, Endpoint, Surroundings, connect, endpoint};
pub use host::{Host, clock, disk, host, image_ids, root_is_shared};
pub use inspect::{Inspection, inspect, inspect_all};
pub use logs::{LogLine, LogOptions, error_line, error_or_last_line, follow, last_lines, logs};
pub use observe::{Neighbour, fingerprint_key, neighbours, observe};
pub use reach::{Request, Response, ServiceEndpoint, TransportError};
pub use remove::tear_down;
pub use sockets::{Outgoing, listening, outgoing};
pub use stats::{MemoryUse, Space, memory_use, space};
pub use status::{ServiceStatus, running, status};
pub use store::generated_secret;
pub use watch::changes;

use crate::error::Error;

/// An error that says what failed, with the daemon's message as its cause.
pub(crate) fn failed(what: impl Into<String>) -> impl FnOnce(bollard::errors::Error) -> Error {
    let what = what.into();
    move |error| Error::new(what).cause(daemon_message(&error))
}

/// The daemon's message without the client's wrapping.
pub(crate) fn daemon_message(error: &bollard::errors::Error) -> String {
    match error {
        bollard::errors::Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        other => {
            let mut text = other.to_string();
            let mut source = std::error::Error::source(other);
            while let Some(inner) = source {
                let more = inner.to_string();
                if !text.contains(&more) {
                    text = format!("{text}: {more}");
                }
                source = inner.source();
            }
            text
        }
    }
}

pub(crate) fn status_code(error: &bollard::errors::Error) -> Option<u16> {
    match error {
        bollard::errors::Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// A filter of Docker's list calls.
pub(crate) fn filter(key: &str, value: impl Into<String>) -> Option<std::collections::HashMap<String, Vec<String>>> {
    Some(std::collections::HashMap::from([(key.to_owned(), vec![value.into()])]))
}
