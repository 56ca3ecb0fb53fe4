//! Pulling images, with each layer's progress.

use std::time::Instant;

use bollard::query_parameters::CreateImageOptions;
use futures_util::StreamExt;

use super::connect::Client;
use super::daemon_message;
use crate::error::{Error, Result};
use crate::event::{Event, Sink};

/// Pulls one image. An error can follow a status of success, and the stream can break after a pull that succeeded:
/// what counts is whether the image exists afterwards.
pub async fn pull(client: &Client, image: &str, sink: Sink<'_>) -> Result<()> {
    let started = Instant::now();
    let options = CreateImageOptions { from_image: Some(image.to_owned()), ..Default::default() };
    let mut stream = client.docker.create_image(Some(options), None, None);
    let mut problem = None;
    while let Some(step) = stream.next().await {
        match step {
            Ok(step) => {
                if let Some(detail) = step.error_detail {
                    problem = detail.message.or(problem);
                    continue;
                }
                let Some(layer) = step.id else { continue };
                let progress = step.progress_detail.unwrap_or_default();
                let bytes = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
                sink(Event::PullProgress {
                    image: image.to_owned(),
                    layer,
                    status: step.status.unwrap_or_default(),
                    current: bytes(progress.current),
                    total: bytes(progress.total),
                });
            }
            Err(error) => problem = Some(daemon_message(&error)),
        }
    }
    if client.docker.inspect_image(image).await.is_ok() {
        sink(Event::Pulled { image: image.to_owned(), took: started.elapsed() });
        return Ok(());
    }
    Err(cannot_be_pulled(image, &problem.unwrap_or_else(|| "the registry gave no reason".into())))
}

fn cannot_be_pulled(image: &str, why: &str) -> Error {
    let why = why.lines().next().unwrap_or_default();
    Error::new(format!("the image `{image}` cannot be pulled"))
        .cause(format!("from {}: {why}", registry(image)))
        .hint(format!(
            "leave its component out (`--without COMPONENT`), load the image yourself (`docker load -i FILE`), or tag one \
             from a mirror (`docker tag MIRROR/{image} {image}`); nothing was changed"
        ))
}

/// The registry that a reference names; Docker Hub when it names none.
/// <https://github.com/distribution/reference>: the first part is a host if it has a dot, a colon, or is `localhost`.
fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "Docker Hub",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_named_as_people_know_it() {
        assert_eq!(registry("prom/prometheus:v3"), "Docker Hub");
        assert_eq!(registry("redis"), "Docker Hub");
        assert_eq!(registry("ghcr.io/google/cadvisor:v1"), "ghcr.io");
        assert_eq!(registry("localhost:5000/a"), "localhost:5000");
    }

    #[test]
    fn an_image_that_cannot_be_pulled_is_named_with_the_registry_and_the_ways_out() {
        let error = cannot_be_pulled("ghcr.io/google/cadvisor:v1", "manifest unknown\nmore");
        let text =
            format!("{}\n{}\n{}", error.message, error.causes().join("\n"), error.hint.as_deref().unwrap_or_default());
        insta::assert_snapshot!(text, @r"
        the image `ghcr.io/google/cadvisor:v1` cannot be pulled
        from ghcr.io: manifest unknown
        leave its component out (`--without COMPONENT`), load the image yourself (`docker load -i FILE`), or tag one from a mirror (`docker tag MIRROR/ghcr.io/google/cadvisor:v1 ghcr.io/google/cadvisor:v1`); nothing was changed
        ");
    }
}
