//! Typed clients of the services' APIs. They know HTTP and how a service is reached, and no findings.

pub mod alertmanager;
pub mod api;
pub mod exposition;
pub mod grafana;
pub mod grafana_com;
pub mod prometheus;
#[cfg(test)]
pub mod scripted;
pub mod series;
