//! The documentation of the events is made from their schema, and is current.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test: a failure is what it is for"
)]

use std::fmt::Write as _;
use std::path::Path;

use observer::event::{Line, SCHEMA};
use serde_json::Value;

const HEAD: &str = "\
# Events

Made from `oomtrace schema`, which is made from the code's own types: `UPDATE_DOCS=1 cargo test -p oomtrace --test events`
writes this file anew.

NDJSON, one object a line. Sizes are bytes, durations seconds, times RFC 3339 in UTC with nanoseconds. What is absent or
not known is `null`, never 0. Sizes of memory have the names of the cgroup v2 files.
";

fn words(value: &Value) -> String {
    let text = value["description"].as_str().unwrap_or_default();
    text.replace('\n', " ").replace('|', "\\|")
}

fn reference(value: &Value) -> Option<&str> {
    value["$ref"].as_str()?.strip_prefix("#/$defs/")
}

/// The type of a field as a reader of JSON names it.
fn kind(schema: &Value, value: &Value) -> String {
    if let Some(name) = reference(value) {
        let definition = &schema["$defs"][name];
        return if definition["properties"].is_object()
            || definition["oneOf"].is_array()
            || definition["enum"].is_array()
        {
            format!("[{name}](#{})", name.to_lowercase())
        } else {
            kind(schema, definition)
        };
    }
    if let Some(any) = value["anyOf"].as_array() {
        let kinds: Vec<String> = any.iter().map(|one| kind(schema, one)).collect();
        return kinds.join(" or ");
    }
    match &value["type"] {
        Value::String(name) if name == "array" => format!("list of {}", kind(schema, &value["items"])),
        Value::String(name) => name.clone(),
        Value::Array(names) => {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            names
                .join(" or ")
                .replace("array", &format!("list of {}", kind(schema, &value["items"])))
        }
        _ => "anything".to_owned(),
    }
}

fn fields(schema: &Value, definition: &Value, text: &mut String) {
    text.push_str("\n| field | type | meaning |\n|---|---|---|\n");
    for (name, value) in definition["properties"].as_object().into_iter().flatten() {
        let kind = kind(schema, value);
        writeln!(text, "| `{name}` | {kind} | {} |", words(value)).unwrap();
    }
}

fn document() -> String {
    let schema = serde_json::to_value(schemars::schema_for!(Line)).unwrap();
    let mut text = HEAD.to_owned();
    write!(text, "\nThis is schema `{SCHEMA}`. Every line has:\n").unwrap();
    fields(&schema, &schema, &mut text);
    let mut lines = Vec::new();
    for variant in schema["oneOf"].as_array().unwrap() {
        let event = variant["properties"]["event"]["const"].as_str().unwrap();
        let name = reference(variant).unwrap();
        write!(text, "\n## `{event}`\n\n{}\n", words(variant)).unwrap();
        fields(&schema, &schema["$defs"][name], &mut text);
        lines.push(name);
    }
    text.push_str("\n# What they are made of\n");
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        if lines.contains(&name.as_str()) {
            continue;
        }
        if definition["properties"].is_object() {
            write!(text, "\n## {name}\n\n{}\n", words(definition)).unwrap();
            fields(&schema, definition, &mut text);
        } else if let Some(values) = definition["oneOf"].as_array() {
            write!(text, "\n## {name}\n\n{}\n\n", words(definition)).unwrap();
            for value in values {
                writeln!(
                    text,
                    "* `{}`: {}",
                    value["const"].as_str().unwrap_or_default(),
                    words(value)
                )
                .unwrap();
            }
        }
    }
    text
}

#[test]
fn the_documentation_says_what_the_code_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/events.md");
    let made = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let told = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        told == made,
        "docs/events.md is not what the schema says: UPDATE_DOCS=1 cargo test -p oomtrace --test events; where a field has \
         vanished or means something else, event::SCHEMA is to be raised too"
    );
}
