//! A page of a table that stands still is what sorting all and cutting the page out gives.
use super::flows::{context, rated, table, with};
use super::model::order;
use super::names::single;
use crate::conntrack::flow::{Flow, ReadError};
use crate::limits::{BLOCK_ROWS, QUERY_BLOCKS};
use crate::query::context::Context;
use crate::query::field::FieldId;
use crate::query::order::Order;
use crate::query::page::{Candidate, Outcome, Page};
use crate::query::rows::{Lease, RowPool};

/// A flow as a scan offers it: at first with the needed attributes alone.
pub struct Offered {
    pub part: Flow,
    pub whole: Flow,
}

impl Candidate for Offered {
    fn flow(&self) -> &Flow {
        &self.part
    }

    fn full(&mut self, _: &mut Context) -> Result<&Flow, ReadError> {
        Ok(&self.whole)
    }
}

/// What a page came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    pub rows: Vec<Flow>,
    pub total: u64,
    pub passes: u32,
}

/// Drives a page through passes; `pass` gives the table and the seconds at the start of each.
pub fn drive(mut page: Page, blocks: usize, mut pass: impl FnMut(u32) -> (Vec<Flow>, u32)) -> Found {
    let (mut pool, mut lease, mut context) = (RowPool::new(), Lease::new(), context());
    pool.grow(&mut lease, page.wants().min(blocks * BLOCK_ROWS));
    let (mut rows, needs, mut from) = (vec![], page.needs(), 0);
    for nth in 0..10_000 {
        let (flows, clock_s) = pass(nth);
        page.begin(&lease, clock_s);
        for (at, whole) in flows.into_iter().enumerate().skip(from) {
            let (mut offered, cut) = (Offered { part: with(&whole, needs), whole }, page.is_cut());
            page.offer(&mut offered, &mut pool, &lease, &mut context).expect("can be read");
            if page.is_cut() && !cut {
                from = at;
            }
        }
        if page.end(&mut pool, &lease, &context) == Outcome::Again {
            continue;
        }
        while let Some(row) = page.row(&pool, &lease) {
            rows.push(row.flow);
            page.written();
        }
        if !page.go_on(&pool, &lease) {
            pool.release(&mut lease);
            assert!(pool.is_idle());
            return Found { rows, total: page.total(), passes: page.passes() };
        }
    }
    panic!("no end: {page:?}");
}

pub fn by(name: &str, descending: bool) -> Order {
    Order::by(FieldId::named(name).expect("a field"), descending).expect("can be ordered by")
}

/// All rows of `flows` cut to the page.
fn cut(flows: &[Flow], start: u64, length: Option<u64>) -> Vec<Flow> {
    let length = length.map_or(usize::MAX, |l| l as usize);
    flows.iter().skip(usize::try_from(start).unwrap_or(usize::MAX)).take(length).copied().collect()
}

/// Compares one page with the model and tells how many passes it took.
fn check(
    flows: &[Flow],
    sorted: &[Flow],
    order: Option<Order>,
    start: u64,
    length: Option<u64>,
    blocks: usize,
) -> u32 {
    let found = drive(Page::new(order, start, length), blocks, |_| (flows.to_vec(), 0));
    let expected = cut(sorted, start, length);
    assert_eq!(found.rows, expected, "{order:?} from {start}, {length:?} rows, {blocks} blocks");
    assert_eq!(found.total, flows.len() as u64);
    found.passes
}

const LENGTHS: [Option<u64>; 5] = [Some(0), Some(1), Some(5), Some(u64::MAX - 1), None];

/// Places where something changes: within a lease, at its end and by one, far beyond, at the end of the table, after it.
fn starts(rows: usize, capacity: usize) -> Vec<u64> {
    let mut starts = vec![0, 1, 2, capacity - 1, capacity, capacity + 1, 3 * capacity, rows / 2];
    starts.extend([rows.saturating_sub(1), rows, rows + 1, usize::MAX]);
    starts.sort_unstable();
    starts.dedup();
    starts.into_iter().map(|s| s as u64).collect()
}

#[test]
fn every_order_direction_page_and_lease() {
    for rows in [0, 1, 5, 61] {
        let flows = rated(table(rows as u64 + 1, rows));
        for name in single() {
            for descending in [false, true] {
                let mut sorted = flows.clone();
                sorted.sort_by(order(name, descending));
                // Every lease and length for some orders of each kind; for all the smallest lease and the largest, the lengths
                // in turn. What is done to a page knows no more of its order than how two rows compare.
                let every = ["id", "timeout", "orig_src", "username"].contains(&name);
                for blocks in (1..=QUERY_BLOCKS).filter(|&b| every || b == 1 || b == QUERY_BLOCKS) {
                    for (nth, start) in starts(rows, blocks * BLOCK_ROWS).into_iter().enumerate() {
                        let turn = (nth + blocks) % LENGTHS.len();
                        for &length in if every { &LENGTHS[..] } else { &LENGTHS[turn..=turn] } {
                            check(&flows, &sorted, Some(by(name, descending)), start, length, blocks);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn the_kernels_order_is_left_as_it_is() {
    for rows in [0, 1, 15, 16, 17, 61] {
        let flows = table(rows as u64 + 7, rows);
        for blocks in 1..=QUERY_BLOCKS {
            for start in starts(rows, blocks * BLOCK_ROWS) {
                for length in LENGTHS {
                    let passes = check(&flows, &flows, None, start, length, blocks);
                    let left = (rows as u64).saturating_sub(start).min(length.unwrap_or(u64::MAX));
                    assert!(u64::from(passes) <= 1 + left / (blocks * BLOCK_ROWS) as u64, "{passes} passes");
                }
            }
        }
    }
}

/// All keys equal, and ids in groups: tuples decide.
#[test]
fn ties_are_decided_by_id_and_tuple() {
    let mut flows = table(3, 60);
    for (at, flow) in flows.iter_mut().enumerate() {
        (flow.mark, flow.id) = (Some(7), Some(at as u32 / 20));
    }
    for name in ["mark", "id", "username"] {
        for descending in [false, true] {
            let mut sorted = flows.clone();
            sorted.sort_by(order(name, descending));
            for start in 0..61 {
                check(&flows, &sorted, Some(by(name, descending)), start, Some(9), 2);
            }
        }
    }
}

#[test]
fn flows_without_the_field_come_last_in_both_directions() {
    let flows = rated(table(11, 50));
    for name in single() {
        for descending in [false, true] {
            let page = Page::new(Some(by(name, descending)), 0, None);
            let rows = drive(page, QUERY_BLOCKS, |_| (flows.clone(), 0)).rows;
            let has = |f: &Flow| super::model::value(name, f).is_some();
            assert!(rows.is_sorted_by_key(|f| !has(f)), "{name}");
        }
    }
}

/// One pass within reach of the lease. Beyond: sample, count, select; where the page begins too far behind a row of the sample,
/// two more. On average below four as long as the table is no larger than the square of the capacity.
#[test]
fn passes_are_few() {
    let order = Some(by("orig_port_src", true));
    for blocks in 1..=QUERY_BLOCKS {
        let capacity = blocks * BLOCK_ROWS;
        for rows in [capacity, capacity + 1, 4 * capacity, capacity * capacity] {
            let flows = table(99, rows);
            let mut sorted = flows.clone();
            sorted.sort_by(super::model::order("orig_port_src", true));
            let length = capacity as u64 / 4;
            let mut sum = 0;
            for start in 0..rows as u64 {
                let passes = check(&flows, &sorted, order, start, Some(length), blocks);
                let within_reach = start + length <= capacity as u64 || rows <= capacity;
                assert!(
                    passes <= if within_reach { 1 } else { 7 },
                    "{rows} rows from {start}: {passes} passes"
                );
                sum += u64::from(passes);
            }
            assert!(sum <= 4 * rows as u64, "capacity {capacity}, {rows} rows: {sum} passes");
        }
    }
}

/// Timeouts count down while the clock goes on: from pass to pass a flow keeps its place.
#[test]
fn timeouts_that_count_down_keep_their_order() {
    let mut flows = table(21, 70);
    for (at, flow) in flows.iter_mut().enumerate() {
        flow.timeout = (at % 9 != 0).then_some(1000 + (at as u32 * 37) % 50);
    }
    for descending in [false, true] {
        let mut sorted = flows.clone();
        sorted.sort_by(order("timeout", descending));
        for (start, length) in [(0, None), (0, Some(40)), (30, Some(5)), (60, None), (69, Some(1))] {
            for blocks in 1..=QUERY_BLOCKS {
                let page = Page::new(Some(by("timeout", descending)), start, length);
                let found = drive(page, blocks, |nth| {
                    let later = |f: &Flow| Flow { timeout: f.timeout.map(|t| t - nth * 13), ..*f };
                    (flows.iter().map(later).collect(), u32::MAX - 1000 + nth * 13)
                });
                let ids = |flows: &[Flow]| flows.iter().map(|f| f.id).collect::<Vec<_>>();
                assert_eq!(ids(&found.rows), ids(&cut(&sorted, start, length)));
            }
        }
    }
}

/// A row that can't be read in full stops the query with the reason.
#[test]
fn a_flow_that_can_not_be_read_is_an_error() {
    struct Unreadable(Flow);
    impl Candidate for Unreadable {
        fn flow(&self) -> &Flow {
            &self.0
        }
        fn full(&mut self, _: &mut Context) -> Result<&Flow, ReadError> {
            Err(ReadError::Labels)
        }
    }
    let (mut pool, mut lease, mut context) = (RowPool::new(), Lease::new(), context());
    pool.grow(&mut lease, 1);
    for order in [None, Some(by("id", false))] {
        for start in [0, 100] {
            let mut page = Page::new(order, start, Some(1));
            page.begin(&lease, 0);
            let mut flow = Unreadable(table(1, 1)[0]);
            let result = page.offer(&mut flow, &mut pool, &lease, &mut context);
            let passed_over = order.is_none() && start > 0;
            assert_eq!(result, if passed_over { Ok(()) } else { Err(ReadError::Labels) });
        }
    }
}
