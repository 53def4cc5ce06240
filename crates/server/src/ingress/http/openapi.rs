//! The API's description, OpenAPI 3.1, and a page made from it.
//!
//! Operations are described at their handlers; what all of them share is added here. A test checks
//! that description and router agree, path by path and method by method.

use std::fmt::Write as _;
use std::sync::LazyLock;

use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::entities::routes as entities;
use super::feed::routes as feed;
use super::problem::ProblemBody;
use super::routes::{actions, hubs, instances, node};
use super::schedules::routes as schedules;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Outlast",
        version = "1",
        description = "Task hubs and orchestration instances of an Outlast node. Errors are RFC 9457 problems with a stable code.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        node::healthz, node::readyz, node::metrics, node::openapi, node::docs, node::explain, node::status,
        hubs::list, hubs::create, hubs::show, hubs::delete, hubs::undelete,
        instances::list, instances::start, instances::show, instances::history, instances::wait,
        schedules::list, schedules::show, schedules::create, schedules::update, schedules::delete,
        schedules::pause, schedules::resume, schedules::trigger,
        entities::list, entities::show, entities::signal, entities::resume, entities::delete,
        feed::list, feed::subscriptions, feed::dead, feed::resend,
        actions::purge, actions::raise, actions::suspend, actions::resume, actions::terminate,
        actions::restart, actions::rewind,
    ),
    components(schemas(ProblemBody)),
    modifiers(&Errors),
)]
struct Api;

/// Every operation may answer with a problem.
pub(super) struct Errors;

impl Modify for Errors {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let problem = ResponseBuilder::new()
            .description("A problem")
            .content("application/problem+json", content)
            .build();
        for item in openapi.paths.paths.values_mut() {
            for operation in
                [&mut item.get, &mut item.post, &mut item.put, &mut item.delete].into_iter().flatten()
            {
                for response in operation.responses.responses.values_mut() {
                    if let RefOr::T(response) = response
                        && response.description.is_empty()
                    {
                        // The format asks for a description, the shape says it all.
                        response.description = "Done".to_owned();
                    }
                }
                operation.responses.responses.insert("default".to_owned(), RefOr::T(problem.clone()));
            }
        }
    }
}

static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| Api::openapi().to_pretty_json().expect("the description has only plain values"));

/// The description as JSON.
pub fn document() -> &'static str {
    &DOCUMENT
}

/// The description as a page without scripts.
pub(super) fn page() -> String {
    let api = Api::openapi();
    let mut page = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Outlast API</title>\
        <h1>Outlast API</h1><p>The full description, for tools: <a href=\"openapi.json\">openapi.json</a>.</p><dl>"
        .to_owned();
    for (path, item) in &api.paths.paths {
        for (method, operation) in
            [("GET", &item.get), ("POST", &item.post), ("PUT", &item.put), ("DELETE", &item.delete)]
        {
            let Some(operation) = operation else { continue };
            let summary = operation.summary.as_deref().unwrap_or("");
            let _infallible =
                write!(page, "<dt><code>{method} {}</code></dt><dd>{}</dd>", escaped(path), escaped(summary));
        }
    }
    page.push_str("</dl></html>\n");
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_published_description_is_fresh() {
        let document = format!("{}\n", super::document());
        crate::observe::docs::assert_fresh("docs/operating/openapi-v1.json", &document);
    }
}
