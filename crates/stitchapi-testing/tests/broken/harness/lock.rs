//! A lock for some of the callers.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::sound::SoundClient;

/// Excludes callers that use the same number, such as that of their client or process, and no others.
#[derive(Debug, Default)]
pub(crate) struct Lock(Mutex<BTreeSet<usize>>);

impl Lock {
    /// Runs `inside` while holding the lock of `number`.
    pub(crate) async fn with<T>(
        &self,
        number: usize,
        sound: &SoundClient,
        inside: impl Future<Output = T> + Send,
    ) -> T {
        while !self.0.lock().expect("no holder of the lock panics").insert(number) {
            sound.pause().await;
        }
        let _guard = Guard(self, number);
        inside.await
    }
}

/// Releases the lock, also when the future of the caller is dropped.
struct Guard<'a>(&'a Lock, usize);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.0.lock().expect("no holder of the lock panics").remove(&self.1);
    }
}
