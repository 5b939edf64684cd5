//! Finds the line in which the contract kit prints how many clauses it executed on a store.

const WORDS: [&str; 4] = ["passed", "violated", "skipped", "not applicable"];

/// Returns the count in a line of test output, such as `sqlite: 41 passed, 0 violated, 0 skipped, 1 not applicable`.
///
/// With one test thread the harness prints the name of the test in front of the count; that name is cut off.
pub(crate) fn find(line: &str) -> Option<&str> {
    let line = line.trim();
    let line = if line.starts_with("test ") { line.split_once(" ... ").map_or(line, |(_, rest)| rest) } else { line };
    let (store, counts) = line.rsplit_once(": ")?;
    let mut parts = counts.split(", ");
    let is_count = WORDS.iter().all(|word| {
        let part = parts.next().and_then(|part| part.split_once(' '));
        part.is_some_and(|(number, rest)| number.parse::<u32>().is_ok() && rest == *word)
    });
    (is_count && !store.is_empty() && parts.next().is_none()).then_some(line)
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
    fn the_name_of_a_test_in_front_of_a_count_is_cut_off() {
        let line = "test a_file_keeps_the_contract ... sqlite: 41 passed, 0 violated, 0 skipped, 1 not applicable";
        assert_eq!(find(line), Some("sqlite: 41 passed, 0 violated, 0 skipped, 1 not applicable"));
    }

    #[test]
    fn other_lines_are_no_counts() {
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
