//! The meter with flows made by hand.

use super::*;
use crate::conntrack::flow::{Counters, Tuple, mapped};
use crate::conntrack::request::KernelFilter;

/// The flow number `id`, which has carried so many bytes.
fn flow(id: u32, orig: u64, repl: u64) -> Flow {
    let [_, a, b, c] = id.to_be_bytes();
    let tuple = Tuple { src: mapped([10, a, b, c]), l4proto: IPPROTO_TCP, ..Tuple::default() };
    let counters = |bytes| Some(Counters { packets: 1, bytes });
    Flow {
        // As the kernel's, ids are spread over all numbers.
        id: Some(id.wrapping_mul(0x9E37_79B1)),
        orig: Some(tuple),
        orig_counters: counters(orig),
        repl_counters: counters(repl),
        status: Some(0),
        ..Flow::default()
    }
}

fn meter(capacity: usize) -> Meter {
    let mut meter = Meter::new(capacity);
    meter.ask(0);
    meter
}

/// A scan of all these flows at `now_ms`: what is known of each.
fn read(meter: &mut Meter, now_ms: u64, flows: &[Flow]) -> Vec<Option<(u32, u32)>> {
    read_part(meter, now_ms, flows, KernelPlan::default(), false)
}

fn read_part(
    meter: &mut Meter,
    now_ms: u64,
    flows: &[Flow],
    plan: KernelPlan,
    is_held: bool,
) -> Vec<Option<(u32, u32)>> {
    meter.begin(true, is_held, plan, now_ms);
    let rates = flows.iter().map(|flow| meter.meter(flow).map(|r| (r.orig, r.repl))).collect();
    meter.end();
    rates
}

fn tcp_alone() -> KernelPlan {
    let mut rest = KernelFilter { l3proto: Some(AF_INET), ..KernelFilter::default() };
    rest.orig.l4proto = Some(IPPROTO_TCP);
    KernelPlan::new(rest, None)
}

#[test]
fn the_rate_is_the_mean_between_two_readings() {
    let mut meter = meter(64);
    assert_eq!(read(&mut meter, 5_000, &[flow(1, 1_000, 50)]), [None]);
    assert_eq!(read(&mut meter, 7_000, &[flow(1, 5_000, 50)]), [Some((2_000, 0))]);
    // Too soon for a new one: it is still the one of the two readings before.
    assert_eq!(read(&mut meter, 7_500, &[flow(1, 6_000, 50)]), [Some((2_000, 0))]);
    assert_eq!(read(&mut meter, 8_000, &[flow(1, 6_000, 3_050)]), [Some((1_000, 3_000))]);
    // A flow that pauses falls to 0.
    assert_eq!(read(&mut meter, 9_000, &[flow(1, 6_000, 3_050)]), [Some((0, 0))]);
}

#[test]
fn a_reading_that_is_too_old_tells_nothing() {
    let mut meter = meter(64);
    read(&mut meter, 1_000, &[flow(1, 0, 0)]);
    assert_eq!(read(&mut meter, 11_000, &[flow(1, 10_000, 0)]), [Some((1_000, 0))]);
    assert_eq!(read(&mut meter, 21_100, &[flow(1, 20_000, 0)]), [None]);
    // The stamp of a reading comes round again after 262 seconds; by then the reading has been thrown out.
    for now_ms in (30_000..290_000).step_by(10_000) {
        meter.ask(now_ms);
        meter.clean(now_ms);
    }
    assert_eq!(read(&mut meter, 21_100 + 262_144 + 2_000, &[flow(1, 30_000, 0)]), [None]);
}

#[test]
fn a_flow_that_a_whole_reading_did_not_meet_is_younger_than_that() {
    let mut meter = meter(64);
    read(&mut meter, 1_000, &[flow(1, 0, 0)]);
    let both = [flow(1, 0, 0), flow(2, 8_000, 400)];
    assert_eq!(read(&mut meter, 3_000, &both), [Some((0, 0)), Some((4_000, 200))]);
    // A reading of a part tells nothing of what is not in it.
    let mut meter = self::meter(64);
    read_part(&mut meter, 1_000, &[flow(1, 0, 0)], tcp_alone(), false);
    assert_eq!(read(&mut meter, 3_000, &both), [Some((0, 0)), None]);
}

#[test]
fn a_counter_that_fell_begins_anew() {
    let mut meter = meter(64);
    read(&mut meter, 1_000, &[flow(1, 30_268, 9_000)]);
    assert_eq!(read(&mut meter, 2_000, &[flow(1, 20_104, 9_000)]), [None]);
    assert_eq!(meter.take_resets(), 1);
    assert_eq!(read(&mut meter, 3_000, &[flow(1, 21_104, 9_500)]), [Some((1_000, 500))]);
    assert_eq!(meter.take_resets(), 0);
}

#[test]
fn an_id_that_another_flow_has_taken_over_begins_anew() {
    let mut meter = meter(64);
    read(&mut meter, 1_000, &[flow(1, 1_000, 0)]);
    // Not of the whole table, or the flow would be known to be young.
    meter.whole_ms = None;
    let other = Flow { id: flow(1, 0, 0).id, ..flow(2, 900_000, 0) };
    assert_eq!(read(&mut meter, 2_000, &[other]), [None]);
    let other = Flow { orig_counters: Some(Counters { packets: 1, bytes: 901_000 }), ..other };
    assert_eq!(read(&mut meter, 3_000, &[other]), [Some((1_000, 0))]);
}

#[test]
fn rates_do_not_change_between_the_passes_of_one_view() {
    let mut meter = meter(64);
    read(&mut meter, 1_000, &[flow(1, 0, 0)]);
    read(&mut meter, 2_000, &[flow(1, 500, 0)]);
    let whole = KernelPlan::default();
    let later = [flow(1, 90_000, 0), flow(2, 1_000, 0)];
    assert_eq!(read_part(&mut meter, 4_000, &later, whole, true), [Some((500, 0)), None]);
    // But not for ever, however slow the client is that the view is for, nor for so long that they are lost.
    assert_eq!(read_part(&mut meter, 6_900, &later, whole, true), [Some((500, 0)), None]);
    // A scan that reads the counters of few flows renews nothing.
    meter.begin(false, true, whole, 7_100);
    meter.end();
    let much_later = [flow(1, 52_500, 0)];
    assert_eq!(read_part(&mut meter, 7_200, &much_later, whole, true), [Some((10_000, 0))]);
    assert_eq!(read_part(&mut meter, 9_200, &[flow(1, 60_000, 0)], whole, true), [Some((10_000, 0))]);
}

#[test]
fn a_flow_whose_reading_is_too_old_is_not_young() {
    let mut meter = meter(64);
    read(&mut meter, 1_000, &[flow(1, 5_000_000, 0)]);
    // Too soon for a new reading of a flow that was met, and yet one of the whole table.
    read(&mut meter, 1_700, &[flow(1, 5_000_000, 0)]);
    assert_eq!(
        read(&mut meter, 11_200, &[flow(1, 5_000_100, 0)]),
        [None],
        "not all that it has carried so far"
    );
    assert_eq!(read(&mut meter, 12_200, &[flow(1, 5_000_200, 0)]), [Some((100, 0))]);
}

#[test]
fn what_the_kernel_had_ready_before_others_read_is_no_newer_reading() {
    let mut meter = meter(64);
    let moved = |s: u64| flow(1, s * 1_000, 0);
    read(&mut meter, 1_000, &[moved(1)]);
    read(&mut meter, 8_000, &[moved(8)]);
    // A listing comes with what the kernel had counted after 4 seconds.
    meter.set_time(4_000);
    assert_eq!(meter.meter(&moved(4)).map(|r| r.orig), Some(1_000), "what is known");
    assert_eq!(meter.meter(&flow(2, 9_000, 0)), None, "it may have ended before all were read");
    assert_eq!(meter.take_resets(), 0);
    assert_eq!(read(&mut meter, 9_000, &[moved(9)]), [Some((1_000, 0))]);
}

#[test]
fn what_needs_rates_waits_for_two_readings_of_its_part() {
    let mut meter = meter(64);
    let (whole, part) = (KernelPlan::default(), tcp_alone());
    assert_eq!(meter.readiness(&part, 1_000), Readiness::Unread);
    read_part(&mut meter, 1_000, &[], part, false);
    assert_eq!(meter.readiness(&part, 1_400), Readiness::At(2_000));
    assert_eq!(meter.readiness(&whole, 1_400), Readiness::Unread);
    assert_eq!(meter.readiness(&part, 2_000), Readiness::Ready);
    assert_eq!(meter.readiness(&part, 11_001), Readiness::Unread);
    read(&mut meter, 12_000, &[]);
    assert_eq!(meter.readiness(&part, 13_000), Readiness::Ready, "a part of the whole");
    assert_eq!(meter.readiness(&whole, 13_000), Readiness::Ready);
}

#[test]
fn memory_is_given_back_when_nobody_asks() {
    let mut meter = Meter::new(64);
    assert_eq!(meter.readings.capacity(), 0);
    assert_eq!(meter.meter(&flow(1, 0, 0)), None);
    meter.ask(1_000);
    assert_eq!(meter.readings.capacity(), 64);
    meter.clean(60_000);
    assert_eq!(meter.readings.len(), 64);
    meter.clean(91_000);
    assert_eq!(meter.readings.capacity(), 0);
    meter.ask(92_000);
    assert_eq!(meter.readings.len(), 64);
}

#[test]
fn what_is_too_fast_to_be_said_is_as_fast_as_can_be_said() {
    let mut meter = meter(64);
    read(&mut meter, 1_000, &[flow(1, 0, 0)]);
    let fast = [flow(1, 1 << 47, 1 << 40)];
    assert_eq!(read(&mut meter, 2_000, &fast), [Some((u32::MAX - 2, u32::MAX - 2))]);
}

/// Six times as many flows as there is room for.
const FLOWS: u32 = 25_000;
const ROOM: usize = 4_096;

/// A table of them: a few are fast, most do not move, and many of these have carried more than the fast ones. The
/// timeout tells how long a flow has been silent, as with the kernel's, or nothing at all.
fn skewed(at_s: u64, has_timeouts: bool) -> Vec<Flow> {
    (0..FLOWS)
        .map(|id| {
            let rank = u64::from(id.wrapping_mul(2_654_435_761) % FLOWS) + 1;
            let is_moving = rank <= u64::from(FLOWS) * 12 / 100;
            let before = if is_moving { 90_000_000 / rank * 30 } else { u64::from(id) * 90_000 };
            let moved = if is_moving { 90_000_000 / rank * at_s } else { 0 };
            let silent_s = if is_moving { 0 } else { 600 + id % 9_000 };
            let timeout = has_timeouts.then(|| 432_000 - silent_s);
            Flow { timeout, tcp_state: Some(3), ..flow(id, 0, before + moved) }
        })
        .collect()
}

/// How many of the 50 fastest flows are among the 50 that are known to be fastest.
fn found(meter: &mut Meter, now_ms: u64, has_timeouts: bool) -> usize {
    let known = read(meter, now_ms, &skewed(now_ms / 1_000, has_timeouts));
    let mut fastest: Vec<(u32, usize)> =
        known.iter().enumerate().filter_map(|(at, rates)| Some((rates.as_ref()?.1, at))).collect();
    fastest.sort_unstable_by(|a, b| b.cmp(a));
    let rank = |at: usize| u64::from((at as u32).wrapping_mul(2_654_435_761) % FLOWS) + 1;
    fastest.iter().take(50).filter(|(rate, at)| *rate > 0 && rank(*at) <= 50).count()
}

#[test]
fn of_a_larger_table_the_flows_that_move_most_are_known() {
    let mut meter = meter(ROOM);
    assert_eq!(found(&mut meter, 1_000, true), 0, "a first reading");
    for second in 2..8 {
        assert!(found(&mut meter, second * 1_000, true) >= 48, "after {second} seconds");
        assert!(meter.is_partial());
    }
}

#[test]
fn of_a_larger_table_without_timeouts_they_are_found_in_time() {
    let mut meter = meter(ROOM);
    let found: Vec<usize> = (1..40).map(|s| found(&mut meter, s * 1_000, false)).collect();
    assert!(found[38] >= 48, "{found:?}");
}

#[test]
fn a_table_that_fits_is_known_whole() {
    let mut meter = meter(ROOM);
    let flows: Vec<Flow> = (0..3_500).map(|id| flow(id, 0, 0)).collect();
    read(&mut meter, 1_000, &flows);
    assert!(!meter.is_partial());
    assert_eq!(read(&mut meter, 2_000, &flows).iter().filter(|r| r.is_none()).count(), 0);
    assert!(!meter.is_partial());
}

#[test]
fn a_counter_with_no_room_is_not_cut() {
    let mut meter = meter(64);
    read(&mut meter, 1_000, &[flow(1, 1 << 48, 0)]);
    assert_eq!(read(&mut meter, 2_000, &[flow(1, (1 << 48) + 1, 0)]), [None]);
}
