//! `cargo xtask check paths`: files and folders that the docs name and that do not exist.
//!
//! Reads the Markdown files that git tracks or would track, and prints one line per missing path. A change log and a
//! decision record name files of their time, so they are not read.

use std::collections::BTreeSet;
use std::fs;

use crate::run::Runner;
use crate::verdict::{Stop, Verdict};

/// Endings of the files that the docs name without their folder.
const ENDINGS: [&str; 4] = [".rs", ".md", ".lua", ".toml"];

/// Searches every page.
///
/// # Errors
///
/// [`Stop::Failed`] with the number of missing paths, which are printed; [`Stop::Skipped`] without git.
pub(crate) fn check(runner: &mut Runner) -> Verdict {
    let mut command = runner.command("git");
    command.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let output = command.output().map_err(|error| Stop::Skipped(format!("no git: {error}")))?;
    if !output.status.success() {
        return Err(Stop::Skipped(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let listed = String::from_utf8_lossy(&output.stdout);
    // A file that is tracked may have been removed.
    let files: Vec<&str> = listed.lines().filter(|file| runner.root().join(file).is_file()).collect();
    let paths = Paths::new(&files);
    let mut count = 0;
    for page in files.iter().filter(|file| is_read(file)) {
        let Ok(text) = fs::read_to_string(runner.root().join(page)) else { continue };
        for (line, path) in paths.missing(&text) {
            println!("{page}:{line}: `{path}` does not exist");
            count += 1;
        }
    }
    if count == 0 { Ok(()) } else { Err(Stop::Failed(format!("{count} missing files or folders"))) }
}

/// Returns `true` for a page that describes the present.
fn is_read(file: &str) -> bool {
    file.ends_with(".md") && file != "CHANGELOG.md" && !file.starts_with("docs/decisions/")
}

/// The files and folders of the repository, under each name that a page may use.
struct Paths<'f> {
    /// Every path, and what is left of it without its first folders: `a/b.rs` and `b.rs`.
    suffixes: BTreeSet<&'f str>,
    /// Folders at the root, and the crates: a path that begins with one of them is a path of the repository.
    roots: BTreeSet<&'f str>,
}

impl<'f> Paths<'f> {
    fn new(files: &[&'f str]) -> Self {
        let (mut suffixes, mut roots) = (BTreeSet::new(), BTreeSet::new());
        for file in files {
            let folders = file.match_indices('/').map(|(end, _)| &file[..end]);
            for path in folders.chain([*file]) {
                let rests = path.match_indices('/').map(|(at, _)| &path[at + 1..]);
                suffixes.extend(rests.chain([path]));
            }
            let in_crates = file.strip_prefix("crates/").unwrap_or(file);
            roots.extend([*file, in_crates].into_iter().filter_map(|path| Some(path.split_once('/')?.0)));
        }
        Self { suffixes, roots }
    }

    /// Returns each path in a page that does not exist, with its line number.
    fn missing<'p>(&self, page: &'p str) -> Vec<(usize, &'p str)> {
        let spans = page.lines().zip(1..).flat_map(|(line, number)| {
            // Between two backticks is every second part.
            line.split('`').skip(1).step_by(2).map(move |span| (number, span))
        });
        spans.filter(|(_, span)| self.is_path(span) && !self.suffixes.contains(span.trim_end_matches('/'))).collect()
    }

    /// Returns `true` if a code span is the path of a file or a folder of this repository.
    fn is_path(&self, span: &str) -> bool {
        let is_plain = span.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-./".contains(c));
        let begins_at_a_root = span.split_once('/').is_some_and(|(first, _)| self.roots.contains(first));
        let is_file = ENDINGS.iter().any(|ending| span.len() > ending.len() && span.ends_with(ending));
        is_plain && (begins_at_a_root || is_file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [&str; 4] = ["docs/a.md", "crates/api/src/seam/handle.rs", "crates/api/README.md", "lab/src/fleet.rs"];

    fn missing(page: &str) -> Vec<(usize, &str)> {
        Paths::new(&FILES).missing(page)
    }

    #[test]
    fn a_path_is_found_from_the_root_from_its_crate_and_by_its_last_parts() {
        let page = "`crates/api/src/seam` `api/src/seam/` `seam/handle.rs` `handle.rs`\n`lab/src/fleet.rs`";
        assert_eq!(missing(page), []);
    }

    #[test]
    fn a_missing_file_or_folder_is_found_with_its_line() {
        let page = "`api/src/seam`\n`api/src/queue` and `old.rs`, `seam/old.rs`";
        assert_eq!(missing(page), [(2, "api/src/queue"), (2, "old.rs"), (2, "seam/old.rs")]);
    }

    #[test]
    fn other_code_is_no_path() {
        assert_eq!(missing("`10/s` `a.b()` `pacer/no-calls` `crates/api-NAME` `target/x` `.rs` docs/gone.md"), []);
    }

    #[test]
    fn records_of_the_past_are_not_read() {
        assert!(is_read("docs/a.md") && is_read("crates/api/README.md"));
        assert!(!is_read("CHANGELOG.md") && !is_read("docs/decisions/0001-a.md") && !is_read("lab/src/fleet.rs"));
    }
}
