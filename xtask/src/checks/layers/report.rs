//! The step `layers` of the checks: reads every crate and prints cycles and arrows against the order.

use std::fs;
use std::path::{Path, PathBuf};

use super::cycles::{Cycle, cycles};
use super::order::{self, Order};
use super::tree::{Arrow, CrateTree};
use crate::run::Runner;
use crate::verdict::{Stop, Verdict};
use crate::workspace::Workspace;

/// The page that lists the layers, from the root.
const PAGE: &str = "docs/architecture.md";

/// Checks every crate of the workspace.
///
/// # Errors
///
/// [`Stop::Failed`] with the number of cycles and of arrows against the order, which are printed.
pub(crate) fn check(runner: &mut Runner) -> Verdict {
    let root = runner.root().to_path_buf();
    let read = |path: &Path| fs::read_to_string(root.join(path)).ok();
    let page = read(Path::new(PAGE)).ok_or_else(|| Stop::Failed(format!("{PAGE} does not exist")))?;
    let orders = order::read(&page);
    let mut wrong = Vec::new();
    for package in &Workspace::load(runner)?.packages {
        for crate_root in crate_roots(&root, &package.directory) {
            let of_crate = |order: &&Order| order.package == package.name && crate_root.ends_with("src/lib.rs");
            let orders: Vec<&Order> = orders.iter().filter(of_crate).collect();
            let report = report(&crate_root, &orders, &read).map_err(Stop::Failed)?;
            print!("{}", report.text);
            wrong.extend(report.wrong);
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Stop::Failed(wrong.join("; "))) }
}

/// Returns the root files of the library and the programs of a package.
fn crate_roots(root: &Path, package: &Path) -> Vec<PathBuf> {
    let programs = fs::read_dir(root.join(package).join("src/bin")).into_iter().flatten().flatten();
    let programs = programs.map(|entry| Path::new("src/bin").join(entry.file_name()));
    let programs = programs.flat_map(|path| [path.clone(), path.join("main.rs")]);
    let mut roots: Vec<PathBuf> =
        ["src/lib.rs", "src/main.rs"].map(PathBuf::from).into_iter().chain(programs).collect();
    roots.sort();
    roots.into_iter().map(|path| package.join(path)).filter(|path| root.join(path).is_file()).collect()
}

/// What is wrong in one crate.
#[derive(Debug, Default)]
struct Report {
    /// What is printed.
    text: String,
    /// Counts for the summary, if anything is wrong.
    wrong: Option<String>,
}

fn report(crate_root: &Path, orders: &[&Order], read: &dyn Fn(&Path) -> Option<String>) -> Result<Report, String> {
    let tree = CrateTree::read(crate_root, read)?;
    let arrows = tree.arrows();
    let mut lines = Vec::new();
    let mut against = 0;
    for order in orders {
        lines.extend(order.differences(&tree));
        for arrow in &arrows {
            if let Some(reason) = order.violation(&tree, arrow) {
                against += 1;
                lines.push(format!("{}: {reason}", arrow_line(arrow)));
            }
        }
    }
    let differences = lines.len() - against;
    let cycles = cycles(&arrows);
    for cycle in &cycles {
        lines.extend(shown(cycle));
    }
    let (files, name) = (tree.files().len(), crate_root.display());
    let is_clean = lines.is_empty();
    let in_cycles: usize = cycles.iter().map(|cycle| cycle.files.len()).sum();
    let counts = format!(
        "{} cycles ({in_cycles} files), {against} arrows against the order, {differences} modules not as listed",
        cycles.len()
    );
    let verdict = if is_clean { "in order" } else { &counts };
    let mut text = format!("{name}: {files} files, {} arrows, {verdict}\n", arrows.len());
    text.extend(lines.iter().map(|line| format!("  {line}\n")));
    let wrong = (!is_clean).then(|| format!("{name}: {counts}"));
    Ok(Report { text, wrong })
}

/// Returns the lines that describe a cycle.
fn shown(cycle: &Cycle<'_>) -> Vec<String> {
    let mut lines = vec![format!("cycle of {} files:", cycle.files.len())];
    lines.extend(cycle.files.iter().map(|file| format!("    {}", file.display())));
    lines.push("  its shortest way round:".to_owned());
    lines.extend(cycle.shortest.iter().map(|arrow| format!("    {}", arrow_line(arrow))));
    if cycle.files.len() > 2 {
        lines.push(format!("  pairs in it that use each other directly: {}", cycle.pairs.len()));
        for (there, back) in &cycle.pairs {
            lines.push(format!("    {}", arrow_line(there)));
            lines.push(format!("      and back {}", arrow_line(back)));
        }
    }
    lines
}

fn arrow_line(arrow: &Arrow) -> String {
    format!("{}:{} -> {} (`{}`)", arrow.from.display(), arrow.line, arrow.to.display(), arrow.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "```layers sample\nerror\nstore\ncache | throttle\nseam\n```";

    /// The sample crate, with these files instead of its own.
    fn sample(instead: &[(&str, &str)]) -> Report {
        let good = [
            ("src/lib.rs", "mod cache;\nmod error;\nmod seam;\nmod store;\nmod throttle;\npub use seam::Seam;"),
            ("src/error.rs", "pub struct Error;"),
            ("src/store.rs", "use crate::error::Error;\npub struct Store;"),
            ("src/cache.rs", "use crate::store::Store;\npub struct Cache;"),
            ("src/throttle/mod.rs", "mod rate;\npub use rate::Rate;"),
            ("src/throttle/rate.rs", "use crate::error::Error;\npub struct Rate;"),
            ("src/seam.rs", "use crate::cache::Cache;\nuse crate::throttle::Rate;\npub struct Seam;"),
        ];
        let read = |path: &Path| {
            let mut files = instead.iter().chain(&good);
            files.find(|(name, _)| Path::new(name) == path).map(|(_, source)| (*source).to_owned())
        };
        let orders = order::read(PAGE);
        report(Path::new("src/lib.rs"), &orders.iter().collect::<Vec<_>>(), &read).unwrap()
    }

    #[test]
    fn a_crate_in_order_passes() {
        let report = sample(&[]);
        assert_eq!(report.wrong, None, "{}", report.text);
    }

    #[test]
    fn one_import_from_above_fails() {
        let report = sample(&[("src/error.rs", "use crate::Seam;\npub struct Error;")]);
        assert!(
            report.text.contains("src/error.rs:1 -> src/seam.rs (`crate::Seam`): `error` is below `seam`"),
            "{}",
            report.text
        );
        assert!(report.wrong.is_some());
    }

    #[test]
    fn one_import_from_a_sibling_fails() {
        let report = sample(&[("src/cache.rs", "pub struct Cache(\n    crate::throttle::Rate,\n);")]);
        let line =
            "src/cache.rs:2 -> src/throttle/rate.rs (`crate::throttle::Rate`): `cache` and `throttle` are siblings";
        assert!(report.text.contains(line), "{}", report.text);
    }

    #[test]
    fn a_cycle_fails_and_is_listed_by_file() {
        let report = sample(&[("src/error.rs", "use crate::store::Store;\npub struct Error;")]);
        let cycle = "cycle of 2 files:\n      src/error.rs\n      src/store.rs\n";
        assert!(report.text.contains(cycle), "{}", report.text);
        assert!(report.wrong.is_some_and(|wrong| wrong.contains("1 cycles (2 files)")));
    }

    #[test]
    fn a_module_that_no_layer_lists_fails() {
        let report = sample(&[
            ("src/store.rs", "pub struct Store;"),
            ("src/lib.rs", "mod error;\nmod store;\nmod extra;"),
            ("src/extra.rs", ""),
        ]);
        assert!(report.text.contains("sample::extra is in no layer"), "{}", report.text);
        assert!(report.text.contains("sample::seam is listed, but there is no such module"), "{}", report.text);
    }
}
