//! [`BucketRegistry`]: the buckets of one seam, by name and by principal.
//!
//! The seam and its stitches declare their throttles here. Each declaration returns a [`BucketHandle`], and that returns the
//! bucket of a call. The seam owns one registry. Read on in `bucket.rs`.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use stitchapi_core::Key;

use super::bucket::Bucket;
use super::context::ThrottleContext;
use super::declaration::{Scope, Throttle, config_error};
use super::settings::BucketSettings;
use super::status::ThrottleStatus;
use crate::error::{Error, Result};
use crate::principal::Principal;
use crate::runtime::yield_once;

/// Pause between two sweeps for idle buckets of principals.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Number of buckets that a sweep looks at before it yields.
const SWEEP_BATCH: usize = 1_000;

/// Buckets of one seam. Two equal declarations of one name share a bucket.
#[derive(Debug)]
pub(crate) struct BucketRegistry {
    context: Arc<ThrottleContext>,
    declared: Mutex<HashMap<Vec<String>, (Throttle, BucketHandle)>>,
}

/// Handle of a declared throttle: one bucket for all calls, or one per principal (the user for whom a call is made).
#[derive(Debug, Clone)]
pub(crate) enum BucketHandle {
    /// One bucket for all calls.
    Shared(Arc<Bucket>),
    /// One bucket for the calls of each principal.
    PerPrincipal(Arc<PrincipalBuckets>),
}

/// Buckets of principals. A bucket exists while it is not idle.
pub(crate) struct PrincipalBuckets {
    context: Arc<ThrottleContext>,
    settings: Arc<BucketSettings>,
    name: Vec<String>,
    state: Mutex<PrincipalState>,
}

#[derive(Default)]
struct PrincipalState {
    buckets: HashMap<Principal, Arc<Bucket>>,
    /// Whether the task that removes idle buckets is running.
    is_swept: bool,
}

impl BucketRegistry {
    pub(crate) fn new(context: ThrottleContext) -> Self {
        Self { context: Arc::new(context), declared: Mutex::default() }
    }

    /// Returns the handle of a throttle that the seam declares, or one of its stitches.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for an invalid throttle, and for a name that is declared with another
    /// throttle.
    pub(crate) fn declare(&self, throttle: &Throttle, stitch: Option<&str>) -> Result<BucketHandle> {
        let name = self.name_of(throttle, stitch)?;
        let mut declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        match declared.get(&name) {
            Some((same, handle)) if same == throttle => Ok(handle.clone()),
            Some(_) => Err(config_error(format_args!(
                "bucket `{}` is declared twice with different settings: make the declarations equal, or give one another \
                 scope",
                name.join("/")
            ))),
            None => {
                let handle = self.create(throttle, name.clone())?;
                declared.insert(name, (throttle.clone(), handle.clone()));
                Ok(handle)
            }
        }
    }

    fn name_of(&self, throttle: &Throttle, stitch: Option<&str>) -> Result<Vec<String>> {
        let seam = self.context.seam.to_string();
        Ok(match (&throttle.scope, stitch) {
            (None | Some(Scope::Seam), None) => vec![seam],
            (Some(Scope::Seam), Some(_)) => {
                return Err(config_error(
                    "Scope::Seam is not valid for a stitch: declare that throttle on the seam, SeamBuilder::throttle(..)",
                ));
            }
            (None | Some(Scope::Stitch), stitch) => {
                vec!["stitch".to_owned(), seam, stitch.unwrap_or_default().to_owned()]
            }
            (Some(Scope::Host), _) => vec!["host".to_owned(), self.context.host.clone()],
            (Some(Scope::Bucket(name)), _) => vec!["bucket".to_owned(), name.to_string()],
        })
    }

    fn create(&self, throttle: &Throttle, name: Vec<String>) -> Result<BucketHandle> {
        let context = self.context.clone();
        let settings = Arc::new(BucketSettings::new(throttle, &context)?);
        Ok(if throttle.per_principal {
            let state = Mutex::default();
            BucketHandle::PerPrincipal(Arc::new(PrincipalBuckets { context, settings, name, state }))
        } else {
            BucketHandle::Shared(Bucket::new(&context, settings, |kind| key(&context, kind, &name, None)))
        })
    }

    /// Returns the status of every throttle. For a throttle per principal that is the status of the bucket of
    /// `principal`.
    pub(crate) async fn status(&self, principal: Option<&Principal>) -> ThrottleStatus {
        let mut handles = self.handles();
        handles.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let mut status = ThrottleStatus::default();
        for (name, handle) in handles {
            let bucket = match handle {
                BucketHandle::Shared(bucket) => Some(bucket),
                BucketHandle::PerPrincipal(principals) => {
                    let state = principals.lock_state();
                    status.principals += state.buckets.len();
                    principal.and_then(|principal| state.buckets.get(principal)).cloned()
                }
            };
            if let Some(bucket) = bucket {
                status.buckets.push(bucket.status(name.join("/")).await);
            }
        }
        status
    }

    /// Refuses every caller that waits for a slot, because the seam was shut down.
    pub(crate) fn shut_down(&self) {
        for (_, handle) in self.handles() {
            match handle {
                BucketHandle::Shared(bucket) => bucket.shut_down(),
                BucketHandle::PerPrincipal(principals) => {
                    let buckets: Vec<_> = principals.lock_state().buckets.values().cloned().collect();
                    buckets.iter().for_each(|bucket| bucket.shut_down());
                }
            }
        }
    }

    fn handles(&self) -> Vec<(Vec<String>, BucketHandle)> {
        let declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        declared.iter().map(|(name, (_, handle))| (name.clone(), handle.clone())).collect()
    }
}

impl BucketHandle {
    /// Returns the bucket for a call of this principal.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) if each principal has a bucket and the call has no principal.
    #[inline]
    pub(crate) fn bucket(&self, principal: Option<&Principal>) -> Result<Arc<Bucket>> {
        match self {
            Self::Shared(bucket) => Ok(bucket.clone()),
            Self::PerPrincipal(principals) => match principal {
                Some(principal) => Ok(principals.bucket(principal)),
                None => Err(Error::input(
                    "the throttle has a budget per principal and the call has no principal: call Seam::as_principal(id) first",
                )),
            },
        }
    }
}

impl PrincipalBuckets {
    /// Returns the bucket of a principal, created if there is none.
    fn bucket(self: &Arc<Self>, principal: &Principal) -> Arc<Bucket> {
        let mut state = self.lock_state();
        if let Some(bucket) = state.buckets.get(principal) {
            return bucket.clone();
        }
        let context = &self.context;
        // The key contains a hash of the principal, not its name. The hash is a keyed one if the vault has a key.
        let digest = context.vault.digest(&[b"principal", principal.as_str().as_bytes()]);
        let key = |kind| key(context, kind, &self.name, Some(&digest));
        let bucket = Bucket::new(context, self.settings.clone(), key);
        state.buckets.insert(principal.clone(), bucket.clone());
        let needs_sweep = !std::mem::replace(&mut state.is_swept, true);
        drop(state);
        if needs_sweep {
            context.runtime.spawn(Box::pin(sweep_until_empty(Arc::downgrade(self))));
        }
        bucket
    }

    /// Removes idle buckets, [`SWEEP_BATCH`] at a time. Returns `false` once none is left.
    async fn sweep(&self) -> bool {
        let principals: Vec<Principal> = self.lock_state().buckets.keys().cloned().collect();
        for batch in principals.chunks(SWEEP_BATCH) {
            self.sweep_batch(batch);
            yield_once().await;
        }
        let mut state = self.lock_state();
        state.buckets.shrink_to_fit();
        state.is_swept = !state.buckets.is_empty();
        state.is_swept
    }

    fn sweep_batch(&self, batch: &[Principal]) {
        let now = self.context.runtime.now();
        let mut state = self.lock_state();
        for principal in batch {
            // While the lock is held no call can get a bucket, so an idle bucket stays idle until it is removed.
            let is_idle = |bucket: &mut Arc<Bucket>| Arc::get_mut(bucket).is_some_and(|bucket| bucket.is_idle(now));
            if state.buckets.get_mut(principal).is_some_and(is_idle) {
                state.buckets.remove(principal);
            }
        }
    }

    fn lock_state(&self) -> MutexGuard<'_, PrincipalState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes idle buckets at regular intervals, until no bucket is left.
async fn sweep_until_empty(principals: Weak<PrincipalBuckets>) {
    let Some(runtime) = principals.upgrade().map(|principals| principals.context.runtime.clone()) else { return };
    loop {
        runtime.sleep_until(runtime.now() + SWEEP_EVERY).await;
        let Some(principals) = principals.upgrade() else { return };
        if !principals.sweep().await {
            return;
        }
    }
}

/// Returns the key of a cell of this kind, if there is a store.
fn key(context: &ThrottleContext, kind: &'static str, name: &[String], principal: Option<&str>) -> Option<Key> {
    let store = context.store.as_ref()?;
    let key = name.iter().fold(Key::new(kind), Key::part);
    let key = principal.into_iter().fold(key, |key, digest| key.part("principal").part(digest));
    Some(store.fit_key(key))
}

/// Returns the flow of a principal in a wait queue. Callers of one flow are served first come, first served; flows take
/// turns.
pub(crate) fn flow(principal: Option<&Principal>) -> u64 {
    principal.map_or(0, |principal| {
        let mut hasher = DefaultHasher::new();
        principal.hash(&mut hasher);
        hasher.finish()
    })
}

/// Shows the number of principals, not their names.
impl fmt::Debug for PrincipalBuckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrincipalBuckets")
            .field("name", &self.name)
            .field("buckets", &self.lock_state().buckets.len())
            .finish_non_exhaustive()
    }
}
