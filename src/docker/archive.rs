//! Files read out of a container, running or not.

use std::collections::BTreeMap;
use std::io::Read;

use bollard::query_parameters::DownloadFromContainerOptions;
use futures_util::StreamExt;
use zeroize::Zeroizing;

use super::connect::Client;
use crate::secrets::Secret;

/// A secret of a container, by its path there.
pub async fn read_secret(client: &Client, container: &str, path: &str) -> Option<Secret> {
    let archive = fetch(client, container, path).await?;
    let mut content = Vec::new();
    tar::Archive::new(archive.as_slice()).entries().ok()?.next()?.ok()?.read_to_end(&mut content).ok()?;
    Secret::from_utf8(content)
}

/// A folder of a container, as its files by path below it.
pub async fn download(client: &Client, container: &str, folder: &str) -> Option<BTreeMap<String, Vec<u8>>> {
    let archive = fetch(client, container, folder).await?;
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(archive.as_slice()).entries().ok()? {
        let mut entry = entry.ok()?;
        if entry.header().entry_type().is_file() {
            let path = below_first_folder(&entry.path().ok()?.to_string_lossy());
            // The size that the archive claims, within what it has.
            let size = usize::try_from(entry.size()).unwrap_or(usize::MAX);
            let mut content = Vec::with_capacity(size.min(archive.len()));
            entry.read_to_end(&mut content).ok()?;
            files.insert(path, content);
        }
    }
    Some(files)
}

/// A tar of the path, wiped once it is read: it may hold secrets.
async fn fetch(client: &Client, container: &str, path: &str) -> Option<Zeroizing<Vec<u8>>> {
    let options = DownloadFromContainerOptions { path: path.to_owned() };
    let mut chunks = client.docker.download_from_container(container, Some(options));
    let mut bytes = Zeroizing::new(Vec::new());
    while let Some(chunk) = chunks.next().await {
        bytes.extend_from_slice(&chunk.ok()?);
    }
    Some(bytes)
}

/// A path of an archive without its first part, the archived folder's own name; joined by `/` wherever we run.
fn below_first_folder(path: &str) -> String {
    let parts = path.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".");
    parts.skip(1).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_archives_are_the_same_on_every_system() {
        assert_eq!(below_first_folder("abc/rules/own/a.yml"), "rules/own/a.yml");
        assert_eq!(below_first_folder("abc\\rules\\a.yml"), "rules/a.yml");
        assert_eq!(below_first_folder("./abc/a.yml"), "a.yml");
    }
}
