//! A registry of one image, as far as pulling needs it.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pull>. Docker takes registries on 127.0.0.1
//! without TLS.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tiny_http::{Header, Request, Response, Server};

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

pub struct Registry {
    pub port: u16,
}

/// Content by path below `/v2/`, with its type.
type Contents = BTreeMap<String, (String, Vec<u8>)>;

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

impl Registry {
    /// Serves `image`, which the daemon has, as `name:tag`.
    pub fn serve(image: &str, name: &str, tag: &str) -> Self {
        let contents = Arc::new(contents(image, name, tag));
        let server = Server::http("127.0.0.1:0").expect("a port");
        let port = server.server_addr().to_ip().expect("an address").port();
        std::thread::spawn(move || {
            for request in server.incoming_requests() {
                let contents = contents.clone();
                std::thread::spawn(move || drop(answer(request, &contents)));
            }
        });
        Self { port }
    }
}

fn contents(image: &str, name: &str, tag: &str) -> Contents {
    let saved = Command::new("docker").args(["save", image]).output().expect("docker").stdout;
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(saved.as_slice()).entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a path").display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("content");
        files.insert(path, content);
    }
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).expect("JSON");
    let config = files[manifest[0]["Config"].as_str().expect("a path")].clone();
    let layers: Vec<Vec<u8>> = manifest[0]["Layers"]
        .as_array()
        .expect("layers")
        .iter()
        .map(|path| files[path.as_str().expect("a path")].clone())
        .collect();
    let described =
        |media: &str, content: &[u8]| json!({"mediaType": media, "size": content.len(), "digest": digest(content)});
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": described("application/vnd.docker.container.image.v1+json", &config),
        "layers": layers.iter().map(|layer| described("application/vnd.docker.image.rootfs.diff.tar.gzip", layer)).collect::<Vec<_>>(),
    })
    .to_string()
    .into_bytes();
    let blob = |content: Vec<u8>| {
        (format!("{name}/blobs/{}", digest(&content)), ("application/octet-stream".to_owned(), content))
    };
    let mut contents: Contents = layers.into_iter().map(blob).collect();
    contents.extend([blob(config)]);
    contents.insert(format!("{name}/manifests/{}", digest(&manifest)), (MANIFEST.into(), manifest.clone()));
    contents.insert(format!("{name}/manifests/{tag}"), (MANIFEST.into(), manifest));
    contents.insert(String::new(), ("application/json".into(), b"{}".to_vec()));
    contents
}

fn answer(request: Request, contents: &Contents) -> std::io::Result<()> {
    let found = request.url().strip_prefix("/v2/").and_then(|path| contents.get(path));
    let Some((kind, content)) = found else { return request.respond(Response::empty(404)) };
    let header = |name: &str, value: &str| Header::from_bytes(name, value).expect("a header");
    let response = Response::from_data(content.clone())
        .with_header(header("Content-Type", kind))
        .with_header(header("Docker-Content-Digest", &digest(content)))
        // In one piece, so that its length is said.
        .with_chunked_threshold(usize::MAX);
    request.respond(response)
}
