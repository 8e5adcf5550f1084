//! A store that answers as real ones do on their bad days: late, wrongly, or not at all, before or after the deed.

use crate::io::disk::faulty::Chance;
use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// How one request goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BucketFault {
    /// 503, and nothing done.
    FailedBefore,
    /// Done, then 500.
    FailedAfter,
    /// Nothing done, and never an answer.
    HangsBefore,
    /// Done, and never an answer.
    HangsAfter,
    /// Never an answer; done later, when [`FaultyStore::land`] is called.
    HangsAndLandsLater,
    /// Done, and a retry on the way met the own object (puts only).
    ExistsAfter,
    /// A conflict told as "exists", and nothing done (puts only).
    ExistsBefore,
}

/// Kinds of requests that a fault can be planned for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// Puts.
    Put,
    /// Gets and heads.
    Get,
}

#[derive(Debug, Default)]
struct Plans {
    queue: VecDeque<(Request, Option<BucketFault>)>,
    /// Of random requests, one in so many fails.
    random: Option<(Chance, u64)>,
    late: Vec<(Path, PutPayload, PutOptions)>,
    /// Puts and deletions so far.
    changes: u64,
    /// Puts and deletions that are still carried out.
    changes_left: Option<u64>,
}

/// A decorator over any store. Clones are the same store.
#[derive(Clone, Debug)]
pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    plans: Arc<Mutex<Plans>>,
}

const FAULTS: [BucketFault; 7] = [
    BucketFault::FailedBefore,
    BucketFault::FailedAfter,
    BucketFault::HangsBefore,
    BucketFault::HangsAfter,
    BucketFault::HangsAndLandsLater,
    BucketFault::ExistsAfter,
    BucketFault::ExistsBefore,
];

impl FaultyStore {
    /// A store that works until faults are planned.
    pub fn new(inner: Arc<dyn ObjectStore>) -> Self {
        FaultyStore { inner, plans: Arc::default() }
    }

    /// Plans what the next requests of a kind meet, in this order; `None` works.
    pub fn plan(&self, request: Request, faults: impl IntoIterator<Item = Option<BucketFault>>) {
        self.plans.lock().queue.extend(faults.into_iter().map(|fault| (request, fault)));
    }

    /// From now on one request in `one_in` fails, as the seed decides.
    pub fn fail_randomly(&self, seed: u64, one_in: u64) {
        self.plans.lock().random = Some((Chance::new(seed), one_in));
    }

    /// Carries out `changes` more puts and deletions, and then nothing at all until [`Self::heal`]: what a crash of the
    /// writer leaves when it strikes between two of its steps.
    pub fn stop_after(&self, changes: u64) {
        self.plans.lock().changes_left = Some(changes);
    }

    /// How many puts and deletions have been asked for so far.
    pub fn changes(&self) -> u64 {
        self.plans.lock().changes
    }

    /// Forgets all plans; what hangs, hangs on.
    pub fn heal(&self) {
        let mut plans = self.plans.lock();
        plans.queue.clear();
        plans.random = None;
        plans.changes_left = None;
    }

    /// Lets the puts that were left on the way arrive, each if nothing is there yet.
    pub async fn land(&self) {
        let late = std::mem::take(&mut self.plans.lock().late);
        for (path, payload, options) in late {
            // Whoever sent it has long stopped listening.
            let _ = self.inner.put_opts(&path, payload, options).await;
        }
    }

    /// Counts a change, and says whether it is carried out.
    fn change(&self) -> Result<()> {
        let mut plans = self.plans.lock();
        plans.changes += 1;
        match &mut plans.changes_left {
            Some(0) => Err(failed("stopped")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn strike(&self, request: Request) -> Option<BucketFault> {
        let mut plans = self.plans.lock();
        if let Some(at) = plans.queue.iter().position(|(kind, _)| *kind == request) {
            return plans.queue.remove(at).and_then(|(_, fault)| fault);
        }
        let (chance, one_in) = plans.random.as_mut()?;
        if !chance.one_in(*one_in) {
            return None;
        }
        Some(FAULTS[chance.below(FAULTS.len() as u64) as usize])
    }
}

fn failed(what: &'static str) -> Error {
    Error::Generic { store: "faulty", source: what.into() }
}

fn exists(path: &Path) -> Error {
    Error::AlreadyExists { path: path.to_string(), source: "planned".into() }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.change()?;
        match self.strike(Request::Put) {
            None => self.inner.put_opts(path, payload, options).await,
            Some(BucketFault::FailedBefore) => Err(failed("503")),
            Some(BucketFault::FailedAfter) => {
                self.inner.put_opts(path, payload, options).await?;
                Err(failed("500"))
            }
            Some(BucketFault::HangsBefore) => std::future::pending().await,
            Some(BucketFault::HangsAfter) => {
                self.inner.put_opts(path, payload, options).await?;
                std::future::pending().await
            }
            Some(BucketFault::HangsAndLandsLater) => {
                self.plans.lock().late.push((path.clone(), payload, options));
                std::future::pending().await
            }
            Some(BucketFault::ExistsAfter) => {
                self.inner.put_opts(path, payload, options).await?;
                Err(exists(path))
            }
            Some(BucketFault::ExistsBefore) => Err(exists(path)),
        }
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        if self.plans.lock().changes_left == Some(0) {
            return Err(failed("stopped"));
        }
        match self.strike(Request::Get) {
            None => self.inner.get_opts(path, options).await,
            Some(BucketFault::FailedBefore | BucketFault::FailedAfter) => Err(failed("503")),
            Some(BucketFault::ExistsAfter | BucketFault::ExistsBefore) => Err(failed("409")),
            Some(BucketFault::HangsBefore | BucketFault::HangsAfter | BucketFault::HangsAndLandsLater) => {
                std::future::pending().await
            }
        }
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let paths = paths.map(move |path| store.change().and(path));
        self.inner.delete_stream(paths.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
