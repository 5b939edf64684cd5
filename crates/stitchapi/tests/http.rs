//! The transport over `reqwest`, on real sockets, against faulty servers.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![cfg(all(feature = "rustls", feature = "tokio"))]

use std::net::SocketAddr;
use std::time::Duration;

use stitchapi::transport::ReqwestTransport;
use stitchapi::{
    ErrorKind, Retry, Runtime as _, Seam, SeamBuilder, Stitch, TransportError, TransportErrorKind, decode,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What a server does after its response.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// Closes the connection.
    Close,
    /// Keeps the connection open and sends nothing.
    Stall,
    /// Sends these bytes repeatedly until the connection is closed.
    Repeat(&'static [u8]),
}

/// Starts a server that reads the head of one request per connection and sends `response`, with `{head}` replaced by the
/// request line. It runs until the test ends.
async fn serve(response: &'static str, then: Then) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let runtime = stitchapi::runtime::TokioRuntime::current().unwrap();
    runtime.spawn(Box::pin(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = connection.read_u8().await else { break };
                head.push(byte);
            }
            let response = response.replace(
                "{head}",
                &String::from_utf8_lossy(&head).lines().next().unwrap_or_default().replace(' ', "_"),
            );
            let _ = connection.write_all(response.as_bytes()).await;
            match then {
                Then::Close => {}
                Then::Stall => std::future::pending().await,
                Then::Repeat(bytes) => while connection.write_all(bytes).await.is_ok() {},
            }
        }
    }));
    address
}

/// Returns a seam with two retries without backoff.
fn seam(address: SocketAddr) -> SeamBuilder {
    let retry = Retry::times(2).backoff(Duration::ZERO, Duration::ZERO);
    Seam::builder(format!("http://{address}/v1")).retry(retry).attempt_timeout(Duration::from_millis(500))
}

/// Makes a call that must fail, and asserts that no text of the error contains the query.
async fn failure(seam: SeamBuilder) -> stitchapi::Error {
    let stitch: Stitch<(), ()> =
        seam.build().unwrap().get("/a").query("key", "canary").build_with(decode::empty).unwrap();
    let error = stitch.call(()).await.unwrap_err();
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        text += &format!("{error} {error:?}");
        source = error.source();
    }
    assert!(!text.contains("canary"), "{text}");
    error
}

/// Returns the kind of the transport error that is the source of this error.
fn transport_kind(error: &stitchapi::Error) -> TransportErrorKind {
    assert_eq!(error.kind(), ErrorKind::Transport, "{error:?}");
    std::error::Error::source(error).unwrap().downcast_ref::<TransportError>().unwrap().kind()
}

#[tokio::test]
async fn a_call_sends_the_declared_request_and_returns_the_decoded_response() {
    let address = serve("HTTP/1.1 200 OK\r\ncontent-length: 22\r\n\r\n\"{head}\"", Then::Close).await;
    let stitch: Stitch<u8, String> = seam(address).build().unwrap().get("/a/{id}").build().unwrap();
    assert_eq!(stitch.call(7).await.unwrap(), "GET_/v1/a/7_HTTP/1.1");
}

#[tokio::test]
async fn a_refused_connection_is_a_connect_error_and_is_retried() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = failure(seam(address)).await;
    assert_eq!((transport_kind(&error), error.attempts()), (TransportErrorKind::Connect, 3));
}

#[tokio::test]
async fn a_truncated_response_is_a_broken_connection_and_is_not_retried() {
    for response in
        ["HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello", "HTTP/1.1 200 OK\r\ncontent-le", "nonsense\r\n\r\n"]
    {
        let error = failure(seam(serve(response, Then::Close).await)).await;
        assert_eq!((transport_kind(&error), error.attempts()), (TransportErrorKind::Broken, 1), "{response}");
    }
}

#[tokio::test]
async fn an_endless_body_is_too_large() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let address = serve(head, Then::Repeat(b"5\r\nhello\r\n")).await;
    let error = failure(seam(address).body_limit(1 << 20).attempt_timeout(Duration::from_secs(20))).await;
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[tokio::test]
async fn a_stalled_body_ends_with_the_attempt_timeout() {
    let address = serve("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello", Then::Stall).await;
    assert_eq!(failure(seam(address)).await.kind(), ErrorKind::Timeout);
}

/// Redirect to another path of the same server.
const REDIRECT: &str = "HTTP/1.1 302 Found\r\nlocation: /v1/b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn the_transport_does_not_follow_redirects_itself() {
    let error = failure(seam(serve(REDIRECT, Then::Close).await)).await;
    assert_eq!((error.kind(), error.status().unwrap().as_u16(), error.attempts()), (ErrorKind::Status, 302, 1));
    let error = failure(seam(serve(REDIRECT, Then::Close).await).redirects(2)).await;
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Status, 3));
}

#[tokio::test]
async fn a_custom_client_works_unless_it_follows_redirects() {
    let address = serve("HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n7", Then::Close).await;
    let custom = ReqwestTransport::new(reqwest::Client::new());
    let stitch: Stitch<(), u8> = seam(address).transport(custom.clone()).build().unwrap().get("/a").build().unwrap();
    assert_eq!(stitch.call(()).await.unwrap(), 7);

    // The client follows the redirect to a working server and returns a success that used no slot.
    let redirect: &'static str = Box::leak(
        format!("HTTP/1.1 302 Found\r\nlocation: http://{address}/b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .into_boxed_str(),
    );
    let error = failure(seam(serve(redirect, Then::Close).await).transport(custom)).await;
    assert_eq!(transport_kind(&error), TransportErrorKind::Other);
}
