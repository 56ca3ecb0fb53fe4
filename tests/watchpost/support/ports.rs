//! Ports that no two tests get at once.

use std::fs::File;
use std::net::TcpListener;
use std::sync::{Mutex, OnceLock};

/// Below the range that Linux gives out by itself (32768 and up), so that nobody else is given one by chance.
const RANGE: std::ops::Range<u16> = 21_000..31_000;

/// A port that nobody listens on, and that belongs to this process until it ends.
///
/// Each port has a file that its owner holds locked. Binding it and letting it go would give it to the next who asks.
pub fn free_port() -> u16 {
    static HELD: OnceLock<Mutex<Vec<File>>> = OnceLock::new();
    let folder = std::env::temp_dir().join("watchpost-test-ports");
    std::fs::create_dir_all(&folder).expect("a folder for locks");
    // Processes that start together begin at different places.
    let start = std::process::id() as usize * 7 % RANGE.len();
    for port in RANGE.cycle().skip(start).take(RANGE.len()) {
        let file = File::options().create(true).append(true).open(folder.join(port.to_string())).expect("a lock file");
        if file.try_lock().is_ok() && TcpListener::bind(("0.0.0.0", port)).is_ok() {
            HELD.get_or_init(Mutex::default).lock().expect("not poisoned").push(file);
            return port;
        }
    }
    panic!("no port of {RANGE:?} is free");
}

#[test]
fn no_port_is_handed_out_twice() {
    let mut ports: Vec<u16> = (0..50).map(|_| free_port()).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 50);
}
