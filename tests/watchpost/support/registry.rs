//! A registry of one image, as far as pulling needs it.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pull>. Docker takes registries on 127.0.0.1
//! without TLS.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

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
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let contents = contents.clone();
                std::thread::spawn(move || drop(answer(client, &contents)));
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

fn answer(client: TcpStream, contents: &Contents) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    loop {
        let mut request = String::new();
        if client.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let mut line = String::new();
        while client.read_line(&mut line)? > 2 {
            line.clear();
        }
        let mut words = request.split_whitespace();
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let found = path.strip_prefix("/v2/").and_then(|path| contents.get(path));
        let out = client.get_mut();
        match found {
            None => out.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?,
            Some((kind, content)) => {
                let (length, digest) = (content.len(), digest(content));
                write!(
                    out,
                    "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nDocker-Content-Digest: {digest}\r\n\r\n"
                )?;
                if method != "HEAD" {
                    out.write_all(content)?;
                }
            }
        }
        out.flush()?;
    }
}
