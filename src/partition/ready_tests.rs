use super::*;
use std::time::Duration;

#[test]
fn many_changes_mark_once() {
    let set = ReadySet::new();
    let (a, b) = (set.mark(Token(1)), set.mark(Token(2)));
    a.raise();
    b.raise();
    a.raise();
    assert_eq!(set.take(), [Token(1), Token(2)]);
    assert_eq!(set.take(), []);
    a.raise();
    assert_eq!(set.take(), [Token(1)], "a change after the look marks again");
}

#[test]
fn dropped_interests_and_sets_are_silent() {
    let set = ReadySet::new();
    let mark = set.mark(Token(1));
    mark.raise();
    mark.forget();
    assert_eq!(set.take(), []);
    let orphan = set.mark(Token(2));
    drop(set);
    orphan.raise();
}

#[tokio::test]
async fn waiting_ends_with_a_mark() {
    let set = Arc::new(ReadySet::new());
    let mark = set.mark(Token(7));
    mark.raise();
    set.wait().await;
    assert_eq!(set.take(), [Token(7)]);
    // The wake-up of the first mark is still stored; it must not end the next wait.
    assert!(tokio::time::timeout(Duration::from_millis(20), set.wait()).await.is_err(), "nothing is marked");
    let waiter = tokio::spawn({
        let set = set.clone();
        async move {
            set.wait().await;
            set.take()
        }
    });
    tokio::task::yield_now().await;
    mark.raise();
    assert_eq!(waiter.await.expect("the waiter ends"), [Token(7)]);
}
