//! The text format 0.0.4, for readers from before OpenMetrics: there a counter's HELP and TYPE are those of its
//! `_total`, and there is neither a UNIT nor an end.

/// OpenMetrics, as the same metrics in the older format.
pub(super) fn plain(openmetrics: &str) -> String {
    // A family's descriptors come before its samples, HELP before TYPE.
    let counters: Vec<&str> = openmetrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let mut text = String::with_capacity(openmetrics.len());
    for line in openmetrics.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("UNIT" | "EOF"), ..) => continue,
            (Some("#"), Some(kind @ ("HELP" | "TYPE")), Some(name), Some(rest)) if counters.contains(&name) => {
                text += &format!("# {kind} {name}_total {rest}");
            }
            _ => text += line,
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_described_by_their_total_and_nothing_else_changes() {
        let told = plain(
            "# HELP kills Killed.\n# TYPE kills counter\nkills_total{unit=\"a\"} 1\n# HELP usage_bytes Now.\n\
             # TYPE usage_bytes gauge\n# UNIT usage_bytes bytes\nusage_bytes{unit=\"# EOF\"} 2\n# EOF\n",
        );
        assert_eq!(
            told,
            "# HELP kills_total Killed.\n# TYPE kills_total counter\nkills_total{unit=\"a\"} 1\n# HELP usage_bytes Now.\n\
             # TYPE usage_bytes gauge\nusage_bytes{unit=\"# EOF\"} 2\n"
        );
    }
}
