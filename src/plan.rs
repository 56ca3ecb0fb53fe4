//! The operations that turn what is observed into the bundle. Pure: no I/O, no clock, no randomness.

mod cause;
pub mod conflict;
mod fingerprints;
pub mod observed;
pub mod operation;
mod order;
mod reconcile;
pub mod room;
#[cfg(test)]
mod scenarios;
mod teardown;

pub use fingerprints::Fingerprints;
pub use observed::Observed;
pub use operation::{Action, Operation, Plan};
pub use reconcile::plan;
pub use teardown::teardown;
