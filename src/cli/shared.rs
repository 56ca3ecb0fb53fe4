//! What several commands need.

pub mod context;
#[cfg(test)]
mod examples;
pub mod files;
pub mod folders;
pub mod help;
pub mod session;
pub mod watch;
