//! The HTTP API of a whole server: real partitions and listeners, a simulated disk.
//!
//! Not here: what each endpoint refuses (`tests`). No worker is connected, so instances stay
//! pending and say why.

use std::sync::Arc;

use platform::fault::{SimDisk, SimEntropy};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::config::{Config, Loader, Profile};
use crate::node::Platform;
use crate::serve::Server;
use crate::testing::Client;

fn config() -> Config {
    let loader = Loader::new(Profile::Serve)
        .flag("test", "node.data_dir", "/data")
        .flag("test", "grpc.listen", "127.0.0.1:0")
        .flag("test", "http.listen", "127.0.0.1:0")
        .flag("test", "hubs.partitions", "2")
        .flag("test", "runner.threads", "1");
    loader.load().expect("the settings are allowed").config
}

fn platform(disk: &SimDisk) -> Platform {
    Platform { disk: Arc::new(disk.clone()), entropy: Arc::new(SimEntropy::new(7)), ..Platform::real() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_started_instance_is_shown_listed_counted_held_ended_and_purged() {
    let disk = SimDisk::new(1);
    let server = Server::start(config(), platform(&disk)).await.expect("it starts");
    let client = Client(server.http()[0]);
    assert_eq!(client.get("/readyz").await.0, 200);
    assert_eq!(client.get("/api/v1/hubs/orders/instances/x").await.1["code"], "OL-2001");
    let (status, hub) = client.call("POST", "/api/v1/hubs", Some(json!({"name": "orders"}))).await;
    assert_eq!((status, hub["partitions"].as_u64()), (201, Some(2)), "{hub}");

    let instances = "/api/v1/hubs/orders/instances";
    let start = json!({"name": "Order", "id": "a/1", "input": {"n": 1}});
    let (status, started) = client.call("POST", instances, Some(start.clone())).await;
    assert_eq!((status, started["created"].as_bool()), (201, Some(true)), "{started}");
    assert_eq!(client.call("POST", instances, Some(start)).await.1["code"], "OL-2011");

    let one = format!("{instances}/a%2F1");
    let (_, shown) = client.get(&one).await;
    assert_eq!(
        (shown["status"].as_str(), shown["input"]["n"].as_u64()),
        (Some("pending"), Some(1)),
        "{shown}"
    );
    assert_eq!(shown["waiting_for"]["kind"], "worker", "{shown}");
    let (status, _) = client.get(&format!("{one}/wait?timeout=0")).await;
    assert_eq!(status, 202);

    assert_eq!(
        client.call("POST", &format!("{one}/suspend"), Some(json!({"reason": "audit"}))).await.1["changed"],
        true
    );
    assert_eq!(client.get(&one).await.1["waiting_for"]["detail"], "somebody who resumes it: audit");
    assert_eq!(client.call("POST", &format!("{one}/resume"), None).await.1["changed"], true);
    assert_eq!(client.call("DELETE", &one, None).await.1["code"], "OL-2013");
    for id in ["b", "c"] {
        client.call("POST", instances, Some(json!({"name": "Order", "id": id}))).await;
    }
    let (_, first) = client.get(&format!("{instances}?limit=2")).await;
    let cursor = first["next"].as_str().expect("there is more").to_owned();
    let (_, second) = client.get(&format!("{instances}?limit=2&cursor={cursor}")).await;
    let count = |page: &Value| page["instances"].as_array().map_or(0, Vec::len);
    assert_eq!(count(&first) + count(&second), 3, "{first} {second}");
    let (_, hubs) = client.get("/api/v1/hubs").await;
    assert_eq!(hubs["hubs"][0]["instances"]["pending"], 3, "{hubs}");

    let ended = client.call("POST", &format!("{one}/terminate"), Some(json!({"output": "gone"}))).await;
    assert_eq!(ended.1["changed"], true, "{ended:?}");
    let (status, terminated) = client.get(&format!("{one}/wait?timeout=20")).await;
    assert_eq!((status, terminated["status"].as_str()), (200, Some("terminated")), "{terminated}");
    let (_, purged) = client.call("DELETE", &one, None).await;
    assert_eq!(purged["purged"], 1, "{purged}");
    assert_eq!(client.get(&one).await.1["code"], "OL-2010");
    server.stop().await.expect("it stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_repeated_after_a_restart_starts_nothing_new() {
    let disk = SimDisk::new(2);
    let body = || Some(json!({"name": "Order", "id": "once"}));
    for _ in 0..2 {
        let server = Server::start(config(), platform(&disk)).await.expect("it starts");
        let client = Client(server.http()[0]);
        client.call("POST", "/api/v1/hubs", Some(json!({"name": "orders"}))).await;
        let mut stream = TcpStream::connect(client.0).await.expect("the server listens");
        let body = body().expect("there is one").to_string();
        let request = format!(
            "POST /api/v1/hubs/orders/instances HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/json\r\nidempotency-key: k1\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.expect("the server reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("the answer is text");
        // A repeat gets the answer of the first.
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
        let (_, hubs) = client.get("/api/v1/hubs").await;
        assert_eq!(hubs["hubs"][0]["instances"]["pending"], 1, "{hubs}");
        server.stop().await.expect("it stops");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_hub_is_brought_back_with_its_instances_or_removed() {
    let disk = SimDisk::new(3);
    let server = Server::start(config(), platform(&disk)).await.expect("it starts");
    let client = Client(server.http()[0]);
    client.call("POST", "/api/v1/hubs", Some(json!({"name": "orders"}))).await;
    client.call("POST", "/api/v1/hubs/orders/instances", Some(json!({"name": "Order", "id": "x"}))).await;
    let (_, deleted) = client.call("DELETE", "/api/v1/hubs/orders", None).await;
    assert_eq!(
        (deleted["state"].as_str(), deleted["kept_until"].is_string()),
        (Some("deleted"), true),
        "{deleted}"
    );
    assert_eq!(client.get("/api/v1/hubs/orders/instances/x").await.1["code"], "OL-2002");
    let (_, back) = client.call("POST", "/api/v1/hubs/orders/undelete", None).await;
    assert_eq!(back["state"], "active", "{back}");
    assert_eq!(client.get("/api/v1/hubs/orders/instances/x").await.1["id"], "x");
    let final_removal = "/api/v1/hubs/orders?final=true&confirm=orders";
    assert_eq!(client.call("DELETE", final_removal, None).await.1["code"], "OL-2005");
    client.call("DELETE", "/api/v1/hubs/orders", None).await;
    assert_eq!(client.call("DELETE", final_removal, None).await.0, 204);
    assert_eq!(client.get("/api/v1/hubs/orders").await.1["code"], "OL-2001");
    server.stop().await.expect("it stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_for_those_who_wait() {
    let disk = SimDisk::new(4);
    let server = Server::start(config(), platform(&disk)).await.expect("it starts");
    let client = Client(server.http()[0]);
    client.call("POST", "/api/v1/hubs", Some(json!({"name": "orders"}))).await;
    client.call("POST", "/api/v1/hubs/orders/instances", Some(json!({"name": "Order", "id": "x"}))).await;
    let waiting = client.get("/api/v1/hubs/orders/instances/x/wait?timeout=60");
    // Polled until its request is out, so that the stop meets it in flight.
    let mut waiting = std::pin::pin!(waiting);
    tokio::select! {
        biased;
        answered = &mut waiting => panic!("{answered:?}"),
        () = tokio::time::sleep(std::time::Duration::from_millis(300)) => {}
    }
    let (answer, stopped) = tokio::join!(waiting, server.stop());
    stopped.expect("it stops");
    assert_eq!(answer.0, 202, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_alone_holds_everything_and_survives_no_zone() {
    let disk = SimDisk::new(5);
    let server = Server::start(config(), platform(&disk)).await.expect("it starts");
    let client = Client(server.http()[0]);
    let new = json!({"name": "orders", "replicas": 5});
    let (_, hub) = client.call("POST", "/api/v1/hubs", Some(new)).await;
    assert_eq!((&hub["survive"], &hub["replicas"]), (&json!("host"), &json!(5)), "{hub}");
    let (_, shown) = client.get("/api/v1/hubs/orders/partitions/1").await;
    assert_eq!(shown["replicas"], json!([{"replica": 1, "node": 1}]), "{shown}");
    assert_eq!(shown["leader"], 1, "{shown}");
    let zone = json!({"name": "zoned", "survive": "zone"});
    let (status, refused) = client.call("POST", "/api/v1/hubs", Some(zone)).await;
    assert_eq!((status, &refused["code"]), (409, &json!("OL-2063")), "{refused}");
    let fine = json!({"name": "zoned", "survive": "zone", "one_domain_is_fine": true});
    assert_eq!(client.call("POST", "/api/v1/hubs", Some(fine)).await.1["survive"], "zone");
    let (_, plan) = client.get("/api/v1/cluster/plan").await;
    let losses: Vec<&Value> = plan["hubs"].as_array().expect("hubs").iter().map(|it| &it["losses"]).collect();
    assert_eq!(losses, [1, 1, 1], "{plan}");
    assert_eq!((&plan["moves"], &plan["blocked"]), (&json!([]), &json!([])), "{plan}");
    server.stop().await.expect("it stops");
}
