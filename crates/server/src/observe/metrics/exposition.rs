//! The registry as text, in the form the scraper asks for.
//!
//! The library writes OpenMetrics. Older scrapers and checkers want the classic form, in which a
//! counter's name in `HELP` and `TYPE` carries `_total` too, and which has no `UNIT` and `EOF`.

use super::Metrics;

/// Of [`Metrics::open_metrics`].
pub const OPEN_METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Of [`Metrics::classic`].
pub const CLASSIC_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Metrics {
    /// Everything as OpenMetrics text.
    pub fn open_metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)
            .expect("writing to a string cannot fail");
        text
    }

    /// Everything in the classic text format.
    pub fn classic(&self) -> String {
        classic(&self.open_metrics())
    }
}

fn classic(open: &str) -> String {
    let mut text = String::with_capacity(open.len());
    let mut help = "";
    for line in open.lines() {
        if line.starts_with("# HELP ") {
            // The type on the next line decides the name.
            help = line;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.rsplit_once(' ').unwrap_or((rest, "untyped"));
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                other => ("", other),
            };
            let words = help.strip_prefix("# HELP ").and_then(|rest| rest.strip_prefix(name)).unwrap_or("");
            text.push_str(&format!("# HELP {name}{suffix}{words}\n# TYPE {name}{suffix} {kind}\n"));
        } else if !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classic_form_names_counters_as_they_are_sampled() {
        let open = "# HELP a_seconds Help.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 1\n# EOF\n";
        let expected = "# HELP a_seconds_total Help.\n# TYPE a_seconds_total counter\na_seconds_total 1\n";
        assert_eq!(classic(open), expected);
    }

    #[test]
    fn every_sample_belongs_to_a_described_metric() {
        let metrics = Metrics::new("0.1.0", std::time::Duration::ZERO);
        let _handles = metrics.hub("default");
        for line in metrics.classic().lines().filter(|line| !line.starts_with('#')) {
            let name: &str = line.split(['{', ' ']).next().expect("a line has a name");
            let known = metrics.described.iter().any(|metric| {
                let rest = name.strip_prefix(metric.name.as_str());
                rest.is_some_and(|rest| ["", "_bucket", "_sum", "_count"].contains(&rest))
            });
            assert!(known, "{line}");
        }
    }
}
