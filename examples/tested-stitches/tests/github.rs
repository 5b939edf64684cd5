//! Calls each stitch on a mock transport, in virtual time.

use std::time::Duration;

use example_tested_stitches::{GitHub, Issue, NewIssue, User};
use http::Method;
use stitchapi::{ErrorKind, Result, Runtime, Seam, Throttle};
use stitchapi_testing::{MockTransport, SimRuntime};

/// Returns a virtual clock and the stitches on this mock transport.
fn github(api: &MockTransport) -> Result<(SimRuntime, GitHub)> {
    let sim = SimRuntime::new(1);
    let seam = Seam::builder("https://api.github.com")
        .throttle(Throttle::rate("10/s"))
        .runtime(sim.clone())
        .transport(api.clone())
        .build()?;
    Ok((sim, GitHub::on(&seam)?))
}

/// Returns an API that knows one user.
fn octocat() -> MockTransport {
    MockTransport::routes().on(Method::GET, "/users/octocat", 200, r#"{"id":1}"#)
}

#[test]
fn a_user_is_read_by_name() -> Result<()> {
    let (sim, github) = github(&octocat())?;
    assert_eq!(sim.block_on(async { github.user.call("octocat").await })?, User { id: 1, name: None });
    Ok(())
}

#[test]
fn the_body_of_an_issue_is_json_without_the_path_parameters() -> Result<()> {
    let api = MockTransport::routes().on(Method::POST, "/repos/a/b/issues", 201, r#"{"number":7}"#);
    let (sim, github) = github(&api)?;
    let issue = NewIssue { owner: "a".into(), repo: "b".into(), title: "it breaks".into() };
    assert_eq!(sim.block_on(async { github.open_issue.call(issue).await })?, Issue { number: 7 });
    assert_eq!(api.requests()[0].body(), r#"{"title":"it breaks"}"#);
    Ok(())
}

#[test]
fn an_unknown_user_is_a_status_error_with_404() -> Result<()> {
    let (sim, github) = github(&octocat())?;
    let error = sim.block_on(async { github.user.call("unknown").await }).unwrap_err();
    assert_eq!((error.kind(), error.status().map(|status| status.as_u16())), (ErrorKind::Status, Some(404)));
    Ok(())
}

#[test]
fn eleven_calls_take_one_second_of_virtual_time() -> Result<()> {
    let (sim, github) = github(&octocat())?;
    let begun = sim.now();
    for _ in 0..11 {
        sim.block_on(async { github.user.call("octocat").await })?;
    }
    assert_eq!(sim.now().since(begun), Duration::from_micros(1_005_000));
    Ok(())
}
