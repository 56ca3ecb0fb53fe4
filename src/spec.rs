//! `watchpost.yaml`: the user's file.
//!
//! Read in two steps: the shape here, the answers by the catalog's questions in `resolve`.

pub mod alerting;
pub mod types;

pub use types::*;
