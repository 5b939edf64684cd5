//! The lower chart of a phase: one lane per worker, with its starts, logins and fetches.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::axis::Axis;
use super::format::{px, seconds_since};
use crate::fleet::phase::{SharedRequestSpan, WorkerRecord};
use crate::fleet::protocol::SharedRequest;

/// Heights and vertical offsets within a lane, in pixels from its top.
#[derive(Debug, Clone, Copy)]
pub(super) struct LaneLayout {
    /// Height of the lane.
    pub(super) height: f64,
    /// Offset of the login marks.
    login: f64,
    /// Offset of the fetch marks.
    fetch: f64,
    /// Offset of the ticks that stand for starts.
    ticks: f64,
    /// Height of a tick.
    tick_height: f64,
    /// Half the width of a mark.
    mark: f64,
}

impl LaneLayout {
    /// Returns the layout for this number of workers: lower lanes above eight workers.
    pub(super) fn for_workers(workers: usize) -> Self {
        if workers <= 8 {
            Self { height: 52.0, login: 9.0, fetch: 21.0, ticks: 29.0, tick_height: 17.0, mark: 5.0 }
        } else {
            Self { height: 30.0, login: 5.0, fetch: 12.0, ticks: 17.0, tick_height: 9.0, mark: 3.0 }
        }
    }
}

/// Lane of one worker.
pub(super) struct WorkerLane<'a> {
    /// Number of the worker.
    pub(super) number: usize,
    pub(super) record: &'a WorkerRecord,
    /// Beginning of the phase, in microseconds on the boot clock.
    pub(super) begins: u64,
    /// Axis of seconds since the beginning.
    pub(super) x: Axis,
    /// Pixel of the lane's top.
    pub(super) top: f64,
    pub(super) layout: LaneLayout,
}

impl WorkerLane<'_> {
    /// Appends the lane to an SVG document.
    pub(super) fn draw(&self, svg: &mut String) {
        let Self { number, x, top, layout, .. } = self;
        let (left, right) = (px(x.from), px(x.to));
        let _ = writeln!(svg, r#"<g class="lane" data-worker="{number}">"#);
        let baseline = px(self.ticks_middle() + 4.0);
        let name_x = px(x.from - 10.0);
        let _ = writeln!(svg, r#"<text x="{name_x}" y="{baseline}" text-anchor="end">worker {number}</text>"#);
        let _ = writeln!(svg, r#"<path class="grid" d="M{left} {}H{right}"/>"#, px(top + layout.height));

        // Starts that round to the same pixel are drawn once.
        let (mut ticks, mut drawn) = (String::new(), HashSet::new());
        for start in &self.record.starts {
            let tick_x = px(x.pixel(self.seconds(*start)));
            if drawn.insert(tick_x.clone()) {
                let _ = write!(ticks, "M{tick_x} {}v{}", px(top + layout.ticks), px(layout.tick_height));
            }
        }
        let _ = writeln!(svg, r#"<path class="start" d="{ticks}"/>"#);

        for span in &self.record.shared_requests {
            self.draw_shared_request(svg, span);
        }
        if let Some((request, killed_at)) = self.record.killed {
            self.draw_kill(svg, request, self.seconds(killed_at));
        }
        svg.push_str("</g>\n");
    }

    fn seconds(&self, at: u64) -> f64 {
        seconds_since(self.begins, at)
    }

    /// Returns the vertical middle of the ticks.
    fn ticks_middle(&self) -> f64 {
        self.top + self.layout.ticks + self.layout.tick_height / 2.0
    }

    /// Draws a cross at the time of the kill, a dotted line after it, and a label.
    fn draw_kill(&self, svg: &mut String, request: SharedRequest, killed_at: f64) {
        let (x, middle, mark) = (self.x.pixel(killed_at), self.ticks_middle(), self.layout.mark);
        let (left, top) = (px(x - mark), px(middle - mark));
        let (forth, back) = (px(mark * 2.0), px(-mark * 2.0));
        let _ = writeln!(svg, r#"<path class="gone" d="M{} {}H{}"/>"#, px(x), px(middle), px(self.x.to));
        let _ = writeln!(svg, r#"<path class="killed" d="M{left} {top}l{forth} {forth}m{back} 0l{forth} {back}"/>"#);
        // Near the right edge the label stands to the left of the cross.
        let is_late = killed_at > self.x.end * 0.7;
        let (label_x, anchor) = if is_late { (x - mark - 7.0, "end") } else { (x + mark + 7.0, "start") };
        let (label_x, baseline) = (px(label_x), px(middle - 3.0));
        let text = format!("killed at {killed_at:.2} s, during its {}", request.name());
        let _ = writeln!(
            svg,
            r#"<text class="killed-name" x="{label_x}" y="{baseline}" text-anchor="{anchor}">{text}</text>"#
        );
    }

    /// Draws a mark at the beginning of a login or fetch, and a bar over its duration.
    fn draw_shared_request(&self, svg: &mut String, span: &SharedRequestSpan) {
        let Self { number, x, top, layout, .. } = self;
        let from = self.seconds(span.from);
        let until = span.until.map(|until| self.seconds(until));
        let (row, class, verb) = match span.request {
            SharedRequest::Login => (top + layout.login, "login", "logs in"),
            SharedRequest::Fetch => (top + layout.fetch, "fetch", "fetches the cached resource"),
        };
        let duration =
            until.map_or_else(|| ", unfinished".to_owned(), |until| format!(", {:.0} ms", (until - from) * 1_000.0));
        let (left, right) = (x.pixel(from), x.pixel(until.unwrap_or(from)).min(x.to));
        let _ = writeln!(svg, r#"<g class="{class}"><title>worker {number} {verb} at {from:.3} s{duration}</title>"#);
        if right > left {
            let (x, y, width) = (px(left), px(row - 1.5), px(right - left));
            let _ = writeln!(svg, r#"<rect x="{x}" y="{y}" width="{width}" height="3"/>"#);
        }
        let (mark, left) = (layout.mark, px(left));
        let _ = match span.request {
            SharedRequest::Login => {
                let (top, forth, back) = (px(row - mark), px(mark), px(-mark));
                writeln!(svg, r#"<path d="M{left} {top}l{forth} {forth}l{back} {forth}l{back} {back}Z"/></g>"#)
            }
            SharedRequest::Fetch => {
                writeln!(svg, r#"<circle cx="{left}" cy="{}" r="{}"/></g>"#, px(row), px(mark * 0.9))
            }
        };
    }
}
