//! Test fixture: the record of a small fleet, and a check that a page is well-formed.

use stitchapi::Tick;

use crate::fleet::phase::{PhaseRecord, SharedRequestSpan, WorkerRecord};
use crate::fleet::protocol::SharedRequest;
use crate::fleet::upstream::RequestCounts;

/// Returns the record of two workers, the second of which is killed during its fetch.
pub(super) fn two_workers() -> PhaseRecord {
    let begins = 7_000_000;
    let at = |millis: u64| begins + millis * 1_000;
    let span = |request, from, until: Option<u64>| SharedRequestSpan { request, from: at(from), until: until.map(at) };
    let first = WorkerRecord {
        starts: vec![at(200), at(800), at(1_400)],
        shared_requests: vec![
            span(SharedRequest::Login, 100, Some(150)),
            span(SharedRequest::Fetch, 1_500, Some(1_560)),
        ],
        ..WorkerRecord::default()
    };
    let second = WorkerRecord {
        starts: vec![at(300), at(400)],
        shared_requests: vec![span(SharedRequest::Fetch, 500, None)],
        killed: Some((SharedRequest::Fetch, at(550))),
        ..WorkerRecord::default()
    };
    let counts = RequestCounts {
        token_requests: vec![Tick(at(101))],
        fetches: vec![Tick(at(501)), Tick(at(1_501))],
        ..RequestCounts::default()
    };
    PhaseRecord { begins, workers: vec![first, second], upstream: Some(counts) }
}

/// Asserts that every tag is closed in order, every attribute has both quotes, and every `&` begins an entity.
pub(super) fn assert_well_formed(page: &str) {
    let mut open = Vec::new();
    let page = page.strip_prefix("<!DOCTYPE html>").unwrap_or(page);
    for part in page.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or_else(|| panic!("a tag is not closed by `>`: {part}"));
        assert_eq!(tag.matches('"').count() % 2, 0, "an attribute has no closing quote: {tag}");
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
    assert!(open.is_empty(), "elements without an end tag: {open:?}");
}
