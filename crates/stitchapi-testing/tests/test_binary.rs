//! `TestBinary` with real processes.

use futures_util::future::join_all;
use stitchapi_testing::{Part, Processes, StdRuntime, TestBinary};

/// Variable with the text that the child adds to its reply; without it the child does not reply.
const TEXT: &str = "STITCHAPI_KIT_TEST_REPLY";

fn part() -> Part {
    "count 0123".parse().expect("the kit writes parts in this form")
}

#[test]
fn another_process() {
    let Some(part) = TestBinary::part() else { return };
    println!("{part} in another process");
    if let Ok(text) = std::env::var(TEXT) {
        TestBinary::reply(&format!("{part}: {text}"));
    }
}

#[test]
fn several_processes_reply() {
    let replies = (0..3).map(|number| TestBinary::new("another_process").env(TEXT, number.to_string()).run(part()));
    let replies = StdRuntime::new().block_on(join_all(replies));
    assert_eq!(replies, ["0", "1", "2"].map(|number| Ok(format!("count 0123: {number}"))));
}

#[test]
fn the_error_names_the_test_that_did_not_reply() {
    let runtime = StdRuntime::new();
    let silent = runtime.block_on(TestBinary::new("another_process").run(part())).unwrap_err();
    assert!(silent.starts_with("no reply from the test \"another_process\""), "{silent}");
    let missing = runtime.block_on(TestBinary::new("no_such_test").run(part())).unwrap_err();
    assert!(missing.starts_with("no reply from the test \"no_such_test\""), "{missing}");
}
