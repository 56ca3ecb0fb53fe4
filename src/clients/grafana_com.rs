//! Dashboards from the web: of grafana.com, and from any other address.

use std::time::Duration;

use url::Url;

use crate::error::{Error, Result};
use crate::http;

/// A dashboard is a few hundred kilobytes at most.
pub const MAX_BYTES: usize = 10 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

/// The revision of a dashboard of grafana.com, and its text. `base`: the address of grafana.com; without `revision` the
/// latest.
pub async fn dashboard(base: &str, id: u64, revision: Option<u64>) -> Result<(u64, String)> {
    let revisions = format!("{}/api/dashboards/{id}/revisions", base.trim_end_matches('/'));
    let revision = match revision {
        Some(revision) => revision,
        None => latest_revision(id, &download(&address(&revisions)?).await?)?,
    };
    let text = download(&address(&format!("{revisions}/{revision}/download"))?).await?;
    Ok((revision, text))
}

/// An address as one may be given; the error does not repeat it, since it may hold a password.
pub fn address(text: &str) -> Result<Url> {
    Url::parse(text).map_err(|error| {
        Error::usage("the address is not valid").cause(error).hint("write it as `https://example.org/dashboard.json`")
    })
}

/// An address fit to be shown: without login, query and fragment, which may be secret.
pub fn without_secrets(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Only addresses without a host cannot have a login, and those have none.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url.into()
}

/// Errors: no connection, no good answer within 30 s, more than 10 MB, or no UTF-8.
pub async fn download(url: &Url) -> Result<String> {
    let name = without_secrets(url);
    let failed = |error: reqwest::Error| {
        let error = error.without_url();
        Error::new(format!("cannot download {name}"))
            .cause(innermost(&error).to_string())
            .hint("is the address reachable from here? HTTPS_PROXY is honoured")
    };
    let client = http::outside().map_err(failed)?;
    let mut response = client.get(url.clone()).timeout(PATIENCE).send().await.map_err(failed)?;
    let status = response.status();
    if !status.is_success() {
        let hint = if status.as_u16() == 404 { "is the number or the address right?" } else { "try again later" };
        return Err(Error::new(format!("cannot download {name}")).cause(format!("the answer is {status}")).hint(hint));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_BYTES {
            return Err(Error::new(format!("{name} is larger than {} MB", MAX_BYTES >> 20))
                .hint("is the address right? A dashboard is far smaller"));
        }
    }
    String::from_utf8(bytes)
        .map_err(|error| Error::new(format!("{name} is not text")).cause(error).hint("is the address right?"))
}

/// The error at the bottom says most: `connection refused`.
fn innermost(error: &dyn std::error::Error) -> &dyn std::error::Error {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

/// The highest number in grafana.com's list of revisions.
fn latest_revision(id: u64, text: &str) -> Result<u64> {
    let list: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let items = list["items"].as_array().into_iter().flatten();
    items.filter_map(|item| item["revision"].as_u64()).max().ok_or_else(|| {
        Error::new(format!("grafana.com lists no revision of the dashboard {id}"))
            .hint("is the number right? It is in the address of the dashboard's page")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_revision_has_the_highest_number() {
        let list = r#"{"items": [{"revision": 9}, {"revision": 37}, {"revision": 8}]}"#;
        assert_eq!(latest_revision(1, list).expect("one"), 37);
        for text in ["{}", "<html>", r#"{"items": []}"#] {
            assert!(latest_revision(1, text).is_err(), "{text}");
        }
    }

    #[test]
    fn logins_and_tokens_of_addresses_are_not_shown() {
        for (given, shown) in [
            ("https://x.org/a/b.json", "https://x.org/a/b.json"),
            ("https://me:pa%40ss@x.org:8443/a.json?token=t#f", "https://x.org:8443/a.json"),
            ("https://me:pa@ss@x.org/a.json", "https://x.org/a.json"),
            ("http://me@x.org?token=a/b@c", "http://x.org/"),
            ("https://me:secret@x.org\\a", "https://x.org/a"),
        ] {
            assert_eq!(without_secrets(&address(given).expect("an address")), shown);
        }
        let error = address("http://me:hush@[::/a.json?token=hush").expect_err("no address");
        assert!(!format!("{error:?}{error}").contains("hush"), "{error}");
    }

    #[tokio::test]
    async fn a_failed_download_names_the_address_without_its_login() {
        // Nobody listens on port 0.
        let url = address("http://me:hush@127.0.0.1:0/a.json?token=hush").expect("an address");
        let error = download(&url).await.expect_err("no answer");
        assert!(error.to_string().contains("/a.json") && !format!("{error:?}{error}").contains("hush"), "{error}");
    }
}
