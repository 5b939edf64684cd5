//! Finds cycles among files.
//!
//! Input: the arrows of a crate. Output: each group of files that reach each other, with the shortest cycle in it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use super::tree::Arrow;

/// Files of which each reaches each other one.
#[derive(Debug)]
pub(super) struct Cycle<'a> {
    /// All files of the group.
    pub(super) files: BTreeSet<&'a Path>,
    /// The arrows of a shortest cycle in the group, in order.
    pub(super) shortest: Vec<&'a Arrow>,
    /// Pairs of files in the group that use each other directly, as the arrow there and the arrow back.
    pub(super) pairs: Vec<(&'a Arrow, &'a Arrow)>,
}

/// Returns the cycles, the largest one first.
pub(super) fn cycles(arrows: &[Arrow]) -> Vec<Cycle<'_>> {
    let mut from: BTreeMap<&Path, Vec<&Arrow>> = BTreeMap::new();
    for arrow in arrows {
        from.entry(&arrow.from).or_default().push(arrow);
    }
    let reachable: BTreeMap<&Path, BTreeSet<&Path>> = from.keys().map(|&file| (file, reachable(&from, file))).collect();
    let reaches = |a: &Path, b: &Path| reachable.get(a).is_some_and(|files| files.contains(b));
    let mut found: Vec<Cycle<'_>> = Vec::new();
    for &file in from.keys() {
        if reaches(file, file) && found.iter().all(|cycle| !cycle.files.contains(file)) {
            let files: BTreeSet<&Path> =
                reachable[file].iter().copied().filter(|&other| reaches(other, file)).collect();
            let shortest = files.iter().filter_map(|&file| shortest(&from, file)).min_by_key(Vec::len);
            let pairs = pairs(&from, &files);
            found.push(Cycle { files, shortest: shortest.unwrap_or_default(), pairs });
        }
    }
    found.sort_by_key(|cycle| std::cmp::Reverse(cycle.files.len()));
    found
}

/// Returns the files that arrows lead to from this one, over any number of files.
fn reachable<'a>(from: &BTreeMap<&'a Path, Vec<&'a Arrow>>, start: &Path) -> BTreeSet<&'a Path> {
    let mut seen = BTreeSet::new();
    let mut left = vec![start];
    while let Some(file) = left.pop() {
        for arrow in from.get(file).into_iter().flatten() {
            if seen.insert(arrow.to.as_path()) {
                left.push(&arrow.to);
            }
        }
    }
    seen
}

/// Returns the pairs of these files that use each other directly.
fn pairs<'a>(from: &BTreeMap<&'a Path, Vec<&'a Arrow>>, files: &BTreeSet<&'a Path>) -> Vec<(&'a Arrow, &'a Arrow)> {
    let arrows = files.iter().filter_map(|file| from.get(file)).flatten().copied();
    let pairs = arrows.filter(|there| there.from < there.to).filter_map(|there| {
        let back = from.get(there.to.as_path())?.iter().find(|back| back.to == there.from)?;
        Some((there, *back))
    });
    pairs.collect()
}

/// Returns the arrows of a shortest way from a file back to itself.
fn shortest<'a>(from: &BTreeMap<&'a Path, Vec<&'a Arrow>>, start: &'a Path) -> Option<Vec<&'a Arrow>> {
    let mut reached_by: BTreeMap<&Path, &Arrow> = BTreeMap::new();
    let mut left = VecDeque::from([start]);
    while let Some(file) = left.pop_front() {
        for &arrow in from.get(file).into_iter().flatten() {
            if !reached_by.contains_key(arrow.to.as_path()) {
                reached_by.insert(&arrow.to, arrow);
                left.push_back(&arrow.to);
            }
        }
    }
    let mut way = Vec::new();
    let mut at = start;
    loop {
        let arrow = *reached_by.get(at)?;
        way.push(arrow);
        at = &arrow.from;
        if at == start {
            way.reverse();
            return Some(way);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrows(pairs: &[(&str, &str)]) -> Vec<Arrow> {
        let arrow =
            |(from, to): &(&str, &str)| Arrow { from: from.into(), to: to.into(), line: 1, path: String::new() };
        pairs.iter().map(arrow).collect()
    }

    #[test]
    fn a_tree_has_no_cycle() {
        assert!(cycles(&arrows(&[("a", "b"), ("a", "c"), ("b", "c")])).is_empty());
    }

    #[test]
    fn a_cycle_has_its_files_and_its_shortest_way() {
        let arrows = arrows(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "b"), ("c", "d"), ("e", "a")]);
        let found = cycles(&arrows);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].files, ["a", "b", "c"].map(Path::new).into());
        let shortest: Vec<_> = found[0].shortest.iter().map(|arrow| arrow.from.to_str()).collect();
        assert_eq!(shortest, [Some("b"), Some("c")]);
        let pairs: Vec<_> = found[0].pairs.iter().map(|(there, _)| (there.from.to_str(), there.to.to_str())).collect();
        assert_eq!(pairs, [(Some("b"), Some("c"))]);
    }

    #[test]
    fn two_cycles_are_two() {
        let arrows = arrows(&[("a", "b"), ("b", "a"), ("b", "c"), ("c", "d"), ("d", "e"), ("e", "c")]);
        let sizes: Vec<_> = cycles(&arrows).iter().map(|cycle| cycle.files.len()).collect();
        assert_eq!(sizes, [3, 2]);
    }
}
