//! A thread that keeps the table changing while a test looks elsewhere in it.
use super::flows::Flow;
use super::inserter::Inserter;
use super::namespace::Namespace;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Connections it has at most at a time.
const LIVE: usize = 200;

/// Inserts and deletes connections from 10.99.0.0/16 until it is dropped.
pub struct Churn {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Churn {
    pub fn start(inside: &Namespace) -> Churn {
        // The socket is made here but used there: it belongs to the namespace whatever thread holds it.
        let mut inserter = Inserter::new(inside);
        let stop = Arc::new(AtomicBool::new(false));
        let rounds = Arc::new(AtomicUsize::new(0));
        let (stopped, counted) = (stop.clone(), rounds.clone());
        let work = move || {
            let mut round = 0;
            while !stopped.load(Ordering::Relaxed) {
                let flows = batch(round);
                assert!(
                    inserter.try_insert(&flows).iter().all(|errno| *errno == 0),
                    "churn could not insert"
                );
                std::thread::sleep(Duration::from_millis(1));
                inserter.delete(&flows[LIVE / 2..]);
                inserter.delete(&flows[..LIVE / 2]);
                round = round.wrapping_add(1);
                counted.fetch_add(1, Ordering::Relaxed);
            }
        };
        Churn { stop, rounds, thread: Some(std::thread::spawn(work)) }
    }

    /// How often it has gone round: a test waits for a few, so that it is sure of company.
    pub fn rounds(&self) -> usize {
        self.rounds.load(Ordering::Relaxed)
    }

    /// Waits until it has gone round `more` times from now on.
    pub fn wait_for(&self, more: usize) {
        let goal = self.rounds() + more;
        for _ in 0..10_000 {
            if self.rounds() >= goal {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("the churn thread does not get round");
    }
}

impl Drop for Churn {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "the churn thread failed");
        }
    }
}

/// The connections of one round; the next round has others, so that addresses come and go as well.
fn batch(round: u8) -> Vec<Flow> {
    let flow = |i: usize| Flow::udp([10, 99, round, i as u8], 4000 + i as u16, [192, 0, 2, 9], 53);
    (0..LIVE).map(flow).collect()
}
