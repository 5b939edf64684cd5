//! Keys, and who shares them.

use std::time::Duration;

use stitchapi_core::{Key, Prefix, Version};

use super::{lending, pacing};
use crate::contract::{Checked, Client, Scene, Trouble, ensure};

/// What goes wrong when a key is built into a query, a path, a pattern or a line.
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

/// Gives every key a value of its own, then looks whether every one has kept it.
async fn apart(scene: &Scene, keys: &[Key]) -> Checked {
    for (number, key) in keys.iter().enumerate() {
        scene.put(key, number.to_string().as_bytes()).await?;
    }
    for (number, key) in keys.iter().enumerate() {
        let got = scene.second.store.get(key).await?;
        ensure!(
            got.as_deref() == Some(number.to_string().as_bytes()),
            "{} of {} bytes was set to {number} and is {got:?}",
            shortened(key),
            key.rendered_len()
        );
    }
    Ok(())
}

fn shortened(key: &Key) -> String {
    format!("{key:?}").chars().take(120).collect()
}

pub(crate) async fn longest(scene: Scene) -> Checked {
    let room = scene.store().limits().max_key.min(64 * 1024) - scene.key("").rendered_len();
    let keys = ["a", "b"].map(|last| scene.key("x".repeat(room) + last));
    apart(&scene, &keys).await
}

pub(crate) async fn hostile(scene: Scene) -> Checked {
    let keys: Vec<_> = HOSTILE.iter().map(|part| scene.key(part)).collect();
    apart(&scene, &keys).await
}

pub(crate) async fn case(scene: Scene) -> Checked {
    apart(&scene, &["name", "Name", "NAME"].map(|name| scene.key(name))).await
}

pub(crate) async fn parts(scene: Scene) -> Checked {
    let lists: [&[&str]; 8] =
        [&["a:b", "c"], &["a", "b:c"], &["a", "b", "c"], &["abc"], &["ab", "c"], &["ab", "", "c"], &[""], &["", ""]];
    let keys = lists.map(|list| list.iter().fold(scene.key("parts"), Key::part));
    apart(&scene, &keys).await
}

pub(crate) async fn kinds(scene: Scene) -> Checked {
    apart(&scene, &["kit", "kits", "ki"].map(|kind| Key::new(kind).part(&scene.namespace).part("value"))).await
}

pub(crate) async fn prefixes(scene: Scene) -> Checked {
    let Some(open) = &scene.options.prefixed else {
        return Err(Trouble::Skipped("no way to open a client with a prefix was given".into()));
    };
    let mut clients = vec![("its own".to_string(), scene.first.clone())];
    for tail in ["", ":", "x", "{kit"] {
        let prefix = Prefix::new(format!("{}{tail}", scene.namespace));
        clients.push((prefix.as_str().into(), Client::new(open(prefix).await)));
    }
    let (value, count, cell) = (scene.key("value"), scene.key("count"), scene.key("cell"));
    let (place, state) = (scene.key("place"), scene.key("state"));
    for (prefix, client) in &clients {
        client.store.set(&value, prefix.clone().into(), Some(Scene::HOUR)).await?;
        if let Ok(counter) = client.counter() {
            let first = counter.incr(&count, Scene::HOUR).await?;
            ensure!(first == 1, "the first incr under the prefix {prefix} gave {first}");
        }
        if let Ok(pacer) = client.pacer() {
            let request = pacing::slow(&scene).with_calls(1);
            let reply = pacer.reserve(&cell, &request).await?;
            ensure!(
                reply.cell.epoch == request.epoch_if_new,
                "the first reserve under the prefix {prefix} found a cell of another prefix"
            );
        }
        if let Ok(leases) = client.leases() {
            let [owner] = lending::owners(&scene);
            let lease = leases.acquire(&place, 1, Scene::HOUR, &owner, Duration::ZERO).await?;
            ensure!(lending::fence(lease).is_some(), "the first acquire under the prefix {prefix} found no place");
        }
        if let Ok(versioned) = client.versioned() {
            let new = Version::random(scene.runtime());
            let written = versioned.write_if(&state, None, &new, prefix.clone().into(), Some(Scene::HOUR)).await?;
            ensure!(written, "the first write_if under the prefix {prefix} found a value of another prefix");
        }
    }
    clients[1].1.store.delete(&value).await?;
    for (number, (prefix, client)) in clients.iter().enumerate() {
        let got = client.store.get(&value).await?;
        let kept = Some(prefix.as_bytes()).filter(|_| number != 1);
        ensure!(got.as_deref() == kept, "under the prefix {prefix} there is {got:?} instead of its own value");
    }
    Ok(())
}
