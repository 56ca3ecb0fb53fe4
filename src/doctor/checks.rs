//! What is judged, by what it is about.

pub mod alerting;
pub mod clocks;
pub mod docker;
pub mod grafana;
pub mod images;
pub mod ports;
pub mod reload;
pub mod storage;
