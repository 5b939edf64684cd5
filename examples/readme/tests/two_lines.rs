//! The README's two-line change makes the program that is compiled beside it.

const README: &str = include_str!("../../../README.md");
const FLEET_WIDE: &str = include_str!("../examples/fleet_wide.rs");

/// The lines of the first block in this language.
fn block(language: &str) -> Vec<&'static str> {
    README.lines().skip_while(|line| *line != language).skip(1).take_while(|line| *line != "```").collect()
}

/// What is left when layout and comments do not count.
fn tokens<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    let code = lines.into_iter().map(|line| line.split(" //").next().unwrap_or_default());
    code.flat_map(str::chars).filter(|letter| !letter.is_whitespace() && *letter != ',').collect()
}

#[test]
fn the_change_applied_to_the_program_is_the_one_that_compiles() {
    let change = block("```diff");
    let [import, anchor, store] = &change[..] else { panic!("the change has three lines: {change:?}") };
    let (import, store) = (import.strip_prefix('+').unwrap(), store.strip_prefix('+').unwrap());
    let mut changed = Vec::new();
    for line in block("```rust,no_run") {
        changed.push(line);
        if line.starts_with("use stitchapi::") {
            changed.push(import);
        }
        if line.trim() == anchor.trim() {
            changed.push(store);
        }
    }
    assert_eq!(tokens(changed), tokens(FLEET_WIDE.lines().skip(1)));
}
