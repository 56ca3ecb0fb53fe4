//! Secrets: a type that shows itself nowhere, where values come from, and how they are made.

mod source;

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::error::{Error, Result};

pub use source::{Environment, load};

/// A secret's value. It has no `Display`, and `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the one place that writes it where it belongs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Letters and digits that nobody mistakes for another; no `$`, which Grafana's provisioning would expand.
const ALPHABET: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// A new secret of `length` characters, each drawn evenly from the system's randomness.
pub fn generate(length: usize) -> Result<Secret> {
    let mut text = String::with_capacity(length);
    let limit = u8::MAX - u8::MAX % ALPHABET.len() as u8;
    while text.len() < length {
        let byte = random_bytes::<1>()?[0];
        // Bytes past the last whole multiple would favour the first letters.
        if byte < limit {
            text.push(ALPHABET[usize::from(byte) % ALPHABET.len()] as char);
        }
    }
    Ok(Secret(text))
}

/// Sixteen random bytes in hex: the key of a stack's fingerprints.
pub fn new_fingerprint_key() -> Result<String> {
    Ok(crate::compose::hex(&random_bytes::<16>()?))
}

fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Error::new("the system gives no randomness").cause(error))?;
    Ok(bytes)
}

/// Tells whether a service's secrets changed, without telling them: HMAC-SHA256 of names and values under the
/// stack's fingerprint key, in hex.
pub fn fingerprint<'a>(fingerprint_key: &str, secrets: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(fingerprint_key.as_bytes()) else { return String::new() };
    for (name, value) in secrets {
        for part in [name, value] {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part.as_bytes());
        }
    }
    crate::compose::hex(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(…)");
    }

    #[test]
    fn generated_secrets_have_the_length_and_no_dollar() {
        let secret = generate(64).expect("randomness");
        assert_eq!(secret.expose().len(), 64);
        assert!(secret.expose().chars().all(|c| c.is_ascii_alphanumeric()));
        assert_ne!(secret, generate(64).expect("randomness"));
    }

    #[test]
    fn a_fingerprint_depends_on_salt_names_and_values() {
        let of = |fingerprint_key, name, value| fingerprint(fingerprint_key, [(name, value)].into_iter());
        assert_eq!(of("s", "a", "b"), of("s", "a", "b"));
        assert_ne!(of("s", "a", "b"), of("t", "a", "b"));
        assert_ne!(of("s", "ab", ""), of("s", "a", "b"));
    }
}
