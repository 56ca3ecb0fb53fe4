//! A terminal's whole screen, drawn over in place; what was there before comes back at the end.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use super::style::fit;

/// Is the screen ours now? Kept for a panic, which must give it back.
static OPEN: AtomicBool = AtomicBool::new(false);

/// <https://invisible-island.net/xterm/ctlseqs/ctlseqs.html>
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";
const HOME: &str = "\u{1b}[H";
const TO_END_OF_LINE: &str = "\u{1b}[K";
const TO_END_OF_SCREEN: &str = "\u{1b}[J";

/// The screen, until it is dropped.
pub struct Screen {
    unicode: bool,
    colour: bool,
}

impl Screen {
    pub fn open(unicode: bool) -> Self {
        OPEN.store(true, Ordering::Relaxed);
        write(ENTER);
        let colour = anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
        Self { unicode, colour }
    }

    /// Rows and columns now; people change them.
    pub fn size() -> (usize, usize) {
        let (rows, columns) = console::Term::stdout().size_checked().unwrap_or((24, 80));
        (rows.into(), columns.into())
    }

    /// Shows these lines and nothing else, in one write, so that nothing flickers. They fit the size.
    pub fn draw(&self, lines: &[String]) {
        let mut text = String::from(HOME);
        for (at, line) in lines.iter().enumerate() {
            if at > 0 {
                text.push_str("\r\n");
            }
            let line = fit(line, self.unicode);
            if self.colour {
                text.push_str(&line);
            } else {
                text.push_str(&anstream::adapter::strip_str(&line).to_string());
            }
            text.push_str(TO_END_OF_LINE);
        }
        text.push_str(TO_END_OF_SCREEN);
        write(&text);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

/// Gives the screen back, if it was taken.
pub fn leave() {
    if OPEN.swap(false, Ordering::Relaxed) {
        write(LEAVE);
    }
}

fn write(text: &str) {
    // A terminal that is gone takes nothing back either.
    let mut stdout = std::io::stdout().lock();
    drop(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()));
}
