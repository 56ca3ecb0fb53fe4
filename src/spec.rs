//! `watchpost.yaml`: the user's file.
//!
//! Read in two steps: the shape here, the answers by the catalog's questions in `render::resolve`.

pub mod alerting;
pub mod edit;
pub mod names;
mod overrides;
mod read;
pub mod resolve;
pub mod schema;
pub mod types;
mod write;

pub use read::read;
pub use resolve::{Instance, OwnFiles, Resolved, resolve};
pub use types::*;
pub use write::write;
