use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Asker {
    reserve: Pin<Box<Reserve>>,
    count: Arc<Count>,
}

impl Asker {
    fn new(budget: &Arc<Budget>, bytes: u64) -> Self {
        Asker { reserve: Box::pin(budget.reserve(bytes)), count: Arc::default() }
    }

    fn poll(&mut self) -> Poll<Result<Room, Closed>> {
        let waker = Waker::from(self.count.clone());
        self.reserve.as_mut().poll(&mut Context::from_waker(&waker))
    }

    fn now(&mut self) -> Room {
        match self.poll() {
            Poll::Ready(Ok(room)) => room,
            Poll::Ready(Err(closed)) => panic!("{closed}"),
            Poll::Pending => panic!("no room"),
        }
    }

    fn woken(&self) -> usize {
        self.count.0.load(Ordering::SeqCst)
    }
}

#[test]
fn who_asked_first_is_served_first() {
    let budget = Budget::new(100);
    let first = Asker::new(&budget, 60).now();
    let mut large = Asker::new(&budget, 80);
    let mut small = Asker::new(&budget, 10);
    assert!(large.poll().is_pending());
    assert!(small.poll().is_pending(), "ten bytes would fit, but eighty were asked for before");
    drop(first);
    assert_eq!((large.woken(), small.woken()), (1, 1));
    let (large, small) = (large.now(), small.now());
    assert_eq!(budget.used(), 90);
    drop((large, small));
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_waiter_that_goes_away_gives_its_place() {
    let budget = Budget::new(100);
    let held = Asker::new(&budget, 60).now();
    let mut large = Asker::new(&budget, 80);
    let mut small = Asker::new(&budget, 10);
    assert!(large.poll().is_pending() && small.poll().is_pending());
    drop(large);
    let small = small.now();
    let mut granted = Asker::new(&budget, 50);
    assert!(granted.poll().is_pending());
    drop((held, small));
    assert_eq!((granted.woken(), budget.used()), (1, 50), "granted, not fetched");
    drop(granted);
    assert_eq!(budget.used(), 0);
}

#[test]
fn more_than_the_whole_goes_alone() {
    let budget = Budget::new(100);
    let mut room = Asker::new(&budget, 1_000).now();
    assert_eq!(room.bytes(), 100);
    let parts = [room.take(70), room.take(70)];
    assert_eq!((room.bytes(), budget.used()), (0, 140), "the second part was not all reserved");
    let mut next = Asker::new(&budget, 1);
    assert!(next.poll().is_pending());
    drop(parts);
    next.now();
}

#[test]
fn closing_wakes_and_refuses() {
    let budget = Budget::new(100);
    let held = Asker::new(&budget, 100).now();
    let mut waiting = Asker::new(&budget, 1);
    assert!(waiting.poll().is_pending());
    budget.close();
    assert_eq!(waiting.woken(), 1);
    assert!(matches!(waiting.poll(), Poll::Ready(Err(Closed))));
    assert!(matches!(Asker::new(&budget, 1).poll(), Poll::Ready(Err(Closed))));
    drop(held);
    assert_eq!(budget.used(), 0);
}
