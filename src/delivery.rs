//! What became of a notification, told from Alertmanager's counters and its log. Pure.

pub mod attempt;
pub mod failure;
pub mod tracker;
