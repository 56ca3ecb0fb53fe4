//! Watchpost puts a complete monitoring stack on any Docker host, and proves that it works.
//!
//! ```text
//!  answers / flags ─► spec ─┐
//!                  catalog ─┴─► resolved ─► bundle ─┐
//!                                                   ├─► plan ─► apply + gate ─► verify ─► report
//!               docker host ─► observed ────────────┘
//! ```
//!
//! Everything left of `apply` is pure: same input, same bytes, same plan. Only `docker`, `clients`, `deployed` and the
//! `look` halves of `verify` and `doctor` do I/O; only `cli`, `ui` and `wizard` print, prompt or read the environment.

pub mod catalog;
pub mod cli;
pub mod clients;
pub mod compose;
pub mod content;
pub mod dashboard;
pub mod delivery;
pub mod deployed;
pub mod docker;
pub mod doctor;
pub mod error;
pub mod event;
pub mod fix;
pub mod history;
pub mod http;
pub mod input;
pub mod live;
pub mod plan;
pub mod promql;
pub mod reason;
pub mod render;
pub mod report;
pub mod routing;
pub mod secrets;
pub mod spec;
pub mod time;
pub mod ui;
pub mod units;
pub mod verify;
pub mod wizard;
pub mod yaml;
