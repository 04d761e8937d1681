//! What was promised stays: the schema of every version is kept in `docs/schema`, and a field that vanishes or is of
//! another type needs a new version (`event::SCHEMA`). More fields and more values may come.
#![allow(clippy::unwrap_used, reason = "a test: a failure is what it is for")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use observer::event::{Line, SCHEMA};
use saphyr::{LoadableYamlNode as _, YamlOwned};
use serde_json::{Value, json};

/// A field by its path from the line, as `kill.victim.pid`, and its types; a value of an enum as `kill.origin=host`.
type Promise = BTreeMap<String, BTreeSet<String>>;

fn promise(schema: &Value) -> Promise {
    let mut promise = Promise::new();
    walk(schema, schema, "", &mut promise, &mut Vec::new());
    promise
}

/// `inside` are the definitions that this is within: one that holds itself is told once.
fn walk<'a>(schema: &'a Value, value: &'a Value, path: &str, promise: &mut Promise, inside: &mut Vec<&'a str>) {
    let types = match value.get("type") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    promise.entry(path.to_owned()).or_default().extend(types);
    let constants = value
        .get("const")
        .into_iter()
        .chain(value.get("enum").and_then(Value::as_array).into_iter().flatten());
    for constant in constants.filter_map(Value::as_str) {
        promise.entry(format!("{path}={constant}")).or_default();
    }
    for (name, field) in value.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let place = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        walk(schema, field, &place, promise, inside);
    }
    if let Some(items) = value.get("items") {
        walk(schema, items, &format!("{path}[]"), promise, inside);
    }
    for part in ["anyOf", "allOf", "oneOf"]
        .iter()
        .filter_map(|part| value.get(part)?.as_array())
        .flatten()
    {
        // At the top the choice is the event's kind, and fields of one name may differ between kinds.
        let kind = if path.is_empty() {
            part.pointer("/properties/event/const").and_then(Value::as_str)
        } else {
            None
        };
        walk(schema, part, kind.unwrap_or(path), promise, inside);
    }
    if let Some(name) = value
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|at| at.strip_prefix("#/$defs/"))
        && !inside.contains(&name)
    {
        inside.push(name);
        walk(schema, &schema["$defs"][name], path, promise, inside);
        inside.pop();
    }
}

/// What was promised and is no longer so.
fn broken(old: &Value, new: &Value) -> Vec<String> {
    let new = promise(new);
    let told = |(path, types): (String, BTreeSet<String>)| match new.get(&path) {
        None => Some(format!("{path} has vanished")),
        Some(now) if *now != types => Some(format!("{path} was {types:?} and is {now:?}")),
        Some(_) => None,
    };
    promise(old).into_iter().filter_map(told).collect()
}

#[test]
fn nothing_that_was_promised_vanishes_without_a_new_version() {
    let name = SCHEMA.replace('/', "-");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../docs/schema/{name}.json"));
    let new = serde_json::to_value(schemars::schema_for!(Line)).unwrap();
    let old: Option<Value> = std::fs::read_to_string(&path)
        .ok()
        .map(|text| serde_json::from_str(&text).unwrap());
    if let Some(old) = &old {
        let broken = broken(old, &new);
        assert!(
            broken.is_empty(),
            "{SCHEMA} promised otherwise; raise event::SCHEMA:\n{}",
            broken.join("\n")
        );
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let text = serde_json::to_string_pretty(&new).unwrap();
        std::fs::write(&path, text + "\n").unwrap();
        return;
    }
    assert!(
        old.as_ref() == Some(&new),
        "docs/schema/{name}.json is not the schema: what was added, or said in other words of the same meaning, is taken \
         in by UPDATE_DOCS=1 cargo test -p oomtrace --test schema; another meaning needs another event::SCHEMA"
    );
}

#[test]
fn a_field_that_vanishes_changes_its_type_or_loses_a_value_is_named() {
    let schema = |victim: Value| {
        json!({"oneOf": [{"properties": {"event": {"const": "kill"}}, "$ref": "#/$defs/Kill"}],
            "$defs": {"Kill": {"properties": {"victim": {"anyOf": [{"$ref": "#/$defs/Victim"}, {"type": "null"}]}}},
                "Victim": {"type": "object", "properties": victim}}})
    };
    let old = schema(json!({"pid": {"type": "integer"}, "class": {"oneOf": [{"const": "a"}, {"const": "b"}]}}));
    let more =
        schema(json!({"pid": {"type": "integer"}, "tid": {"type": "integer"}, "class": {"enum": ["a", "b", "c"]}}));
    assert_eq!(broken(&old, &more), Vec::<String>::new());
    let less = schema(json!({"pid": {"type": ["integer", "null"]}, "class": {"oneOf": [{"const": "a"}]}}));
    assert_eq!(
        broken(&old, &less),
        [
            "kill.victim.class=b has vanished",
            "kill.victim.pid was {\"integer\"} and is {\"integer\", \"null\"}"
        ]
    );
    assert_eq!(broken(&old, &schema(json!({}))).len(), 4);
}

/// Vector and Fluent Bit are in no registry that the tests use; what can be said of their configuration without them:
/// it is YAML, its parts are wired to each other, and the events that it lets through are ours.
#[test]
fn the_configuration_that_is_not_run_is_yaml_and_names_our_events() {
    let read = |name: &str| {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../docs/pipelines")
            .join(name);
        let text = std::fs::read_to_string(path).unwrap();
        YamlOwned::load_from_str(&text).unwrap().remove(0)
    };
    let promise = promise(&serde_json::to_value(schemars::schema_for!(Line)).unwrap());
    let are_ours = |names: Vec<&str>| {
        assert!(names.len() >= 4, "{names:?}");
        for name in names {
            assert!(promise.contains_key(&format!("{name}.event={name}")), "no event {name}");
        }
    };

    let vector = read("vector.yaml");
    let text = |of: &'static str, key: &str| vector["transforms"][of][key].as_str().unwrap();
    are_ours(text("notable", "condition").split('"').skip(1).step_by(2).collect());
    assert!(text("parsed", "source").contains("parse_json"));
    let input = |of: &YamlOwned| of["inputs"][0].as_str().unwrap().to_owned();
    assert_eq!(input(&vector["sinks"]["out"]), "notable");
    assert_eq!(input(&vector["transforms"]["notable"]), "parsed");
    assert!(!vector["sources"][input(&vector["transforms"]["parsed"]).as_str()].is_badvalue());

    let fluent = read("fluent-bit.yaml");
    let pipeline = &fluent["pipeline"];
    let regex = pipeline["filters"][0]["regex"].as_str().unwrap();
    let names = regex.strip_prefix("event ^(").and_then(|rest| rest.strip_suffix(")$"));
    are_ours(names.unwrap().split('|').collect());
    assert_eq!(
        pipeline["inputs"][0]["parser"].as_str(),
        fluent["parsers"][0]["name"].as_str()
    );
    for place in ["filters", "outputs"] {
        assert_eq!(
            pipeline[place][0]["match"].as_str(),
            pipeline["inputs"][0]["tag"].as_str()
        );
    }
}
