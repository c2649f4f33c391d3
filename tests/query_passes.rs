//! How often the table is read for a page: with the real capacities, from any place, at most four times, whatever the
//! table's size. Nothing here is random from run to run.
use rctd::conntrack::flow::{Flow, ReadError};
use rctd::query::context::Context;
use rctd::query::field::{FieldId, FieldSet};
use rctd::query::filter::Filter;
use rctd::query::order::Order;
use rctd::query::rows::RowPool;
use rctd::query::view::View;

/// The id of entry `nth`: a bijection of 32-bit numbers, so that all differ and none is where its rank is.
fn id(nth: u32) -> u32 {
    nth.wrapping_mul(0x9E37_79B1).rotate_left(16).wrapping_mul(0x85EB_CA6B)
}

/// The rows of the page at `start` and the passes that it took. `table` gives the ids that each pass reads.
fn page<T: IntoIterator<Item = u32>>(
    start: u64,
    length: Option<u64>,
    mut table: impl FnMut(u32) -> T,
) -> (Vec<u32>, u32) {
    let (mut pool, mut context) = (RowPool::new(), Context::default());
    let order = Order::by(FieldId::named("id").expect("a field"), false);
    let mut view = View::new(Filter::new(), order, start, length, FieldSet::ALL);
    let mut rows = Vec::new();
    let mut read = |view: &mut View, pool: &mut RowPool, context: &mut Context| {
        assert!(view.passes() < 1000, "no end: {view:?}");
        for id in table(view.passes()) {
            view.offer(&mut Flow { id: Some(id), ..Flow::default() }, pool, context)?;
        }
        Ok::<(), ReadError>(())
    };
    let mut row = |flow: &Flow, _: &Context| {
        rows.extend(flow.id);
        Ok(())
    };
    view.run(&mut pool, &mut context, &mut || 0, &mut read, &mut row).expect("they are known in full");
    assert!(pool.is_idle(), "the memory is given back");
    (rows, view.passes())
}

fn check(entries: u32, starts: u64, most: u32) {
    let mut sorted: Vec<u32> = (0..entries).map(id).collect();
    sorted.sort_unstable();
    let mut passes = Vec::new();
    for nth in 0..starts {
        // From the front to the end, at uneven distances.
        let start = (u64::from(entries) - 50) * nth * nth / (starts - 1) / (starts - 1);
        let (rows, took) = page(start, Some(50), |_| (0..entries).map(id));
        assert_eq!(rows, sorted[start as usize..][..50], "the page at {start} of {entries}");
        passes.push(took);
    }
    eprintln!("{entries} entries: {passes:?}");
    assert!(passes.iter().all(|&took| took <= most), "{entries} entries: {passes:?} passes, {most} at most");
}

#[test]
fn a_table_of_a_home_router() {
    check(8_000, 40, 4);
}

#[test]
fn a_table_of_an_office() {
    check(65_536, 40, 4);
}

#[test]
fn a_table_of_a_town() {
    check(262_144, 40, 3);
}

#[test]
fn a_table_of_a_provider() {
    check(1_048_576, 30, 4);
}

/// Every place, so that the ends of what one pass selects are met, and lengths that take further passes.
#[test]
fn every_place_of_a_small_table() {
    let entries = 3_000;
    let mut sorted: Vec<u32> = (0..entries).map(id).collect();
    sorted.sort_unstable();
    for start in (0..entries as usize + 60).step_by(7) {
        for (length, most) in [(Some(1), 3), (Some(50), 3), (Some(1500), 6), (None, 6)] {
            let (rows, took) = page(start as u64, length, |_| (0..entries).map(id));
            let expected = sorted.iter().skip(start).take(length.map_or(usize::MAX, |rows| rows as usize));
            assert!(rows.iter().eq(expected), "{length:?} rows from {start}");
            assert!(took <= most, "{length:?} rows from {start} took {took} passes");
        }
    }
}

/// Between the pass that draws the sample and the next the table becomes another: the page is that of the new one.
#[test]
fn a_sample_that_misleads_costs_passes_and_no_rows() {
    let (few, many) = (2_000_u32, 6_000_u32);
    let even = |nth: u32| 1_000_000 + 2 * nth;
    for start in [1_100_u64, 1_500, 1_950] {
        // Thousands come in front, or thousands that were in front go away.
        let in_front = |pass: u32, first: bool| if (pass == 1) == first { 0..many } else { 0..0 };
        let (rows, took) = page(start, Some(50), |pass| in_front(pass, false).chain((0..few).map(even)));
        let expected: Vec<u32> = (0..many).skip(start as usize).take(50).collect();
        assert_eq!((rows, took <= 5), (expected, true), "{took} passes");
        let (rows, took) = page(start, Some(50), |pass| in_front(pass, true).chain((0..few).map(even)));
        let expected: Vec<u32> = (0..few).map(even).skip(start as usize).take(50).collect();
        assert_eq!((rows, took <= 5), (expected, true), "{took} passes");
    }
}
