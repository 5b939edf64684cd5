//! The packages of the workspace, read from `cargo metadata`. Lanes and checks ask here which packages exist.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::run::Runner;
use crate::verdict::Stop;

/// The packages of the workspace and its target directory.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// All packages in the order of their names.
    pub(crate) packages: Vec<Package>,
    /// Directory that cargo builds into.
    pub(crate) target: PathBuf,
}

/// A package of the workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Package {
    /// Name of the package.
    pub(crate) name: String,
    /// Directory of the manifest, relative to the root of the workspace.
    pub(crate) directory: PathBuf,
    /// `true` if the manifest allows the package to be published.
    pub(crate) is_published: bool,
    /// Names of the features, without `default`.
    pub(crate) features: Vec<String>,
    /// Names of the dependencies, those of tests left out.
    pub(crate) dependencies: Vec<String>,
    /// Address of its repository.
    pub(crate) repository: Option<String>,
    /// Address of its documentation.
    pub(crate) documentation: Option<String>,
    /// `true` if the package has a library.
    pub(crate) is_library: bool,
    /// Names of the programs.
    pub(crate) programs: Vec<String>,
    /// Names of the integration tests.
    pub(crate) tests: Vec<String>,
}

impl Workspace {
    /// Runs `cargo metadata` and reads its output.
    ///
    /// # Errors
    ///
    /// [`Stop::Failed`] if cargo fails, or if a field is missing in its output.
    pub(crate) fn load(runner: &Runner) -> Result<Self, Stop> {
        let json = runner.read(runner.cargo(["metadata", "--no-deps", "--format-version", "1"]))?;
        Self::parse(&json).map_err(|reason| Stop::Failed(format!("cargo metadata: {reason}")))
    }

    /// Returns the package of this name.
    ///
    /// # Errors
    ///
    /// [`Stop::Failed`] if there is none.
    pub(crate) fn package(&self, name: &str) -> Result<&Package, Stop> {
        let package = self.packages.iter().find(|package| package.name == name);
        package.ok_or_else(|| Stop::Failed(format!("the workspace has no package {name}")))
    }

    /// Returns the packages below a directory of the root, such as `crates`.
    pub(crate) fn under(&self, directory: &'static str) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(move |package| package.directory.starts_with(directory))
    }

    fn parse(json: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let root = Path::new(text(&value, "workspace_root")?);
        let mut packages = list(&value, "packages")?
            .iter()
            .map(|package| Package::parse(package, root))
            .collect::<Result<Vec<_>, _>>()?;
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { packages, target: text(&value, "target_directory")?.into() })
    }
}

impl Package {
    /// Returns the names of the integration tests, without these.
    pub(crate) fn tests_but(&self, others: &[&str]) -> Vec<&str> {
        self.tests.iter().map(String::as_str).filter(|name| !others.contains(name)).collect()
    }

    fn parse(value: &Value, root: &Path) -> Result<Self, String> {
        let manifest = Path::new(text(value, "manifest_path")?);
        let directory = manifest.parent().and_then(|directory| directory.strip_prefix(root).ok());
        let features = value["features"].as_object().ok_or("no `features`")?;
        let mut dependencies = Vec::new();
        for dependency in list(value, "dependencies")? {
            if dependency["kind"] != "dev" {
                dependencies.push(text(dependency, "name")?.to_owned());
            }
        }
        let mut package = Self {
            name: text(value, "name")?.to_owned(),
            directory: directory.ok_or("the manifest is outside of the workspace")?.to_path_buf(),
            is_published: value["publish"].as_array().is_none_or(|registries| !registries.is_empty()),
            features: features.keys().filter(|feature| *feature != "default").cloned().collect(),
            dependencies,
            repository: value["repository"].as_str().map(str::to_owned),
            documentation: value["documentation"].as_str().map(str::to_owned),
            is_library: false,
            programs: Vec::new(),
            tests: Vec::new(),
        };
        for target in list(value, "targets")? {
            let name = text(target, "name")?;
            for kind in list(target, "kind")? {
                match kind.as_str() {
                    Some("bin") => package.programs.push(name.to_owned()),
                    Some("test") => package.tests.push(name.to_owned()),
                    Some("lib" | "proc-macro" | "cdylib") => package.is_library = true,
                    _ => {}
                }
            }
        }
        Ok(package)
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    value[name].as_str().ok_or_else(|| format!("no `{name}`"))
}

fn list<'a>(value: &'a Value, name: &str) -> Result<&'a Vec<Value>, String> {
    value[name].as_array().ok_or_else(|| format!("no `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{
        "workspace_root": "/repo",
        "target_directory": "/repo/target",
        "packages": [
            {
                "name": "xtask", "manifest_path": "/repo/xtask/Cargo.toml", "publish": [], "features": {},
                "dependencies": [], "targets": [{"name": "xtask", "kind": ["bin"]}]
            },
            {
                "name": "driver", "manifest_path": "/repo/crates/driver/Cargo.toml", "publish": null,
                "repository": "https://repo", "documentation": null,
                "features": {"default": ["tls"], "tls": []},
                "dependencies": [
                    {"name": "contract", "kind": null}, {"name": "kit", "kind": "dev"}, {"name": "cc", "kind": "build"}
                ],
                "targets": [{"name": "driver", "kind": ["lib"]}, {"name": "conformance", "kind": ["test"]}]
            }
        ]
    }"#;

    #[test]
    fn packages_are_read_and_sorted_by_name() {
        let workspace = Workspace::parse(METADATA).unwrap();
        assert_eq!(workspace.target, Path::new("/repo/target"));
        assert_eq!(
            workspace.packages[0],
            Package {
                name: "driver".to_owned(),
                directory: "crates/driver".into(),
                is_published: true,
                features: vec!["tls".to_owned()],
                dependencies: vec!["contract".to_owned(), "cc".to_owned()],
                repository: Some("https://repo".to_owned()),
                documentation: None,
                is_library: true,
                programs: Vec::new(),
                tests: vec!["conformance".to_owned()],
            }
        );
        assert_eq!(workspace.packages[1].programs, ["xtask"]);
        assert!(!workspace.packages[1].is_published);
    }

    #[test]
    fn packages_are_found_by_directory() {
        let workspace = Workspace::parse(METADATA).unwrap();
        assert_eq!(workspace.under("crates").map(|package| &*package.name).collect::<Vec<_>>(), ["driver"]);
        assert_eq!(workspace.under("examples").count(), 0);
    }

    #[test]
    fn a_missing_field_is_named() {
        assert_eq!(Workspace::parse("{}").unwrap_err(), "no `workspace_root`");
    }
}
