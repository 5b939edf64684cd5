//! The list of the checks, and those that are one command or a few lines.

use std::process::Command;

use super::{budget, doc_paths, language, layers};
use crate::lane::Lane;
use crate::run::Runner;
use crate::tools;
use crate::verdict::{Stop, Verdict, fail_on};
use crate::workspace::{Package, Workspace};

/// The checks, the quick ones first. A new check is one entry here.
pub(crate) const STEPS: &[Lane] = &[
    step("fmt", "the code is formatted", fmt),
    step("packages", "every crate has a README, repository and documentation; helpers are not published", packages),
    step("unrun", "no test and no snippet of the docs is switched off", unrun),
    step("layers", "imports point one way: no cycle between files, the order of docs/architecture.md", layers::check),
    step("language", "comments, docs and messages name what they mean: no word of a short list", language::check),
    step("paths", "the files and folders that the docs name exist", doc_paths::check),
    step("arrows", "our crates depend on each other only as CONTRIBUTING.md draws it", budget::arrows),
    step("budget", "no crate has more dependencies than it may", budget::dependencies),
    step("package", "every crate can be packaged for a registry", package),
    step("deny", "licences, sources, duplicate versions and banned crates", deny),
    step("clippy", "lints, with all features", clippy),
    step("features", "every library without its default features, and with each feature alone", features),
    step("doc", "the docs build without a warning", doc),
];

const fn step(name: &'static str, about: &'static str, run: fn(&mut Runner) -> Verdict) -> Lane {
    Lane { name, about, packages: &[], run }
}

fn fmt(runner: &mut Runner) -> Verdict {
    let command = runner.cargo(["fmt", "--all", "--check"]);
    runner.run(command)
}

fn packages(runner: &mut Runner) -> Verdict {
    let workspace = Workspace::load(runner)?;
    let mut errors = Vec::new();
    for package in &workspace.packages {
        let is_crate = package.directory.starts_with("crates");
        if is_crate {
            let has_readme = runner.root().join(&package.directory).join("README.md").is_file();
            errors.extend((!has_readme).then(|| format!("{} has no README.md", package.name)));
            errors.extend(wrong_addresses(package));
        }
        if package.is_published != is_crate {
            let wanted = if is_crate { "must be publishable" } else { "needs `publish = false`" };
            errors.push(format!("{} {wanted}", package.name));
        }
    }
    fail_on(&errors)
}

/// Returns an error per address that is missing in a manifest or is not that of this crate.
fn wrong_addresses(package: &Package) -> impl Iterator<Item = String> {
    let name = &package.name;
    let documentation = format!("https://docs.rs/{name}");
    let no_repository = package.repository.is_none().then(|| format!("{name} has no `repository`"));
    let is_documented = package.documentation.as_ref() == Some(&documentation);
    let no_documentation = (!is_documented).then(|| format!("{name} needs `documentation = \"{documentation}\"`"));
    no_repository.into_iter().chain(no_documentation)
}

/// Searches the files that git tracks or would track.
fn unrun(runner: &mut Runner) -> Verdict {
    // The brackets keep the patterns from matching themselves.
    let patterns = [r"#\[ignor[e]\b", r"#\[cfg_attr\(.*\bignor[e]\b", r"^\s*(//[/!] )?```.*\bignor[e]\b"];
    let mut command = runner.command("git");
    command.args(["grep", "--untracked", "--line-number", "--extended-regexp"]);
    for pattern in patterns {
        command.args(["-e", pattern]);
    }
    command.args(["--", "*.rs", "*.md"]);
    let output = command.output().map_err(|error| Stop::Skipped(format!("no git: {error}")))?;
    match output.status.code() {
        Some(1) => Ok(()),
        Some(0) => Err(Stop::Failed(format!("switched off:\n{}", String::from_utf8_lossy(&output.stdout).trim_end()))),
        _ => Err(Stop::Skipped(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
    }
}

/// Packages the crates as for a registry, which reads every manifest and collects every file. With `--long` each package is
/// also compiled from what was collected.
fn package(runner: &mut Runner) -> Verdict {
    let workspace = Workspace::load(runner)?;
    let mut command = runner.cargo(["package", "--quiet", "--allow-dirty"]);
    command.args((!runner.is_long()).then_some("--no-verify"));
    command.args(workspace.under("crates").flat_map(|package| ["--package", &package.name]));
    runner.run(command)
}

fn deny(runner: &mut Runner) -> Verdict {
    println!("advisories are not checked: their database is not a package, and CI reaches package registries only");
    let program = tools::cargo_deny(runner)?;
    let mut command = runner.command(program);
    command.args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]);
    runner.run(command)
}

fn clippy(runner: &mut Runner) -> Verdict {
    let command = runner.cargo(["clippy", "--workspace", "--all-targets", "--all-features"]);
    lint(runner, command)
}

/// Variables for the build script of SQLite. A lint links nothing, so they name no real library; without them the script
/// compiles 250,000 lines of C once more.
const UNLINKED_SQLITE: [(&str, &str); 3] =
    [("LIBSQLITE3_SYS_USE_PKG_CONFIG", "1"), ("SQLITE3_LIB_DIR", "."), ("SQLITE3_INCLUDE_DIR", ".")];

/// Compiles without `--all-targets`, because dependencies of tests would add their features.
fn features(runner: &mut Runner) -> Verdict {
    let workspace = Workspace::load(runner)?;
    for package in workspace.under("crates") {
        let bare = || {
            let mut command = runner.cargo(["clippy", "--package", &package.name, "--no-default-features"]);
            command.envs(UNLINKED_SQLITE);
            command
        };
        let alone = package.features.iter().map(|feature| {
            let mut command = bare();
            command.args(["--features", feature]);
            command
        });
        let commands: Vec<Command> = package.is_library.then(bare).into_iter().chain(alone).collect();
        for command in commands {
            lint(runner, command)?;
        }
    }
    Ok(())
}

fn lint(runner: &mut Runner, mut command: Command) -> Verdict {
    command.args(["--", "-D", "warnings"]);
    runner.run(command)
}

fn doc(runner: &mut Runner) -> Verdict {
    let mut command = runner.cargo(["doc", "--workspace", "--no-deps", "--all-features"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    runner.run(command)
}
