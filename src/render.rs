//! Spec and catalog to bundle. Pure: the same input gives the same bytes.

mod alerting;
mod assemble;
pub mod bundle;
mod check;
mod content;
mod context;
mod external_url;
mod sample;
mod scrape;
mod secrets;
mod service;
mod template;

pub use assemble::render;
pub use bundle::{Bundle, hash_files};
pub use sample::sample;

#[cfg(test)]
mod tests;
