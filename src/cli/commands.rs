//! One file a command: its arguments, whose doc comment is its help, and `run`.

pub mod alerts;
pub mod catalog;
pub mod completions;
pub mod dashboards;
pub mod doctor;
pub mod down;
pub mod init;
pub mod logs;
pub mod plan;
pub mod render;
pub mod schema;
pub mod secrets;
pub mod status;
pub mod up;
pub mod verify;
pub mod version;
