//! Where large requests are worked on: one thread beside the workers that serve connections.
//!
//! A request with many elements, or one whose answer grows with the cluster, takes milliseconds of computing in one go.
//! A few hundred of them in the workers' queues would keep every other client waiting; here they keep each other waiting
//! only, and whatever their number they take one thread's share of the machine. The thread starts with the first of them.
//! Both halves of a request begin when the memory of answers has room: what is made here may be long.

use super::answer_memory::AnswerMemory;
use super::call::{Answer, Reply};
use std::future::{Future, pending};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

/// The thread and its queue.
#[derive(Default)]
pub(super) struct Aside(OnceLock<Option<Runtime>>);

impl Aside {
    /// Works on a request here, and on what it leaves for later. Dropping the future ends the work.
    pub(super) async fn answer(
        self: &Arc<Self>,
        answers: Arc<AnswerMemory>,
        work: impl Future<Output = Answer> + Send + 'static,
    ) -> Answer {
        let room = Arc::clone(&answers);
        let work = async move {
            room.room().await;
            work.await
        };
        match self.run(work).await {
            Answer::Later(future) => Answer::Later(self.later(answers, future)),
            answer @ (Answer::Ready(_) | Answer::Throttled(..) | Answer::Silent | Answer::Close(_)) => answer,
        }
    }

    fn later(
        self: &Arc<Self>,
        answers: Arc<AnswerMemory>,
        future: Pin<Box<dyn Future<Output = Reply> + Send>>,
    ) -> Pin<Box<dyn Future<Output = Reply> + Send>> {
        let aside = Arc::clone(self);
        let work = async move {
            answers.room().await;
            future.await
        };
        Box::pin(async move { aside.run(work).await })
    }

    async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let Some(runtime) = self.0.get_or_init(start) else { return work.await };
        // A set of one: it ends its task when it is dropped.
        let mut task = JoinSet::new();
        task.spawn_on(work, runtime.handle());
        match task.join_next().await {
            Some(Ok(done)) => done,
            Some(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
            // The broker ends, and this connection with it.
            Some(Err(_)) | None => pending().await,
        }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take().flatten() {
            runtime.shutdown_background();
        }
    }
}

fn start() -> Option<Runtime> {
    let started = Builder::new_multi_thread().worker_threads(1).thread_name("ottla-aside").enable_all().build();
    // Without the thread the workers do it: slower for others, but done.
    started.inspect_err(|error| tracing::warn!(%error, "no thread for large requests")).ok()
}

#[cfg(test)]
#[path = "aside_tests.rs"]
mod tests;
