//! The buckets that the calls of a seam pass.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use stitchapi_core::{Key, Runtime};

use super::bucket::Bucket;
use super::declaration::{Scope, Throttle, config};
use super::settings::Declared;
use super::status::ThrottleStatus;
use crate::error::{Error, Result};
use crate::principal::Principal;
use crate::runtime::yield_once;
use crate::store::Client;
use crate::trace::Trace;
use crate::vault::Vault;

/// How often buckets of principals that nobody uses any more are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// So many are looked at before others may run.
const AT_ONCE: usize = 1_000;

/// What the buckets of a seam have in common.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    pub(crate) seam: Arc<str>,
    pub(crate) host: String,
    pub(crate) store: Option<Arc<Client>>,
    pub(crate) vault: Vault,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) trace: Trace,
}

/// The gates of a seam by the names of their buckets, so that two declarations of one name meet.
#[derive(Debug)]
pub(crate) struct Gates {
    ground: Ground,
    open: Mutex<HashMap<Vec<String>, (Throttle, Gate)>>,
}

/// One throttle that a call passes.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Arc<Whose>);

#[derive(Debug)]
enum Whose {
    Everybodys(Arc<Bucket>),
    Principals(Principals),
}

/// A bucket for each principal, for as long as it is of use.
struct Principals {
    declared: Arc<Declared>,
    name: Vec<String>,
    vault: Vault,
    me: Weak<Whose>,
    buckets: Mutex<Buckets>,
}

#[derive(Default)]
struct Buckets {
    of: HashMap<Principal, Arc<Bucket>>,
    is_swept: bool,
}

impl Gates {
    pub(crate) fn new(ground: Ground) -> Self {
        Self { ground, open: Mutex::default() }
    }

    /// The gate of a throttle that a seam declares, or one of its stitches.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for whatever is wrong with the throttle.
    pub(crate) fn open(&self, throttle: &Throttle, stitch: Option<&str>) -> Result<Gate> {
        let scope = throttle.scope.clone().unwrap_or(if stitch.is_some() { Scope::Stitch } else { Scope::Seam });
        let seam = self.ground.seam.to_string();
        let name = match (scope, stitch) {
            (Scope::Seam, None) => vec![seam],
            (Scope::Seam, Some(_)) => {
                return Err(config(
                    "Scope::Seam is not valid for a stitch: declare that throttle on the seam, SeamBuilder::throttle(..)",
                ));
            }
            (Scope::Stitch, stitch) => vec!["stitch".to_owned(), seam, stitch.unwrap_or_default().to_owned()],
            (Scope::Host, _) => vec!["host".to_owned(), self.ground.host.clone()],
            (Scope::Bucket(name), _) => vec!["bucket".to_owned(), name.into_owned()],
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get(&name) {
            Some((same, gate)) if same == throttle => Ok(gate.clone()),
            Some(_) => Err(config(format_args!(
                "bucket `{}` is declared twice with different settings: make the declarations equal, or give one another \
                     scope",
                name.join("/")
            ))),
            None => {
                let gate = self.gate(throttle, name.clone())?;
                open.insert(name, (throttle.clone(), gate.clone()));
                Ok(gate)
            }
        }
    }

    /// What the throttles are now, for this principal where each has its own.
    pub(crate) async fn status(&self, principal: Option<&Principal>) -> ThrottleStatus {
        let mut gates: Vec<_> = self.all().into_iter().collect();
        gates.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let mut status = ThrottleStatus::default();
        for (name, gate) in gates {
            let bucket = match &*gate.0 {
                Whose::Everybodys(bucket) => Some(bucket.clone()),
                Whose::Principals(principals) => {
                    let buckets = principals.lock();
                    status.principals += buckets.of.len();
                    principal.and_then(|principal| buckets.of.get(principal)).cloned()
                }
            };
            if let Some(bucket) = bucket {
                status.buckets.push(bucket.status(&name).await);
            }
        }
        status
    }

    /// Sends everybody away who waits.
    pub(crate) fn refuse_all(&self) {
        for (_, gate) in self.all() {
            match &*gate.0 {
                Whose::Everybodys(bucket) => bucket.refuse_all(),
                Whose::Principals(principals) => {
                    let buckets: Vec<_> = principals.lock().of.values().cloned().collect();
                    buckets.iter().for_each(|bucket| bucket.refuse_all());
                }
            }
        }
    }

    fn all(&self) -> Vec<(Vec<String>, Gate)> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter().map(|(name, (_, gate))| (name.clone(), gate.clone())).collect()
    }

    fn gate(&self, throttle: &Throttle, name: Vec<String>) -> Result<Gate> {
        let Ground { store, vault, runtime, trace, .. } = &self.ground;
        let declared = Arc::new(Declared::new(throttle, store.clone(), runtime.clone(), trace.clone())?);
        Ok(Gate(if throttle.per_principal {
            Arc::new_cyclic(|me| {
                let (vault, me) = (vault.clone(), me.clone());
                Whose::Principals(Principals { declared, name, vault, me, buckets: Mutex::default() })
            })
        } else {
            let [pace, places] = ["pace", "places"].map(|kind| key(kind, &declared, &name, None));
            Arc::new(Whose::Everybodys(Bucket::new(declared, pace, places)))
        }))
    }
}

impl Gate {
    /// The bucket for a call of this principal.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) if each principal has a bucket and the call is nobody's.
    #[inline]
    pub(crate) fn bucket(&self, principal: Option<&Principal>) -> Result<Arc<Bucket>> {
        match &*self.0 {
            Whose::Everybodys(bucket) => Ok(bucket.clone()),
            Whose::Principals(principals) => {
                let nobodys = || Error::input("each user has a budget: say for which one, .as_principal(id)");
                Ok(principals.bucket(principal.ok_or_else(nobodys)?))
            }
        }
    }
}

/// What tells the callers of one principal from those of another one in a queue.
pub(crate) fn flow(principal: Option<&Principal>) -> u64 {
    principal.map_or(0, |principal| {
        let mut hasher = DefaultHasher::new();
        principal.hash(&mut hasher);
        hasher.finish()
    })
}

fn key(kind: &'static str, declared: &Declared, name: &[String], principal: Option<&str>) -> Option<Key> {
    let store = declared.store.as_ref()?;
    let key = name.iter().fold(Key::new(kind), Key::part);
    let key = principal.into_iter().fold(key, |key, digest| key.part("principal").part(digest));
    Some(store.fit_key(key))
}

impl Principals {
    fn bucket(&self, principal: &Principal) -> Arc<Bucket> {
        let mut buckets = self.lock();
        if let Some(bucket) = buckets.of.get(principal) {
            return bucket.clone();
        }
        // A principal is hashed: with the vault's key, if it has one.
        let digest = self.vault.digest(&[b"principal", principal.as_str().as_bytes()]);
        let [pace, places] = ["pace", "places"].map(|kind| key(kind, &self.declared, &self.name, Some(&digest)));
        let bucket = Bucket::new(self.declared.clone(), pace, places);
        buckets.of.insert(principal.clone(), bucket.clone());
        let starts = !std::mem::replace(&mut buckets.is_swept, true);
        drop(buckets);
        if starts {
            self.declared.runtime().spawn(Box::pin(sweep(self.me.clone(), self.declared.runtime().clone())));
        }
        bucket
    }

    /// Lets go of what is of no use any more, [`AT_ONCE`] at a time; whether anything is left.
    async fn sweep(&self) -> bool {
        let principals: Vec<Principal> = self.lock().of.keys().cloned().collect();
        for some in principals.chunks(AT_ONCE) {
            self.sweep_some(some);
            yield_once().await;
        }
        let mut buckets = self.lock();
        buckets.of.shrink_to_fit();
        buckets.is_swept = !buckets.of.is_empty();
        buckets.is_swept
    }

    fn sweep_some(&self, some: &[Principal]) {
        let now = self.declared.runtime().now();
        let mut buckets = self.lock();
        for principal in some {
            // Nobody takes a bucket while the list is locked.
            let is_idle = |bucket: &mut Arc<Bucket>| Arc::get_mut(bucket).is_some_and(|bucket| bucket.is_idle(now));
            if buckets.of.get_mut(principal).is_some_and(is_idle) {
                buckets.of.remove(principal);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that lets go of buckets while there are any.
async fn sweep(principals: Weak<Whose>, runtime: Arc<dyn Runtime>) {
    loop {
        runtime.sleep_until(runtime.now() + SWEEP_EVERY).await;
        let Some(whose) = principals.upgrade() else { return };
        let Whose::Principals(principals) = &*whose else { return };
        if !principals.sweep().await {
            return;
        }
    }
}

/// Their number and no more: a principal is not shown.
impl fmt::Debug for Principals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principals").field("name", &self.name).field("buckets", &self.lock().of.len()).finish()
    }
}
