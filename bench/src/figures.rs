//! Statistics over measured figures, and Markdown tables that can be copied into the docs.

/// Prints a Markdown table under a heading.
pub fn table(heading: &str, head: &[&str], rows: &[Vec<String>]) {
    println!("\n### {heading}\n");
    println!("| {} |", head.join(" | "));
    println!("|{}", " --- |".repeat(head.len()));
    for row in rows {
        println!("| {} |", row.join(" | "));
    }
}

/// Returns the figures in ascending order.
pub fn sorted(figures: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures
}

/// Returns the quantile for a share between 0 and 1, or `NaN` if there are no figures.
pub fn quantile(figures: impl IntoIterator<Item = f64>, share: f64) -> f64 {
    let figures = sorted(figures);
    let last = figures.len().saturating_sub(1) as f64;
    figures.get((last * share).round() as usize).copied().unwrap_or(f64::NAN)
}

/// Returns the median, or `NaN` if there are no figures.
pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    quantile(figures, 0.5)
}

/// Returns the maximum number of stamps in any half-open window of this length, both in the same unit.
pub fn max_in_window(window: u64, stamps: &[u64]) -> usize {
    let mut stamps = stamps.to_vec();
    stamps.sort_unstable();
    let mut oldest = 0;
    let counts = stamps.iter().enumerate().map(|(newest, stamp)| {
        while stamp - stamps[oldest] >= window {
            oldest += 1;
        }
        newest - oldest + 1
    });
    counts.max().unwrap_or(0)
}

/// Formats a goal, and states whether the figure misses it.
pub fn format_goal(figure: f64, goal: Goal) -> String {
    match goal {
        Goal::AtLeast(least) => format!(">= {least}{}", missed(figure < least)),
        Goal::AtMost(most) => format!("<= {most}{}", missed(figure > most)),
    }
}

/// Bound that a figure should keep.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// Lower bound.
    AtLeast(f64),
    /// Upper bound.
    AtMost(f64),
}

/// Returns the remark for a missed goal.
fn missed(is_missed: bool) -> &'static str {
    if is_missed { ", **missed**" } else { "" }
}

/// Formats a figure with about three significant digits, or with commas from 1,000 on.
pub fn format_figure(figure: f64) -> String {
    match figure {
        _ if figure.is_nan() => "-".to_owned(),
        _ if figure.abs() < 1_000.0 && figure.fract() == 0.0 => format!("{figure:.0}"),
        _ if figure >= 1_000.0 => {
            let whole = format!("{figure:.0}");
            let (head, tail) = whole.split_at(whole.len() % 3);
            let groups = tail.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
            let head = Some(head.to_owned()).filter(|head| !head.is_empty());
            head.into_iter().chain(groups).collect::<Vec<_>>().join(",")
        }
        _ if figure >= 100.0 => format!("{figure:.0}"),
        _ if figure >= 10.0 => format!("{figure:.1}"),
        _ if figure >= 1.0 => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}
