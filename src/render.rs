//! Spec and catalog to bundle. Pure: the same input gives the same bytes.

mod alerting;
mod assemble;
pub mod bundle;
mod check;
mod context;
pub mod resolve;
mod sample;
mod scrape;
mod template;

pub use assemble::render;
pub use bundle::{Bundle, hash_files};
pub use resolve::{Instance, OwnFiles, Resolved, resolve};
pub use sample::sample;
pub use template::syntax;
