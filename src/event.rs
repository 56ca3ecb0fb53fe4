//! What happens during long work, as one typed stream: bars, plain lines and JSON are consumers of it.

use std::time::Duration;

use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// `total` images will be pulled.
    PullsStarted {
        total: usize,
    },
    /// One layer of one image; `total` bytes is 0 while unknown.
    PullProgress {
        image: String,
        layer: String,
        status: String,
        current: u64,
        total: u64,
    },
    Pulled {
        image: String,
        took: Duration,
    },
    NetworkCreated {
        name: String,
    },
    VolumeCreated {
        name: String,
    },
    FilesWritten {
        service: String,
        files: usize,
    },
    ServiceCreating {
        service: String,
    },
    ServiceStarting {
        service: String,
    },
    /// Waiting at the gate: `why` changes as it gets nearer (`starting`, `not answering yet`, `staying up`).
    ServiceWaiting {
        service: String,
        why: String,
    },
    ServiceReady {
        service: String,
        took: Duration,
    },
    ServiceFailed {
        service: String,
        cause: String,
        log: Vec<String>,
    },
    /// The container from before is running again; `ready` when it was seen to be.
    ServiceRestored {
        service: String,
        image: String,
        ready: bool,
    },
    ServiceRemoved {
        service: String,
    },
    Removed {
        what: String,
        name: String,
    },
    Warning {
        text: String,
    },
    /// Ctrl-C: what was begun is ended or undone.
    Interrupted,
    /// The proof waits: `the first scrape of 3 targets`.
    ProofWaiting {
        what: String,
    },
    /// A test alert on its way to a receiver: `sent; waiting for the answer`.
    DeliveryStep {
        receiver: String,
        step: String,
    },
    /// One link was looked at.
    LinkChecked {
        link: String,
        broken: usize,
    },
}

/// Where events go. Called from one thread.
pub type Sink<'a> = &'a dyn Fn(Event);
