//! What runs against real kernels: scenarios, a folder each, and how their outcome is judged.
//!
//! `run.sh` runs in a guest and writes what is true as `KEY=value` lines to `$OUT/truth`; oomtrace's stream is beside it
//! in `$OUT/events.jsonl`, and the kernel's log in `$OUT/kernel.log`. `expect.json` says what the stream must hold; `${KEY}`
//! in it stands for the truth. What only the run can know line by line, it writes to `$OUT/expected.jsonl`.

pub mod agreement;
pub mod hostile;
pub mod traces;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::Value;

/// What a scenario must give.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// One sentence why it exists.
    pub why: String,
    /// Whether it is run on every kernel every time; the others are run on one kernel a commit.
    #[serde(default)]
    pub core: bool,
    /// Whether it is run on every tier every time, on one kernel.
    #[serde(default)]
    pub every_tier: bool,
    /// Whether it takes minutes: run by its name or with everything.
    #[serde(default)]
    pub long: bool,
    /// What `run.sh` itself must have found.
    #[serde(default)]
    pub truth: BTreeMap<String, Value>,
    /// What its guest's kernel is booted with beside what its tier needs.
    #[serde(default)]
    pub append: String,
    /// Whether it is more than can be written in time: of its output, lines may be lost that are counted.
    #[serde(default)]
    pub floods: bool,
    /// The Debian release of its guest, where it needs a newer systemd than this machine's.
    pub suite: Option<String>,
    /// The root image of its guest, by its name, where it needs more packages than every guest has.
    pub image: Option<String>,
    /// An example of `oomtrace` that `run.sh` runs.
    pub example: Option<String>,
    /// How many `kill` lines, of all units.
    pub kills: usize,
    /// Whether the kernel kills others beside those, as many as it sees fit; `run.sh` writes a line for each.
    #[serde(default)]
    pub others: bool,
    /// Each must be met by a line of its own: every field named here has this value there.
    pub lines: Vec<Value>,
    /// What is otherwise where oomtrace is allowed less.
    #[serde(default)]
    pub tiers: BTreeMap<Tier, Less>,
    /// What is otherwise on a kernel, by its series: `5.10`.
    #[serde(default)]
    pub kernels: BTreeMap<String, Less>,
}

/// What oomtrace is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Everything.
    Full,
    /// What the unit that is shipped leaves it: recording, with its user, capabilities, files and system calls.
    Service,
    /// No fentry.
    Kprobe,
    /// Tracepoints only.
    Tracepoint,
    /// No kernel types: what needs them is refused.
    NoBtf,
    /// No eBPF: files and the kernel's log.
    Poll,
    /// Everything, with the memory controller on cgroup v1 and a v2 hierarchy beside it.
    Hybrid,
    /// Everything, with cgroup v1 alone.
    V1,
}

impl Tier {
    /// All there are.
    pub const ALL: [Self; 8] = [
        Self::Full,
        Self::Service,
        Self::Kprobe,
        Self::Tracepoint,
        Self::NoBtf,
        Self::Poll,
        Self::Hybrid,
        Self::V1,
    ];

    /// By its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Service => "service",
            Self::Kprobe => "kprobe",
            Self::Tracepoint => "tracepoint",
            Self::NoBtf => "no-btf",
            Self::Poll => "poll",
            Self::Hybrid => "hybrid",
            Self::V1 => "v1",
        }
    }

    /// As the stream must tell it.
    fn cgroup_version(self) -> &'static str {
        match self {
            Self::Full | Self::Service | Self::Kprobe | Self::Tracepoint | Self::NoBtf | Self::Poll => "v2",
            Self::Hybrid => "hybrid",
            Self::V1 => "v1",
        }
    }
}

/// How the outcome of a tier or kernel may fall short: less may be known, nothing may be wrong.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Less {
    /// One sentence why.
    pub why: String,
    /// Whether it cannot be run there at all.
    #[serde(default)]
    pub skip: bool,
    /// How many of the `kill` lines there are at least; each must still be one of the expected.
    pub kills: Option<usize>,
    /// Fields of kills, as `limit.bytes`, that may be `null`, origins that may be `unknown`, confidences that may be `inferred`.
    #[serde(default)]
    pub unknown: Vec<String>,
    /// Events that are not told, or not in this way.
    #[serde(default)]
    pub untold: Vec<String>,
}

/// A scenario.
#[derive(Debug)]
pub struct Scenario {
    /// Its folder's name.
    pub name: String,
    /// What it must give.
    pub expectation: Expectation,
}

impl Scenario {
    /// Every scenario below a folder, by name.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn all(root: &Path) -> Result<Vec<Self>> {
        let mut folders: Vec<PathBuf> = fs::read_dir(root)
            .with_context(|| format!("cannot read {}", root.display()))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        folders.retain(|folder| folder.is_dir());
        folders.sort();
        folders.iter().map(|folder| Self::read(folder)).collect()
    }

    fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("expect.json");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let expectation = serde_json::from_str(&text).with_context(|| format!("in {}", path.display()))?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, expectation })
    }

    /// How the outcome may fall short on this tier and kernel, both taken together.
    #[must_use]
    pub fn less(&self, tier: Tier, kernel: &str) -> Less {
        let on_tier = self.expectation.tiers.get(&tier).cloned().unwrap_or_default();
        let Some(on_kernel) = self.expectation.kernels.get(kernel).cloned() else {
            return on_tier;
        };
        Less {
            why: [on_tier.why, on_kernel.why].join(" "),
            skip: on_tier.skip || on_kernel.skip,
            kills: on_tier.kills.into_iter().chain(on_kernel.kills).min(),
            unknown: [on_tier.unknown, on_kernel.unknown].concat(),
            untold: [on_tier.untold, on_kernel.untold].concat(),
        }
    }

    /// Whether it cannot be run on this tier and kernel.
    #[must_use]
    pub fn is_skipped(&self, tier: Tier, kernel: &str) -> bool {
        self.less(tier, kernel).skip
    }

    /// Judges what the scenario left in `out`.
    ///
    /// # Errors
    /// What is missing or wrong, for a person.
    pub fn judge(&self, tier: Tier, kernel: &str, out: &Path) -> Result<()> {
        let read = |name: &str| {
            let path = out.join(name);
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        for (key, expected) in &self.expectation.truth {
            let found = with_truth(&Value::from(format!("${{{key}}}")), &truth(out)?)?;
            if found != *expected {
                bail!("the run found {key}={found}, {expected} expected");
            }
        }
        let mut lines = Vec::new();
        let (mut next, mut is_whole) = (0, true);
        for (number, line) in read("events.jsonl")?.lines().enumerate() {
            let value: Value = serde_json::from_str(line).with_context(|| format!("line {}", number + 1))?;
            // What the output lost is counted in a line that stands in the place of the last.
            if self.expectation.floods && value["event"] == "lost" && value["stream"] == "output" {
                next += value["count"].as_u64().unwrap_or_default().saturating_sub(1);
                is_whole = false;
            }
            if value["seq"].as_u64() != Some(next) {
                bail!("line {}: seq is {}, {next} expected", number + 1, value["seq"]);
            }
            next += 1;
            lines.push(value);
        }
        valid(&serde_json::from_str(&read("schema.json")?)?, &lines)?;
        if lines.first().is_none_or(|line| line["event"] != "start")
            || lines.last().is_none_or(|line| line["event"] != "stop")
        {
            bail!("the stream does not begin with start and end with stop");
        }
        // What was lost is not made anew.
        if is_whole && read("replayed.jsonl")? != read("events.jsonl")? {
            bail!("the replay of the run is not the run: see events.jsonl and replayed.jsonl");
        }
        if lines
            .first()
            .is_some_and(|start| start["cgroup_version"] != tier.cgroup_version())
        {
            bail!("cgroup_version is not {}", tier.cgroup_version());
        }
        let less = self.less(tier, kernel);
        let expected = self.expected(out)?;
        let due = self::kills(&expected);
        let most = if self.expectation.others {
            due.max(self.expectation.kills)
        } else {
            self.expectation.kills
        };
        let least = less.kills.unwrap_or(most);
        let kills = kills(&lines);
        if kills < least || kills > most {
            bail!("{kills} kill lines, {least} to {most} expected");
        }
        if let Some(line) = lines
            .iter()
            .find(|line| matches!(tier, Tier::Full | Tier::Service) && line["event"] == "unexplained")
        {
            bail!("the kernel or systemd counts more than was seen: {line}");
        }
        if let Some(line) = lines
            .iter()
            .find(|line| line["event"] == "lost" && line["stream"] == "kill")
        {
            bail!("records of kills were lost: {line}");
        }
        if due != most {
            bail!("{most} kill lines are expected, and {due} are known to be due");
        }
        self.met(&lines, &expected, &less)?;
        self.is_guarded(&lines, &expected, &less)?;
        // Of a log with lines missing within a report, nothing says whose the rest is.
        if !read("kernel.missed")?.is_empty() {
            return Ok(());
        }
        agreement::agree(&read("kernel.log")?, &lines, kernel)
    }

    /// Whether every expected line is met by a line of its own.
    fn met(&self, lines: &[Value], expected: &[Value], less: &Less) -> Result<()> {
        // Who is missing may be missing, as often as there are fewer kills; who is there is one of the expected.
        let mut missing = self.expectation.kills.saturating_sub(kills(lines));
        let mut lines: Vec<&Value> = lines.iter().collect();
        for expected in expected {
            let kind = &expected["event"];
            if kind
                .as_str()
                .is_some_and(|kind| less.untold.iter().any(|untold| untold == kind))
            {
                continue;
            }
            let Some(place) = lines.iter().position(|line| meets(line, expected, &less.unknown)) else {
                if kind == "kill" && missing > 0 {
                    missing -= 1;
                    continue;
                }
                let near: Vec<String> = lines
                    .iter()
                    .filter(|line| &line["event"] == kind)
                    .take(6)
                    .map(ToString::to_string)
                    .collect();
                bail!("no line meets {expected}; of its kind there are:\n{}", near.join("\n"));
            };
            lines.remove(place);
        }
        Ok(())
    }

    /// Breaks each fact of the kills on purpose, one after the other, and sees that it is noticed: a check that cannot fail is
    /// none.
    fn is_guarded(&self, lines: &[Value], expected: &[Value], less: &Less) -> Result<()> {
        let kills = expected.iter().filter(|expected| expected["event"] == "kill");
        for expected_kill in kills.take(MAX_GUARDED) {
            // A kill that may be missing here.
            let Some(place) = lines.iter().position(|line| meets(line, expected_kill, &less.unknown)) else {
                continue;
            };
            for fact in facts(expected_kill) {
                let told = lines.get(place).and_then(|line| line.pointer(&fact));
                // What may be anything, and may be unknown here, is nothing that could be wrong.
                let field = fact.trim_start_matches('/').replace('/', ".");
                let is_free = expected_kill.pointer(&fact) == Some(&Value::from("*")) && less.unknown.contains(&field);
                if fact == "/event" || told.is_none_or(Value::is_null) || is_free {
                    continue;
                }
                let mut broken = lines.to_vec();
                let fact_told = broken.get_mut(place).and_then(|line| line.pointer_mut(&fact));
                if let Some(told) = fact_told {
                    *told = if expected_kill.pointer(&fact) == Some(&Value::from("*")) {
                        Value::Null
                    } else {
                        wrong(told)
                    };
                }
                if less.kills.is_none() && self.met(&broken, expected, less).is_ok() {
                    bail!("a wrong {fact} of a kill goes unnoticed");
                }
            }
        }
        Ok(())
    }

    /// The lines that the run in `out` must give, with the truth put in.
    ///
    /// # Errors
    /// Where the run did not tell a truth that is asked for.
    pub fn expected(&self, out: &Path) -> Result<Vec<Value>> {
        let truth = truth(out)?;
        let named = self.expectation.lines.iter();
        let mut lines: Vec<Value> = named.map(|line| with_truth(line, &truth)).collect::<Result<_>>()?;
        let path = out.join("expected.jsonl");
        if path.exists() {
            for line in fs::read_to_string(&path)?.lines() {
                lines.push(serde_json::from_str(line).with_context(|| format!("in {}: {line}", path.display()))?);
            }
        }
        Ok(lines)
    }
}

fn kills(lines: &[Value]) -> usize {
    lines.iter().filter(|line| line["event"] == "kill").count()
}

/// Kills whose facts are broken on purpose, at most: of a storm some stand for all.
const MAX_GUARDED: usize = 12;

/// Where the facts are that an expectation names, as JSON pointers.
fn facts(expected: &Value) -> Vec<String> {
    match expected {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(key, value)| facts(value).into_iter().map(move |below| format!("/{key}{below}")))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => vec![String::new()],
    }
}

/// Something of the same kind that is not so.
fn wrong(told: &Value) -> Value {
    match told {
        Value::Bool(told) => Value::from(!told),
        Value::Number(told) => Value::from(told.as_u64().unwrap_or_default().wrapping_add(1)),
        Value::Array(_) | Value::Object(_) | Value::Null => Value::Null,
        Value::String(told) => Value::from(format!("{told}-wrong")),
    }
}

/// Every line is as the schema has it that the same program prints.
fn valid(schema: &Value, lines: &[Value]) -> Result<()> {
    let validator = jsonschema::validator_for(schema).map_err(|error| anyhow::anyhow!("the schema: {error}"))?;
    for line in lines {
        if let Err(error) = validator.validate(line) {
            bail!("not as the schema has it: {error} at {}: {line}", error.instance_path());
        }
    }
    Ok(())
}

/// What `run.sh` told.
fn truth(out: &Path) -> Result<BTreeMap<String, String>> {
    let path = out.join("truth");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect())
}

/// Puts the truth in. A text that is `${KEY}` alone and a number there becomes a number.
fn with_truth(expected: &Value, truth: &BTreeMap<String, String>) -> Result<Value> {
    Ok(match expected {
        Value::String(text) => match text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
            Some(key) => {
                let value = truth.get(key).with_context(|| format!("run.sh told no {key}"))?;
                value
                    .parse::<u64>()
                    .map_or_else(|_| Value::from(value.as_str()), Value::from)
            }
            None => expected.clone(),
        },
        Value::Array(values) => values
            .iter()
            .map(|value| with_truth(value, truth))
            .collect::<Result<_>>()?,
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(key, value)| Ok((key.clone(), with_truth(value, truth)?)))
                .collect::<Result<_>>()?,
        ),
        other => other.clone(),
    })
}

/// Whether everything that is expected is there; what is not named may be anything. `"*"` = anything but null. Of a list
/// `{"0": …}` expects the first. The fields that may be unknown may say so.
fn meets(line: &Value, expected: &Value, unknown: &[String]) -> bool {
    meets_at("", line, expected, unknown)
}

/// `at` is where this is in the line: nothing, or a path that ends with a dot.
fn meets_at(at: &str, line: &Value, expected: &Value, unknown: &[String]) -> bool {
    match expected {
        Value::Object(fields) => fields.iter().all(|(key, value)| {
            let told = match line {
                Value::Array(list) => key.parse::<usize>().ok().and_then(|place| list.get(place)),
                _ => line.get(key),
            };
            let told = told.unwrap_or(&Value::Null);
            let says_so =
                told.is_null() || key == "origin" && told == "unknown" || key == "confidence" && told == "inferred";
            let place = format!("{at}{key}");
            let may_be_unknown = unknown.contains(&place);
            says_so && may_be_unknown || meets_at(&format!("{place}."), told, value, unknown)
        }),
        Value::String(text) if text == "*" => !line.is_null(),
        other => line == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_meets_what_names_a_part_of_it_and_nothing_else() {
        let line = json!({"event": "kill", "victim": {"pid": 7, "comm": "a"}, "limit": null});
        assert!(meets(&line, &json!({"event": "kill", "victim": {"pid": 7}}), &[]));
        assert!(meets(&line, &json!({"limit": null, "victim": {"comm": "*"}}), &[]));
        assert!(!meets(&line, &json!({"victim": {"pid": 8}}), &[]));
        assert!(!meets(&line, &json!({"limit": {"bytes": 1}}), &[]));
        assert!(!meets(&line, &json!({"limit": "*"}), &[]));
    }

    #[test]
    fn each_fact_of_a_kill_that_is_named_is_guarded() {
        let scenario = |lines: Value| Scenario {
            name: "x".to_owned(),
            expectation: serde_json::from_value(json!({"why": "", "kills": 2, "lines": lines})).unwrap(),
        };
        let told = [
            json!({"event": "kill", "unit": "a", "victim": {"pid": 7}, "list": [{"unit": "b"}]}),
            json!({"event": "kill", "unit": "a", "victim": {"pid": 8}, "list": []}),
        ];
        let guard = |expected: Value| {
            let scenario = scenario(expected);
            scenario.is_guarded(&told, &scenario.expectation.lines, &Less::default())
        };
        guard(json!([{"event": "kill", "unit": "a", "victim": {"pid": 7}, "list": {"0": {"unit": "b"}}}])).unwrap();
        // Another line stands in for the broken one: it is not this one that is checked.
        let error = guard(json!([{"event": "kill", "unit": "a"}])).unwrap_err().to_string();
        assert!(error.contains("/unit"), "{error}");
    }

    #[test]
    fn what_may_be_unknown_may_say_so_and_nothing_else() {
        let unknown = ["origin", "limit"].map(str::to_owned);
        let expected = json!({"origin": "host", "limit": {"bytes": 1}});
        let told = |origin: &str, limit: Value| meets(&json!({"origin": origin, "limit": limit}), &expected, &unknown);
        assert!(told("unknown", Value::Null) && told("host", json!({"bytes": 1})));
        assert!(!told("memcg_limit", Value::Null) && !told("host", json!({"bytes": 2})));
        assert!(!meets(&json!({"origin": "unknown"}), &json!({"origin": "host"}), &[]));
        let below = ["limit.bytes".to_owned()];
        assert!(meets(
            &json!({"limit": {"bytes": null}}),
            &json!({"limit": {"bytes": 1}}),
            &below
        ));
        assert!(!meets(&json!({"bytes": null}), &json!({"bytes": 1}), &below));
    }

    #[test]
    fn a_line_that_is_not_as_the_schema_has_it_is_named() {
        let schema = json!({"type": "object", "properties": {"seq": {"type": "integer"}}, "required": ["seq"]});
        assert!(valid(&schema, &[json!({"seq": 1})]).is_ok());
        let error = valid(&schema, &[json!({"seq": 1}), json!({"seq": "x"})]).unwrap_err();
        assert!(error.to_string().contains("/seq"), "{error}");
    }

    #[test]
    fn the_truth_is_put_in_and_a_missing_one_is_named() {
        let truth = BTreeMap::from([("PID".to_owned(), "7".to_owned())]);
        assert_eq!(
            with_truth(&json!({"a": ["${PID}"]}), &truth).unwrap(),
            json!({"a": [7]})
        );
        assert!(
            with_truth(&json!("${ID}"), &truth)
                .unwrap_err()
                .to_string()
                .contains("ID")
        );
    }

    #[test]
    fn what_a_tier_and_a_kernel_cannot_know_is_added_up() {
        let expectation = json!({"why": "x", "kills": 3, "lines": [],
            "tiers": {"poll": {"why": "a", "kills": 2, "unknown": ["limit"]}},
            "kernels": {"5.10": {"why": "b", "kills": 1, "unknown": ["trigger"]}, "6.1": {"why": "c", "skip": true}}});
        let scenario = Scenario {
            name: "x".to_owned(),
            expectation: serde_json::from_value(expectation).unwrap(),
        };
        let both = scenario.less(Tier::Poll, "5.10");
        assert_eq!(
            (both.kills, both.unknown),
            (Some(1), vec!["limit".to_owned(), "trigger".to_owned()])
        );
        assert_eq!(scenario.less(Tier::Poll, "7.2").kills, Some(2));
        assert_eq!(scenario.less(Tier::Full, "7.2").kills, None);
        assert!(scenario.is_skipped(Tier::Full, "6.1") && !scenario.is_skipped(Tier::Full, "5.10"));
    }

    #[test]
    fn every_scenario_says_what_it_expects_and_why() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        for scenario in Scenario::all(&root).unwrap() {
            assert!(scenario.expectation.why.len() > 20, "{}", scenario.name);
            let expectation = &scenario.expectation;
            for less in expectation.tiers.values().chain(expectation.kernels.values()) {
                assert!(less.why.len() > 20, "{}", scenario.name);
            }
            assert!(root.join(&scenario.name).join("run.sh").is_file(), "{}", scenario.name);
        }
    }
}
