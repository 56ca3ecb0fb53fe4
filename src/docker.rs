//! The Docker host: connecting, observing, and carrying out a plan. It makes no decisions; those are in the plan.

mod apply;
pub mod connect;
mod courier;
mod create;
mod dag;
mod gate;
mod host;
mod listener;
mod locate;
mod logs;
mod observe;
mod pull;
pub mod reach;
mod remove;
mod restore;
mod sockets;
mod status;
mod store;
mod undo;
mod vitals;
mod watch;

pub use apply::{Job, apply};
pub use connect::{Client, Endpoint, Surroundings, connect, endpoint};
pub use gate::{last_lines, telling, telling_of_error};
pub use host::{Details, Host, details, host, image_ids, root_is_shared};
pub use logs::{LogLine, LogOptions, coming, logs};
pub use observe::{download, fingerprint_key, observe, read_secret};
pub use reach::{Answer, Request, ServiceEndpoint, TransportError};
pub use remove::tear_down;
pub use sockets::{Outgoing, outgoing};
pub use status::{ServiceStatus, running, status};
pub use store::generated_secret;
pub use vitals::{Vitals, clock, exposed_ports, memory, vitals};
pub use watch::changes;

use crate::error::Error;

/// Says what failed, with the daemon's own words as the cause.
pub(crate) fn failed(what: impl Into<String>) -> impl FnOnce(bollard::errors::Error) -> Error {
    let what = what.into();
    move |error| Error::new(what).cause(said(&error))
}

/// The daemon's words without the client's wrapping.
pub(crate) fn said(error: &bollard::errors::Error) -> String {
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

pub(crate) fn status_of(error: &bollard::errors::Error) -> Option<u16> {
    match error {
        bollard::errors::Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// A filter of Docker's list calls.
pub(crate) fn filter(key: &str, value: impl Into<String>) -> Option<std::collections::HashMap<String, Vec<String>>> {
    Some(std::collections::HashMap::from([(key.to_owned(), vec![value.into()])]))
}
