//! Where a dashboard to import comes from: a file, an address, or grafana.com.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::http;

/// A dashboard is a few hundred kilobytes at most.
const MOST_BYTES: usize = 10 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    File(String),
    Url(String),
    /// A dashboard of grafana.com: its number, and its revision; the latest when left out.
    Gnet {
        id: u64,
        revision: Option<u64>,
    },
}

/// What was read, and what names it.
pub struct Read {
    /// As errors call it.
    pub name: String,
    pub text: String,
    /// Names the dashboard when it has no uid of its own: `gnet-1860`.
    pub origin: String,
}

/// As it is shown: nothing of it is secret.
impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.write_str(path),
            Self::Url(url) => f.write_str(&shown(url)),
            Self::Gnet { id, revision: None } => write!(f, "gnet:{id}"),
            Self::Gnet { id, revision: Some(revision) } => write!(f, "gnet:{id}@{revision}"),
        }
    }
}

impl Source {
    /// `gnet:ID[@REVISION]`, an address, else a file.
    pub fn parse(text: &str) -> Result<Self> {
        if text.starts_with("https://") || text.starts_with("http://") {
            return Ok(Self::Url(text.to_owned()));
        }
        let Some(rest) = text.strip_prefix("gnet:") else { return Ok(Self::File(text.to_owned())) };
        let (id, revision) = rest.split_once('@').map_or((rest, None), |(id, revision)| (id, Some(revision)));
        match (id.parse(), revision.map(str::parse).transpose()) {
            (Ok(id), Ok(revision)) => Ok(Self::Gnet { id, revision }),
            _ => Err(Error::usage(format!("`{text}` is no dashboard of grafana.com"))
                .hint("write `gnet:1860` for the latest revision, `gnet:1860@37` for one of them")),
        }
    }

    /// `base`: the address of grafana.com.
    pub async fn read(&self, base: &str) -> Result<Read> {
        match self {
            Self::File(path) => {
                let text = read_bounded(path).map_err(|error| {
                    Error::new(format!("cannot read `{path}`"))
                        .cause(error)
                        .hint("name a file, an address, or `gnet:ID` for a dashboard of grafana.com")
                })?;
                let stem = Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
                Ok(Read { name: path.clone(), text, origin: stem })
            }
            Self::Url(url) => Ok(Read { name: shown(url), text: download(url).await?, origin: String::new() }),
            Self::Gnet { id, revision } => {
                let base = format!("{}/api/dashboards/{id}/revisions", base.trim_end_matches('/'));
                let revision = match revision {
                    Some(revision) => *revision,
                    None => latest(*id, &download(&base).await?)?,
                };
                let text = download(&format!("{base}/{revision}/download")).await?;
                Ok(Read { name: format!("gnet:{id}@{revision}"), text, origin: format!("gnet-{id}") })
            }
        }
    }
}

/// A file, or what stands for one, as far as a dashboard may go.
fn read_bounded(path: &str) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(MOST_BYTES as u64 + 1).read_to_string(&mut text)?;
    if text.len() > MOST_BYTES {
        return Err(std::io::Error::other(format!("it is larger than {} MB", MOST_BYTES >> 20)));
    }
    Ok(text)
}

/// The highest number in grafana.com's list of revisions.
fn latest(id: u64, text: &str) -> Result<u64> {
    let list: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let items = list["items"].as_array().into_iter().flatten();
    items.filter_map(|item| item["revision"].as_u64()).max().ok_or_else(|| {
        Error::new(format!("grafana.com lists no revision of the dashboard {id}"))
            .hint("is the number right? It stands in the address of the dashboard's page")
    })
}

/// An address without what may be secret in it: login, query and fragment.
fn shown(url: &str) -> String {
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = bare.split_once("://") else { return bare.to_owned() };
    // A backslash ends the host as a slash does.
    let (authority, path) = rest.split_at(rest.find(['/', '\\']).unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

async fn download(url: &str) -> Result<String> {
    let name = shown(url);
    let failed = |error: reqwest::Error| {
        let error = error.without_url();
        let mut source: &dyn std::error::Error = &error;
        while let Some(inner) = source.source() {
            source = inner;
        }
        Error::new(format!("cannot download {name}"))
            .cause(source)
            .hint("is it reachable from here? HTTPS_PROXY is honoured")
    };
    let client = http::outside().map_err(failed)?;
    let mut response = client.get(url).timeout(PATIENCE).send().await.map_err(failed)?;
    let status = response.status();
    if !status.is_success() {
        let error = Error::new(format!("cannot download {name}")).cause(format!("it answers {status}"));
        return Err(error.hint(if status.as_u16() == 404 {
            "is the number or the address right?"
        } else {
            "try again later"
        }));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MOST_BYTES {
            return Err(Error::new(format!("{name} is larger than a dashboard can be")).hint("is the address right?"));
        }
    }
    String::from_utf8(bytes)
        .map_err(|error| Error::new(format!("{name} is no text")).cause(error).hint("is the address right?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart() {
        let parse = |text: &str| Source::parse(text).expect("a source");
        assert_eq!(parse("gnet:1860"), Source::Gnet { id: 1860, revision: None });
        assert_eq!(parse("gnet:1860@37"), Source::Gnet { id: 1860, revision: Some(37) });
        assert_eq!(parse("https://x/y.json"), Source::Url("https://x/y.json".into()));
        assert_eq!(parse("a/b.json"), Source::File("a/b.json".into()));
        assert!(Source::parse("gnet:node").is_err());
        assert_eq!(latest(1, r#"{"items": [{"revision": 9}, {"revision": 37}, {"revision": 8}]}"#).expect("one"), 37);
        assert!(latest(1, "{}").is_err());
    }

    #[tokio::test]
    async fn logins_and_tokens_of_addresses_are_not_shown() {
        for (address, expected) in [
            ("https://x.org/a/b.json", "https://x.org/a/b.json"),
            ("https://me:pa@ss@x.org:8443/a.json?token=t#f", "https://x.org:8443/a.json"),
            ("http://me@x.org?token=a/b@c", "http://x.org"),
            ("https://me:secret@x.org\\a", "https://x.org\\a"),
        ] {
            assert_eq!(Source::parse(address).expect("a source").to_string(), expected);
        }
        // Nobody listens on port 0, and the second is no address at all.
        for address in ["http://me:hush@127.0.0.1:0/a.json?token=hush", "http://me:hush@[::/a.json?token=hush"] {
            let error = Source::parse(address).expect("a source").read("").await.err().expect("no answer");
            assert!(error.to_string().contains("/a.json") && !format!("{error:?}{error}").contains("hush"), "{error}");
        }
    }
}
