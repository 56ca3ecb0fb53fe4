//! The binary, driven as people drive it, against a real Docker daemon.
//!
//! The images must be on the host: `tests/images/build` makes them.

mod alerts;
mod bundles;
mod change;
mod cli;
mod content;
mod deploy;
mod down;
mod failure;
mod init;
mod layering;
mod live;
mod prompts;
mod proof;
mod pull;
mod readonly;
mod remote;
mod scrape;
mod secrecy;
mod support;
