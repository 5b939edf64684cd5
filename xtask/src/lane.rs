//! Lanes: named units of work that the commands `test` and `check` select, run one after the other and sum up.
//!
//! `lanes.rs` lists the lanes of the tests, `checks/steps.rs` the checks; `main.rs` calls [`select`] and [`run`].

use std::fmt;
use std::time::Duration;

use crate::run::{Runner, Stopwatch};
use crate::verdict::{Stop, Verdict};

/// A lane of the tests or a step of the checks.
pub(crate) struct Lane {
    /// Name on the command line.
    pub(crate) name: &'static str,
    /// Description in one line for `--list`.
    pub(crate) about: &'static str,
    /// Packages whose tests this lane runs, and the lane `workspace` does not.
    pub(crate) packages: &'static [&'static str],
    /// Sets up what the lane needs and runs it.
    pub(crate) run: fn(&mut Runner) -> Verdict,
}

/// Returns the lanes with these names in the order of the names, each once. Without names, returns all lanes.
///
/// # Errors
///
/// The first name that is not the name of a lane.
pub(crate) fn select<'a>(lanes: &'a [Lane], names: &[String]) -> Result<Vec<&'a Lane>, String> {
    if names.is_empty() {
        return Ok(lanes.iter().collect());
    }
    let mut selected: Vec<&Lane> = Vec::new();
    for name in names {
        let lane = lanes.iter().find(|lane| lane.name == name).ok_or_else(|| name.clone())?;
        if selected.iter().all(|other| other.name != lane.name) {
            selected.push(lane);
        }
    }
    Ok(selected)
}

/// Runs the lanes one after the other. A lane that fails does not stop the next one.
pub(crate) fn run(lanes: &[&Lane], runner: &mut Runner) -> Summary {
    let mut lines = Vec::with_capacity(lanes.len());
    for lane in lanes {
        println!("\n=== {}: {}", lane.name, lane.about);
        let watch = Stopwatch::start();
        let verdict = fail_if_skipped_in_ci((lane.run)(runner), runner.is_ci());
        let line = Line { name: lane.name, verdict, duration: watch.elapsed() };
        println!("--- {line}");
        lines.push(line);
    }
    Summary { lines }
}

/// In CI, turns a skip into a failure, because CI has everything that a lane needs.
fn fail_if_skipped_in_ci(verdict: Verdict, is_ci: bool) -> Verdict {
    match verdict {
        Err(Stop::Skipped(reason)) if is_ci => Err(Stop::Failed(format!("skipped, which is an error in CI: {reason}"))),
        verdict => verdict,
    }
}

/// Results of several lanes.
#[derive(Debug)]
pub(crate) struct Summary {
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    name: &'static str,
    verdict: Verdict,
    duration: Duration,
}

impl Summary {
    /// Returns the number of lanes that failed.
    pub(crate) fn failed(&self) -> usize {
        self.lines.iter().filter(|line| matches!(line.verdict, Err(Stop::Failed(_)))).count()
    }

    fn skipped(&self) -> usize {
        self.lines.iter().filter(|line| matches!(line.verdict, Err(Stop::Skipped(_)))).count()
    }

    /// Returns `N passed, N failed, N skipped`, counted in lanes.
    pub(crate) fn closing_line(&self) -> String {
        let (failed, skipped) = (self.failed(), self.skipped());
        format!("{} passed, {failed} failed, {skipped} skipped", self.lines.len() - failed - skipped)
    }

    /// Returns the verdict of a lane that consists of these: the names of the failures, or else the skips.
    pub(crate) fn verdict(self) -> Verdict {
        let mut failed = Vec::new();
        let mut skipped = Vec::new();
        for line in self.lines {
            match line.verdict {
                Ok(()) => {}
                Err(Stop::Failed(_)) => failed.push(line.name),
                Err(Stop::Skipped(reason)) => skipped.push(format!("{}: {reason}", line.name)),
            }
        }
        match (failed.is_empty(), skipped.is_empty()) {
            (false, _) => Err(Stop::Failed(failed.join(", "))),
            (true, false) => Err(Stop::Skipped(skipped.join("; "))),
            (true, true) => Ok(()),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (result, reason) = match &self.verdict {
            Ok(()) => ("passed", None),
            Err(Stop::Failed(reason)) => ("failed", Some(reason)),
            Err(Stop::Skipped(reason)) => ("skipped", Some(reason)),
        };
        write!(f, "{:<12} {result:<8} {:>7.1} s", self.name, self.duration.as_secs_f64())?;
        reason.map_or(Ok(()), |reason| write!(f, "  {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANES: &[Lane] = &[lane("one"), lane("two"), lane("three")];

    const fn lane(name: &'static str) -> Lane {
        Lane { name, about: "", packages: &[], run: |_| Ok(()) }
    }

    fn selected(names: &[&str]) -> Result<Vec<&'static str>, String> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        Ok(select(LANES, &names)?.iter().map(|lane| lane.name).collect())
    }

    fn summary(verdicts: &[Verdict]) -> Summary {
        let line =
            |verdict: &Verdict| Line { name: "lane", verdict: verdict.clone(), duration: Duration::from_millis(1_250) };
        Summary { lines: verdicts.iter().map(line).collect() }
    }

    fn failed() -> Verdict {
        Err(Stop::Failed("broken".to_owned()))
    }

    fn skipped() -> Verdict {
        Err(Stop::Skipped("no server".to_owned()))
    }

    #[test]
    fn without_names_every_lane_is_selected() {
        assert_eq!(selected(&[]), Ok(vec!["one", "two", "three"]));
    }

    #[test]
    fn names_select_in_their_order_and_once() {
        assert_eq!(selected(&["three", "one", "three"]), Ok(vec!["three", "one"]));
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        assert_eq!(selected(&["one", "four"]), Err("four".to_owned()));
    }

    #[test]
    fn the_closing_line_counts_lanes() {
        assert_eq!(summary(&[Ok(()), failed(), skipped(), Ok(())]).closing_line(), "2 passed, 1 failed, 1 skipped");
        assert_eq!(summary(&[]).closing_line(), "0 passed, 0 failed, 0 skipped");
    }

    #[test]
    fn a_skip_is_a_failure_in_ci_only() {
        assert_eq!(fail_if_skipped_in_ci(skipped(), false), skipped());
        let in_ci = fail_if_skipped_in_ci(skipped(), true);
        assert!(matches!(in_ci, Err(Stop::Failed(reason)) if reason.ends_with("no server")));
        assert_eq!(fail_if_skipped_in_ci(Ok(()), true), Ok(()));
    }

    #[test]
    fn a_failure_outweighs_a_skip() {
        assert_eq!(summary(&[skipped(), failed()]).verdict(), Err(Stop::Failed("lane".to_owned())));
        assert_eq!(summary(&[Ok(()), skipped()]).verdict(), Err(Stop::Skipped("lane: no server".to_owned())));
        assert_eq!(summary(&[Ok(())]).verdict(), Ok(()));
    }

    #[test]
    fn a_line_has_result_seconds_and_reason() {
        let lines = summary(&[Ok(()), failed()]).to_string();
        assert_eq!(lines, "lane         passed       1.2 s\nlane         failed       1.2 s  broken\n");
    }
}
