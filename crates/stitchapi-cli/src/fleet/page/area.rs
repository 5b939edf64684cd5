//! The upper picture: starts in the last period against the budget.

use std::fmt::Write as _;

use super::axis::{Axis, label, step};
use super::text::px;

/// A step curve, one value a pixel, and the budget.
pub(super) struct Area<'a> {
    pub(super) columns: &'a [usize],
    pub(super) budget: usize,
    /// What the budget is called.
    pub(super) name: &'a str,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) y: Axis,
}

/// Steps of the vertical axis, at most.
pub(super) const STEPS: u32 = 5;

impl Area<'_> {
    pub(super) fn draw(&self, svg: &mut String) {
        let (left, right, y) = (px(self.left), px(self.right), self.y);
        for mark in y.marks(STEPS) {
            let (at, text) = (y.at(mark), label(mark, step(y.end, STEPS)));
            let _ = writeln!(svg, r#"<path class="grid" d="M{left} {}H{right}"/>"#, px(at));
            let (x, at) = (px(self.left - 10.0), px(at + 4.0));
            let _ = writeln!(svg, r#"<text class="number" x="{x}" y="{at}" text-anchor="end">{text}</text>"#);
        }
        let within = self.path(0, |value| value.min(self.budget));
        let _ = writeln!(svg, r#"<path class="within" d="{within}"/>"#);
        if self.columns.iter().any(|value| *value > self.budget) {
            let over = self.path(self.budget, |value| value.max(self.budget));
            let _ = writeln!(svg, r#"<path class="over" d="{over}"/>"#);
        }
        let at = y.at(to_f64(self.budget));
        let _ = writeln!(svg, r#"<path class="budget" d="M{left} {}H{right}"/>"#, px(at));
        let (x, at) = (px(self.right + 10.0), px(at + 4.0));
        let _ = writeln!(svg, r#"<text class="budget-name" x="{x}" y="{at}">{}</text>"#, self.name);
    }

    /// Between the `base` and the values.
    fn path(&self, base: usize, value: impl Fn(usize) -> usize) -> String {
        let width = (self.right - self.left) / to_f64(self.columns.len().max(1));
        let x = |column: usize| px(self.left + width * to_f64(column));
        let y = |value: usize| px(self.y.at(to_f64(value)));
        let mut path = format!("M{} {}", px(self.left), y(base));
        let mut before = None;
        for (column, value) in self.columns.iter().map(|raw| value(*raw)).enumerate() {
            if before != Some(value) {
                let _ = write!(path, "H{}V{}", x(column), y(value));
                before = Some(value);
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

    fn drawn(columns: &[usize], budget: usize) -> String {
        let y = Axis { from: 100.0, to: 0.0, end: 10.0 };
        let area = Area { columns, budget, name: "budget", left: 0.0, right: 4.0, y };
        let mut svg = String::new();
        area.draw(&mut svg);
        svg
    }

    #[test]
    fn what_is_over_the_budget_stands_on_its_line() {
        let svg = drawn(&[2, 6, 6, 3], 5);
        assert!(svg.contains(r#"class="within" d="M0 100H0V80H1V50H3V70H4V100Z""#), "{svg}");
        assert!(svg.contains(r#"class="over" d="M0 50H0V50H1V40H3V50H4V50Z""#), "{svg}");
        assert!(svg.contains(r#"class="budget" d="M0 50H4""#), "{svg}");
    }

    #[test]
    fn nothing_is_over_a_budget_that_holds() {
        assert!(!drawn(&[2, 5, 5, 3], 5).contains("over"));
    }
}
