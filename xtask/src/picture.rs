//! Takes the picture of a fleet report: `stitch fleet` writes the report, a headless browser renders it.
//!
//! `cargo xtask report-picture` updates the picture in the repository; the lane `report` takes it into the target directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::debian::{self, Packaged};
use crate::run::Runner;
use crate::tools;
use crate::verdict::{Stop, Verdict};
use crate::workspace::Workspace;

/// Path of the picture, relative to the root.
const PICTURE: &str = "docs/fleet-report.png";
/// Width of the picture in pixels. Its height is that of the page.
const WIDTH: u32 = 1_200;
/// Height in pixels of the window in which the page is measured. A page is never lower than its window.
const MEASURING_HEIGHT: u32 = 400;
/// Maximum size of the picture in bytes.
const MAX_BYTES: usize = 300_000;

/// Values of the attribute `data-timeline`. The report has one element with each.
const TIMELINES: [&str; 2] = ["without", "with"];

/// Variable with the path of the browser.
const CHROMIUM: &str = "STITCHAPI_CHROMIUM";

const CHROMIUM_PACKAGED: Packaged =
    Packaged { name: "chromium", folder: "chromium", package: "chromium", path: "usr/lib/chromium/chromium" };

/// Flags of the browser: no window, no sandbox (root has none, and the page is our own), no network, a quiet log.
const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--log-level=3",
];

/// Writes a report and updates the picture in the repository.
///
/// # Errors
///
/// [`Stop::Failed`] if the report is missing or lacks a timeline, [`Stop::Skipped`] without a browser.
pub(crate) fn update(runner: &mut Runner) -> Verdict {
    let to = runner.root().join(PICTURE);
    picture(runner, &to, &[])
}

/// Writes the report of a short run and its picture into the target directory. The picture in the repository is not changed.
///
/// # Errors
///
/// Those of [`update`].
pub(crate) fn check(runner: &mut Runner) -> Verdict {
    let to = Workspace::load(runner)?.target.join("report.png");
    picture(runner, &to, &["--duration", "3s"])
}

fn picture(runner: &mut Runner, to: &Path, arguments: &[&str]) -> Verdict {
    let target = Workspace::load(runner)?.target;
    let browser = browser(runner, &target)?;

    let report = target.join("report.html");
    // A report of an earlier run must not be used.
    remove(fs::remove_file(&report), &report)?;
    let mut command = runner.cargo(["run", "--release", "--", "fleet", "--report"]);
    command.arg(&report).args(arguments);
    runner.run(command)?;

    let folder = target.join("report-picture");
    remove(fs::remove_dir_all(&folder), &folder)?;
    fs::create_dir_all(&folder).map_err(|error| io_error("make", &folder, &error))?;
    let captured = capture(runner, &browser, &report, &folder, to);
    // A process of the browser may still write to the folder. The next run removes it then.
    if fs::remove_dir_all(&folder).is_err() {
        println!("{} could not be removed", folder.display());
    }
    captured
}

/// Checks the report and takes its picture. The browser writes its files to `folder`.
fn capture(runner: &mut Runner, browser: &Path, report: &Path, folder: &Path, to: &Path) -> Verdict {
    let (measured, shot) = (folder.join("measured.html"), folder.join("shot.png"));
    let html = fs::read_to_string(report).map_err(|error| io_error("read", report, &error))?;
    fs::write(&measured, with_measuring_script(&html)).map_err(|error| io_error("write", &measured, &error))?;

    let mut command = sized(runner, browser, folder, MEASURING_HEIGHT);
    command.arg("--dump-dom").arg(&measured);
    let page = runner.read(command)?;
    for timeline in TIMELINES {
        let count = tags(&page).filter(|tag| attribute(tag, "data-timeline") == Some(timeline)).count();
        if count != 1 {
            return Err(Stop::Failed(format!("the report has {count} timelines `{timeline}`, 1 was expected")));
        }
    }
    let height = height(&page).ok_or_else(|| Stop::Failed("the browser did not measure the report".to_owned()))?;

    let mut command = sized(runner, browser, folder, height);
    command.arg(format!("--screenshot={}", shot.display())).arg(report);
    runner.run(command)?;
    let picture = fs::read(&shot).map_err(|error| io_error("read", &shot, &error))?;
    if picture.len() > MAX_BYTES {
        return Err(Stop::Failed(format!("the picture has {} bytes, at most {MAX_BYTES} are allowed", picture.len())));
    }
    fs::write(to, &picture).map_err(|error| io_error("write", to, &error))?;
    println!("{}: {WIDTH} x {height}, {} bytes, from {}", to.display(), picture.len(), report.display());
    Ok(())
}

/// Returns a command that runs the browser with a window of this height and its profile in `folder`.
fn sized(runner: &Runner, browser: &Path, folder: &Path, height: u32) -> Command {
    let mut command = runner.command(browser);
    command.args(FLAGS).arg(format!("--user-data-dir={}", folder.join("profile").display()));
    command.arg(format!("--window-size={WIDTH},{height}"));
    command
}

/// Returns the path of a Chromium: the one in [`CHROMIUM`], the one in `PATH`, or Debian's, unpacked into `target/servers`.
fn browser(runner: &mut Runner, target: &Path) -> Result<PathBuf, Stop> {
    let browser = if let Some(browser) = tools::in_variable(CHROMIUM) {
        browser
    } else if let Some(browser) = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(tools::in_path)
    {
        browser
    } else {
        debian::program(runner, &target.join("servers"), &CHROMIUM_PACKAGED)?
    };
    let version = tools::version_line(runner, &browser)
        .ok_or_else(|| Stop::Failed(format!("{} does not run", browser.display())))?;
    println!("{version}: {}", browser.display());
    Ok(browser)
}

/// Returns the page with a script that stores the height of the page in an attribute. The script precedes any tag that could
/// forbid scripts, and follows the document type, which changes the layout if it is not first.
fn with_measuring_script(html: &str) -> String {
    let is_typed = html.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("<!doctype"));
    let at = if is_typed { html.find('>').map_or(0, |end| end + 1) } else { 0 };
    let (start, rest) = html.split_at(at);
    format!(
        "{start}<script>addEventListener('load', () => \
         document.documentElement.dataset.height = document.documentElement.scrollHeight)</script>{rest}"
    )
}

/// Returns the height that the script stored.
fn height(page: &str) -> Option<u32> {
    tags(page).find(|tag| tag.starts_with("html")).and_then(|tag| attribute(tag, "data-height"))?.parse().ok()
}

/// Returns the text inside each tag of a page. In text, a browser writes `<` and `>` as references.
fn tags(page: &str) -> impl Iterator<Item = &str> {
    page.split('<').skip(1).filter_map(|part| part.split('>').next())
}

/// Returns the value of an attribute, in the syntax that a browser writes.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = tag.split_once(&format!(" {name}=\""))?;
    value.split('"').next()
}

/// Accepts the removal of a path that does not exist.
fn remove(removed: io::Result<()>, path: &Path) -> Verdict {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("remove", path, &error)),
        _ => Ok(()),
    }
}

fn io_error(what: &str, path: &Path, error: &io::Error) -> Stop {
    Stop::Failed(format!("cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<!DOCTYPE html>
<html lang="en" data-height="1550"><head><style>svg[data-timeline="with"] > g { fill: red }</style></head>
<body><p>data-timeline="with" &lt;svg data-timeline="with"&gt;</p>
<svg width="900" data-timeline="without"></svg><svg data-timeline="with"></svg></body></html>"#;

    #[test]
    fn timelines_are_counted_by_elements_and_not_by_words() {
        let of = |timeline| tags(PAGE).filter(|tag| attribute(tag, "data-timeline") == Some(timeline)).count();
        assert_eq!(TIMELINES.map(of), [1, 1]);
    }

    #[test]
    fn the_height_is_read_from_the_attribute() {
        assert_eq!(height(PAGE), Some(1_550));
        assert_eq!(height("<html lang=\"en\"></html>"), None);
    }

    #[test]
    fn the_script_follows_the_document_type() {
        assert!(with_measuring_script("<!doctype html><html>").starts_with("<!doctype html><script>"));
        assert!(with_measuring_script("<!doctype html><html>").ends_with("</script><html>"));
        assert!(with_measuring_script("<p>é").starts_with("<script>"));
    }
}
