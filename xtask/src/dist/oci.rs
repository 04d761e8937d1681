//! The image for containers: the static binary alone, as an OCI image layout in a tar, made without a container engine.
//!
//! <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>; podman, skopeo and containerd's `ctr` load it.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Arch, Release, archive};

/// Writes the image with `binary` inside.
pub(super) fn image(release: &Release, arch: Arch, binary: &Path) -> Result<()> {
    let draft = tempfile::tempdir()?;
    let blobs = Blobs {
        folder: &draft.path().join("blobs/sha256"),
    };
    fs::create_dir_all(blobs.folder)?;

    let bytes = fs::read(binary).with_context(|| format!("cannot read {}", binary.display()))?;
    let layer = archive::tar([("usr/bin/oomtrace".into(), 0o755, bytes)], release.epoch)?;
    let diff = sha256(&layer)?;
    let layer = blobs.put("application/vnd.oci.image.layer.v1.tar+gzip", &archive::gzip(&layer)?)?;

    let created = jiff::Timestamp::from_second(release.epoch.try_into()?)?.to_string();
    let config = json!({
        "created": created,
        "architecture": arch.debian(),
        "os": "linux",
        "config": {
            "Entrypoint": ["/usr/bin/oomtrace"],
            "Env": ["PATH=/usr/bin"],
            "Labels": {
                "org.opencontainers.image.title": "oomtrace",
                "org.opencontainers.image.description": "Explains OOM kills of systemd services, and warns before the next one",
                "org.opencontainers.image.version": release.version,
                "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
            },
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{diff}")] },
    });
    let config = blobs.put(
        "application/vnd.oci.image.config.v1+json",
        &serde_json::to_vec(&config)?,
    )?;
    let manifest_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({ "schemaVersion": 2, "mediaType": manifest_type, "config": config, "layers": [layer] });
    let mut manifest = blobs.put(manifest_type, &serde_json::to_vec(&manifest)?)?;
    if let Some(manifest) = manifest.as_object_mut() {
        let name = format!("oomtrace:{}", release.version);
        manifest.insert(
            "annotations".to_owned(),
            json!({ "org.opencontainers.image.ref.name": name }),
        );
        manifest.insert(
            "platform".to_owned(),
            json!({ "architecture": arch.debian(), "os": "linux" }),
        );
    }
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    fs::write(draft.path().join("index.json"), serde_json::to_vec(&index)?)?;
    fs::write(draft.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;

    let mut entries = Vec::new();
    for path in archive::files(draft.path())? {
        entries.push((path.strip_prefix(draft.path())?.to_owned(), 0o644, fs::read(&path)?));
    }
    let name = format!("oomtrace-{}-{}.oci.tar", release.version, arch.name());
    fs::write(release.out.join(name), archive::tar(entries, release.epoch)?)?;
    Ok(())
}

/// The layout's content, each named by its checksum.
struct Blobs<'a> {
    folder: &'a Path,
}

impl Blobs<'_> {
    /// Adds one, and returns its descriptor.
    fn put(&self, media_type: &str, bytes: &[u8]) -> Result<Value> {
        let sum = sha256(bytes)?;
        fs::write(self.folder.join(&sum), bytes)?;
        Ok(json!({ "mediaType": media_type, "digest": format!("sha256:{sum}"), "size": bytes.len() }))
    }
}

fn sha256(bytes: &[u8]) -> Result<String> {
    let mut child = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run sha256sum")?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(bytes)?; // it answers when it has read all
    }
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "sha256sum: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    Ok(text.split(' ').next().unwrap_or_default().to_owned())
}
