//! The lower picture: a lane for each worker.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::axis::Axis;
use super::text::{px, seconds_since};
use crate::fleet::outcome::{Track, Trip};
use crate::fleet::said::Errand;

/// Where things are in a lane, from its top.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lane {
    pub(super) height: f64,
    login: f64,
    fetch: f64,
    ticks: f64,
    tick: f64,
    mark: f64,
}

impl Lane {
    /// Narrower for many workers.
    pub(super) fn of(workers: usize) -> Self {
        if workers <= 8 {
            Self { height: 52.0, login: 9.0, fetch: 21.0, ticks: 29.0, tick: 17.0, mark: 5.0 }
        } else {
            Self { height: 30.0, login: 5.0, fetch: 12.0, ticks: 17.0, tick: 9.0, mark: 3.0 }
        }
    }
}

/// Draws one worker's lane.
pub(super) fn draw(svg: &mut String, number: usize, track: &Track, begins: u64, x: Axis, top: f64, lane: Lane) {
    let at = |time: u64| x.at(seconds_since(begins, time));
    let (left, right) = (px(x.from), px(x.to));
    let _ = writeln!(svg, r#"<g class="lane" data-worker="{number}">"#);
    let middle = px(top + lane.ticks + lane.tick / 2.0 + 4.0);
    let _ = writeln!(svg, r#"<text x="{}" y="{middle}" text-anchor="end">worker {number}</text>"#, px(x.from - 10.0));
    let _ = writeln!(svg, r#"<path class="grid" d="M{left} {}H{right}"/>"#, px(top + lane.height));

    let (mut ticks, mut drawn) = (String::new(), HashSet::new());
    for start in &track.starts {
        let place = px(at(*start));
        if drawn.insert(place.clone()) {
            let _ = write!(ticks, "M{place} {}v{}", px(top + lane.ticks), px(lane.tick));
        }
    }
    let _ = writeln!(svg, r#"<path class="start" d="{ticks}"/>"#);

    for trip in &track.trips {
        draw_trip(svg, number, trip, begins, x, top, lane);
    }
    if let Some((errand, killed)) = track.killed {
        draw_end(svg, errand, seconds_since(begins, killed), x, top + lane.ticks + lane.tick / 2.0, lane);
    }
    svg.push_str("</g>\n");
}

/// A cross where a worker was killed, and nothing after it.
fn draw_end(svg: &mut String, errand: Errand, killed: f64, x: Axis, middle: f64, lane: Lane) {
    let (cross, row, mark) = (x.at(killed), px(middle), lane.mark);
    let (from, to) = (px(cross - mark), px(middle - mark));
    let (by, back) = (px(mark * 2.0), px(-mark * 2.0));
    let _ = writeln!(svg, r#"<path class="gone" d="M{} {row}H{}"/>"#, px(cross), px(x.to));
    let _ = writeln!(svg, r#"<path class="killed" d="M{from} {to}l{by} {by}m{back} 0l{by} {back}"/>"#);
    // Where there is room.
    let is_late = killed > x.end * 0.7;
    let (at, anchor) = if is_late { (cross - mark - 7.0, "end") } else { (cross + mark + 7.0, "start") };
    let (at, up) = (px(at), px(middle - 3.0));
    let text = format!("killed at {killed:.2} s, during its {}", errand.name());
    let _ = writeln!(svg, r#"<text class="killed-name" x="{at}" y="{up}" text-anchor="{anchor}">{text}</text>"#);
}

/// A mark where it begins and a bar as long as it takes.
fn draw_trip(svg: &mut String, number: usize, trip: &Trip, begins: u64, x: Axis, top: f64, lane: Lane) {
    let from = seconds_since(begins, trip.from);
    let until = trip.until.map(|until| seconds_since(begins, until));
    let (row, class, does) = match trip.errand {
        Errand::Login => (top + lane.login, "login", "logs in"),
        Errand::Fetch => (top + lane.fetch, "fetch", "fetches the cached resource"),
    };
    let how = until.map_or_else(|| ", unfinished".to_owned(), |until| format!(", {:.0} ms", (until - from) * 1_000.0));
    let (start, end) = (x.at(from), x.at(until.unwrap_or(from)).min(x.to));
    let _ = writeln!(svg, r#"<g class="{class}"><title>worker {number} {does} at {from:.3} s{how}</title>"#);
    if end > start {
        let (left, top, width) = (px(start), px(row - 1.5), px(end - start));
        let _ = writeln!(svg, r#"<rect x="{left}" y="{top}" width="{width}" height="3"/>"#);
    }
    let (mark, start, row_at) = (lane.mark, px(start), px(row));
    let _ = match trip.errand {
        Errand::Login => {
            let (top, by, back) = (px(row - mark), px(mark), px(-mark));
            writeln!(svg, r#"<path d="M{start} {top}l{by} {by}l{back} {by}l{back} {back}Z"/></g>"#)
        }
        Errand::Fetch => writeln!(svg, r#"<circle cx="{start}" cy="{row_at}" r="{}"/></g>"#, px(mark * 0.9)),
    };
}
