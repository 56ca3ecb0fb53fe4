//! Where a dashboard to import comes from: a file, an address, or grafana.com.

use std::path::Path;

use url::Url;

use crate::clients::grafana_com::{self, MAX_BYTES};
use crate::error::{Error, Result};
use crate::input;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportSource {
    File(String),
    Url(Url),
    /// A dashboard of grafana.com: its number, and its revision; the latest when left out.
    GrafanaCom {
        id: u64,
        revision: Option<u64>,
    },
}

/// A dashboard's text, and what names it.
pub struct SourceText {
    /// As errors call it.
    pub name: String,
    pub text: String,
    /// Names the dashboard when it has no uid of its own: `gnet-1860`.
    pub origin: String,
}

/// As it is shown: nothing of it is secret.
impl std::fmt::Display for ImportSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.write_str(path),
            Self::Url(url) => f.write_str(&grafana_com::without_secrets(url)),
            Self::GrafanaCom { id, revision: None } => write!(f, "gnet:{id}"),
            Self::GrafanaCom { id, revision: Some(revision) } => write!(f, "gnet:{id}@{revision}"),
        }
    }
}

impl ImportSource {
    /// `gnet:ID[@REVISION]`, an address, else a file.
    pub fn parse(text: &str) -> Result<Self> {
        if text.starts_with("https://") || text.starts_with("http://") {
            return grafana_com::address(text).map(Self::Url);
        }
        let Some(rest) = text.strip_prefix("gnet:") else { return Ok(Self::File(text.to_owned())) };
        let (id, revision) = rest.split_once('@').map_or((rest, None), |(id, revision)| (id, Some(revision)));
        match (id.parse(), revision.map(str::parse).transpose()) {
            (Ok(id), Ok(revision)) => Ok(Self::GrafanaCom { id, revision }),
            _ => Err(Error::usage(format!("`{text}` does not name a dashboard of grafana.com"))
                .hint("write `gnet:1860` for the latest revision, `gnet:1860@37` for another")),
        }
    }

    /// `base`: the address of grafana.com.
    pub async fn read(&self, base: &str) -> Result<SourceText> {
        match self {
            Self::File(path) => {
                let text = input::text(Path::new(path), MAX_BYTES).map_err(|error| {
                    Error::new(format!("cannot read `{path}`"))
                        .cause(error)
                        .hint("name a file, an address, or `gnet:ID` for a dashboard of grafana.com")
                })?;
                let stem = Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
                Ok(SourceText { name: path.clone(), text, origin: stem })
            }
            Self::Url(url) => {
                let text = grafana_com::download(url).await?;
                Ok(SourceText { name: self.to_string(), text, origin: String::new() })
            }
            Self::GrafanaCom { id, revision } => {
                let (revision, text) = grafana_com::dashboard(base, *id, *revision).await?;
                Ok(SourceText { name: format!("gnet:{id}@{revision}"), text, origin: format!("gnet-{id}") })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_addresses_and_numbers_are_distinguished() {
        let parse = |text: &str| ImportSource::parse(text).expect("a source");
        assert_eq!(parse("gnet:1860"), ImportSource::GrafanaCom { id: 1860, revision: None });
        assert_eq!(parse("gnet:1860@37"), ImportSource::GrafanaCom { id: 1860, revision: Some(37) });
        assert!(matches!(parse("https://x/y.json"), ImportSource::Url(_)));
        assert_eq!(parse("a/b.json"), ImportSource::File("a/b.json".into()));
        for bad in ["gnet:node", "gnet:1860@latest", "http://[::/a.json"] {
            assert!(ImportSource::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(parse("http://me:hush@x.org/a.json?token=hush").to_string(), "http://x.org/a.json");
    }
}
