//! Plain serde, without places: files that watchpost wrote, and what services answer.

use serde::de::DeserializeOwned;
use serde_saphyr::options::{MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{MessageFormatter, UserMessageFormatter};

use super::SourceFile;
use crate::error::{Error, Result};

/// Reads `text` as `T`; errors have a line and a column. `name` is how errors call the file.
pub fn read<T: DeserializeOwned>(name: &str, text: &str) -> Result<T> {
    let options = serde_saphyr::options! {
        // As `parse` reads: `no` is a text, `010` is not 8, and `<<` is a key like others.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| located(name, text, &error))
}

fn located(name: &str, text: &str, error: &serde_saphyr::Error) -> Error {
    let message = UserMessageFormatter.format_message(error.without_snippet()).into_owned();
    let failed = Error::new(message);
    match error.location() {
        Some(at) => {
            let number = |value: u64| usize::try_from(value).unwrap_or(1);
            let source = SourceFile::new(name, text);
            failed.at(source.location(number(at.line()), number(at.column()), number(at.span().len())))
        }
        None => failed,
    }
}
