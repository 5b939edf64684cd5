//! Encoding of inputs: path parameters, query, headers and body.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::collections::BTreeMap;

use common::seam;
use http::{Method, Request};
use serde::Serialize;
use stitchapi::{Error, ErrorKind, Result, Seam, Stitch, StitchBuilder};
use stitchapi_testing::{MockTransport, SimRuntime};

/// Declares a stitch, calls it once, and returns the request.
fn request<I: Serialize>(
    declare: impl FnOnce(&Seam) -> StitchBuilder,
    input: I,
) -> std::result::Result<Request<bytes::Bytes>, Error> {
    let sim = SimRuntime::new(1);
    let api = MockTransport::new(|_| http::Response::new(bytes::Bytes::new()));
    let seam = seam(&sim, &api).build()?;
    let stitch: Stitch<I, ()> = declare(&seam).build()?;
    sim.block_on(async { stitch.call(input).await })?;
    let mut requests = api.requests();
    assert_eq!(requests.len(), 1);
    Ok(requests.remove(0))
}

/// Asserts that the input is rejected without a request.
fn assert_rejected<I: Serialize>(declare: impl FnOnce(&Seam) -> StitchBuilder, input: I) {
    let sim = SimRuntime::new(1);
    let api = MockTransport::routes();
    let seam = seam(&sim, &api).build().unwrap();
    let stitch: Stitch<I, ()> = declare(&seam).build().unwrap();
    let error = sim.block_on(async { stitch.call(input).await }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input, "{error}");
    assert!(api.requests().is_empty());
}

/// Returns the URI of the request.
fn uri<I: Serialize>(declare: impl FnOnce(&Seam) -> StitchBuilder, input: I) -> String {
    request(declare, input).unwrap().uri().to_string()
}

/// Returns the body of a request as text.
fn body(request: &Request<bytes::Bytes>) -> &str {
    std::str::from_utf8(request.body()).unwrap()
}

#[derive(Serialize, Clone)]
struct Page {
    owner: String,
    repo: String,
    page: Option<u32>,
    labels: Vec<&'static str>,
}

fn page() -> Page {
    Page { owner: "a/b".into(), repo: "c".into(), page: Some(2), labels: vec!["x y", "z&"] }
}

#[test]
fn a_scalar_or_a_tuple_fills_the_parameters_in_order() {
    assert_eq!(uri(|seam| seam.get("/users/{id}"), 7), "https://api.example.com/v1/users/7");
    assert_eq!(uri(|seam| seam.get("/{a}/{b}"), ("x", true)), "https://api.example.com/v1/x/true");
    let search = |seam: &Seam| seam.get("/search").query("q", "{words}").query("sort", "new");
    assert_eq!(uri(search, "a b"), "https://api.example.com/v1/search?q=a+b&sort=new");
}

#[test]
fn a_stitch_of_str_is_called_with_a_str() -> Result<()> {
    let sim = SimRuntime::new(1);
    let api = MockTransport::routes().on(Method::GET, "/v1/users/octocat", 200, "7");
    let user: Stitch<str, u8> = seam(&sim, &api).build()?.get("/users/{name}").build()?;
    assert_eq!(sim.block_on(async { user.call("octocat").await })?, 7);
    Ok(())
}

#[test]
fn a_struct_fills_parameters_by_name_and_its_other_fields_go_to_the_query() {
    let issues = |seam: &Seam| seam.get("/repos/{owner}/{repo}/issues");
    assert_eq!(uri(issues, page()), "https://api.example.com/v1/repos/a%2Fb/c/issues?page=2&labels=x+y&labels=z%26");
    assert_eq!(
        uri(issues, Page { page: None, labels: vec![], ..page() }),
        "https://api.example.com/v1/repos/a%2Fb/c/issues"
    );
    let map = BTreeMap::from([("owner", "a"), ("repo", "b"), ("since", "c")]);
    assert_eq!(uri(issues, map), "https://api.example.com/v1/repos/a/b/issues?since=c");
}

#[test]
fn the_other_fields_of_a_struct_go_to_the_body_in_declaration_order() {
    let request = request(|seam| seam.post("/repos/{owner}/{repo}"), page()).unwrap();
    assert_eq!(body(&request), r#"{"page":2,"labels":["x y","z&"]}"#);
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(request.uri().path(), "/v1/repos/a%2Fb/c");
}

#[test]
fn without_parameters_the_value_is_the_body() {
    assert_eq!(body(&request(|seam| seam.post("/batch"), vec![1, 2]).unwrap()), "[1,2]");
    assert_eq!(body(&request(|seam| seam.put("/name"), "x").unwrap()), "\"x\"");
    let empty = request(|seam| seam.post("/refresh"), ()).unwrap();
    assert_eq!((body(&empty), empty.headers().get("content-type")), ("", None));
}

#[test]
fn a_post_with_every_field_in_the_path_has_no_body() {
    #[derive(Serialize)]
    struct Only {
        id: u8,
    }
    assert_eq!(body(&request(|seam| seam.post("/users/{id}/refresh"), Only { id: 1 }).unwrap()), "");
}

#[test]
fn a_skipped_field_is_left_out_and_is_no_error() {
    #[derive(Serialize)]
    struct Patch {
        id: u8,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'static str>,
    }
    let patch = |seam: &Seam| seam.patch("/users/{id}");
    assert_eq!(body(&request(patch, Patch { id: 1, name: None }).unwrap()), "{}");
    let search = |seam: &Seam| seam.get("/users/{id}").query("n", "{name}");
    assert_eq!(uri(search, Patch { id: 1, name: None }), "https://api.example.com/v1/users/1");
    assert_eq!(uri(search, Patch { id: 1, name: Some("x") }), "https://api.example.com/v1/users/1?n=x");
}

#[test]
fn a_form_contains_the_other_fields_as_pairs() {
    #[derive(Serialize)]
    struct Token {
        realm: &'static str,
        grant_type: &'static str,
        scope: Option<&'static str>,
    }
    let token = Token { realm: "r", grant_type: "a b&c", scope: None };
    let request = request(|seam| seam.post("/{realm}/token").form(), token).unwrap();
    assert_eq!(body(&request), "grant_type=a+b%26c");
    assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
}

#[test]
fn a_header_is_constant_or_filled_from_the_input() {
    let request = request(|seam| seam.get("/{id}").header("x-id", "<{id}>").header("x-fixed", "yes"), 7).unwrap();
    assert_eq!(request.headers()["x-id"], "<7>");
    assert_eq!(request.headers()["x-fixed"], "yes");
    assert_eq!(request.headers()["accept"], "application/json");
    assert!(request.headers()["user-agent"].to_str().unwrap().starts_with("stitchapi/"));
}

#[test]
fn an_input_that_does_not_fit_is_an_input_error_without_a_request() {
    #[derive(Serialize)]
    struct Nested {
        inner: Page,
    }
    #[derive(Serialize)]
    enum Data {
        One(u8),
    }
    assert_rejected(|seam| seam.get("/{a}/{b}"), 1);
    assert_rejected(|seam| seam.get("/{a}"), (1, 2));
    assert_rejected(|seam| seam.get("/{a}"), ());
    assert_rejected(|seam| seam.get("/"), 1);
    assert_rejected(|seam| seam.get("/{missing}"), page());
    assert_rejected(|seam| seam.get("/{a}"), "");
    assert_rejected(|seam| seam.get("/{a}"), None::<u8>);
    assert_rejected(|seam| seam.get("/{labels}"), page());
    assert_rejected(|seam| seam.get("/{owner}").query("q", "{missing}"), page());
    assert_rejected(|seam| seam.get("/{owner}").query("q", "is:{labels}"), page());
    assert_rejected(
        |seam| seam.get("/{owner}").header("x", "{repo}"),
        Page { repo: "a\r\nx-admin: 1".into(), ..page() },
    );
    assert_rejected(|seam| seam.get("/"), Nested { inner: page() });
    assert_rejected(|seam| seam.get("/"), BTreeMap::from([("a", BTreeMap::from([("b", 1)]))]));
    assert_rejected(|seam| seam.get("/{a}"), Data::One(1));
    assert_rejected(|seam| seam.get("/{a}"), "..");
    assert_rejected(|seam| seam.get("/{a}"), "%2E%2e");
    assert_rejected(|seam| seam.get("/{a}"), "x".repeat(70_000));
}
