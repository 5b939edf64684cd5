//! The module tree of one crate, and what a path in it leads to.
//!
//! Input: the root file of a crate and a function that reads files. Output: a [`CrateTree`], which resolves every import
//! and path to the file that defines the name, through re-exports. So a `mod.rs` that only declares and re-exports is
//! never the end of an arrow.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::syntax::{self, Body};

/// Number of re-exports in a row after which a path counts as unresolved.
const MAX_DEPTH: usize = 32;

/// The modules of one crate.
#[derive(Debug)]
pub(super) struct CrateTree {
    modules: Vec<Module>,
}

#[derive(Debug)]
struct Module {
    name: String,
    parent: Option<usize>,
    children: Vec<usize>,
    file: PathBuf,
    body: Body,
}

/// A use of one file by another one of the same crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrow {
    /// The file that imports or names.
    pub(super) from: PathBuf,
    /// The file that defines what is named.
    pub(super) to: PathBuf,
    /// Number of the first line in `from` that does so.
    pub(super) line: usize,
    /// The path in that line.
    pub(super) path: String,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Module(usize),
    /// An item of this module.
    Item(usize),
}

impl CrateTree {
    /// Reads a crate from its root file.
    ///
    /// # Errors
    ///
    /// The path of a module whose file does not exist.
    pub(super) fn read(root: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Result<Self, String> {
        let mut tree = Self { modules: Vec::new() };
        let source = read(root).ok_or_else(|| format!("{} does not exist", root.display()))?;
        let folder = root.parent().unwrap_or(Path::new("")).to_path_buf();
        tree.add("crate", None, root, &folder, syntax::parse(&source), read)?;
        Ok(tree)
    }

    /// Adds a module and the modules below it. Files of modules declared in `file` are in `folder`.
    fn add(
        &mut self,
        name: &str,
        parent: Option<usize>,
        file: &Path,
        folder: &Path,
        mut body: Body,
        read: &dyn Fn(&Path) -> Option<String>,
    ) -> Result<(), String> {
        let id = self.modules.len();
        let (files, inline) = (std::mem::take(&mut body.files), std::mem::take(&mut body.inline));
        self.modules.push(Module { name: name.to_owned(), parent, children: Vec::new(), file: file.into(), body });
        if let Some(parent) = parent {
            self.modules[parent].children.push(id);
        }
        for child in files {
            let candidates = [folder.join(format!("{child}.rs")), folder.join(&child).join("mod.rs")];
            let found = candidates.iter().find_map(|path| read(path).map(|source| (path, source)));
            let Some((path, source)) = found else {
                return Err(format!("{}: the file of `mod {child}` does not exist", file.display()));
            };
            self.add(&child, Some(id), path, &folder.join(&child), syntax::parse(&source), read)?;
        }
        for (child, body) in inline {
            self.add(&child, Some(id), file, &folder.join(&child), body, read)?;
        }
        Ok(())
    }

    /// Returns the files of the crate.
    pub(super) fn files(&self) -> BTreeSet<&Path> {
        self.modules.iter().map(|module| module.file.as_path()).collect()
    }

    /// Returns the names of the modules declared in a module, which is given by its path below the crate.
    pub(super) fn children(&self, module: &[&str]) -> Option<Vec<&str>> {
        let id = module.iter().try_fold(0, |id, name| self.child(id, name))?;
        Some(self.modules[id].children.iter().map(|&child| self.modules[child].name.as_str()).collect())
    }

    /// Returns the path below the crate of the module that a file holds.
    pub(super) fn path_of(&self, file: &Path) -> Vec<&str> {
        let mut path = Vec::new();
        let mut next = self.modules.iter().position(|module| module.file == file);
        while let Some(id) = next {
            next = self.modules[id].parent;
            if next.is_some() {
                path.push(self.modules[id].name.as_str());
            }
        }
        path.reverse();
        path
    }

    /// Returns every pair of files of which one names an item of the other, with the first line that does so.
    pub(super) fn arrows(&self) -> Vec<Arrow> {
        let mut arrows = Vec::new();
        for (id, module) in self.modules.iter().enumerate() {
            let imports = module.body.imports.iter().filter(|import| !import.is_reexport && import.name != "*");
            let imports = imports.map(|import| (&import.path, import.line));
            let mentions = module.body.mentions.iter().map(|mention| (&mention.path, mention.line));
            for (path, line) in imports.chain(mentions) {
                if let Some(Target::Item(target)) = self.resolve(id, path, 0) {
                    let to = self.modules[target].file.clone();
                    if to != module.file {
                        arrows.push(Arrow { from: module.file.clone(), to, line, path: path.join("::") });
                    }
                }
            }
        }
        arrows.sort_by(|a, b| (&a.from, &a.to, a.line).cmp(&(&b.from, &b.to, b.line)));
        arrows.dedup_by(|next, first| (&next.from, &next.to) == (&first.from, &first.to));
        arrows
    }

    fn child(&self, id: usize, name: &str) -> Option<usize> {
        self.modules[id].children.iter().copied().find(|&child| self.modules[child].name == name)
    }

    /// Follows a path from a module. Returns `None` for what other crates define.
    fn resolve(&self, from: usize, path: &[String], depth: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let mut target = match first.as_str() {
            "crate" => Target::Module(0),
            "self" => Target::Module(from),
            "super" => Target::Module(self.modules[from].parent?),
            name => self.lookup(from, name, rest.is_empty(), depth)?,
        };
        for (at, name) in rest.iter().enumerate() {
            let Target::Module(module) = target else { return Some(target) };
            target = match name.as_str() {
                "super" => Target::Module(self.modules[module].parent?),
                // A name that a macro makes is an item of the module that it is looked for in.
                name => self.lookup(module, name, at + 1 == rest.len(), depth).unwrap_or(Target::Item(module)),
            };
        }
        Some(target)
    }

    /// Finds a name in a module. Where a module and an item have one name, the item is meant at the end of a path.
    fn lookup(&self, module: usize, name: &str, is_last: bool, depth: usize) -> Option<Target> {
        if depth > MAX_DEPTH {
            return None;
        }
        let child = self.child(module, name).map(Target::Module);
        if !is_last && child.is_some() {
            return child;
        }
        let body = &self.modules[module].body;
        if body.items.contains(name) {
            return Some(Target::Item(module));
        }
        let named = body.imports.iter().filter(|import| import.name == name);
        let mut found = named.filter_map(|import| self.resolve_import(module, &import.path, name, depth));
        let import = found.find(|target| child.is_none() || matches!(target, Target::Item(_)));
        import.or(child).or_else(|| {
            let globs = body.imports.iter().filter(|import| import.name == "*");
            globs.filter_map(|glob| self.resolve(module, &glob.path, depth + 1)).find_map(|target| match target {
                Target::Module(id) if id != module => self.lookup(id, name, is_last, depth + 1),
                _ => None,
            })
        })
    }

    /// Follows an import. One whose first segment is the name it binds is that of another crate, or of a child module.
    fn resolve_import(&self, module: usize, path: &[String], name: &str, depth: usize) -> Option<Target> {
        match path {
            [first] if first == name => self.child(module, name).map(Target::Module),
            [first, rest @ ..] if first == name => {
                let child = self.child(module, name)?;
                let last = rest.last()?;
                if rest.len() == 1 {
                    self.lookup(child, last, true, depth + 1)
                } else {
                    self.resolve(child, rest, depth + 1)
                }
            }
            _ => self.resolve(module, path, depth + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> CrateTree {
        let read = |path: &Path| {
            files.iter().find(|(name, _)| Path::new(name) == path).map(|(_, source)| (*source).to_owned())
        };
        CrateTree::read(Path::new("lib.rs"), &read).unwrap()
    }

    fn arrows(files: &[(&str, &str)]) -> Vec<String> {
        let arrows = tree(files).arrows();
        arrows.iter().map(|arrow| format!("{}:{} {}", arrow.from.display(), arrow.line, arrow.to.display())).collect()
    }

    #[test]
    fn a_reexported_name_leads_to_the_file_that_defines_it() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\npub use a::Rate;"),
            ("a/mod.rs", "mod rate;\npub(crate) use rate::Rate;"),
            ("a/rate.rs", "pub struct Rate;"),
            ("b.rs", "use crate::a::Rate;\nfn f() -> crate::Rate {}"),
        ];
        assert_eq!(arrows(&files), ["b.rs:1 a/rate.rs"]);
    }

    #[test]
    fn a_path_through_an_imported_module_leads_to_the_item() {
        let files = [
            ("lib.rs", "mod a;\nmod b;"),
            ("a.rs", "pub mod c;\npub fn g() {}"),
            ("a/c.rs", "pub fn f() {}"),
            ("b.rs", "use crate::a::{self, c};\nfn f() {\n    c::f();\n    a::g()\n}"),
        ];
        assert_eq!(arrows(&files), ["b.rs:3 a/c.rs", "b.rs:4 a.rs"]);
    }

    #[test]
    fn a_reexport_is_an_arrow_only_where_its_name_is_used() {
        let unused = [("lib.rs", "mod a;\npub use a::A;"), ("a.rs", "pub struct A;")];
        assert!(arrows(&unused).is_empty());
        let used = [("lib.rs", "mod a;\npub use a::A;\nfn f(a: A) {}"), ("a.rs", "pub struct A;")];
        assert_eq!(arrows(&used), ["lib.rs:3 a.rs"]);
    }

    #[test]
    fn globs_bring_the_names_that_are_used() {
        let files = [
            ("lib.rs", "mod a;\nmod b;"),
            ("a/mod.rs", "mod c;\nmod d;\npub use c::*;\npub use d::D;"),
            ("a/c.rs", "pub struct C;"),
            ("a/d.rs", "pub struct D;"),
            ("b.rs", "use crate::a::*;\nfn f(c: C) {}"),
        ];
        assert_eq!(arrows(&files), ["b.rs:2 a/c.rs"]);
    }

    #[test]
    fn other_crates_are_no_arrows() {
        let files = [
            ("lib.rs", "mod http;\nuse std::fmt;\nuse bytes;\nfn f() { fmt::x(); bytes::y() }"),
            ("http.rs", "use http::Method;\nuse ::http::Uri;\nfn f(m: Method) {}"),
        ];
        assert!(arrows(&files).is_empty());
    }

    #[test]
    fn a_module_and_a_function_of_one_name_are_told_apart() {
        let files = [
            ("lib.rs", "mod a;\nmod b;"),
            ("a/mod.rs", "mod cost;\npub use cost::cost;"),
            ("a/cost.rs", "pub fn cost() {}\npub struct Cost;"),
            ("b.rs", "use crate::a::cost;\nfn f() { cost() }"),
        ];
        assert_eq!(arrows(&files), ["b.rs:1 a/cost.rs"]);
    }

    #[test]
    fn an_item_that_a_macro_makes_is_its_modules() {
        let files = [("lib.rs", "mod a;\nmod b;"), ("a.rs", "make!(X);"), ("b.rs", "use crate::a::X;")];
        assert_eq!(arrows(&files), ["b.rs:1 a.rs"]);
    }

    #[test]
    fn a_missing_file_is_an_error() {
        let read = |path: &Path| (path == Path::new("lib.rs")).then(|| "mod a;".to_owned());
        assert_eq!(
            CrateTree::read(Path::new("lib.rs"), &read).unwrap_err(),
            "lib.rs: the file of `mod a` does not exist"
        );
    }
}
