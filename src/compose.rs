//! The Compose subset that we deploy: what is not here is refused, never ignored.

pub mod types;

pub use types::*;
