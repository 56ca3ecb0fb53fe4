//! The terminal's mode between the keys that dialoguer reads.
//!
//! dialoguer reads each key in raw mode and returns to the mode before it. In that mode the terminal would echo keys
//! that arrive early, such as the rest of a paste, into the prompt, and hold back a line that has no end yet.

#[cfg(unix)]
mod mode {
    use std::io::stdin;
    use std::sync::{Mutex, PoisonError};

    use rustix::io::{ioctl_fionread, read};
    use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

    /// The mode to return to. Kept for Ctrl-C, which does not wait for a prompt's thread.
    static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

    /// The mode without echo and lines, until it is dropped.
    pub struct Quiet;

    impl Quiet {
        pub fn hold() -> Self {
            let quiet = Self::unchanged();
            if let Ok(mut mode) = tcgetattr(stdin()) {
                mode.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON);
                let _ = tcsetattr(stdin(), OptionalActions::Drain, &mode);
            }
            quiet
        }

        /// Only remembers the mode, for a prompt that changes it by itself.
        pub fn unchanged() -> Self {
            *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = tcgetattr(stdin()).ok();
            Self
        }

        /// Discards what was typed or pasted and not yet read. Returns how many lines of it say something.
        pub fn discard(&self) -> usize {
            let mut text = Vec::new();
            while let Ok(waiting @ 1..) = ioctl_fionread(stdin()) {
                let mut bytes = vec![0; usize::try_from(waiting).unwrap_or(usize::MAX).min(4096)];
                let Ok(length @ 1..) = read(stdin(), &mut bytes) else { break };
                text.extend_from_slice(&bytes[..length]);
            }
            let lines = text.split(|byte| matches!(byte, b'\r' | b'\n'));
            lines.filter(|line| line.iter().any(|byte| !byte.is_ascii_whitespace())).count()
        }
    }

    impl Drop for Quiet {
        fn drop(&mut self) {
            restore();
        }
    }

    /// Returns to the mode before the prompt. Returns whether one was open.
    pub fn restore() -> bool {
        let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(before) = &before {
            let _ = tcsetattr(stdin(), OptionalActions::Drain, before);
        }
        before.is_some()
    }
}

#[cfg(not(unix))]
mod mode {
    pub struct Quiet;

    impl Quiet {
        pub fn hold() -> Self {
            Self
        }

        pub fn unchanged() -> Self {
            Self
        }

        pub fn discard(&self) -> usize {
            0
        }
    }

    pub fn restore() -> bool {
        false
    }
}

pub use mode::{Quiet, restore};
