//! The upper chart of a phase: starts in the last period, compared with the budget.

use std::fmt::Write as _;

use super::axis::{Axis, tick_label, tick_step};
use super::format::px;

/// Maximum number of steps on the vertical axis.
pub(super) const MAX_STEPS: u32 = 5;

/// Area chart of a step curve, with the budget as a horizontal line. The part above the budget has its own colour.
pub(super) struct BudgetChart<'a> {
    /// Values of the curve, in columns of equal width.
    pub(super) columns: &'a [usize],
    /// Value of the budget line.
    pub(super) budget: usize,
    /// Label of the budget line.
    pub(super) budget_label: &'a str,
    /// Pixel of the left edge.
    pub(super) left: f64,
    /// Pixel of the right edge.
    pub(super) right: f64,
    pub(super) y: Axis,
}

impl BudgetChart<'_> {
    /// Appends the chart to an SVG document.
    pub(super) fn draw(&self, svg: &mut String) {
        let (left, right, y) = (px(self.left), px(self.right), self.y);
        for tick in y.ticks(MAX_STEPS) {
            let (row, text) = (y.pixel(tick), tick_label(tick, tick_step(y.end, MAX_STEPS)));
            let _ = writeln!(svg, r#"<path class="grid" d="M{left} {}H{right}"/>"#, px(row));
            let (x, baseline) = (px(self.left - 10.0), px(row + 4.0));
            let _ = writeln!(svg, r#"<text class="number" x="{x}" y="{baseline}" text-anchor="end">{text}</text>"#);
        }
        let within = self.area(0, |value| value.min(self.budget));
        let _ = writeln!(svg, r#"<path class="within" d="{within}"/>"#);
        if self.columns.iter().any(|value| *value > self.budget) {
            let over = self.area(self.budget, |value| value.max(self.budget));
            let _ = writeln!(svg, r#"<path class="over" d="{over}"/>"#);
        }
        let row = y.pixel(to_f64(self.budget));
        let _ = writeln!(svg, r#"<path class="budget" d="M{left} {}H{right}"/>"#, px(row));
        let (x, baseline) = (px(self.right + 10.0), px(row + 4.0));
        let _ = writeln!(svg, r#"<text class="budget-name" x="{x}" y="{baseline}">{}</text>"#, self.budget_label);
    }

    /// Returns the SVG path of the area between `base` and the clamped values.
    fn area(&self, base: usize, clamp: impl Fn(usize) -> usize) -> String {
        let width = (self.right - self.left) / to_f64(self.columns.len().max(1));
        let x = |column: usize| px(self.left + width * to_f64(column));
        let y = |value: usize| px(self.y.pixel(to_f64(value)));
        let mut path = format!("M{} {}", px(self.left), y(base));
        let mut previous = None;
        for (column, value) in self.columns.iter().map(|value| clamp(*value)).enumerate() {
            if previous != Some(value) {
                let _ = write!(path, "H{}V{}", x(column), y(value));
                previous = Some(value);
            }
        }
        let _ = write!(path, "H{}V{}Z", px(self.right), y(base));
        path
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts and pixels fit a double")]
fn to_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(columns: &[usize], budget: usize) -> String {
        let y = Axis { from: 100.0, to: 0.0, end: 10.0 };
        let chart = BudgetChart { columns, budget, budget_label: "budget", left: 0.0, right: 4.0, y };
        let mut svg = String::new();
        chart.draw(&mut svg);
        svg
    }

    #[test]
    fn values_over_the_budget_are_drawn_above_its_line() {
        let svg = draw(&[2, 6, 6, 3], 5);
        assert!(svg.contains(r#"class="within" d="M0 100H0V80H1V50H3V70H4V100Z""#), "{svg}");
        assert!(svg.contains(r#"class="over" d="M0 50H0V50H1V40H3V50H4V50Z""#), "{svg}");
        assert!(svg.contains(r#"class="budget" d="M0 50H4""#), "{svg}");
    }

    #[test]
    fn values_within_the_budget_draw_no_area_above_it() {
        assert!(!draw(&[2, 5, 5, 3], 5).contains("over"));
    }
}
