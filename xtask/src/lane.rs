//! Lanes: what they are, how a choice of them is run, and how it is summed up.

use std::fmt;
use std::time::Duration;

use crate::run::{Runner, Stopwatch};

/// Something that passes, fails or cannot run here: a lane of the tests, a step of the checks.
pub(crate) struct Lane {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// One line for `--list`.
    pub(crate) about: &'static str,
    /// `true` if it runs only where it is named.
    pub(crate) is_on_request: bool,
    /// Packages whose tests are run here, and so not by the `workspace` lane.
    pub(crate) packages: &'static [&'static str],
    /// Sets up what is needed and runs it.
    pub(crate) run: fn(&mut Runner) -> Verdict,
}

/// How a lane ended; `Ok` has passed.
pub(crate) type Verdict = Result<(), Stop>;

/// Why a lane has not passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It ran and found something.
    Failed(String),
    /// It could not run. In CI that is a failure.
    Skipped(String),
}

/// Passes if the list is empty; else it is the reason.
///
/// # Errors
///
/// [`Stop::Failed`] with what is in the list.
pub(crate) fn nothing_wrong(wrong: &[String]) -> Verdict {
    if wrong.is_empty() { Ok(()) } else { Err(Stop::Failed(wrong.join("; "))) }
}

/// The lanes with these names in this order, each once; without names all that are not on request.
///
/// # Errors
///
/// The first name that no lane has.
pub(crate) fn select<'a>(lanes: &'a [Lane], names: &[String]) -> Result<Vec<&'a Lane>, String> {
    if names.is_empty() {
        return Ok(lanes.iter().filter(|lane| !lane.is_on_request).collect());
    }
    let mut chosen: Vec<&Lane> = Vec::new();
    for name in names {
        let lane = lanes.iter().find(|lane| lane.name == name).ok_or_else(|| name.clone())?;
        if chosen.iter().all(|other| other.name != lane.name) {
            chosen.push(lane);
        }
    }
    Ok(chosen)
}

/// Runs the lanes one after the other; a failed one does not stop the others.
pub(crate) fn run(lanes: &[&Lane], runner: &mut Runner) -> Summary {
    let mut lines = Vec::with_capacity(lanes.len());
    for lane in lanes {
        println!("\n=== {}: {}", lane.name, lane.about);
        let watch = Stopwatch::start();
        let verdict = judge((lane.run)(runner), runner.is_ci());
        let line = Line { name: lane.name, verdict, took: watch.elapsed() };
        println!("--- {line}");
        lines.push(line);
    }
    Summary { lines }
}

/// In CI a lane that cannot run has failed: what it would have found is not known.
fn judge(verdict: Verdict, ci: bool) -> Verdict {
    match verdict {
        Err(Stop::Skipped(reason)) if ci => Err(Stop::Failed(format!("skipped, which CI does not take: {reason}"))),
        verdict => verdict,
    }
}

/// What became of the lanes.
#[derive(Debug)]
pub(crate) struct Summary {
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    name: &'static str,
    verdict: Verdict,
    took: Duration,
}

impl Summary {
    /// How many lanes failed.
    pub(crate) fn failed(&self) -> usize {
        self.lines.iter().filter(|line| matches!(line.verdict, Err(Stop::Failed(_)))).count()
    }

    fn skipped(&self) -> usize {
        self.lines.iter().filter(|line| matches!(line.verdict, Err(Stop::Skipped(_)))).count()
    }

    /// `N passed, N failed, N skipped`, in lanes.
    pub(crate) fn closing_line(&self) -> String {
        let (failed, skipped) = (self.failed(), self.skipped());
        format!("{} passed, {failed} failed, {skipped} skipped", self.lines.len() - failed - skipped)
    }

    /// The summary as the verdict of a lane made of these: what failed by name, or else what was skipped.
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
        write!(f, "{:<12} {result:<8} {:>7.1} s", self.name, self.took.as_secs_f64())?;
        reason.map_or(Ok(()), |reason| write!(f, "  {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANES: &[Lane] = &[lane("one"), lane("two"), lane("three"), Lane { is_on_request: true, ..lane("four") }];

    const fn lane(name: &'static str) -> Lane {
        Lane { name, about: "", is_on_request: false, packages: &[], run: |_| Ok(()) }
    }

    fn chosen(names: &[&str]) -> Result<Vec<&'static str>, String> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        Ok(select(LANES, &names)?.iter().map(|lane| lane.name).collect())
    }

    fn summary(verdicts: &[Verdict]) -> Summary {
        let line =
            |verdict: &Verdict| Line { name: "lane", verdict: verdict.clone(), took: Duration::from_millis(1_250) };
        Summary { lines: verdicts.iter().map(line).collect() }
    }

    fn failed() -> Verdict {
        Err(Stop::Failed("broken".to_owned()))
    }

    fn skipped() -> Verdict {
        Err(Stop::Skipped("no server".to_owned()))
    }

    #[test]
    fn without_names_every_lane_that_is_not_on_request_is_chosen() {
        assert_eq!(chosen(&[]), Ok(vec!["one", "two", "three"]));
    }

    #[test]
    fn names_choose_in_their_order_and_once() {
        assert_eq!(chosen(&["three", "one", "three"]), Ok(vec!["three", "one"]));
        assert_eq!(chosen(&["four"]), Ok(vec!["four"]));
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        assert_eq!(chosen(&["one", "five"]), Err("five".to_owned()));
    }

    #[test]
    fn the_closing_line_counts_lanes() {
        assert_eq!(summary(&[Ok(()), failed(), skipped(), Ok(())]).closing_line(), "2 passed, 1 failed, 1 skipped");
        assert_eq!(summary(&[]).closing_line(), "0 passed, 0 failed, 0 skipped");
    }

    #[test]
    fn a_skipped_lane_has_failed_in_ci_only() {
        assert_eq!(judge(skipped(), false), skipped());
        assert!(matches!(judge(skipped(), true), Err(Stop::Failed(reason)) if reason.ends_with("no server")));
        assert_eq!(judge(Ok(()), true), Ok(()));
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
