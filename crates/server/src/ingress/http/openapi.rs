//! The API's description, OpenAPI 3.1, and a page made from it.
//!
//! Operations are described at their handlers; what all of them share is added here. A test checks
//! that description and router agree, path by path and method by method.

use std::fmt::Write as _;
use std::sync::LazyLock;

use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, Object, Ref, RefOr, ResponseBuilder, Schema};
use utoipa::{Modify, OpenApi};

use super::cluster::routes as cluster;
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
        cluster::list, cluster::show, cluster::drain, cluster::resume, cluster::remove,
        cluster::partitions, cluster::partition, cluster::plan,
        instances::list, instances::start, instances::show, instances::history, instances::wait,
        schedules::list, schedules::show, schedules::create, schedules::update, schedules::delete,
        schedules::pause, schedules::resume, schedules::trigger,
        entities::list, entities::show, entities::signal, entities::resume, entities::delete,
        feed::list, feed::subscriptions, feed::dead, feed::resend,
        actions::purge, actions::raise, actions::suspend, actions::resume, actions::terminate,
        actions::restart, actions::rewind,
    ),
    components(schemas(ProblemBody)),
    modifiers(&Errors, &Bounds),
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

/// What names in paths and queries may be, and that an absent parameter is left out, not null.
pub(super) struct Bounds;

/// No control characters.
const PRINTABLE: &str = "^[^\\x00-\\x1f\\x7f-\\x9f]+$";

/// Statuses of Durable Functions, separated by commas, or nothing.
const STATUSES: &str = "^((Pending|Running|Completed|Failed|Terminated|Suspended|Canceled|ContinuedAsNew)(,(Pending|Running|Completed|Failed|Terminated|Suspended|Canceled|ContinuedAsNew))*)?$";

/// A date of Durable Functions, with or without time and offset, or nothing.
const DATE: &str = "^((19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])(T([01][0-9]|2[0-3])(:[0-5][0-9]){2}(Z|[+-]0[0-9]:00)?)?)?$";

impl Modify for Bounds {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut openapi.paths.paths {
            let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
            let parameters = operations.into_iter().flatten().filter_map(|it| it.parameters.as_mut());
            for parameter in parameters.flatten() {
                let RefOr::T(parameter) = parameter else { continue };
                if let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema {
                    never_null(schema);
                    bound(path, &parameter.name, schema);
                }
            }
        }
        let components = openapi.components.as_mut().map(|it| &mut it.schemas);
        for schema in components.into_iter().flat_map(|it| it.values_mut()) {
            if let RefOr::T(Schema::Object(object)) = schema
                && let Some(RefOr::T(Schema::Object(tags))) = object.properties.get_mut("tags")
            {
                let key = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
                tags.property_names = Some(Box::new(Schema::Object(key.max_length(Some(1_024)).build())));
            }
        }
    }
}

fn never_null(schema: &mut Object) {
    if let SchemaType::Array(types) = &mut schema.schema_type {
        types.retain(|it| *it != Type::Null);
        if let [one] = types.as_slice() {
            schema.schema_type = SchemaType::Type(one.clone());
        }
    }
}

fn bound(path: &str, name: &str, schema: &mut Object) {
    let (shortest, longest, pattern) = match name {
        "hub" => (1, 64, "^[A-Za-z][A-Za-z0-9_-]*$"),
        // In the query of Durable Functions what is empty is absent.
        "taskHub" => (0, 64, "^([A-Za-z][A-Za-z0-9_-]*)?$"),
        "version" | "op" => (0, 1_024, "^[^\\x00-\\x1f\\x7f-\\x9f]*$"),
        "id" if path.contains("/entities/") => {
            (3, 100, "^@[^@\\x00-\\x1f\\x7f-\\x9f]+@[^\\x00-\\x1f\\x7f-\\x9f]*$")
        }
        "node" => (1, 64, "^[A-Za-z0-9._-]+$"),
        "id" => (1, 100, PRINTABLE),
        "name" if path.contains("/schedules/") => (1, 64, "^[A-Za-z0-9._-]+$"),
        // Together with `@` before each they are an id.
        "name" | "key" if path.ends_with("/entities/{name}/{key}") => {
            (1, 97, "^[^@\\x00-\\x1f\\x7f-\\x9f]+$")
        }
        "runtimeStatus" => (0, 256, STATUSES),
        "createdTimeTo" | "lastOperationTimeFrom" | "lastOperationTimeTo" => (0, 64, DATE),
        "createdTimeFrom" if schema.format.is_none() => (0, 64, DATE),
        "name" | "event" => (1, 1_024, PRINTABLE),
        "top" => {
            // Any number is taken; a page is never longer than the longest.
            schema.format = None;
            return;
        }
        _ => return,
    };
    (schema.min_length, schema.max_length) = (Some(shortest), Some(longest));
    schema.pattern = Some(pattern.to_owned());
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
