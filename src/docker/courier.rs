//! Files travel by courier: a container that is created and never started carries a tar into volumes.
//!
//! It needs no shell and no start, so any image on the host will do, and it reaches hosts that no path of this
//! machine can be mounted on. One tar brings a new folder and points the link `current` to it: a service that mounts
//! the volume sees either the old files or the new.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType, MountVolumeOptions};
use bollard::query_parameters::{CreateContainerOptions, RemoveContainerOptions, UploadToContainerOptions};
use bytes::Bytes;
use tar::{Builder, EntryType, Header};
use zeroize::Zeroizing;

use super::archive::download;
use super::connect::Client;
use super::failed;
use crate::error::{Error, Result};
use crate::plan::observed::label;
use crate::secrets::Secret;

const FILES: &str = "files";
const SECRETS: &str = "secrets";
const STORE: &str = "store";

/// Files and secrets for one service, or for the store.
#[derive(Default)]
pub struct Load {
    entries: Vec<Entry>,
    /// Volume by the folder it is mounted on.
    volumes: Vec<(&'static str, String)>,
}

enum Entry {
    Folder { path: String },
    File { path: String, content: Zeroizing<Vec<u8>>, mode: u32, owner: (u64, u64) },
    Link { path: String, target: String },
}

impl Load {
    /// A service's files: a folder named after their hash, and `current` pointing there.
    pub fn files(&mut self, volume: String, hash: &str, files: &BTreeMap<&str, &[u8]>) {
        self.volumes.push((FILES, volume));
        self.entries.push(Entry::Folder { path: format!("{FILES}/{hash}") });
        let mut folders = std::collections::BTreeSet::new();
        for (path, content) in files {
            for (at, _) in path.match_indices('/') {
                if folders.insert(&path[..at]) {
                    self.entries.push(Entry::Folder { path: format!("{FILES}/{hash}/{}", &path[..at]) });
                }
            }
            let path = format!("{FILES}/{hash}/{path}");
            self.entries.push(Entry::File { path, content: content.to_vec().into(), mode: 0o444, owner: (0, 0) });
        }
        self.entries.push(Entry::Link { path: format!("{FILES}/current"), target: hash.to_owned() });
    }

    /// Points `current` back to files that the volume still holds.
    pub fn point_to(&mut self, volume: String, hash: &str) {
        self.volumes.push((FILES, volume));
        self.entries.push(Entry::Link { path: format!("{FILES}/current"), target: hash.to_owned() });
    }

    /// A service's secrets with their modes, readable by its user only.
    pub fn secrets(&mut self, volume: String, secrets: &BTreeMap<String, (Secret, u32)>, owner: (u64, u64)) {
        self.volumes.push((SECRETS, volume));
        for (name, (secret, mode)) in secrets {
            let content = secret.expose().as_bytes().to_vec().into();
            self.entries.push(Entry::File { path: format!("{SECRETS}/{name}"), content, mode: *mode, owner });
        }
    }

    /// Generated secrets, kept where no service looks.
    pub fn store(&mut self, volume: String, secrets: &BTreeMap<String, Secret>) {
        self.volumes.push((STORE, volume));
        self.entries.push(Entry::Folder { path: format!("{STORE}/secrets") });
        for (name, secret) in secrets {
            let content = secret.expose().as_bytes().to_vec().into();
            self.entries.push(Entry::File {
                path: format!("{STORE}/secrets/{name}"),
                content,
                mode: 0o400,
                owner: (0, 0),
            });
        }
    }

    pub fn is_empty(&self) -> bool {
        self.volumes.is_empty()
    }

    /// An upper bound: each entry has a header of 512 bytes, or three with a long path, and is padded to 512 bytes.
    fn tar_size(&self) -> usize {
        let content = |entry: &Entry| match entry {
            Entry::File { content, .. } => content.len(),
            Entry::Folder { .. } | Entry::Link { .. } => 0,
        };
        self.entries.iter().map(|entry| content(entry) + 4 * 512).sum::<usize>() + 1024
    }

    fn tar(&self) -> std::io::Result<Zeroizing<Vec<u8>>> {
        // Grafana regards files of the epoch as unchanged.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_secs());
        // Sized ahead: a buffer that grows would leave copies of secrets behind.
        let mut builder = Builder::new(Vec::with_capacity(self.tar_size()));
        for entry in &self.entries {
            let mut header = Header::new_gnu();
            header.set_mtime(now);
            let (kind, mode, owner) = match entry {
                Entry::Folder { .. } => (EntryType::Directory, 0o755, (0, 0)),
                Entry::File { mode, owner, .. } => (EntryType::Regular, *mode, *owner),
                Entry::Link { .. } => (EntryType::Symlink, 0o777, (0, 0)),
            };
            header.set_entry_type(kind);
            header.set_mode(mode);
            header.set_uid(owner.0);
            header.set_gid(owner.1);
            header.set_size(0);
            match entry {
                Entry::Folder { path } => builder.append_data(&mut header, path, std::io::empty())?,
                Entry::Link { path, target } => builder.append_link(&mut header, path, target)?,
                Entry::File { path, content, .. } => {
                    header.set_size(content.len() as u64);
                    builder.append_data(&mut header, path, content.as_slice())?;
                }
            }
        }
        builder.into_inner().map(Zeroizing::new)
    }
}

/// Writes the load into its volumes. Any `image` of the host will do.
pub async fn deliver(client: &Client, project: &str, image: &str, load: &Load) -> Result<()> {
    let tar = load.tar().map_err(|error| Error::new("the files cannot be packed").cause(error))?;
    let courier = create(client, project, image, &load.volumes).await?;
    let options = UploadToContainerOptions { path: "/watchpost".into(), ..Default::default() };
    let written =
        client.docker.upload_to_container(&courier, Some(options), bollard::body_full(Bytes::from_owner(tar))).await;
    remove(client, &courier).await;
    written.map_err(failed("files cannot be written to the Docker host"))
}

/// The generated secrets that the store holds.
pub async fn read_store(client: &Client, project: &str, image: &str, volume: &str) -> Result<BTreeMap<String, Secret>> {
    let courier = create(client, project, image, &[(STORE, volume.to_owned())]).await?;
    let files = download(client, &courier, "/watchpost/store").await;
    remove(client, &courier).await;
    let secret = |(path, content): (String, Vec<u8>)| {
        Some((path.strip_prefix("secrets/")?.to_owned(), Secret::from_utf8(content)?))
    };
    Ok(files.unwrap_or_default().into_iter().filter_map(secret).collect())
}

async fn create(client: &Client, project: &str, image: &str, volumes: &[(&str, String)]) -> Result<String> {
    let mounts = volumes.iter().map(|(folder, volume)| Mount {
        target: Some(format!("/watchpost/{folder}")),
        source: Some(volume.clone()),
        typ: Some(MountType::VOLUME),
        volume_options: Some(MountVolumeOptions { no_copy: Some(true), ..Default::default() }),
        ..Default::default()
    });
    let body = ContainerCreateBody {
        image: Some(image.to_owned()),
        // Never started; an image without a command would be refused.
        entrypoint: Some(vec!["/watchpost-courier".into()]),
        labels: Some([(label::COURIER.to_owned(), project.to_owned())].into()),
        host_config: Some(HostConfig {
            mounts: Some(mounts.collect()),
            network_mode: Some("none".into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let created = client.docker.create_container(None::<CreateContainerOptions>, body).await;
    Ok(created.map_err(failed("the container that carries files to the Docker host cannot be created"))?.id)
}

async fn remove(client: &Client, courier: &str) {
    // A courier that stays is a nuisance, not a failure; `v` also removes the anonymous volumes of its image.
    let options = RemoveContainerOptions { v: true, force: true, ..Default::default() };
    let _ = client.docker.remove_container(courier, Some(options)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tar_brings_the_files_and_points_the_link_to_them() {
        let mut load = Load::default();
        load.files("v".into(), "abc", &BTreeMap::from([("a/b.yml", &b"x"[..]), ("c.yml", b"y")]));
        load.secrets("s".into(), &BTreeMap::from([("pw".to_owned(), (Secret::new("z"), 0o440))]), (472, 0));
        let tar = load.tar().expect("packed");
        assert!(tar.capacity() == load.tar_size(), "the buffer never grew");
        let mut archive = tar::Archive::new(tar.as_slice());
        let entries: Vec<(String, u32, u64)> = archive
            .entries()
            .expect("a tar")
            .map(|entry| {
                let entry = entry.expect("an entry");
                let header = entry.header();
                (
                    entry.path().expect("a path").display().to_string(),
                    header.mode().expect("a mode"),
                    header.uid().expect("an owner"),
                )
            })
            .collect();
        let expected = [
            ("files/abc", 0o755, 0),
            ("files/abc/a", 0o755, 0),
            ("files/abc/a/b.yml", 0o444, 0),
            ("files/abc/c.yml", 0o444, 0),
            ("files/current", 0o777, 0),
            ("secrets/pw", 0o440, 472),
        ];
        assert_eq!(entries, expected.map(|(path, mode, owner)| (path.to_owned(), mode, owner)));
    }
}
