//! The operations that turn what is observed into the bundle. Pure: no I/O, no clock, no randomness.

pub mod observed;
pub mod operation;

pub use observed::Observed;
pub use operation::{Action, Operation, Plan};
