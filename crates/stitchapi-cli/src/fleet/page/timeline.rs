//! One half as a picture: above, starts against the budget; below, who started, logged in and fetched, and when.

use std::fmt::Write as _;
use std::time::Duration;

use super::area::{Area, STEPS};
use super::axis::{Axis, even_end, label, step};
use super::curve::most_in_columns;
use super::lanes::{self, Lane};
use super::text::{escape, px};
use super::words::spelled;
use crate::fleet::outcome::Outcome;

const WIDTH: f64 = 1_080.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 940.0;
/// One for each pixel from left to right.
const COLUMNS: usize = 856;
/// From the top: the name of the axis, the upper picture, a gap, and the lanes.
const TOP: f64 = 34.0;
const BASE: f64 = 224.0;
const LANES: f64 = 262.0;
/// Below the lanes.
const BOTTOM: f64 = 46.0;

/// What the picture of a half needs to know.
pub(super) struct Timeline<'a> {
    /// Of the half, for `data-timeline`.
    pub(super) name: &'a str,
    pub(super) title: &'a str,
    /// The same in words, for who does not see it.
    pub(super) description: &'a str,
    pub(super) outcome: &'a Outcome,
    pub(super) period: Duration,
    pub(super) duration: Duration,
    /// What is promised: the most starts in a period.
    pub(super) budget: usize,
    /// The most in a period of both halves: they have one scale.
    pub(super) highest: usize,
}

impl Timeline<'_> {
    pub(super) fn svg(&self) -> String {
        let lane = Lane::of(self.outcome.workers.len());
        let workers = f64::from(u32::try_from(self.outcome.workers.len()).unwrap_or(u32::MAX));
        let end = LANES + lane.height * workers;
        let x = Axis { from: LEFT, to: RIGHT, end: self.duration.as_secs_f64() };
        let name = self.name;
        let mut svg = format!(
            "<svg data-timeline=\"{name}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"{name}-title \
             {name}-description\" xmlns=\"http://www.w3.org/2000/svg\">\n<title id=\"{name}-title\">{}</title>\n\
             <desc id=\"{name}-description\">{}</desc>\n",
            px(WIDTH),
            px(end + BOTTOM),
            escape(self.title),
            escape(self.description)
        );
        draw_time(&mut svg, x, end);
        self.draw_area(&mut svg);
        let _ = writeln!(
            svg,
            r#"<text class="axis" x="{}" y="{}">starts, logins and fetches of each worker</text>"#,
            px(LEFT),
            px(LANES - 10.0)
        );
        for (number, track) in self.outcome.workers.iter().enumerate() {
            let top = LANES + lane.height * f64::from(u32::try_from(number).unwrap_or(u32::MAX));
            lanes::draw(&mut svg, number, track, self.outcome.begins, x, top, lane);
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn draw_area(&self, svg: &mut String) {
        let period = spelled(self.period);
        let starts: Vec<u64> =
            self.outcome.starts().into_iter().map(|(_, start)| start.saturating_sub(self.outcome.begins)).collect();
        let columns = most_in_columns(&starts, self.period, self.duration, COLUMNS);
        let end = even_end(f64::from(u32::try_from(self.highest.max(self.budget)).unwrap_or(u32::MAX)), STEPS);
        let y = Axis { from: BASE, to: TOP, end };
        let _ = writeln!(
            svg,
            r#"<text class="axis" x="{}" y="{}">calls started in the last {period}</text>"#,
            px(LEFT),
            px(TOP - 16.0)
        );
        let name = format!("budget: {} in {period}", self.budget);
        Area { columns: &columns, budget: self.budget, name: &name, left: LEFT, right: RIGHT, y }.draw(svg);
    }
}

/// The seconds, below everything.
fn draw_time(svg: &mut String, x: Axis, end: f64) {
    const MOST: u32 = 12;
    for mark in x.marks(MOST) {
        let (at, text) = (px(x.at(mark)), label(mark, step(x.end, MOST)));
        let _ = writeln!(svg, r#"<path class="grid" d="M{at} {}V{}M{at} {}V{}"/>"#, TOP, BASE, LANES, px(end + 5.0));
        let y = px(end + 20.0);
        let _ = writeln!(svg, r#"<text class="number" x="{at}" y="{y}" text-anchor="middle">{text}</text>"#);
    }
    let (x, y) = (px(x.to), px(end + 38.0));
    let _ = writeln!(svg, r#"<text class="axis" x="{x}" y="{y}" text-anchor="end">seconds since the start</text>"#);
}

#[cfg(test)]
mod tests {
    use super::super::scene::{fleet, is_well_formed};
    use super::*;

    fn timeline(outcome: &Outcome) -> String {
        let second = Duration::from_secs(1);
        let timeline = Timeline {
            name: "with",
            title: "a <b>",
            description: "c & d",
            outcome,
            period: second,
            duration: 2 * second,
            budget: 2,
            highest: 3,
        };
        timeline.svg()
    }

    #[test]
    fn every_start_and_every_trip_has_its_mark() {
        let svg = timeline(&fleet());
        is_well_formed(&svg);
        let ticks = |worker: &str| {
            let lane = svg.split(&format!("data-worker=\"{worker}\"")).nth(1).unwrap();
            let path = lane.split("class=\"start\" d=\"").nth(1).unwrap().split('"').next().unwrap();
            path.matches('M').count()
        };
        assert_eq!((ticks("0"), ticks("1")), (3, 2));
        assert_eq!(svg.matches("<g class=\"login\">").count(), 1);
        assert_eq!(svg.matches("<g class=\"fetch\">").count(), 2);
        assert!(svg.contains("worker 0 logs in at 0.100 s, 50 ms"), "{svg}");
        assert!(svg.contains("worker 1 fetches the cached resource at 0.500 s, unfinished"), "{svg}");
        assert!(svg.contains("killed at 0.55 s, during its fetch"), "{svg}");
        assert!(svg.contains("a &lt;b&gt;") && svg.contains("c &amp; d"), "{svg}");
    }

    #[test]
    fn a_worker_that_did_nothing_has_a_lane_all_the_same() {
        let mut outcome = fleet();
        outcome.workers.push(crate::fleet::outcome::Track::default());
        let svg = timeline(&outcome);
        is_well_formed(&svg);
        assert!(svg.contains("data-worker=\"2\""), "{svg}");
    }
}
