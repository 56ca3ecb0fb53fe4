//! Watchpost puts a complete monitoring stack on any Docker host, and proves that it works.
//!
//! ```text
//!  answers / flags ─► spec ─┐
//!                  catalog ─┴─► resolved ─► bundle ─┐
//!                                                   ├─► plan ─► apply + gate ─► proof ─► report
//!               docker host ─► observed ────────────┘
//! ```
//!
//! Everything left of `apply` is pure: same input, same bytes, same plan. Only `docker` and `proof` do I/O;
//! only `cli`, `ui` and `wizard` print, prompt or read the environment.

pub mod catalog;
pub mod cli;
pub mod compose;
pub mod dashboard;
pub mod docker;
pub mod error;
pub mod event;
pub mod moment;
pub mod plan;
pub mod promql;
pub mod proof;
pub mod render;
pub mod secrets;
pub mod spec;
pub mod ui;
pub mod wizard;
pub mod yaml;
