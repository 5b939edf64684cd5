//! Checks that the README's two-line change gives the program in `examples/fleet_wide.rs`, which compiles.

const README: &str = include_str!("../../../README.md");
const FLEET_WIDE: &str = include_str!("../examples/fleet_wide.rs");

/// Returns the lines of the README's first code block that begins with this fence.
fn block(fence: &str) -> Vec<&'static str> {
    README.lines().skip_while(|line| *line != fence).skip(1).take_while(|line| *line != "```").collect()
}

/// Returns the code without comments, whitespace and commas, so that formatting does not matter.
fn tokens<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    let code = lines.into_iter().map(|line| line.split(" //").next().unwrap_or_default());
    code.flat_map(str::chars).filter(|letter| !letter.is_whitespace() && *letter != ',').collect()
}

#[test]
fn the_readme_program_with_the_change_is_the_compiled_example() {
    let change = block("```diff");
    let [import, anchor, store] = &change[..] else {
        panic!("the diff in the README must have three lines: {change:?}")
    };
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
