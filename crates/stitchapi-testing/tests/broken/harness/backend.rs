//! The backend of a store with a defect, and the kit on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stitchapi_core::{BoxFuture, MemoryStore, Prefix, StitchStore};
use stitchapi_testing::{ContractOptions, ContractReport, Part, Processes, SimRuntime, verify_store_contract};

use super::broken_store::BrokenStore;
use super::clock::SettableClock;
use super::defect::Defect;
use super::sound::{Id, SoundClient};

/// One backend that opens clients.
#[derive(Debug)]
struct Backend<D> {
    memory: MemoryStore,
    sim: SimRuntime,
    clock: Arc<SettableClock>,
    defect: Arc<D>,
    /// Number of clients that were opened.
    clients: Arc<AtomicUsize>,
    /// Number of processes that were started.
    processes: Arc<AtomicUsize>,
}

impl<D> Clone for Backend<D> {
    fn clone(&self) -> Self {
        Self {
            memory: self.memory.clone(),
            sim: self.sim.clone(),
            clock: self.clock.clone(),
            defect: self.defect.clone(),
            clients: self.clients.clone(),
            processes: self.processes.clone(),
        }
    }
}

impl<D: Defect> Backend<D> {
    fn new(sim: &SimRuntime) -> Self {
        let clock = Arc::new(SettableClock::new(sim.clone()));
        Self {
            memory: MemoryStore::with_clock_of(clock.clone()),
            sim: sim.clone(),
            clock,
            defect: Arc::new(D::default()),
            clients: Arc::default(),
            processes: Arc::default(),
        }
    }

    fn open(&self, process: usize, prefix: Option<Prefix>) -> Arc<dyn StitchStore> {
        let memory = prefix.map_or(self.memory.clone(), |prefix| self.memory.with_prefix(D::prefix(prefix)));
        let id = Id { client: self.clients.fetch_add(1, Ordering::Relaxed), process };
        Arc::new(BrokenStore { defect: self.defect.clone(), sound: SoundClient::new(memory, self.sim.clone(), id) })
    }
}

/// Runs parts in this process, with clients that state another process.
impl<D: Defect> Processes for Backend<D> {
    fn run(&self, part: Part) -> BoxFuture<'static, Result<String, String>> {
        let process = 1 + self.processes.fetch_add(1, Ordering::Relaxed);
        let (store, runtime) = (self.open(process, None), Arc::new(self.sim.clone()));
        Box::pin(async move { Ok(part.run(store, runtime).await) })
    }
}

/// Runs the kit on a store with this defect.
pub(crate) fn report_of<D: Defect>(seed: u64) -> ContractReport {
    let sim = SimRuntime::new(seed);
    let backend = Backend::<D>::new(&sim);
    let (prefixed, stripped, clock) = (backend.clone(), backend.clone(), backend.clock.clone());
    let options = ContractOptions::new(Arc::new(sim.clone()))
        .prefixed(move |prefix| {
            let store = prefixed.open(0, Some(prefix));
            Box::pin(async move { store })
        })
        .strip_ttl(move |key| {
            let backend = stripped.clone();
            Box::pin(async move {
                let id = Id { client: 0, process: 0 };
                let (sound, key) = (SoundClient::new(backend.memory, backend.sim, id), backend.defect.key(id, &key));
                if let Some((body, _)) = sound.raw(&key).await {
                    sound.put_raw(&key, b'c', body, None).await;
                }
            })
        })
        .set_clock_back(move |by| {
            clock.set_back(by);
            Box::pin(async {})
        })
        .processes(backend.clone(), 3);
    let make = move || {
        let store = backend.open(0, None);
        Box::pin(async move { store }) as BoxFuture<'static, _>
    };
    sim.block_on(verify_store_contract(make, options))
}
