//! Keys that differ in one byte, one part or one kind are different keys.

use stitchapi_core::Key;

use crate::harness::{ClauseResult, Fixture, ensure};

/// Key parts that break a store which builds a key into a query, a path, a pattern or a line of text.
const HOSTILE: &[&[u8]] = &[
    b"",
    b" ",
    b"x ",
    b"x",
    b"%",
    b"%25",
    b":",
    b"{}",
    b"}:{",
    b"*",
    b"?",
    b"[a-z]",
    b"_",
    b"'",
    b"\"",
    b"`",
    b"'; drop table cells; --",
    b"\\",
    b"/",
    b"..",
    b"../x",
    b"\r\nset x 1\r\n",
    b"\0",
    b"x\0y",
    b"\xff\xfe",
    b"\xc3",
    "é".as_bytes(),
    "e\u{301}".as_bytes(),
    "ｘ".as_bytes(),
    "🧵".as_bytes(),
    "\u{202e}x".as_bytes(),
    b"$(x)",
    b"null",
    b"0",
    b"00",
];

/// Stores a different value under each key, then checks that every key still has its own.
async fn expect_distinct(fixture: &Fixture, keys: &[Key]) -> ClauseResult {
    for (number, key) in keys.iter().enumerate() {
        fixture.put(key, number.to_string().as_bytes()).await?;
    }
    for (number, key) in keys.iter().enumerate() {
        let found = fixture.second.store.get(key).await?;
        ensure!(
            found.as_deref() == Some(number.to_string().as_bytes()),
            "the key {} of {} bytes was set to {number}, get returned {found:?}",
            shorten(key),
            key.rendered_len()
        );
    }
    Ok(())
}

fn shorten(key: &Key) -> String {
    format!("{key:?}").chars().take(120).collect()
}

pub(crate) async fn longest(fixture: Fixture) -> ClauseResult {
    let room = fixture.store().limits().max_key.min(64 * 1024) - fixture.key("").rendered_len();
    let keys = ["a", "b"].map(|last| fixture.key("x".repeat(room) + last));
    expect_distinct(&fixture, &keys).await
}

pub(crate) async fn hostile(fixture: Fixture) -> ClauseResult {
    let keys: Vec<_> = HOSTILE.iter().map(|part| fixture.key(part)).collect();
    expect_distinct(&fixture, &keys).await
}

pub(crate) async fn case(fixture: Fixture) -> ClauseResult {
    expect_distinct(&fixture, &["name", "Name", "NAME"].map(|name| fixture.key(name))).await
}

pub(crate) async fn parts(fixture: Fixture) -> ClauseResult {
    let lists: [&[&str]; 8] =
        [&["a:b", "c"], &["a", "b:c"], &["a", "b", "c"], &["abc"], &["ab", "c"], &["ab", "", "c"], &[""], &["", ""]];
    let keys = lists.map(|list| list.iter().fold(fixture.key("parts"), Key::part));
    expect_distinct(&fixture, &keys).await
}

pub(crate) async fn kinds(fixture: Fixture) -> ClauseResult {
    let keys = ["kit", "kits", "ki"].map(|kind| Key::new(kind).part(&fixture.namespace).part("value"));
    expect_distinct(&fixture, &keys).await
}
