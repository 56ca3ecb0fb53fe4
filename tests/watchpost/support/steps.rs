//! A long scenario in named steps: a step that fails does not hide those after it.

use std::panic::{AssertUnwindSafe, catch_unwind};

#[derive(Default)]
pub struct Steps {
    failed: Vec<&'static str>,
}

impl Steps {
    /// Runs one step and goes on whatever becomes of it; what it panics with is printed as usual.
    pub fn step(&mut self, name: &'static str, work: impl FnOnce()) {
        eprintln!("--- {name}");
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            self.failed.push(name);
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.failed.is_empty(), "these steps failed: {:?}", self.failed);
        }
    }
}

#[test]
#[should_panic(expected = "these steps failed: [\"first\", \"third\"]")]
fn a_failed_step_does_not_hide_the_next_and_each_is_named() {
    let mut steps = Steps::default();
    steps.step("first", || panic!("first"));
    steps.step("second", || {});
    steps.step("third", || panic!("third"));
}
