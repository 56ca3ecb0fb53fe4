//! The binary, driven as people drive it, against a real Docker daemon.
//!
//! The images must be on the host: `tests/images/build` makes them.

mod alerts;
mod bundles;
mod change;
mod cli;
mod content;
mod dashboards;
mod deploy;
mod doctor;
mod down;
mod failure;
mod gate;
mod hosts;
mod init;
mod known;
mod layering;
mod live;
mod own;
mod panels;
mod prompts;
mod proof;
mod pull;
mod readonly;
mod reasons;
mod remote;
mod scrape;
mod secrecy;
mod status;
mod support;
mod words;
