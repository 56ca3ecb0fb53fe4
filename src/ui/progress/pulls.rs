//! How far the pulls are, summed up from Docker's messages about single layers.

use std::collections::BTreeMap;

use crate::units::format_bytes;

#[derive(Debug, Default)]
pub struct Pulls {
    pub total: usize,
    pub done: usize,
    images: BTreeMap<String, Image>,
}

#[derive(Debug, Default)]
pub struct Image {
    layers: BTreeMap<String, Layer>,
}

#[derive(Debug, Default, Clone, PartialEq)]
pub struct Layer {
    pub status: String,
    /// Bytes of the present step: downloading or extracting.
    pub current: u64,
    pub total: u64,
    downloaded: u64,
    size: u64,
    pub done: bool,
}

impl Layer {
    /// Is it worth a line of its own now?
    pub fn active(&self) -> bool {
        !self.done && self.total > 0 && (self.status == "Downloading" || self.status == "Extracting")
    }

    fn update(&mut self, status: &str, current: u64, total: u64) {
        self.status = status.to_owned();
        (self.current, self.total) = (current, total);
        match status {
            "Downloading" => {
                self.size = self.size.max(total);
                self.downloaded = current;
            }
            "Extracting" | "Verifying Checksum" | "Download complete" => self.downloaded = self.size,
            "Pull complete" | "Already exists" => {
                self.downloaded = self.size;
                self.done = true;
            }
            _ => {}
        }
    }
}

impl Pulls {
    /// Takes one message; returns the layer as it is now, `None` when the message is about no layer.
    pub fn update(&mut self, image: &str, layer: &str, status: &str, current: u64, total: u64) -> Option<&Layer> {
        let is_layer = layer.len() == 12 && layer.chars().all(|c| c.is_ascii_hexdigit());
        let image = self.images.entry(image.to_owned()).or_default();
        if !is_layer {
            return None;
        }
        let layer = image.layers.entry(layer.to_owned()).or_default();
        layer.update(status, current, total);
        Some(layer)
    }

    pub fn image(&self, name: &str) -> Option<&Image> {
        self.images.get(name)
    }

    /// `3/6  120 MB`
    pub fn summary(&self) -> String {
        let downloaded: u64 = self.images.values().map(|image| image.bytes().0).sum();
        format!("{}/{}  {:>7}", self.done, self.total, format_bytes(downloaded))
    }
}

impl Image {
    /// Bytes downloaded, and bytes to download as far as known.
    pub fn bytes(&self) -> (u64, u64) {
        self.layers.values().fold((0, 0), |sum, layer| (sum.0 + layer.downloaded, sum.1 + layer.size))
    }

    /// `5/9 layers, 31 MB of 88 MB`
    pub fn summary(&self) -> String {
        let done = self.layers.values().filter(|layer| layer.done).count();
        let (downloaded, size) = self.bytes();
        let layers = format!("{done}/{} layers", self.layers.len());
        if size == 0 { layers } else { format!("{layers}, {} of {}", format_bytes(downloaded), format_bytes(size)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_add_up_and_extraction_does_not_count_twice() {
        let mut pulls = Pulls { total: 2, ..Pulls::default() };
        for (layer, status, current, total) in [
            ("aaaaaaaaaaaa", "Downloading", 3_000_000, 10_000_000),
            ("bbbbbbbbbbbb", "Downloading", 5_000_000, 5_000_000),
            ("bbbbbbbbbbbb", "Extracting", 1_000_000, 5_000_000),
            ("cccccccccccc", "Already exists", 0, 0),
            ("v3.5.3", "Pulling from prom/prometheus", 0, 0),
        ] {
            pulls.update("prom/prometheus:v3.5.3", layer, status, current, total);
        }
        let image = pulls.image("prom/prometheus:v3.5.3").expect("known");
        assert_eq!(image.summary(), "1/3 layers, 8.0 MB of 15 MB");
        assert_eq!(pulls.summary(), "0/2   8.0 MB");
    }
}
