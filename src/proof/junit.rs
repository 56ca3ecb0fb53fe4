//! A report as JUnit XML.

use super::report::Report;

pub fn junit(_report: &Report) -> String {
    String::new()
}
