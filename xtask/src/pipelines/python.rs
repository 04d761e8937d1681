//! DuckDB and ClickHouse, as their Python packages: captures are read as they are.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::pid;
use crate::python::ask;
use crate::step;

const DUCKDB: &str = "duckdb==2.0.1";
/// ClickHouse as a library.
const CHDB: &str = "chdb==4.4.0";

/// What DuckDB answers to each of the queries, after one that only prepares: `[rows, seconds]`, rows as lists.
pub(crate) fn ask_duckdb(prepare: &str, queries: &[&str]) -> Result<Vec<(Value, f64)>> {
    const PROGRAM: &str = "\
import duckdb, json, sys, time
duckdb.sql('SET enable_progress_bar = false')
def timed(query):
    began = time.monotonic()
    result = duckdb.sql(query)
    rows = result.fetchall() if result is not None else []
    return [rows, time.monotonic() - began]
print(json.dumps([timed(query) for query in sys.argv[1:]], default=str))
";
    let all: Vec<&str> = std::iter::once(prepare).chain(queries.iter().copied()).collect();
    Ok(serde_json::from_value(ask(&[DUCKDB], PROGRAM, &all)?)?)
}

pub(super) fn duckdb(out: &Path) -> Result<()> {
    let files = out.join("captures/*.jsonl.zst");
    let query = format!(
        "SELECT unit, origin, victim.pid FROM read_json('{}', format = 'newline_delimited', union_by_name = true) \
         WHERE event = 'kill'",
        files.display()
    );
    for (rows, _) in ask_duckdb("SELECT 1", &[&query])?.iter().skip(1) {
        told(rows, out)?;
    }
    Ok(())
}

pub(super) fn clickhouse(out: &Path) -> Result<()> {
    const PROGRAM: &str = "import chdb, sys\nprint('[' + ','.join(str(chdb.query(sys.argv[1], 'JSONCompactEachRow')).split('\\n')).strip(',') + ']')";
    let files = out.join("captures/*.jsonl.zst");
    let rows = ask(
        &[CHDB],
        PROGRAM,
        &[&format!(
            "SELECT line.unit::String, line.origin::String, line.victim.pid::UInt64 \
             FROM file('{}', 'JSONAsObject', 'line JSON') WHERE line.event::String = 'kill'",
            files.display()
        )],
    )?;
    told(&rows, out)
}

/// The rows are the one kill.
fn told(rows: &Value, out: &Path) -> Result<()> {
    let pid = pid(out)?;
    step(format!("rows: {rows}"));
    let right = |row: &Value| {
        row[0] == "leak.service"
            && row[1] == "memcg_limit"
            && (row[2] == pid || row[2].as_str() == Some(pid.to_string().as_str()))
    };
    let found = rows
        .as_array()
        .is_some_and(|rows| rows.len() == 1 && rows.iter().all(right));
    ensure!(found, "not the kill of {pid}: {rows}");
    Ok(())
}
