use super::*;
use crate::handlers::call::{Close, CloseReason};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use tokio::time::{sleep, timeout};

fn name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

fn close(detail: String) -> Close {
    Close::new(CloseReason::Malformed, detail)
}

#[tokio::test]
async fn both_halves_of_a_request_run_on_the_thread() {
    let aside = Arc::new(Aside::default());
    let answer = aside
        .answer(AnswerMemory::new(1), async {
            let first = name();
            Answer::later(async move { Reply::Close(close(format!("{first} {}", name()))) })
        })
        .await;
    let Answer::Later(future) = answer else { panic!("it was left for later") };
    let Reply::Close(close) = future.await else { panic!("it closes") };
    assert_eq!(close.detail, "ottla-aside ottla-aside");
}

#[tokio::test]
async fn computing_there_holds_nobody_here() {
    let aside = Arc::new(Aside::default());
    let busy = aside.answer(AnswerMemory::new(1), async {
        thread::sleep(Duration::from_millis(300));
        Answer::Silent
    });
    tokio::pin!(busy);
    let rested = timeout(Duration::from_millis(250), async {
        tokio::select! {
            _ = &mut busy => panic!("it takes longer"),
            () = sleep(Duration::from_millis(10)) => {}
        }
    });
    rested.await.expect("this thread is free meanwhile");
    assert!(matches!(busy.await, Answer::Silent));
}

#[tokio::test]
async fn what_nobody_waits_for_ends() {
    struct Flag(Arc<AtomicBool>);
    impl Drop for Flag {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let (aside, ended) = (Arc::new(Aside::default()), Arc::new(AtomicBool::new(false)));
    let flag = Flag(ended.clone());
    let work = aside.answer(AnswerMemory::new(1), async move {
        let _flag = flag;
        pending().await
    });
    assert!(timeout(Duration::from_millis(50), work).await.is_err());
    timeout(Duration::from_secs(10), async {
        while !ended.load(Ordering::SeqCst) {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the work was dropped");
}
