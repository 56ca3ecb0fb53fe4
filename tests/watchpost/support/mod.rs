pub mod docker;
pub mod http;
mod ports;
pub mod registry;
pub mod run;
pub mod sink;
pub mod stack;
mod steps;
pub mod terminal;

use std::time::{Duration, Instant};

pub use ports::free_port;
pub use run::{Output, binary, shell, watchpost};
pub use stack::Stack;
pub use steps::Steps;
pub use terminal::on_terminal;

/// Waits until `condition` holds and returns what it found; fails naming `what` after `seconds`.
pub fn await_until<T>(what: &str, seconds: u64, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {seconds} s: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
