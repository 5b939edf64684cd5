//! What cargo says about the packages of the workspace.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::lane::Stop;
use crate::run::Runner;

/// The packages of the workspace, and where it is built.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// All of them, by name.
    pub(crate) packages: Vec<Package>,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
}

/// One package.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its directory, from the root of the workspace.
    pub(crate) directory: PathBuf,
    /// Whether it may be published.
    pub(crate) is_published: bool,
    /// Its features, without `default`.
    pub(crate) features: Vec<String>,
    /// What it cannot be built without, by name: its dependencies, those for tests not counted.
    pub(crate) needs: Vec<String>,
    /// Whether it has a library.
    pub(crate) is_library: bool,
    /// Its programs.
    pub(crate) programs: Vec<String>,
    /// Its files of integration tests.
    pub(crate) tests: Vec<String>,
}

impl Workspace {
    /// Asks cargo.
    ///
    /// # Errors
    ///
    /// [`Stop::Failed`] if cargo does, or if its answer cannot be read.
    pub(crate) fn load(runner: &Runner) -> Result<Self, Stop> {
        let json = runner.read(runner.cargo(["metadata", "--no-deps", "--format-version", "1"]))?;
        Self::parse(&json).map_err(|reason| Stop::Failed(format!("cargo metadata: {reason}")))
    }

    /// The packages under a directory of the root, such as `crates`.
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
    fn parse(value: &Value, root: &Path) -> Result<Self, String> {
        let manifest = Path::new(text(value, "manifest_path")?);
        let directory = manifest.parent().and_then(|directory| directory.strip_prefix(root).ok());
        let features = value["features"].as_object().ok_or("no `features`")?;
        let mut needs = Vec::new();
        for dependency in list(value, "dependencies")? {
            if dependency["kind"] != "dev" {
                needs.push(text(dependency, "name")?.to_owned());
            }
        }
        let mut package = Self {
            name: text(value, "name")?.to_owned(),
            directory: directory.ok_or("a package outside of the workspace")?.to_path_buf(),
            is_published: value["publish"].as_array().is_none_or(|registries| !registries.is_empty()),
            features: features.keys().filter(|feature| *feature != "default").cloned().collect(),
            needs,
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
                "features": {"default": ["tls"], "tls": []},
                "dependencies": [
                    {"name": "contract", "kind": null}, {"name": "kit", "kind": "dev"}, {"name": "cc", "kind": "build"}
                ],
                "targets": [{"name": "driver", "kind": ["lib"]}, {"name": "conformance", "kind": ["test"]}]
            }
        ]
    }"#;

    #[test]
    fn packages_are_read_and_sorted() {
        let workspace = Workspace::parse(METADATA).unwrap();
        assert_eq!(workspace.target, Path::new("/repo/target"));
        assert_eq!(
            workspace.packages[0],
            Package {
                name: "driver".to_owned(),
                directory: "crates/driver".into(),
                is_published: true,
                features: vec!["tls".to_owned()],
                needs: vec!["contract".to_owned(), "cc".to_owned()],
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
    fn what_is_missing_is_named() {
        assert_eq!(Workspace::parse("{}").unwrap_err(), "no `workspace_root`");
    }
}
