//! The picture of a report: `stitch fleet` writes the report, a browser without a window shows it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::debian::{self, Packaged};
use crate::lane::{Stop, Verdict};
use crate::run::Runner;
use crate::tools;
use crate::workspace::Workspace;

/// Where the picture goes, from the root.
const PICTURE: &str = "docs/fleet-report.png";
/// It is as high as the page.
const WIDTH: u32 = 1_200;
/// A page is as high as its window at least: it is measured in a low one.
const LOW: u32 = 400;
/// What a picture in a repository may weigh, in bytes.
const MOST: usize = 300_000;

/// The two halves of the report: one element each, by the value of its attribute `data-timeline`.
const TIMELINES: [&str; 2] = ["without", "with"];

/// The variable that may tell us which program is the browser.
const CHROMIUM: &str = "STITCHAPI_CHROMIUM";

const CHROMIUM_PACKAGED: Packaged =
    Packaged { name: "chromium", folder: "chromium", package: "chromium", path: "usr/lib/chromium/chromium" };

/// No window, no sandbox (root has none, and the page is our own), nothing over the network, and a quiet log.
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

/// Writes the report and takes the picture of it.
///
/// # Errors
///
/// [`Stop::Failed`] if there is no report or it is not as it should be, [`Stop::Skipped`] if no browser can be had.
pub(crate) fn take(runner: &mut Runner) -> Verdict {
    let to = runner.root().join(PICTURE);
    picture(runner, &to)
}

/// The same, with the picture beside the report: what is in the repository stays as it is.
///
/// # Errors
///
/// As of [`take`].
pub(crate) fn try_out(runner: &mut Runner) -> Verdict {
    let to = Workspace::load(runner)?.target.join("report.png");
    picture(runner, &to)
}

fn picture(runner: &mut Runner, to: &Path) -> Verdict {
    let target = Workspace::load(runner)?.target;
    let browser = browser(runner, &target)?;

    let report = target.join("report.html");
    // Not the picture of an old report.
    remove(fs::remove_file(&report), &report)?;
    let mut command = runner.cargo(["run", "--release", "--", "fleet", "--report"]);
    command.arg(&report);
    runner.run(command)?;

    let desk = target.join("report-picture");
    remove(fs::remove_dir_all(&desk), &desk)?;
    fs::create_dir_all(&desk).map_err(|error| cannot("make", &desk, &error))?;
    let taken = photograph(runner, &browser, &report, &desk, to);
    // A process of the browser may still write there: then the next run removes it.
    if fs::remove_dir_all(&desk).is_err() {
        println!("{} is left", desk.display());
    }
    taken
}

/// Checks the report, and takes its picture; whatever the browser writes goes to the desk.
fn photograph(runner: &mut Runner, browser: &Path, report: &Path, desk: &Path, to: &Path) -> Verdict {
    let (measured, shot) = (desk.join("measured.html"), desk.join("shot.png"));
    let html = fs::read_to_string(report).map_err(|error| cannot("read", report, &error))?;
    fs::write(&measured, measuring(&html)).map_err(|error| cannot("write", &measured, &error))?;

    let mut command = sized(runner, browser, desk, LOW);
    command.arg("--dump-dom").arg(&measured);
    let page = runner.read(command)?;
    for timeline in TIMELINES {
        let count = tags(&page).filter(|tag| attribute(tag, "data-timeline") == Some(timeline)).count();
        if count != 1 {
            return Err(Stop::Failed(format!("the report has {count} timelines `{timeline}`, not 1")));
        }
    }
    let height = height(&page).ok_or_else(|| Stop::Failed("the browser did not measure the report".to_owned()))?;

    let mut command = sized(runner, browser, desk, height);
    command.arg(format!("--screenshot={}", shot.display())).arg(report);
    runner.run(command)?;
    let picture = fs::read(&shot).map_err(|error| cannot("read", &shot, &error))?;
    if picture.len() > MOST {
        return Err(Stop::Failed(format!("the picture has {} bytes, at most {MOST}", picture.len())));
    }
    fs::write(to, &picture).map_err(|error| cannot("write", to, &error))?;
    println!("{}: {WIDTH} x {height}, {} bytes, of {}", to.display(), picture.len(), report.display());
    Ok(())
}

/// The browser with a window of this height and a profile on the desk.
fn sized(runner: &Runner, browser: &Path, desk: &Path, height: u32) -> Command {
    let mut command = runner.command(browser);
    command.args(FLAGS).arg(format!("--user-data-dir={}", desk.join("profile").display()));
    command.arg(format!("--window-size={WIDTH},{height}"));
    command
}

/// The path of a Chromium: the one in [`CHROMIUM`], the one in `PATH`, or Debian's, unpacked into `target/servers`.
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

/// The page with a script that writes down its height. It comes before everything that could forbid scripts, and after
/// the document type, without which the page would look different.
fn measuring(html: &str) -> String {
    let is_typed = html.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("<!doctype"));
    let at = if is_typed { html.find('>').map_or(0, |end| end + 1) } else { 0 };
    let (start, rest) = html.split_at(at);
    format!(
        "{start}<script>addEventListener('load', () => \
         document.documentElement.dataset.height = document.documentElement.scrollHeight)</script>{rest}"
    )
}

/// The height that the script wrote down.
fn height(page: &str) -> Option<u32> {
    tags(page).find(|tag| tag.starts_with("html")).and_then(|tag| attribute(tag, "data-height"))?.parse().ok()
}

/// The insides of a page's tags. A browser writes `<` and `>` in text as references.
fn tags(page: &str) -> impl Iterator<Item = &str> {
    page.split('<').skip(1).filter_map(|part| part.split('>').next())
}

/// The value of an attribute, as a browser writes it.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = tag.split_once(&format!(" {name}=\""))?;
    value.split('"').next()
}

/// What is not there is removed.
fn remove(removed: io::Result<()>, path: &Path) -> Verdict {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot("remove", path, &error)),
        _ => Ok(()),
    }
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Stop {
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
    fn timelines_are_elements_and_not_words() {
        let of = |timeline| tags(PAGE).filter(|tag| attribute(tag, "data-timeline") == Some(timeline)).count();
        assert_eq!(TIMELINES.map(of), [1, 1]);
    }

    #[test]
    fn the_height_is_read_from_the_page() {
        assert_eq!(height(PAGE), Some(1_550));
        assert_eq!(height("<html lang=\"en\"></html>"), None);
    }

    #[test]
    fn the_script_follows_the_document_type() {
        assert!(measuring("<!doctype html><html>").starts_with("<!doctype html><script>"));
        assert!(measuring("<!doctype html><html>").ends_with("</script><html>"));
        assert!(measuring("<p>é").starts_with("<script>"));
    }
}
