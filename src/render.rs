//! Spec and catalog to bundle. Pure: the same input gives the same bytes.

mod alerting;
mod assemble;
pub mod bundle;
mod check;
mod context;
mod sample;
mod scrape;
mod template;

pub use assemble::render;
pub use bundle::{Bundle, hash_files};
pub use sample::sample;
pub use template::syntax;
