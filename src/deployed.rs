//! What was deployed, read once: services from their containers' labels, files from their volumes.

pub mod alertmanager;
pub mod freshness;
pub mod inside;
pub mod known_metrics;
pub mod prometheus;
pub mod provisioning;
pub mod redact;
pub mod resources;
pub mod stack;

pub use stack::{Deployed, Stack};
