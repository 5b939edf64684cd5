//! The line in which the testing kit says how many cases it executed on a store.

const WORDS: [&str; 4] = ["passed", "violated", "skipped", "not applicable"];

/// The count in a line of a test's output, such as `sqlite: 41 passed, 0 violated, 0 skipped, 1 not applicable`.
///
/// On one thread the test runner prints the test's name first, on the same line.
pub(crate) fn find(line: &str) -> Option<&str> {
    let line = line.trim();
    let line = if line.starts_with("test ") { line.split_once(" ... ").map_or(line, |(_, rest)| rest) } else { line };
    let (store, counts) = line.rsplit_once(": ")?;
    let mut parts = counts.split(", ");
    let counted = WORDS.iter().all(|word| {
        let part = parts.next().and_then(|part| part.split_once(' '));
        part.is_some_and(|(number, rest)| number.parse::<u32>().is_ok() && rest == *word)
    });
    (counted && !store.is_empty() && parts.next().is_none()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_found() {
        let line = "sqlite: 41 passed, 0 violated, 0 skipped, 1 not applicable";
        assert_eq!(find(line), Some(line));
        assert_eq!(find(&format!("{line}\r\n")), Some(line));
    }

    #[test]
    fn the_name_of_the_test_before_it_goes() {
        let line = "test a_file_keeps_the_contract ... sqlite: 41 passed, 0 violated, 0 skipped, 1 not applicable";
        assert_eq!(find(line), Some("sqlite: 41 passed, 0 violated, 0 skipped, 1 not applicable"));
    }

    #[test]
    fn other_lines_are_not() {
        for line in [
            "",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "3 passed, 0 failed, 0 skipped",
            "sqlite: 41 passed, 0 violated",
            "sqlite: many passed, 0 violated, 0 skipped, 1 not applicable",
            "sqlite: 4 passed, 0 violated, 0 skipped, 1 not applicable, 3 else",
        ] {
            assert_eq!(find(line), None, "{line}");
        }
    }
}
