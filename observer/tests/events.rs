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

Generated from `oomtrace schema`, that is, from the code's own types: `UPDATE_DOCS=1 cargo test -p oomtrace --test events`.

The stream is NDJSON, one object per line. Sizes are in bytes, durations in seconds, times RFC 3339 in UTC with nanoseconds. What
is absent or unknown is `null`, never 0. Memory sizes have the names of the cgroup v2 files. The examples are real lines, or made
in their likeness, with lists cut to their first entry.
";

/// A line of each event, for readers of the documentation.
const EXAMPLES: &str = include_str!("data/events.jsonl");

/// The example of an event, which has to be one that is read without a loss.
fn example(event: &str) -> &'static str {
    let line = EXAMPLES.lines().find(|line| {
        let value: Value = serde_json::from_str(line).unwrap();
        value["event"] == event
    });
    let line = line.unwrap_or_else(|| panic!("tests/data/events.jsonl has no example of {event}"));
    let read: Line = serde_json::from_str(line).unwrap();
    let (read, written) = (serde_json::to_value(read).unwrap(), serde_json::from_str(line).unwrap());
    has_all(&read, &written, event);
    line
}

/// Whether everything of one value is in the other, which may have more.
fn has_all(whole: &Value, part: &Value, place: &str) {
    match part {
        Value::Object(fields) => {
            for (name, field) in fields.iter().filter(|(_, field)| !field.is_null()) {
                has_all(&whole[name], field, &format!("{place}.{name}"));
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                has_all(&whole[index], value, &format!("{place}[{index}]"));
            }
        }
        value => assert_eq!(whole, value, "the example at {place} is not what the code would write"),
    }
}

/// Where a type's heading is found. An event of the same name stands before it: then the heading is the second of its name.
fn anchor(schema: &Value, name: &str) -> String {
    let anchor = name.to_lowercase();
    let variants = schema["oneOf"].as_array().unwrap();
    if variants
        .iter()
        .any(|variant| variant["properties"]["event"]["const"] == anchor.as_str())
    {
        format!("{anchor}-1")
    } else {
        anchor
    }
}

/// A table of contents: the events, then the types.
fn contents(schema: &Value, events: &[&str], types: &[&str]) -> String {
    let events: Vec<String> = events.iter().map(|name| format!("[`{name}`](#{name})")).collect();
    let types: Vec<String> = types
        .iter()
        .map(|name| format!("[{name}](#{})", anchor(schema, name)))
        .collect();
    format!("\nEvents: {}\n\nTypes: {}\n", events.join(" · "), types.join(" · "))
}

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
            format!("[{name}](#{})", anchor(schema, name))
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
    let events: Vec<(&str, &str, &Value)> = schema["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variant| {
            let event = variant["properties"]["event"]["const"].as_str().unwrap();
            (event, reference(variant).unwrap(), variant)
        })
        .collect();
    let types: Vec<(&str, &Value)> = schema["$defs"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, definition)| (name.as_str(), definition))
        .filter(|(name, _)| events.iter().all(|(_, event, _)| event != name))
        .filter(|(_, definition)| definition["properties"].is_object() || definition["oneOf"].is_array())
        .collect();

    let mut text = HEAD.to_owned();
    let names: Vec<&str> = events.iter().map(|(event, ..)| *event).collect();
    text += &contents(
        &schema,
        &names,
        &types.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
    );
    write!(text, "\nThis is schema `{SCHEMA}`. Every line has:\n").unwrap();
    fields(&schema, &schema, &mut text);
    for (event, name, variant) in events {
        write!(text, "\n## `{event}`\n\n{}\n", words(variant)).unwrap();
        fields(&schema, &schema["$defs"][name], &mut text);
        write!(text, "\n```json\n{}\n```\n", example(event)).unwrap();
    }
    text.push_str("\n# Types\n");
    for (name, definition) in types {
        write!(text, "\n## {name}\n\n{}\n", words(definition)).unwrap();
        if definition["properties"].is_object() {
            fields(&schema, definition, &mut text);
            continue;
        }
        text.push('\n');
        for value in definition["oneOf"].as_array().into_iter().flatten() {
            writeln!(
                text,
                "* `{}`: {}",
                value["const"].as_str().unwrap_or_default(),
                words(value)
            )
            .unwrap();
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
