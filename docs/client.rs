//! A client of the engine: tells what a visitor does, and asks what to show.

#![expect(clippy::print_stdout, reason = "it is what the example is for")]

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::error::Error;
use tokio::net::TcpStream;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("RECSYS_URL")?;
    let host = url.strip_prefix("http://").ok_or("RECSYS_URL must begin with http://")?;
    let stream = TokioIo::new(TcpStream::connect(host).await?);
    let (mut engine, connection) = handshake(stream).await?;
    tokio::spawn(connection);
    let event =
        json!({"eventType": "view", "userId": "user1", "product": "radio", "tags": ["audio"]});
    call(&mut engine, host, "POST", "/api/user-behavior?wait=visible", &event.to_string()).await?;
    let found = call(&mut engine, host, "GET", "/api/recommendations/user1?n=5", "").await?;
    let ids = found.as_array().into_iter().flatten().filter_map(|product| product["id"].as_str());
    for id in ids {
        println!("{id}");
    }
    Ok(())
}

async fn call(
    engine: &mut SendRequest<Full<Bytes>>,
    host: &str,
    method: &str,
    path: &str,
    body: &str,
) -> Result<Value, Box<dyn Error>> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", host)
        .header("authorization", format!("Bearer {}", std::env::var("RECSYS_TOKEN")?))
        .body(Full::from(body.to_owned()))?;
    let answer = engine.send_request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    let told: Value = serde_json::from_slice(&body)?;
    match status.is_success() {
        true => Ok(told),
        false => Err(format!("{status}: {}", told["detail"]).into()),
    }
}
