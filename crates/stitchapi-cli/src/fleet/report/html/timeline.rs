//! The chart of one phase: starts against the budget above, one lane per worker below.

use std::fmt::Write as _;
use std::time::Duration;

use super::axis::{Axis, round_up_to_tick, tick_label, tick_step};
use super::budget_chart::{BudgetChart, MAX_STEPS};
use super::captions::spell_period;
use super::format::{escape, px};
use super::window_counts::max_window_counts;
use super::worker_lane::{LaneLayout, WorkerLane};
use crate::fleet::phase::PhaseRecord;

/// Width of the picture, in pixels.
const WIDTH: f64 = 1_080.0;
/// Left edge of both charts.
const LEFT: f64 = 84.0;
/// Right edge of both charts.
const RIGHT: f64 = 940.0;
/// Columns of the upper chart: one per pixel from `LEFT` to `RIGHT`.
const COLUMNS: usize = 856;
/// Top of the upper chart; the name of its axis is above.
const CHART_TOP: f64 = 34.0;
/// Bottom of the upper chart.
const CHART_BOTTOM: f64 = 224.0;
/// Top of the first lane.
const LANES_TOP: f64 = 262.0;
/// Height of the time axis below the lanes.
const TIME_AXIS_HEIGHT: f64 = 46.0;
/// Maximum number of steps on the time axis.
const MAX_TIME_STEPS: u32 = 12;

/// Input of the chart of one phase.
pub(super) struct Timeline<'a> {
    /// Identifier of the phase, for `data-timeline`.
    pub(super) name: &'a str,
    pub(super) title: &'a str,
    /// Content of the chart in words, for screen readers.
    pub(super) description: &'a str,
    pub(super) record: &'a PhaseRecord,
    /// Period of the declared rate.
    pub(super) period: Duration,
    /// Duration of the phase.
    pub(super) duration: Duration,
    /// Promised maximum number of starts in a period.
    pub(super) budget: usize,
    /// Maximum number of starts in a period over both phases, so that both charts have the same scale.
    pub(super) highest: usize,
}

impl Timeline<'_> {
    /// Returns the chart as an SVG element.
    pub(super) fn svg(&self) -> String {
        let layout = LaneLayout::for_workers(self.record.workers.len());
        let workers = f64::from(u32::try_from(self.record.workers.len()).unwrap_or(u32::MAX));
        let lanes_bottom = LANES_TOP + layout.height * workers;
        let x = Axis { from: LEFT, to: RIGHT, end: self.duration.as_secs_f64() };
        let name = self.name;
        let mut svg = format!(
            "<svg data-timeline=\"{name}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"{name}-title \
             {name}-description\" xmlns=\"http://www.w3.org/2000/svg\">\n<title id=\"{name}-title\">{}</title>\n\
             <desc id=\"{name}-description\">{}</desc>\n",
            px(WIDTH),
            px(lanes_bottom + TIME_AXIS_HEIGHT),
            escape(self.title),
            escape(self.description)
        );
        draw_time_axis(&mut svg, x, lanes_bottom);
        self.draw_budget_chart(&mut svg);
        let _ = writeln!(
            svg,
            r#"<text class="axis" x="{}" y="{}">starts, logins and fetches of each worker</text>"#,
            px(LEFT),
            px(LANES_TOP - 10.0)
        );
        let mut top = LANES_TOP;
        for (number, record) in self.record.workers.iter().enumerate() {
            WorkerLane { number, record, begins: self.record.begins, x, top, layout }.draw(&mut svg);
            top += layout.height;
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn draw_budget_chart(&self, svg: &mut String) {
        let period = spell_period(self.period);
        let starts: Vec<u64> =
            self.record.starts().into_iter().map(|(_, start)| start.saturating_sub(self.record.begins)).collect();
        let columns = max_window_counts(&starts, self.period, self.duration, COLUMNS);
        let highest = f64::from(u32::try_from(self.highest.max(self.budget)).unwrap_or(u32::MAX));
        let y = Axis { from: CHART_BOTTOM, to: CHART_TOP, end: round_up_to_tick(highest, MAX_STEPS) };
        let _ = writeln!(
            svg,
            r#"<text class="axis" x="{}" y="{}">calls started in the last {period}</text>"#,
            px(LEFT),
            px(CHART_TOP - 16.0)
        );
        let budget_label = format!("budget: {} in {period}", self.budget);
        let (budget, budget_label) = (self.budget, &*budget_label);
        BudgetChart { columns: &columns, budget, budget_label, left: LEFT, right: RIGHT, y }.draw(svg);
    }
}

/// Draws the vertical grid lines and the seconds below the lanes.
fn draw_time_axis(svg: &mut String, x: Axis, lanes_bottom: f64) {
    for tick in x.ticks(MAX_TIME_STEPS) {
        let (tick_x, text) = (px(x.pixel(tick)), tick_label(tick, tick_step(x.end, MAX_TIME_STEPS)));
        let line_end = px(lanes_bottom + 5.0);
        let _ = writeln!(
            svg,
            r#"<path class="grid" d="M{tick_x} {CHART_TOP}V{CHART_BOTTOM}M{tick_x} {LANES_TOP}V{line_end}"/>"#
        );
        let baseline = px(lanes_bottom + 20.0);
        let _ = writeln!(svg, r#"<text class="number" x="{tick_x}" y="{baseline}" text-anchor="middle">{text}</text>"#);
    }
    let (x, y) = (px(x.to), px(lanes_bottom + 38.0));
    let _ = writeln!(svg, r#"<text class="axis" x="{x}" y="{y}" text-anchor="end">seconds since the start</text>"#);
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{assert_well_formed, two_workers};
    use super::*;
    use crate::fleet::phase::WorkerRecord;

    fn draw(record: &PhaseRecord) -> String {
        let second = Duration::from_secs(1);
        let timeline = Timeline {
            name: "with",
            title: "a <b>",
            description: "c & d",
            record,
            period: second,
            duration: 2 * second,
            budget: 2,
            highest: 3,
        };
        timeline.svg()
    }

    #[test]
    fn every_start_login_and_fetch_has_a_mark() {
        let svg = draw(&two_workers());
        assert_well_formed(&svg);
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
    fn a_worker_without_events_has_a_lane() {
        let mut record = two_workers();
        record.workers.push(WorkerRecord::default());
        let svg = draw(&record);
        assert_well_formed(&svg);
        assert!(svg.contains("data-worker=\"2\""), "{svg}");
    }
}
