//! Syncs beside a recovery that goes on writing.
//!
//! Page cache that is on its way to the medium early is not waited for later: the sync that counts comes after the work
//! and finds little left. These syncs prove nothing, but one that fails is as final as any.

use std::sync::mpsc::{SyncSender, sync_channel};

/// Asks for syncs.
pub(super) struct Ahead(Option<SyncSender<()>>);

impl Ahead {
    /// Nobody syncs.
    pub(super) fn nobody() -> Ahead {
        Ahead(None)
    }

    /// Asks for a sync of what was written up to now, and does not wait for it. Asked during another sync, it comes after.
    pub(super) fn ask(&self) {
        if let Some(asks) = &self.0 {
            // Full: one that has not begun will do. Closed: a sync failed, which is told at the end.
            let _ = asks.try_send(());
        }
    }
}

/// Works with somebody beside who syncs at once and whenever asked.
///
/// # Errors
/// The first failed sync, or what the work ends with.
pub(super) fn beside<T, E: Send>(
    sync: impl Fn() -> Result<(), E> + Send,
    work: impl FnOnce(&Ahead) -> Result<T, E>,
) -> Result<T, E> {
    std::thread::scope(|scope| {
        let (asks, asked) = sync_channel(1);
        let syncs = scope.spawn(move || asked.iter().try_for_each(|()| sync()));
        let ahead = Ahead(Some(asks));
        ahead.ask();
        let done = work(&ahead);
        drop(ahead);
        syncs.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        done
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn it_syncs_at_once_and_when_asked() {
        let syncs = AtomicUsize::new(0);
        let sync = || {
            syncs.fetch_add(1, Ordering::SeqCst);
            Ok::<_, &str>(())
        };
        let done = beside(sync, |ahead| {
            for expected in 1..4 {
                while syncs.load(Ordering::SeqCst) < expected {
                    std::thread::yield_now();
                }
                ahead.ask();
            }
            Ok(7)
        });
        assert_eq!((done, syncs.into_inner()), (Ok(7), 4));
    }

    #[test]
    fn a_sync_that_fails_fails_the_work_and_is_the_last() {
        let syncs = AtomicUsize::new(0);
        let sync = || {
            syncs.fetch_add(1, Ordering::SeqCst);
            Err("a sync failed")
        };
        let done = beside(sync, |ahead| {
            (0..100).for_each(|_| ahead.ask());
            Ok(7)
        });
        assert_eq!((done, syncs.into_inner()), (Err("a sync failed"), 1));
        assert_eq!(beside(|| Ok(()), |_| Err::<(), _>("the work failed")), Err("the work failed"));
    }
}
