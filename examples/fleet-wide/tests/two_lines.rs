//! That it is two lines and no more.

const ONE_PROCESS: &str = include_str!("../../one-process/src/main.rs");
const FLEET_WIDE: &str = include_str!("../src/main.rs");

#[test]
fn the_fleet_wide_program_has_two_lines_more_and_no_other_difference() {
    // The first line says what the program is.
    let without_the_store: Vec<&str> =
        FLEET_WIDE.lines().skip(1).filter(|line| !line.contains("SqliteStore")).collect();
    assert_eq!(without_the_store, ONE_PROCESS.lines().skip(1).collect::<Vec<_>>());
    assert_eq!(FLEET_WIDE.lines().count(), ONE_PROCESS.lines().count() + 2);
}
