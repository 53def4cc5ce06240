//! Schedules of a whole server: real partitions, listeners and clocks, a simulated disk.
//!
//! Not here: which ticks there are (`cron`, `plan`). A test waits for instances, never for time.

use std::sync::Arc;
use std::time::Duration;

use platform::fault::{SimDisk, SimEntropy};
use serde_json::{Value, json};

use crate::config::{Loader, Profile};
use crate::node::Platform;
use crate::serve::Server;
use crate::testing::Client;

const SCHEDULES: &str = "/api/v1/hubs/orders/schedules";
const DEADLINE: Duration = Duration::from_secs(30);

async fn server(disk: &SimDisk) -> (Server, Client) {
    let loader = Loader::new(Profile::Serve)
        .flag("test", "node.data_dir", "/data")
        .flag("test", "grpc.listen", "127.0.0.1:0")
        .flag("test", "http.listen", "127.0.0.1:0")
        .flag("test", "hubs.partitions", "2")
        .flag("test", "runner.threads", "1");
    let config = loader.load().expect("the settings are allowed").config;
    let platform =
        Platform { disk: Arc::new(disk.clone()), entropy: Arc::new(SimEntropy::new(7)), ..Platform::real() };
    let server = Server::start(config, platform).await.expect("it starts");
    let client = Client(server.http()[0]);
    client.call("POST", "/api/v1/hubs", Some(json!({"name": "orders"}))).await;
    (server, client)
}

/// The runs of a schedule, once there are so many.
async fn runs(client: &Client, name: &str, count: usize) -> Vec<String> {
    let listing = async {
        loop {
            let path = format!("/api/v1/hubs/orders/instances?prefix={name}:&limit=1000");
            let (_, page) = client.get(&path).await;
            let found = page["instances"].as_array().expect("a list");
            if found.len() >= count {
                let mut ids: Vec<String> =
                    found.iter().map(|it| it["id"].as_str().expect("an id").to_owned()).collect();
                ids.sort();
                return ids;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, listing).await.expect("they start in time")
}

fn seconds(id: &str) -> i64 {
    let (_, tick) = id.split_once(':').expect("a schedule and a tick");
    tick.parse::<jiff::Timestamp>().expect("a time").as_second()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_tick_is_run_once_across_a_restart() {
    let disk = SimDisk::new(1);
    let (first, client) = server(&disk).await;
    let body = json!({"orchestration": "Tick", "every": "1s", "catch_up": "all", "overlap": "allow", "input": {"n": 1}});
    let (status, created) = client.call("POST", &format!("{SCHEDULES}/beat"), Some(body.clone())).await;
    assert_eq!((status, &created["state"]), (201, &json!("active")), "{created}");
    assert_eq!(client.call("POST", &format!("{SCHEDULES}/beat"), Some(body)).await.1["code"], "OL-2054");
    let before = runs(&client, "beat", 2).await;
    first.stop().await.expect("it stops");
    let (second, client) = server(&disk).await;
    let ids = runs(&client, "beat", before.len() + 2).await;
    let ticks: Vec<i64> = ids.iter().map(|id| seconds(id)).collect();
    let expected: Vec<i64> = (ticks[0]..).take(ticks.len()).collect();
    assert_eq!(ticks, expected, "one for each second, none left out");
    let (_, shown) =
        client.get(&format!("/api/v1/hubs/orders/instances/{}", ids[0].replace(':', "%3A"))).await;
    assert_eq!((&shown["name"], &shown["input"]["n"]), (&json!("Tick"), &json!(1)), "{shown}");
    second.stop().await.expect("it stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_is_paused_triggered_changed_and_deleted() {
    let disk = SimDisk::new(2);
    let (server, client) = server(&disk).await;
    let one = format!("{SCHEDULES}/nightly");
    let body = json!({"orchestration": "Report", "cron": "30 2 * * *", "zone": "Europe/Berlin"});
    let (status, created) = client.call("POST", &one, Some(body)).await;
    assert_eq!((status, &created["overlap"]), (201, &json!("skip")), "{created}");
    let (_, paused) = client.call("POST", &format!("{one}/pause"), Some(json!({"reason": "audit"}))).await;
    assert_eq!((&paused["state"], &paused["next_at"]), (&json!("paused"), &Value::Null), "{paused}");
    let (status, triggered) = client.call("POST", &format!("{one}/trigger"), None).await;
    assert_eq!(status, 202, "{triggered}");
    assert_eq!(runs(&client, "nightly", 1).await, [triggered["id"].as_str().expect("an id")]);
    let (_, resumed) = client.call("POST", &format!("{one}/resume"), None).await;
    assert_eq!((&resumed["state"], &resumed["started"]), (&json!("active"), &json!(1)), "{resumed}");

    let (_, changed) =
        client.call("PUT", &one, Some(json!({"orchestration": "Report", "every": "1h"}))).await;
    assert_eq!((&changed["every_seconds"], &changed["started"]), (&json!(3_600), &json!(1)), "{changed}");
    let (_, list) = client.get(SCHEDULES).await;
    assert_eq!(list["schedules"].as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!(client.call("DELETE", &one, None).await.0, 204);
    assert_eq!(client.get(&one).await.1["code"], "OL-2053");
    server.stop().await.expect("it stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedules_rest_with_a_deleted_hub_and_go_with_a_removed_one() {
    let disk = SimDisk::new(4);
    let (server, client) = server(&disk).await;
    let beat = json!({"orchestration": "Tick", "every": "1s", "catch_up": "all", "overlap": "allow"});
    client.call("POST", &format!("{SCHEDULES}/beat"), Some(beat)).await;
    let before = runs(&client, "beat", 1).await.len();
    client.call("DELETE", "/api/v1/hubs/orders", None).await;
    assert_eq!(client.get(SCHEDULES).await.0, 410);
    client.call("POST", "/api/v1/hubs/orders/undelete", None).await;
    runs(&client, "beat", before + 1).await;

    client.call("DELETE", "/api/v1/hubs/orders", None).await;
    client.call("DELETE", "/api/v1/hubs/orders?final=true&confirm=orders", None).await;
    client.call("POST", "/api/v1/hubs", Some(json!({"name": "orders"}))).await;
    let (status, list) = client.get(SCHEDULES).await;
    assert_eq!((status, &list["schedules"]), (200, &json!([])), "{list}");
    server.stop().await.expect("it stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_that_cannot_be_is_refused() {
    let disk = SimDisk::new(3);
    let (server, client) = server(&disk).await;
    let long = format!("{} * * * *", "0,".repeat(128) + "0");
    let name = "n".repeat(65);
    for (name, body, wrong) in [
        ("a:b", json!({"orchestration": "Report", "every": "1h"}), "name"),
        (&name, json!({"orchestration": "Report", "every": "1h"}), "name"),
        ("a", json!({"orchestration": "Report"}), "cron, every:"),
        ("a", json!({"orchestration": "Report", "every": "1h", "cron": "* * * * *"}), "cron, every:"),
        ("a", json!({"orchestration": "Report", "every": "1ms"}), "every:"),
        ("a", json!({"orchestration": "Report", "cron": "61 * * * *"}), "cron: field 1, minute:"),
        ("a", json!({"orchestration": "Report", "cron": "0 0 30 2 *"}), "cron:"),
        ("a", json!({"orchestration": "Report", "cron": long}), "cron:"),
        ("a", json!({"orchestration": "Report", "cron": "* * * * *", "zone": "Europe/Bielefeld"}), "zone:"),
        ("a", json!({"orchestration": "Report", "every": "1h", "zone": "Europe/Berlin"}), "zone:"),
        ("a", json!({"orchestration": "Report", "every": "1h", "end_at": "2020-01-01T00:00:00Z"}), "end_at:"),
        (
            "a",
            json!({"orchestration": "Report", "every": "1h", "start_at": "2099-01-01T00:00:00Z"}),
            "start_at:",
        ),
    ] {
        let (status, refused) = client.call("POST", &format!("{SCHEDULES}/{name}"), Some(body)).await;
        assert_eq!((status, &refused["code"]), (422, &json!("OL-2055")), "{refused}");
        assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains(wrong)), "{refused}");
    }
    let at_most = json!({"orchestration": "Report", "cron": "0 0 29 2 *"});
    let (status, created) =
        client.call("POST", &format!("{SCHEDULES}/{}", "n".repeat(64)), Some(at_most)).await;
    assert_eq!(status, 201, "{created}");
    assert_eq!(
        client
            .call("PUT", &format!("{SCHEDULES}/a"), Some(json!({"orchestration": "R", "every": "1h"})))
            .await
            .0,
        404
    );
    server.stop().await.expect("it stops");
}
