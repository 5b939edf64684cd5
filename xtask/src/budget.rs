//! What our crates may depend on: how much in all, what never, and which of each other.

use std::collections::BTreeSet;

use crate::lane::{Stop, Verdict, nothing_wrong};
use crate::run::Runner;
use crate::workspace::Workspace;

/// The platform whose dependencies are counted, so that the number is the same on every machine.
const COUNTED_ON: &str = "x86_64-unknown-linux-gnu";

/// What a crate may cost its user.
struct Budget {
    package: &'static str,
    features: &'static [&'static str],
    /// The most crates it may come to, itself included.
    most: Option<usize>,
    /// Crates that may not be among them, on any platform.
    never: &'static [&'static str],
}

const BUDGETS: &[Budget] = &[
    Budget {
        package: "stitchapi-core",
        features: &[],
        most: Some(12),
        never: &["tokio", "reqwest", "rustls", "ring", "aws-lc-rs", "native-tls", "openssl", "hyper"],
    },
    Budget {
        package: "stitchapi",
        features: &["--no-default-features"],
        most: None,
        never: &["tokio", "reqwest", "rustls", "ring", "aws-lc-rs", "native-tls", "openssl", "hyper"],
    },
];

/// Holds every crate to its budget.
///
/// # Errors
///
/// [`Stop::Failed`] with everything that is over.
pub(crate) fn dependencies(runner: &mut Runner) -> Verdict {
    let mut over = Vec::new();
    for budget in BUDGETS {
        let tree = |platform: &str| {
            let arguments = ["tree", "--package", budget.package, "--edges", "normal", "--prefix", "none"];
            let mut command = runner.cargo(arguments.iter().chain(budget.features));
            command.args(["--format", "{p}", "--target", platform]);
            Ok::<_, Stop>(crates(&runner.read(command)?))
        };
        let counted = tree(COUNTED_ON)?.len();
        let most = budget.most.map_or_else(|| "no limit".to_owned(), |most| format!("at most {most}"));
        let features = budget.features.join(" ");
        println!("{} {features}: {counted} crates ({most})", budget.package);
        if budget.most.is_some_and(|most| counted > most) {
            over.push(format!("{} comes to {counted} crates, {most}", budget.package));
        }
        for name in names(&tree("all")?).intersection(&budget.never.iter().copied().collect()) {
            over.push(format!("{} {features} depends on {name}", budget.package));
        }
    }
    nothing_wrong(&over)
}

/// Holds our crates to the arrows between them.
///
/// # Errors
///
/// [`Stop::Failed`] with every arrow that may not be there.
pub(crate) fn arrows(runner: &mut Runner) -> Verdict {
    let workspace = Workspace::load(runner)?;
    let mut wrong = Vec::new();
    for package in workspace.under("crates") {
        for need in &package.needs {
            if workspace.packages.iter().any(|other| other.name == *need) {
                println!("{} -> {need}", package.name);
                if !may_depend(&package.name, need) {
                    wrong.push(format!("{} may not depend on {need}", package.name));
                }
            }
        }
    }
    nothing_wrong(&wrong)
}

/// Whether the one crate of ours may depend on the other: the contract at the bottom, nothing sideways.
///
/// A driver, and every crate that is not named here, depends on the contract only. What it needs for its tests is its
/// own affair.
fn may_depend(package: &str, on: &str) -> bool {
    match package {
        "stitchapi-core" => false,
        "stitchapi-cli" => on != "xtask",
        _ => on == "stitchapi-core",
    }
}

/// The crates in the output of `cargo tree --prefix none`, as name and version, each once.
fn crates(tree: &str) -> BTreeSet<String> {
    let crates = tree.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some(format!("{} {}", words.next()?, words.next()?))
    });
    crates.collect()
}

fn names(crates: &BTreeSet<String>) -> BTreeSet<&str> {
    crates.iter().filter_map(|name| name.split(' ').next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "\
stitchapi-core v0.1.0 (/repo/crates/stitchapi-core)
async-trait v0.1.92 (proc-macro)
syn v3.0.10
syn v2.0.1
http v1.5.0
bytes v1.12.2

async-trait v0.1.92 (proc-macro) (*)
bytes v1.12.2
";

    #[test]
    fn a_crate_is_counted_once_and_each_of_its_versions() {
        let crates = crates(TREE);
        assert_eq!(crates.len(), 6);
        assert!(crates.contains("syn v2.0.1") && crates.contains("syn v3.0.10"));
    }

    #[test]
    fn names_have_no_version() {
        let crates = crates(TREE);
        assert_eq!(names(&crates), BTreeSet::from(["async-trait", "bytes", "http", "stitchapi-core", "syn"]));
    }

    #[test]
    fn arrows_point_down_to_the_contract() {
        assert!(may_depend("stitchapi", "stitchapi-core"));
        assert!(may_depend("stitchapi-testing", "stitchapi-core"));
        assert!(may_depend("stitchapi-sqlite", "stitchapi-core"));
        assert!(may_depend("stitchapi-cli", "stitchapi-sqlite"));
    }

    #[test]
    fn arrows_sideways_and_up_are_refused() {
        assert!(!may_depend("stitchapi-core", "stitchapi"));
        assert!(!may_depend("stitchapi", "stitchapi-sqlite"));
        assert!(!may_depend("stitchapi", "stitchapi-testing"));
        assert!(!may_depend("stitchapi-testing", "stitchapi"));
        assert!(!may_depend("stitchapi-sqlite", "stitchapi"));
        assert!(!may_depend("stitchapi-a-new-driver", "stitchapi-sqlite"));
    }
}
