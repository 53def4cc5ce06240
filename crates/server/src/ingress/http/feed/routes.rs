//! The handlers about lifecycle events.
//!
//! Not here: shapes (`super`), and asking the partitions (`node`).

use axum::Json as JsonBody;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::extract::{HubPath, Json, Params};
use super::super::model::SCHEMA;
use super::super::problem::Problem;
use super::super::{App, cursor};
use super::{EventList, LetterList, Resend, Resent, SubscriptionList};
use crate::ingress::auth::{Action, Resource};
use crate::observe::codes;

/// Events on a page where the caller does not say, and at most.
const PAGE: usize = 100;
const PAGE_MAX: usize = 1_000;
/// Events that one request sends again by id.
const IDS_MAX: usize = 1_000;

/// Which page of the feed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct Feeding {
    /// `next` of the page before; the oldest events that are kept where absent.
    after: Option<String>,
    /// Events on the page, 1 to 1000; 100 where absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Lifecycle events of a task hub, for as long as they are kept. `next` is always there: it goes on
/// where this page ends.
#[utoipa::path(get, path = "/api/v1/hubs/{hub}/events", tag = "events", operation_id = "listEvents", params(("hub" = String, Path), Feeding), responses((status = 200, body = EventList)))]
pub(in super::super) async fn list(
    State(app): State<App>,
    HubPath(hub): HubPath,
    Params(feeding): Params<Feeding>,
) -> Result<JsonBody<EventList>, Problem> {
    app.allow(Action::Read, Resource::Hub(&hub))?;
    let limit = page_size(feeding.limit)?;
    let name = format!("events of {hub}");
    let after = feeding.after.as_deref().map(|text| cursor::read(&name, text)).transpose()?;
    let (events, next) = app.backend.events(hub, after, limit).await?;
    Ok(JsonBody(EventList { schema: SCHEMA, events, next: cursor::write(&name, &next) }))
}

fn page_size(limit: Option<usize>) -> Result<usize, Problem> {
    match limit.unwrap_or(PAGE) {
        limit if (1..=PAGE_MAX).contains(&limit) => Ok(limit),
        limit => {
            Err(Problem::new(&codes::PARAMETER_INVALID, format!("limit: {limit} is not 1 to {PAGE_MAX}")))
        }
    }
}

/// Who is told about a task hub's events, and how far each is.
#[utoipa::path(get, path = "/api/v1/hubs/{hub}/events/subscriptions", tag = "events", operation_id = "listSubscriptions", params(("hub" = String, Path)), responses((status = 200, body = SubscriptionList)))]
pub(in super::super) async fn subscriptions(
    State(app): State<App>,
    HubPath(hub): HubPath,
) -> Result<JsonBody<SubscriptionList>, Problem> {
    app.allow(Action::Read, Resource::Hub(&hub))?;
    let subscriptions = app.backend.subscriptions(hub).await?;
    Ok(JsonBody(SubscriptionList { schema: SCHEMA, subscriptions }))
}

/// Which letters.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct Letters {
    /// The subscription.
    subscription: String,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Letters on the page, 1 to 1000; 100 where absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Events that could not be delivered to a subscription.
#[utoipa::path(get, path = "/api/v1/hubs/{hub}/events/dead", tag = "events", operation_id = "listDeadEvents", params(("hub" = String, Path), Letters), responses((status = 200, body = LetterList)))]
pub(in super::super) async fn dead(
    State(app): State<App>,
    HubPath(hub): HubPath,
    Params(asked): Params<Letters>,
) -> Result<JsonBody<LetterList>, Problem> {
    app.allow(Action::Read, Resource::Hub(&hub))?;
    let limit = page_size(asked.limit)?;
    let name = format!("dead events of {hub} for {}", asked.subscription);
    let after = asked.cursor.as_deref().map(|text| cursor::read(&name, text)).transpose()?;
    let (letters, next) = app.backend.letters(hub, asked.subscription, after, limit).await?;
    let next = next.map(|place| cursor::write(&name, &place));
    Ok(JsonBody(LetterList { schema: SCHEMA, letters, next }))
}

/// Sends events again that could not be delivered.
#[utoipa::path(post, path = "/api/v1/hubs/{hub}/events/resend", tag = "events", operation_id = "resendEvents", params(("hub" = String, Path)), request_body = Resend, responses((status = 200, body = Resent)))]
pub(in super::super) async fn resend(
    State(app): State<App>,
    HubPath(hub): HubPath,
    Json(resend): Json<Resend>,
) -> Result<JsonBody<Resent>, Problem> {
    app.allow(Action::Administer, Resource::Hub(&hub))?;
    if resend.ids.len() > IDS_MAX {
        let detail = format!("{} ids; at most {IDS_MAX} at once", resend.ids.len());
        return Err(Problem::new(&codes::BODY_INVALID, detail));
    }
    let changed = app.backend.resend(hub, resend).await?;
    Ok(JsonBody(Resent { schema: SCHEMA, changed }))
}
