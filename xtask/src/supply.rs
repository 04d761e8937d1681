//! Where what is linked comes from: deny.toml held against what cargo resolves, and cargo-deny itself where it is installed.
//!
//! cargo-deny takes many minutes to build, which is more than all else of `cargo xtask test` takes. Licences, sources and wildcards need none of it: its own crate
//! for licences, and `cargo metadata`. What is known of faults and of withdrawn versions is in a database on the network, for which it is run.

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::{step, workspace};

/// Runs cargo-deny where there is one. A database that cannot be had is told, and is no failure.
pub(crate) fn check() -> Result<()> {
    let sh = Shell::new()?;
    sh.change_dir(workspace());
    if cmd!(sh, "cargo deny --version").quiet().ignore_stderr().read().is_err() {
        step(
            "advisories are not looked up: there is no cargo-deny ('cargo install cargo-deny@0.20.2 --locked' builds it, in many minutes)",
        );
        return Ok(());
    }
    cmd!(sh, "cargo deny --locked check bans licenses sources")
        .quiet()
        .run()?;
    let told = cmd!(sh, "cargo deny --locked check advisories")
        .quiet()
        .ignore_status()
        .output()?;
    let words = String::from_utf8_lossy(&told.stderr);
    if told.status.success() {
        return Ok(());
    }
    if words.contains("failed to fetch advisory database") || words.contains("unable to check for yanked") {
        step("advisories are not looked up: their database cannot be fetched");
        return Ok(());
    }
    anyhow::bail!("{words}")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const DENY: &str = include_str!("../../deny.toml");

    /// The one registry that deny.toml leaves: cargo-deny's default where none is named.
    const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

    fn strings(value: &toml::Value) -> Vec<&str> {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one.as_str().unwrap())
            .collect()
    }

    /// What is wrong with a package by deny.toml.
    fn faults(package: &Value, deny: &toml::Table) -> Vec<String> {
        let text = |name: &str| package[name].as_str();
        let name = text("name").unwrap();
        let mut faults = Vec::new();
        if text("source").is_some_and(|source| source != REGISTRY) {
            faults.push(format!("{name}: from {}", package["source"]));
        }
        let licences = &deny["licenses"];
        let mut allowed = strings(&licences["allow"]);
        for exception in licences["exceptions"].as_array().unwrap() {
            if exception["crate"].as_str() == Some(name) {
                allowed.extend(strings(&exception["allow"]));
            }
        }
        let licence = text("license").unwrap_or_default();
        let is_allowed = spdx::Expression::parse_mode(licence, spdx::ParseMode::LAX)
            .is_ok_and(|licence| licence.evaluate(|wanted| allowed.contains(&wanted.to_string().as_str())));
        if !is_allowed {
            faults.push(format!("{name}: licence '{licence}'"));
        }
        let is_own = text("source").is_none();
        for dependency in package["dependencies"].as_array().unwrap() {
            let is_wildcard = dependency["req"] == "*" && !(is_own && dependency["path"].is_string());
            // What other crates ask of theirs for tests is nothing of ours.
            if is_wildcard && dependency["kind"] != "dev" {
                faults.push(format!("{name}: any version of {}", dependency["name"]));
            }
        }
        faults
    }

    #[test]
    fn what_is_linked_is_what_deny_toml_allows() {
        let deny: toml::Table = DENY.parse().unwrap();
        let sh = Shell::new().unwrap();
        sh.change_dir(workspace());
        for target in strings(&deny["graph"]["targets"]) {
            let metadata = cmd!(
                sh,
                "cargo metadata --locked --format-version 1 --filter-platform {target}"
            );
            let metadata: Value = serde_json::from_str(&metadata.quiet().ignore_stderr().read().unwrap()).unwrap();
            let used: Vec<&Value> = metadata["resolve"]["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|node| &node["id"])
                .collect();
            let packages = metadata["packages"].as_array().unwrap().iter();
            let packages: Vec<&Value> = packages.filter(|package| used.contains(&&package["id"])).collect();
            assert!(packages.len() > 100, "{target}: {}", packages.len());
            let faults: Vec<String> = packages.iter().flat_map(|package| faults(package, &deny)).collect();
            assert!(faults.is_empty(), "{target}:\n{}", faults.join("\n"));
        }
    }

    #[test]
    fn what_it_does_not_allow_is_found() {
        let deny: toml::Table = DENY.parse().unwrap();
        let package = |name: &str, licence: &str, source: &str| {
            serde_json::json!({"name": name, "license": licence, "source": source,
                "dependencies": [{"name": "b", "req": "^1", "kind": null}]})
        };
        let count = |package: &Value| faults(package, &deny).len();
        assert_eq!(count(&package("a", "MIT OR GPL-3.0-only", REGISTRY)), 0);
        assert_eq!(count(&package("a", "MIT AND GPL-3.0-only", REGISTRY)), 1);
        assert_eq!(count(&package("a", "LGPL-2.1-or-later", REGISTRY)), 1);
        assert_eq!(count(&package("btf-rs", "LGPL-2.1-or-later", REGISTRY)), 0);
        assert_eq!(count(&package("a", "", REGISTRY)), 1);
        assert_eq!(count(&package("a", "MIT", "git+https://example.org/a#1")), 1);
        let mut wild = package("a", "MIT", REGISTRY);
        wild["dependencies"][0]["req"] = "*".into();
        assert_eq!(count(&wild), 1);
    }
}
