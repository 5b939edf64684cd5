//! Real processes.

use futures_util::future::join_all;
use stitchapi_testing::{Part, Processes, StdRuntime, TestBinary};

const WHAT: &str = "STITCHAPI_KIT_TEST_ANSWER";

fn part() -> Part {
    "count 0123".parse().expect("the kit writes such parts")
}

#[test]
fn another_process() {
    let Some(part) = TestBinary::part() else { return };
    println!("{part} in another process");
    if let Ok(what) = std::env::var(WHAT) {
        TestBinary::answer(&format!("{part}: {what}"));
    }
}

#[test]
fn several_processes_answer() {
    let answers = (0..3).map(|number| TestBinary::new("another_process").env(WHAT, number.to_string()).run(part()));
    let answers = StdRuntime::new().block_on(join_all(answers));
    assert_eq!(answers, ["0", "1", "2"].map(|number| Ok(format!("count 0123: {number}"))));
}

#[test]
fn a_process_that_does_not_answer_is_named() {
    let runtime = StdRuntime::new();
    let silent = runtime.block_on(TestBinary::new("another_process").run(part())).unwrap_err();
    assert!(silent.starts_with("no answer from the test \"another_process\""), "{silent}");
    let missing = runtime.block_on(TestBinary::new("no_such_test").run(part())).unwrap_err();
    assert!(missing.starts_with("no answer from the test \"no_such_test\""), "{missing}");
}
