//! Which receiver an alert reaches: Alertmanager's tree of routes and its matchers.

pub mod matcher;
mod sample;
pub mod tree;

pub use matcher::{Labels, Matcher, parse as parse_matchers};
pub use tree::*;
