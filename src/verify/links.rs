//! The links of the chain, a file each.

pub mod alerting;
pub mod containers;
pub mod dashboards;
pub mod delivery;
pub mod rules;
pub mod targets;
