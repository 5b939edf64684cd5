//! Compares the program with that of `one-process`.

const ONE_PROCESS: &str = include_str!("../../one-process/src/main.rs");
const FLEET_WIDE: &str = include_str!("../src/main.rs");

#[test]
fn the_fleet_wide_program_differs_from_one_process_by_two_lines() {
    // The first line is the module doc, which differs.
    let without_the_store: Vec<&str> =
        FLEET_WIDE.lines().skip(1).filter(|line| !line.contains("SqliteStore")).collect();
    assert_eq!(without_the_store, ONE_PROCESS.lines().skip(1).collect::<Vec<_>>());
    assert_eq!(FLEET_WIDE.lines().count(), ONE_PROCESS.lines().count() + 2);
}
