//! Secrets: a type that is never shown, where values come from, and how they are generated.

mod form;
mod source;

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

pub use form::within;
pub use source::{Environment, load};

/// A secret's value. It has neither `Display` nor `Serialize`, `Debug` does not show it, and its memory is wiped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// Text without the line breaks at its end; `None` when it is not UTF-8.
    pub fn from_utf8(bytes: Vec<u8>) -> Option<Self> {
        let bytes = Zeroizing::new(bytes);
        Some(Self::new(std::str::from_utf8(&bytes).ok()?.trim_end_matches(['\n', '\r'])))
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

/// Letters and digits that cannot be confused; no `$`, which Grafana's provisioning would expand.
const ALPHABET: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// A new secret of `length` characters, each drawn evenly from the system's randomness.
pub fn generate(length: usize) -> Result<Secret> {
    let mut text = Zeroizing::new(String::with_capacity(length));
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
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new("the system has no random bytes").cause(error.to_string()))?;
    Ok(bytes)
}

/// Shows whether a service's secrets changed, without showing them: HMAC-SHA256 of names and values under the stack's
/// fingerprint key, in hex.
pub fn fingerprint<'a>(fingerprint_key: &str, secrets: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    // HMAC accepts keys of any length.
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
    fn debug_does_not_show_a_secret() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(…)");
        assert_eq!(format!("{:?}", Some(&Secret::new("hunter2"))), "Some(Secret(…))");
    }

    /// Compiles only while nothing can write a secret by accident: a second implementation would make `shown` ambiguous.
    #[test]
    fn a_secret_has_neither_display_nor_serialize() {
        trait Hidden<A> {
            fn hidden() -> bool {
                true
            }
        }
        struct ByDisplay;
        struct BySerialize;
        impl<T> Hidden<()> for T {}
        impl<T: std::fmt::Display> Hidden<ByDisplay> for T {}
        impl<T: serde::Serialize> Hidden<BySerialize> for T {}
        assert!(<Secret as Hidden<_>>::hidden());
    }

    #[test]
    fn a_secret_wipes_its_memory() {
        fn wiped_on_drop<T: zeroize::ZeroizeOnDrop>(_: &T) {}
        wiped_on_drop(&Secret::new("hunter2").0);
    }

    #[test]
    fn bytes_become_a_secret_without_their_last_line_break() {
        assert_eq!(Secret::from_utf8(b"a\nb\r\n".to_vec()), Some(Secret::new("a\nb")));
        assert_eq!(Secret::from_utf8(vec![0xff]), None);
    }

    #[test]
    fn generated_secrets_have_the_length_and_no_dollar() {
        let secret = generate(64).expect("randomness");
        assert_eq!(secret.expose().len(), 64);
        assert!(secret.expose().chars().all(|c| c.is_ascii_alphanumeric()));
        assert_ne!(secret, generate(64).expect("randomness"));
    }

    #[test]
    fn a_fingerprint_depends_on_key_names_and_values() {
        let print = |key, name, value| fingerprint(key, [(name, value)].into_iter());
        assert_eq!(print("s", "a", "b"), print("s", "a", "b"));
        assert_ne!(print("s", "a", "b"), print("t", "a", "b"));
        assert_ne!(print("s", "a", "b"), print("s", "a", "c"));
        assert_ne!(print("s", "ab", ""), print("s", "a", "b"));
    }
}
