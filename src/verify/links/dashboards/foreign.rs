//! Dashboards in the manner of public ones, and what must be said of each: `tests/fixtures/dashboards/`, with the verdicts
//! in `expected.json` beside them. What exists is recorded from a real stack.

mod tests;
