//! A small fleet to draw, and a judge of pages.

use crate::fleet::outcome::{Outcome, Track, Trip};
use crate::fleet::said::Errand;
use crate::fleet::upstream::Counts;
use stitchapi::Tick;

/// Two workers; the second is killed while it fetches.
pub(super) fn fleet() -> Outcome {
    let begins = 7_000_000;
    let at = |millis: u64| begins + millis * 1_000;
    let trip = |errand, from, until: Option<u64>| Trip { errand, from: at(from), until: until.map(at) };
    let first = Track {
        starts: vec![at(200), at(800), at(1_400)],
        trips: vec![trip(Errand::Login, 100, Some(150)), trip(Errand::Fetch, 1_500, Some(1_560))],
        ..Track::default()
    };
    let second = Track {
        starts: vec![at(300), at(400)],
        trips: vec![trip(Errand::Fetch, 500, None)],
        killed: Some((Errand::Fetch, at(550))),
        ..Track::default()
    };
    let counts = Counts {
        token_requests: vec![Tick(at(101))],
        fetches: vec![Tick(at(501)), Tick(at(1_501))],
        ..Counts::default()
    };
    Outcome { begins, workers: vec![first, second], upstream: Some(counts) }
}

/// Every tag is closed in its order, every attribute is quoted, and no `&` stands alone.
pub(super) fn is_well_formed(page: &str) {
    let mut open = Vec::new();
    let page = page.strip_prefix("<!DOCTYPE html>").unwrap_or(page);
    for part in page.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or_else(|| panic!("a tag has no end: {part}"));
        assert_eq!(tag.matches('"').count() % 2, 0, "an attribute has no end: {tag}");
        assert!(
            text.split('&').skip(1).all(|rest| rest.split_once(';').is_some_and(|(name, _)| name.len() <= 6)),
            "{text}"
        );
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{tag}");
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap_or_default());
        }
    }
    assert!(open.is_empty(), "{open:?} are not closed");
}
