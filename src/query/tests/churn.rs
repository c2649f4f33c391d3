//! A table that changes from pass to pass.
use super::flows::{flow, name, table};
use super::model::order;
use super::pages::{by, drive};
use super::random::Random;
use crate::conntrack::flow::Flow;
use crate::limits::QUERY_BLOCKS;
use crate::query::page::Page;

/// Flows that stay, and each pass others that come and go, all in another order each time.
struct Changing {
    staying: Vec<Flow>,
    passing: Vec<Flow>,
    random: Random,
}

impl Changing {
    fn new(seed: u64) -> Self {
        let mut all = table(seed, 70);
        let passing = all.split_off(50);
        Changing { staying: all, passing, random: Random::new(seed) }
    }

    fn pass(&mut self) -> Vec<Flow> {
        let mut now = self.staying.clone();
        for flow in &self.passing {
            if self.random.one_in(2) {
                now.push(*flow);
            }
        }
        self.random.shuffle(&mut now);
        now
    }
}

/// No row twice, every row in its place, and of what stayed nothing is missing between the first and the last row.
#[test]
fn what_comes_and_goes_makes_no_row_twice_and_loses_none() {
    for seed in 0..40 {
        for field in ["id", "orig_port_src", "helper", "orig_src", "orig_counter_bytes"] {
            for descending in [false, true] {
                let mut table = Changing::new(seed);
                let before = order(field, descending);
                let mut sorted = table.staying.clone();
                sorted.sort_by(&before);
                let (start, length) = (seed * 3 % 60, [None, Some(1), Some(20)][seed as usize % 3]);
                let page = Page::new(Some(by(field, descending)), start, length);
                let found = drive(page, 1 + seed as usize % QUERY_BLOCKS, |_| (table.pass(), 0));
                let strictly = found.rows.windows(2).all(|w| before(&w[0], &w[1]).is_lt());
                assert!(strictly, "seed {seed}, {field}: a row twice or out of order");
                if let Some(length) = length {
                    assert!(found.rows.len() as u64 <= length);
                }
                let stayed: Vec<Flow> =
                    found.rows.into_iter().filter(|f| table.staying.contains(f)).collect();
                let Some(first) = stayed.first() else { continue };
                let at = sorted.iter().position(|f| f == first).expect("one that stayed");
                assert_eq!(stayed, sorted[at..at + stayed.len()], "seed {seed}, {field}: a row was lost");
                if length.is_none() {
                    assert_eq!(at + stayed.len(), sorted.len(), "seed {seed}, {field}: the end was lost");
                    assert!(start > 0 || at == 0, "seed {seed}, {field}: the beginning was lost");
                }
            }
        }
    }
}

/// Counters of some grow meanwhile: those may move, but none that does not is lost or given twice.
#[test]
fn rows_that_move_do_not_disturb_the_others() {
    for seed in 0..40 {
        let flows = table(seed + 500, 60);
        let moves = |f: &Flow| f.id.is_some_and(|id| id % 4 == 0);
        let mut random = Random::new(seed);
        let before = order("orig_counter_bytes", seed % 2 == 0);
        let page = Page::new(Some(by("orig_counter_bytes", seed % 2 == 0)), 0, None);
        let found = drive(page, 1 + seed as usize % QUERY_BLOCKS, |_| {
            let mut now = flows.clone();
            for flow in now.iter_mut().filter(|f| moves(f)) {
                if let Some(counters) = &mut flow.orig_counters {
                    counters.bytes = random.next() % 6;
                }
            }
            random.shuffle(&mut now);
            (now, 0)
        });
        let mut staying: Vec<Flow> = flows.iter().filter(|f| !moves(f)).copied().collect();
        staying.sort_by(before);
        let found: Vec<Flow> = found.rows.into_iter().filter(|f| !moves(f)).collect();
        assert_eq!(found, staying, "seed {seed}");
    }
}

/// The last row of a part is where the next part begins. If it moves on meanwhile it is not given again.
#[test]
fn the_row_that_a_part_ended_with_is_not_given_again() {
    let mut random = Random::new(1);
    let flows: Vec<Flow> = (0..12).map(|at| Flow { mark: Some(at * 10), ..flow(&mut random, at) }).collect();
    let found = drive(Page::new(Some(by("mark", false)), 0, None), 1, |nth| {
        let mut now = flows.clone();
        if nth > 0 {
            // The fourth, which ended the first part, now stands behind the fifth.
            now[3].mark = Some(45);
        }
        (now, 0)
    });
    let mut names: Vec<_> = found.rows.iter().map(name).collect();
    assert_eq!(names.len(), flows.len());
    names.sort();
    names.dedup();
    assert_eq!(names.len(), flows.len());
}

/// Keys that grow from pass to pass, as timeouts that traffic renews: the listing has an end all the same.
#[test]
fn rows_that_run_ahead_do_not_make_a_listing_endless() {
    let mut random = Random::new(3);
    let flows: Vec<Flow> = (0..60).map(|at| Flow { mark: Some(at), ..flow(&mut random, at) }).collect();
    let found = drive(Page::new(Some(by("mark", false)), 10, None), 1, |nth| {
        let later = |flow: &Flow| Flow { mark: flow.mark.map(|mark| mark + nth * 100), ..*flow };
        (flows.iter().map(later).collect(), 0)
    });
    assert_eq!((found.rows.len(), found.total), (120, 60));
}

/// A place behind the table's end takes the one pass that tells so.
#[test]
fn a_page_behind_the_end_takes_one_pass() {
    let flows = table(78, 60);
    for start in [60, 61, 1000, u64::MAX] {
        for length in [Some(1), None] {
            let found = drive(Page::new(Some(by("id", false)), start, length), 1, |_| (flows.clone(), 0));
            assert_eq!((found.rows.len(), found.total, found.passes), (0, 60, 1), "from {start}");
        }
    }
}

/// The table shrinks to nothing, or grows, between two passes: the page ends, and ends well.
#[test]
fn a_table_that_vanishes_or_grows() {
    let flows = table(77, 100);
    for start in [0, 5, 40, 99] {
        for blocks in 1..=QUERY_BLOCKS {
            for (first, then) in [(100, 0), (100, 3), (0, 100), (17, 100), (100, 17)] {
                let page = Page::new(Some(by("id", false)), start, None);
                let found =
                    drive(page, blocks, |nth| (flows[..if nth == 0 { first } else { then }].to_vec(), 0));
                assert_eq!(found.total, first as u64, "the total is that of the first pass");
                assert!(found.rows.len() <= 100);
            }
        }
    }
}

/// Before one of the passes all that is there goes away, and as much comes that stands behind it: the page has its rows.
#[test]
fn a_table_that_is_replaced_by_one_behind_it_gives_rows() {
    let numbered = |first: u32| (first..first + 64).map(|id| Flow { id: Some(id), ..Flow::default() });
    for blocks in 1..=QUERY_BLOCKS {
        for start in 0..60 {
            for last in 1..6 {
                let page = Page::new(Some(by("id", false)), start, Some(3));
                let pass = |nth| (numbered(if nth < last { 0 } else { 1000 }).collect(), 0);
                let rows = drive(page, blocks, pass).rows;
                assert_eq!(
                    rows.len(),
                    3,
                    "from {start} with {blocks} blocks, another from pass {last} on: {rows:?}"
                );
                assert!(rows.is_sorted_by_key(|row| row.id), "{rows:?}");
            }
        }
    }
}
