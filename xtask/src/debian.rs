//! Fetches Debian packages with the dependencies that this machine lacks, and unpacks them without installing them.
//!
//! Input: a [`Packaged`] program or library and the folder `target/servers`. Output: the path of the program or library.
//! Nothing outside of the folder is written, and root is not needed. `servers.rs` and `picture.rs` call this module.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Runner, Stopwatch};
use crate::tools;
use crate::verdict::{Stop, Verdict};

/// Font configuration in the packages. It is there if the machine has no fonts and the packages bring some. It names
/// folders of the system, so it is replaced by [`OUR_FONTS`].
const PACKAGED_FONTS: &str = "etc/fonts/fonts.conf";
/// Font configuration that names the unpacked folders.
const OUR_FONTS: &str = include_str!("fonts.conf");

/// A program or a library in a Debian package.
#[derive(Debug)]
pub(crate) struct Packaged {
    /// Name in messages, and of the script that runs the program.
    pub(crate) name: &'static str,
    /// Folder below `servers` that the package is unpacked into.
    pub(crate) folder: &'static str,
    /// Name of the Debian package.
    pub(crate) package: &'static str,
    /// Path in the package. Of a library only the file name, because its folder depends on the architecture.
    pub(crate) path: &'static str,
}

/// Returns the path of a script that runs the program, which is unpacked into its folder in `servers`. A script that runs
/// is reused.
///
/// # Errors
///
/// [`Stop::Skipped`] without apt, or if the packages cannot be fetched.
pub(crate) fn program(runner: &mut Runner, servers: &Path, packaged: &Packaged) -> Result<PathBuf, Stop> {
    let home = servers.join(packaged.folder);
    let script = home.join(packaged.name);
    if tools::version_line(runner, &script).is_some() {
        return Ok(script);
    }
    let watch = Stopwatch::start();
    unpack(runner, servers, packaged)?;
    write_script(runner, &home, packaged).map_err(|stop| skip_without(packaged, stop))?;
    let version = tools::version_line(runner, &script)
        .ok_or_else(|| Stop::Skipped(format!("{} was unpacked but does not run", script.display())))?;
    println!("{version} is ready after {:.1} s", watch.elapsed().as_secs_f64());
    Ok(script)
}

/// Returns the path of the library, which is unpacked into its folder in `servers`. An unpacked library is reused.
///
/// # Errors
///
/// [`Stop::Skipped`] without apt, or if the packages cannot be fetched.
pub(crate) fn library(runner: &mut Runner, servers: &Path, packaged: &Packaged) -> Result<PathBuf, Stop> {
    let root = servers.join(packaged.folder).join("root");
    let find = || -> Result<Option<PathBuf>, Stop> {
        let folders = if root.is_dir() { library_folders(&root)? } else { Vec::new() };
        Ok(folders.iter().map(|folder| root.join(folder).join(packaged.path)).find(|path| path.is_file()))
    };
    if let Some(library) = find()? {
        return Ok(library);
    }
    unpack(runner, servers, packaged)?;
    find()?.ok_or_else(|| Stop::Skipped(format!("no {}: the packages have no {}", packaged.name, packaged.path)))
}

/// Fetches the package and its dependencies, and unpacks them.
fn unpack(runner: &mut Runner, servers: &Path, packaged: &Packaged) -> Verdict {
    for tool in ["apt-get", "dpkg-deb"] {
        if tools::in_path(tool).is_none() {
            return Err(Stop::Skipped(format!("no {}, and no {tool} to fetch it with", packaged.name)));
        }
    }
    let home = servers.join(packaged.folder);
    println!("fetching Debian's {} into {}; nothing is installed", packaged.package, home.display());
    unpack_into(runner, servers, &home, packaged.package).map_err(|stop| skip_without(packaged, stop))
}

/// Fetches the packages into `debs` and unpacks them into `root`.
fn unpack_into(runner: &mut Runner, servers: &Path, home: &Path, package: &str) -> Verdict {
    let (debs, root) = (home.join("debs"), home.join("root"));
    // An interrupted run may have left files.
    if home.exists() {
        fs::remove_dir_all(home).map_err(|error| io_error("remove", home, &error))?;
    }
    for folder in [&debs.join("partial"), &root] {
        fs::create_dir_all(folder).map_err(|error| io_error("make", folder, &error))?;
    }
    fetch(runner, servers, &debs, package)?;
    for deb in entries(&debs)?.iter().filter(|path| path.extension().is_some_and(|extension| extension == "deb")) {
        let mut command = runner.command("dpkg-deb");
        command.arg("--extract").arg(deb).arg(&root);
        runner.read(command)?;
    }
    fs::remove_dir_all(&debs).map_err(|error| io_error("remove", &debs, &error))
}

/// Writes the script that runs the program.
fn write_script(runner: &Runner, home: &Path, packaged: &Packaged) -> Verdict {
    let root = home.join("root");
    if !root.join(packaged.path).exists() {
        return Err(Stop::Failed(format!("the packages have no {}", packaged.path)));
    }
    let script = home.join(packaged.name);
    let has_fonts = root.join(PACKAGED_FONTS).exists();
    write(&script, &script_for(packaged.path, &library_folders(&root)?, has_fonts))?;
    if has_fonts {
        write(&home.join("fonts.conf"), OUR_FONTS)?;
    }
    let mut command = runner.command("chmod");
    command.arg("+x").arg(&script);
    runner.read(command).map(drop)
}

/// Turns a failure to fetch into a skip: the tests that need the program cannot run, and have not failed.
fn skip_without(packaged: &Packaged, stop: Stop) -> Stop {
    stop.into_skipped(&format!("no {}", packaged.name))
}

/// Fetches the package and its dependencies that are not installed. Uses the package lists of this machine, or if they are
/// missing or outdated, lists of its own.
fn fetch(runner: &mut Runner, servers: &Path, debs: &Path, package: &str) -> Verdict {
    let archives = format!("Dir::Cache::archives={}", debs.display());
    // Without `--reinstall`, apt does not fetch a package that is installed.
    let download = ["install", "--download-only", "--reinstall", "--no-install-recommends", package];
    let here = apt_get(runner, &[&archives], &download);
    if runner.run(here).is_ok() && has(debs, package)? {
        return Ok(());
    }
    let lists = servers.join("apt/lists");
    let cache = servers.join("apt/cache");
    println!("the package lists of this machine have no {package}; fetching lists into {}", lists.display());
    for folder in [&lists, &cache] {
        let partial = folder.join("partial");
        fs::create_dir_all(&partial).map_err(|error| io_error("make", &partial, &error))?;
    }
    let lists = format!("Dir::State::lists={}", lists.display());
    let cache = format!("Dir::Cache={}", cache.display());
    let update = apt_get(runner, &[&lists, &cache], &["update"]);
    // The list that could not be fetched may belong to another source than the package.
    if let Err(stop) = runner.run(update) {
        println!("{}; continuing with the lists that were fetched", stop.reason());
    }
    let ours = apt_get(runner, &[&lists, &cache, &archives], &download);
    if runner.run(ours).is_ok() && has(debs, package)? {
        return Ok(());
    }
    Err(Stop::Failed(format!("apt-get did not fetch {package}")))
}

/// Returns an `apt-get` command that takes no lock and asks no question.
fn apt_get(runner: &Runner, options: &[&str], arguments: &[&str]) -> Command {
    let mut command = runner.command("apt-get");
    command.args(["--quiet", "--yes"]);
    // Only this program writes to these folders, so no lock is needed; the user `_apt` may have no access to them.
    for option in ["Debug::NoLocking=true", "APT::Sandbox::User=root", "Acquire::Retries=3"].iter().chain(options) {
        command.args(["--option", option]);
    }
    command.args(arguments);
    command
}

/// Returns `true` if the folder contains the package: `NAME_VERSION_ARCHITECTURE.deb`.
fn has(debs: &Path, package: &str) -> Result<bool, Stop> {
    let prefix = format!("{package}_");
    let is_it = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix));
    Ok(entries(debs)?.iter().any(is_it))
}

/// Returns the folders below `root` that contain shared libraries, relative to `root`.
fn library_folders(root: &Path) -> Result<Vec<PathBuf>, Stop> {
    let mut found = Vec::new();
    let mut left = vec![root.to_path_buf()];
    while let Some(folder) = left.pop() {
        let mut has_library = false;
        for path in entries(&folder)? {
            if path.is_dir() && !path.is_symlink() {
                left.push(path);
            } else {
                has_library |= path.file_name().is_some_and(|name| is_library(&name.to_string_lossy()));
            }
        }
        if has_library {
            found.extend(folder.strip_prefix(root).ok().map(Path::to_path_buf));
        }
    }
    found.sort();
    Ok(found)
}

/// Returns `true` for the file name of a shared library: `libm.so`, `libm.so.6`.
fn is_library(name: &str) -> bool {
    name.ends_with(".so") || name.split_once(".so.").is_some_and(|(_, version)| version.starts_with(char::is_numeric))
}

/// Returns a script that runs the program with the unpacked libraries.
fn script_for(program: &str, folders: &[PathBuf], has_fonts: bool) -> String {
    let folders: Vec<String> = folders.iter().map(|folder| format!("$root/{}", folder.display())).collect();
    let fonts = if has_fonts { "export FONTCONFIG_FILE=\"${0%/*}/fonts.conf\"\n" } else { "" };
    format!(
        "#!/bin/sh\n\
         # Runs a program from the Debian packages unpacked beside this file, with their libraries.\n\
         # Written by `cargo xtask`. `exec` makes the process that of the program.\n\
         root=\"${{0%/*}}/root\"\n\
         export LD_LIBRARY_PATH=\"{}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\"\n\
         {fonts}exec \"$root/{program}\" \"$@\"\n",
        folders.join(":")
    )
}

/// Returns the paths in a folder, sorted.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Stop> {
    let read = || fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>();
    let mut paths = read().map_err(|error| io_error("read", folder, &error))?;
    paths.sort();
    Ok(paths)
}

fn write(path: &Path, text: &str) -> Verdict {
    fs::write(path, text).map_err(|error| io_error("write", path, &error))
}

fn io_error(what: &str, path: &Path, error: &io::Error) -> Stop {
    Stop::Failed(format!("cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_libraries_are_recognised_by_their_names() {
        for name in ["libm.so", "libm.so.6", "liblua5.1.so.0.0.0"] {
            assert!(is_library(name), "{name}");
        }
        for name in ["libm.a", "libvulkan.so.TOC", "so", "notes.sock"] {
            assert!(!is_library(name), "{name}");
        }
    }

    #[test]
    fn the_script_runs_the_program_in_its_own_process_with_the_libraries() {
        let script = script_for("usr/bin/server", &["lib".into(), "usr/lib/x".into()], false);
        assert!(script.starts_with("#!/bin/sh\n"));
        let library_path = "LD_LIBRARY_PATH=\"$root/lib:$root/usr/lib/x${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}\"\n";
        assert!(script.contains(library_path), "{script}");
        assert!(script.ends_with("\nexec \"$root/usr/bin/server\" \"$@\"\n"), "{script}");
        assert!(!script.contains("FONTCONFIG"));
    }

    #[test]
    fn the_script_uses_packaged_fonts_if_there_are_any() {
        assert!(script_for("p", &[], true).contains("export FONTCONFIG_FILE=\"${0%/*}/fonts.conf\"\nexec "));
    }
}
