//! What the daemon reports about its host.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;

use super::connect::Client;
use super::failed;
use crate::error::Result;

/// The storage driver's type where images lie in containerd's store, <https://docs.docker.com/engine/storage/containerd/>.
const CONTAINERD_STORE: &str = "io.containerd.snapshotter.v1";

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Host {
    /// `overlay2`
    pub storage_driver: String,
    /// Are images kept in containerd's image store?
    pub containerd_store: bool,
    /// Where the daemon keeps its data: `/var/lib/docker`.
    pub root_dir: String,
    /// RFC 3339, the host's clock when it answered.
    pub system_time: String,
    /// This machine's clock halfway through the question.
    pub asked_at: Option<SystemTime>,
    /// How long the question and its answer took together.
    pub round_trip: Duration,
    /// Does the kernel enforce memory limits?
    pub memory_limits: bool,
}

/// Errors: the daemon does not answer.
pub async fn host(client: &Client) -> Result<Host> {
    let began = SystemTime::now();
    let info = client.docker.info().await.map_err(failed("the Docker host cannot be inspected"))?;
    let round_trip = began.elapsed().unwrap_or_default();
    let status = info.driver_status.unwrap_or_default();
    let containerd_store = status.iter().any(|pair| pair.iter().any(|text| text == CONTAINERD_STORE));
    Ok(Host {
        storage_driver: info.driver.unwrap_or_default(),
        containerd_store,
        root_dir: info.docker_root_dir.unwrap_or_default(),
        system_time: info.system_time.unwrap_or_default(),
        asked_at: Some(began + round_trip / 2),
        round_trip,
        memory_limits: info.memory_limit.unwrap_or(true),
    })
}

/// The host's own clock as RFC 3339, and this machine's halfway through the question.
pub async fn clock(client: &Client) -> Option<(String, SystemTime)> {
    let host = host(client).await.ok()?;
    Some((host.system_time, host.asked_at?))
}

/// The image id that each reference names now; references that the host does not have are left out.
pub async fn image_ids(client: &Client, references: &[&str]) -> BTreeMap<String, String> {
    let found = join_all(references.iter().map(|reference| client.docker.inspect_image(reference))).await;
    let pairs = references.iter().zip(found);
    pairs.filter_map(|(reference, found)| Some(((*reference).to_owned(), found.ok()?.id?))).collect()
}

/// Bytes of the disk that the daemon keeps its volumes on; `None` when this machine cannot know.
#[cfg(unix)]
pub async fn disk(client: &Client) -> Option<u64> {
    if !client.engine.local {
        return None;
    }
    let volumes = std::path::Path::new(&host(client).await.ok()?.root_dir).join("volumes");
    // Below a root that only the daemon may enter, the disk is that of the root.
    let of = |path: &std::path::Path| rustix::fs::statvfs(path).ok();
    let disk = of(&volumes).or_else(|| of(volumes.parent()?))?;
    disk.f_blocks.checked_mul(disk.f_frsize)
}

#[cfg(not(unix))]
pub async fn disk(_client: &Client) -> Option<u64> {
    None
}

/// Do mounts of `/` reach into containers, as `rslave` needs? `None` when this machine cannot know.
///
/// The optional fields of `/proc/self/mountinfo`, <https://docs.kernel.org/filesystems/proc.html#proc-pid-mountinfo>.
pub fn root_is_shared(client: &Client) -> Option<bool> {
    if !client.engine.local || !cfg!(target_os = "linux") {
        return None;
    }
    shared_root(&std::fs::read_to_string("/proc/self/mountinfo").ok()?)
}

fn shared_root(table: &str) -> Option<bool> {
    let mut fields = table.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    // A later mount over `/` hides the one before.
    let root = fields.rfind(|fields| fields.get(4) == Some(&"/"))?;
    Some(root.iter().skip(6).take_while(|field| **field != "-").any(|field| field.starts_with("shared:")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_root_is_recognized_by_its_optional_field() {
        let private = "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n";
        let shared = "22 1 254:0 / / rw,relatime shared:2 - ext4 /dev/vda rw\n23 22 0:5 / /proc rw - proc proc rw\n";
        assert_eq!(shared_root(private), Some(false));
        assert_eq!(shared_root(shared), Some(true));
        assert_eq!(shared_root(""), None);
    }
}
