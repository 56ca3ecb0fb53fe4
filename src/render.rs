//! Spec and catalog to bundle. Pure: the same input gives the same bytes.

pub mod bundle;

pub use bundle::Bundle;
