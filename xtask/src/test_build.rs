//! Builds tests and runs them, so that all lanes share one build.
//!
//! Cargo compiles a dependency again for each set of features, and the set depends on the packages that a command selects.
//! So where all lanes run, each builds with the features of the whole workspace, restricted to the test targets of its
//! packages. A debug build for a lane that is named selects the packages of the lane, as `cargo test --package` does. The
//! test programs run directly, in the folder of their package as under cargo.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::run::{Runner, command_line};
use crate::verdict::{Stop, Verdict, fail_on};
use crate::workspace::Package;

/// A choice of packages, features and profile that several lanes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// Without optimisation, with all features.
    Debug,
    /// Optimised, for the packages whose timing is tested. They ask for the features of `cargo run --release`, so its build
    /// is reused.
    Release,
}

/// Packages of [`Build::Release`].
const RELEASE: &[&str] = &["stitchapi-cli", "stitchapi-lab"];

/// Test targets of one package.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Targets<'a> {
    /// The package.
    pub(crate) package: &'a Package,
    /// `true` for the unit tests of the library and the programs.
    pub(crate) has_units: bool,
    /// Names of the integration tests; `None` for all.
    pub(crate) tests: Option<&'a [&'a str]>,
}

/// A compiled program.
#[derive(Debug, PartialEq, Eq)]
struct Program {
    manifest: PathBuf,
    /// Name of the target.
    name: String,
    role: Role,
    path: PathBuf,
}

/// What a compiled program contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// The unit tests of a library or program.
    Units,
    /// An integration test.
    Test,
    /// A program of the package itself.
    Program,
}

impl<'a> Targets<'a> {
    /// All tests of a package.
    pub(crate) fn all(package: &'a Package) -> Self {
        Self { package, has_units: true, tests: None }
    }

    /// Integration tests with these names, without unit tests.
    pub(crate) fn named(package: &'a Package, tests: &'a [&'a str]) -> Self {
        Self { package, has_units: false, tests: Some(tests) }
    }

    fn test_names(&self) -> impl Iterator<Item = &'a str> {
        let (tests, package) = (self.tests, self.package);
        package.tests.iter().map(String::as_str).filter(move |name| tests.is_none_or(|tests| tests.contains(name)))
    }

    fn contains(&self, program: &Program) -> bool {
        program.manifest.ends_with(self.package.directory.join("Cargo.toml"))
            && match program.role {
                Role::Units => self.has_units,
                Role::Test => self.test_names().any(|name| name == program.name),
                Role::Program => false,
            }
    }
}

impl Build {
    /// Runs the doc tests.
    ///
    /// # Errors
    ///
    /// [`Stop::Failed`] if one fails.
    pub(crate) fn doc_test(self, runner: &mut Runner) -> Verdict {
        let mut command = runner.cargo(["test", "--doc", "--no-fail-fast"]);
        command.args(self.selection(None));
        runner.run(command)
    }

    /// Builds the programs of these packages, with the features of the tests, and runs them one after the other.
    ///
    /// # Errors
    ///
    /// [`Stop::Failed`] if the build fails, or with every program that failed.
    pub(crate) fn run_programs(self, runner: &mut Runner, packages: &[&Package]) -> Verdict {
        let mut command = runner.cargo(["build", "--message-format", "json-render-diagnostics"]);
        command.args(self.selection(packages_if_alone(runner, packages.iter().copied())));
        let names = packages.iter().flat_map(|package| &package.programs);
        command.args(names.flat_map(|name| ["--bin", name]));
        // Dependencies of tests count for the features only where a test is built.
        let tests = packages.iter().find_map(|package| package.tests.first());
        command.args(tests.into_iter().flat_map(|name| ["--test", name]));
        let is_ours = |program: &Program| {
            let mut manifests = packages.iter().map(|package| package.directory.join("Cargo.toml"));
            program.role == Role::Program && manifests.any(|manifest| program.manifest.ends_with(manifest))
        };
        let mut failures = Vec::new();
        for program in build(runner, command)?.iter().filter(|program| is_ours(program)) {
            let command = runner.command(&program.path);
            failures.extend(runner.run(command).err().map(Stop::reason));
        }
        fail_on(&failures)
    }

    /// Builds these targets and runs them one program after the other. Arguments go to the test harness; variables are set for
    /// the programs. A program that fails does not stop the next one.
    ///
    /// # Errors
    ///
    /// [`Stop::Failed`] if the build fails, or with every program that failed.
    pub(crate) fn test(
        self,
        runner: &mut Runner,
        targets: &[Targets<'_>],
        arguments: &[&str],
        variables: &[(&str, OsString)],
    ) -> Verdict {
        let programs = self.programs(runner, targets)?;
        let mut failures = Vec::new();
        for program in programs.iter().filter(|program| targets.iter().any(|targets| targets.contains(program))) {
            let mut command = runner.command(&program.path);
            command.args(arguments).envs(variables.iter().map(|(name, value)| (name, value)));
            in_package(&mut command, &program.manifest);
            failures.extend(runner.run(command).err().map(Stop::reason));
        }
        fail_on(&failures)
    }

    /// Builds the test programs of these targets and returns them, with those of other packages that have the same names.
    fn programs(self, runner: &Runner, targets: &[Targets<'_>]) -> Result<Vec<Program>, Stop> {
        let mut command = runner.cargo(["test", "--no-run", "--message-format", "json-render-diagnostics"]);
        command.args(self.selection(packages_if_alone(runner, targets.iter().map(|targets| targets.package))));
        let units = || targets.iter().filter(|targets| targets.has_units).map(|targets| targets.package);
        command.args(units().any(|package| package.is_library).then_some("--lib"));
        command.args(units().any(|package| !package.programs.is_empty()).then_some("--bins"));
        let mut tests: Vec<&str> = targets.iter().flat_map(Targets::test_names).collect();
        tests.sort_unstable();
        tests.dedup();
        command.args(tests.iter().flat_map(|name| ["--test", name]));
        build(runner, command)
    }

    /// Returns the arguments that select packages, features and profile. A debug build without packages is one of the whole
    /// workspace.
    fn selection(self, packages: Option<Vec<&str>>) -> Vec<&str> {
        let (mut arguments, packages) = match (self, packages) {
            (Self::Debug, None) => (vec!["--all-features", "--workspace"], Vec::new()),
            (Self::Debug, Some(packages)) => (vec!["--all-features"], packages),
            (Self::Release, _) => (vec!["--release"], RELEASE.to_vec()),
        };
        arguments.extend(packages.into_iter().flat_map(|name| ["--package", name]));
        arguments
    }
}

/// Returns the names of the packages of a lane, or `None` if lanes share what they build.
fn packages_if_alone<'a>(runner: &Runner, packages: impl Iterator<Item = &'a Package>) -> Option<Vec<&'a str>> {
    (!runner.shares_builds()).then(|| packages.map(|package| package.name.as_str()).collect())
}

/// Runs a build and returns what it built, in the order of packages, roles and names.
fn build(runner: &Runner, command: Command) -> Result<Vec<Program>, Stop> {
    println!("$ {}", command_line(&command));
    let mut programs: Vec<Program> = runner.read(command)?.lines().filter_map(program).collect();
    programs.sort_by(|a, b| (&a.manifest, a.role, &a.name).cmp(&(&b.manifest, b.role, &b.name)));
    Ok(programs)
}

/// Lets a command run as cargo runs the tests of a package: in its folder, with the path of its manifest.
fn in_package(command: &mut Command, manifest: &Path) {
    if let Some(folder) = manifest.parent() {
        command.current_dir(folder).env("CARGO_MANIFEST_DIR", folder);
    }
}

/// Returns the program in a line of cargo's JSON output, if the line describes one.
fn program(line: &str) -> Option<Program> {
    let message: Value = serde_json::from_str(line).ok()?;
    let path = message["executable"].as_str().filter(|_| message["reason"] == "compiler-artifact")?;
    let kinds = message["target"]["kind"].as_array()?;
    let has_kind = |name: &str| kinds.iter().any(|kind| kind == name);
    let role = match message["profile"]["test"].as_bool()? {
        true if has_kind("test") => Role::Test,
        true => Role::Units,
        false if has_kind("bin") => Role::Program,
        // Build scripts.
        false => return None,
    };
    let (manifest, name) = (message["manifest_path"].as_str()?, message["target"]["name"].as_str()?);
    Some(Program { manifest: manifest.into(), name: name.to_owned(), role, path: path.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package() -> Package {
        Package {
            name: "driver".to_owned(),
            directory: "crates/driver".into(),
            is_library: true,
            tests: vec!["conformance".to_owned(), "server".to_owned()],
            ..Package::default()
        }
    }

    fn artifact(kind: &str, name: &str, is_test: bool) -> String {
        format!(
            r#"{{"reason":"compiler-artifact","manifest_path":"/repo/crates/driver/Cargo.toml","target":{{"kind":["{kind}"],
            "name":"{name}"}},"profile":{{"test":{is_test}}},"executable":"/repo/target/{name}"}}"#
        )
        .replace('\n', "")
    }

    #[test]
    fn programs_are_read_from_the_messages_of_cargo() {
        let found = program(&artifact("test", "server", true)).unwrap();
        assert_eq!((found.name.as_str(), found.role), ("server", Role::Test));
        assert_eq!(program(&artifact("lib", "driver", true)).unwrap().role, Role::Units);
        assert_eq!(program(&artifact("bin", "driver", true)).unwrap().role, Role::Units);
        assert_eq!(program(&artifact("bin", "driver", false)).unwrap().role, Role::Program);
        assert_eq!(program(&artifact("custom-build", "build-script", false)), None);
        assert_eq!(program(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(program("no JSON"), None);
    }

    #[test]
    fn targets_select_programs_by_package_and_name() {
        let package = package();
        let units = program(&artifact("lib", "driver", true)).unwrap();
        let server = program(&artifact("test", "server", true)).unwrap();
        let all = Targets::all(&package);
        assert!(all.contains(&units) && all.contains(&server));
        let named = Targets::named(&package, &["server"]);
        assert!(!named.contains(&units) && named.contains(&server));
        assert!(!Targets::named(&package, &["conformance"]).contains(&server));
        let other = Package { directory: "crates/other".into(), ..package.clone() };
        assert!(!Targets::all(&other).contains(&server));
    }
}
