//! Recordings whose names somebody chose to do harm with.

use serde_json::Value;

/// Changes each text of a line that is a name: `is_named` says so of the field that it stands in, itself or in a list.
pub fn spoil(line: &mut Value, is_named: &impl Fn(&str) -> bool, change: &impl Fn(&mut String)) {
    spoil_field("", line, is_named, change);
}

fn spoil_field(field: &str, value: &mut Value, is_named: &impl Fn(&str) -> bool, change: &impl Fn(&mut String)) {
    match value {
        Value::String(text) if is_named(field) => change(text),
        Value::Array(values) => {
            for value in values {
                spoil_field(field, value, is_named, change);
            }
        }
        Value::Object(fields) => {
            for (field, value) in fields {
                spoil_field(field, value, is_named, change);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
