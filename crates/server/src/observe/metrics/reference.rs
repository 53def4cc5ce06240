//! The reference page of metrics, written from the registry.
//!
//! A test compares the page in the repository with this; `UPDATE_DOCS=1` lets the test rewrite it.

use std::time::Duration;

use super::Metrics;

const HEAD: &str = "# Metrics

<!-- Written from `crates/server/src/observe/metrics/`; do not edit. `UPDATE_DOCS=1 cargo test -p server fresh` writes it again. -->

`http://localhost:4002/metrics`, as OpenMetrics where the scraper asks for it and in the classic Prometheus text format otherwise.
Units are seconds and bytes. No label holds an instance id, so the number of time series depends on hubs and routes only.
A time series with labels appears with its first value.

| metric | kind | labels | what it says |
|---|---|---|---|
";

/// The page as it belongs to the repository.
pub fn reference_page() -> String {
    let metrics = Metrics::new("", Duration::ZERO);
    let mut page = HEAD.to_owned();
    for metric in &metrics.described {
        page.push_str(&format!(
            "| `{}` | {} | {} | {} |\n",
            metric.name, metric.kind, metric.labels, metric.help
        ));
    }
    page
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_metrics_page_is_fresh() {
        crate::observe::docs::assert_fresh(super::super::REFERENCE_PATH, &super::reference_page());
    }
}
