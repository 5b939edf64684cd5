//! Dependency budgets of the crates, and the direction of dependencies among them.
//!
//! Both are read from cargo. `steps.rs` runs them as the steps `budget` and `arrows`.

use std::collections::BTreeSet;

use crate::run::Runner;
use crate::verdict::{Stop, Verdict, fail_on};
use crate::workspace::Workspace;

/// Platform whose dependencies are counted, so that the number is the same on every machine.
const COUNTED_PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Limit on the dependencies of one crate.
struct Budget {
    package: &'static str,
    features: &'static [&'static str],
    /// Maximum number of crates, the package itself included.
    max_crates: Option<usize>,
    /// Names of crates that are not allowed on any platform.
    forbidden: &'static [&'static str],
}

const BUDGETS: &[Budget] = &[
    Budget {
        package: "stitchapi-core",
        features: &[],
        max_crates: Some(12),
        forbidden: &["tokio", "reqwest", "rustls", "ring", "aws-lc-rs", "native-tls", "openssl", "hyper"],
    },
    Budget {
        package: "stitchapi",
        features: &["--no-default-features"],
        max_crates: None,
        forbidden: &["tokio", "reqwest", "rustls", "ring", "aws-lc-rs", "native-tls", "openssl", "hyper"],
    },
];

/// Checks the dependencies of each crate that has a budget.
///
/// # Errors
///
/// [`Stop::Failed`] with every exceeded limit and every forbidden dependency.
pub(crate) fn dependencies(runner: &mut Runner) -> Verdict {
    let mut errors = Vec::new();
    for budget in BUDGETS {
        let tree = |platform: &str| {
            let arguments = ["tree", "--package", budget.package, "--edges", "normal", "--prefix", "none"];
            let mut command = runner.cargo(arguments.iter().chain(budget.features));
            command.args(["--format", "{p}", "--target", platform]);
            Ok::<_, Stop>(crates(&runner.read(command)?))
        };
        let count = tree(COUNTED_PLATFORM)?.len();
        let limit = budget.max_crates.map_or_else(|| "no limit".to_owned(), |max| format!("at most {max}"));
        let features = budget.features.join(" ");
        println!("{} {features}: {count} crates ({limit})", budget.package);
        if budget.max_crates.is_some_and(|max| count > max) {
            errors.push(format!("{} has {count} crates, {limit} are allowed", budget.package));
        }
        for name in names(&tree("all")?).intersection(&budget.forbidden.iter().copied().collect()) {
            errors.push(format!("{} {features} must not depend on {name}", budget.package));
        }
    }
    fail_on(&errors)
}

/// Checks the dependencies among the crates of the workspace.
///
/// # Errors
///
/// [`Stop::Failed`] with every dependency that is not allowed.
pub(crate) fn arrows(runner: &mut Runner) -> Verdict {
    let workspace = Workspace::load(runner)?;
    let mut errors = Vec::new();
    for package in workspace.under("crates") {
        for dependency in &package.dependencies {
            if workspace.packages.iter().any(|other| other.name == *dependency) {
                println!("{} -> {dependency}", package.name);
                if !may_depend(&package.name, dependency) {
                    errors.push(format!("{} must not depend on {dependency}", package.name));
                }
            }
        }
    }
    fail_on(&errors)
}

/// Returns `true` if a crate may depend on another crate of the workspace: all depend on the contract, the program on any.
///
/// A crate that is not named here is a driver: it depends on the contract only. Dependencies of tests are not restricted.
fn may_depend(package: &str, dependency: &str) -> bool {
    match package {
        "stitchapi-core" => false,
        "stitchapi-cli" => dependency != "xtask",
        _ => dependency == "stitchapi-core",
    }
}

/// Returns the crates in the output of `cargo tree --prefix none` as `name version`, each once.
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
    fn each_version_of_a_crate_is_counted_once() {
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
    fn crates_may_depend_on_the_contract() {
        assert!(may_depend("stitchapi", "stitchapi-core"));
        assert!(may_depend("stitchapi-testing", "stitchapi-core"));
        assert!(may_depend("stitchapi-sqlite", "stitchapi-core"));
        assert!(may_depend("stitchapi-cli", "stitchapi-sqlite"));
    }

    #[test]
    fn dependencies_sideways_and_upward_are_refused() {
        assert!(!may_depend("stitchapi-core", "stitchapi"));
        assert!(!may_depend("stitchapi", "stitchapi-sqlite"));
        assert!(!may_depend("stitchapi", "stitchapi-testing"));
        assert!(!may_depend("stitchapi-testing", "stitchapi"));
        assert!(!may_depend("stitchapi-sqlite", "stitchapi"));
        assert!(!may_depend("stitchapi-a-new-driver", "stitchapi-sqlite"));
    }
}
