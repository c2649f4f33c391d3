//! The table that is printed: one row for each figure, as Markdown, so that it can be kept as it is.
use crate::support::measure::{Pairs, median};

/// The size of table that the targets are set for.
pub const JUDGED_FLOWS: usize = 262_144;

/// What a figure has to reach.
#[derive(Clone, Copy)]
pub enum Target {
    AtMost(f64),
    AtLeast(f64),
    /// It is there to be seen.
    None,
}

/// Rows as they came, and what they came to.
#[derive(Default)]
pub struct Report {
    missed: Vec<String>,
    met: usize,
    /// The flows in the table at this time.
    pub flows: usize,
}

/// How a figure is written.
#[derive(Clone, Copy)]
pub enum Unit {
    Ms,
    PerSecond,
    KiB,
    Us,
}

impl Unit {
    pub fn show(self, value: f64) -> String {
        match self {
            Unit::Ms if value < 10.0 => format!("{value:.2} ms"),
            Unit::Ms => format!("{value:.0} ms"),
            Unit::PerSecond => format!("{value:.0}/s"),
            Unit::Us => format!("{value:.1} µs"),
            Unit::KiB => format!("{value:.0} KiB"),
        }
    }
}

impl Report {
    /// Prints the head of a table.
    pub fn section(&self, title: &str) {
        println!("\n## {title}\n");
        println!(
            "| what | flows | rctd | beside it | ratio | at best | to reach | |\n|---|--:|--:|--:|--:|--:|--:|---|"
        );
    }

    /// A row of two things measured in turn. Their ratio is held against the target where the table has the size that
    /// targets are set for.
    pub fn pairs(&mut self, what: &str, unit: Unit, pairs: &Pairs, target: Target) {
        let judged = if self.flows == JUDGED_FLOWS { target } else { Target::None };
        self.pairs_always(what, unit, pairs, judged);
    }

    /// The same whatever the size of the table.
    pub fn pairs_always(&mut self, what: &str, unit: Unit, pairs: &Pairs, target: Target) {
        let (ours, theirs) = (unit.show(median(&pairs.ours)), unit.show(median(&pairs.theirs)));
        let (reach, verdict) = self.judge(what, pairs.ratio(), target, |limit| format!("{limit:.2}"));
        let best = format!("{:.2}", pairs.best_ratio(matches!(unit, Unit::PerSecond)));
        self.print(what, [&ours, &theirs, &format!("{:.2}", pairs.ratio()), &best, &reach, verdict]);
    }

    /// A row of one figure with a limit of its own.
    pub fn figure(&mut self, what: &str, unit: Unit, value: f64, beside: &str, target: Target) {
        let (reach, verdict) = self.judge(what, value, target, |limit| unit.show(limit));
        self.print(what, [&unit.show(value), beside, "", "", &reach, verdict]);
    }

    /// A row with its ratio.
    pub fn row(&mut self, what: &str, ours: &str, theirs: &str, ratio: f64, target: Target) {
        let (reach, verdict) = self.judge(what, ratio, target, |limit| format!("{limit:.2}"));
        self.print(what, [ours, theirs, &format!("{ratio:.2}"), "", &reach, verdict]);
    }

    /// A row that could not be measured, and why.
    pub fn missing(&mut self, what: &str, why: &str) {
        self.missed.push(format!("{what}: not measured: {why}"));
        self.print(what, ["not measured", why, "", "", "", "missing"]);
    }

    fn judge(
        &mut self,
        what: &str,
        value: f64,
        target: Target,
        show: impl Fn(f64) -> String,
    ) -> (String, &'static str) {
        let (reach, met) = match target {
            Target::AtMost(limit) => (format!("≤ {}", show(limit)), value <= limit),
            Target::AtLeast(limit) => (format!("≥ {}", show(limit)), value >= limit),
            Target::None => return (String::new(), ""),
        };
        if met {
            self.met += 1;
            return (reach, "met");
        }
        self.missed.push(format!("{what} ({} flows): {value:.2}, to reach {reach}", self.flows));
        (reach, "**missed**")
    }

    fn print(&self, what: &str, cells: [&str; 6]) {
        let flows = if self.flows == 0 { String::new() } else { self.flows.to_string() };
        println!("| {what} | {flows} | {} |", cells.join(" | "));
    }

    /// Prints what was missed.
    pub fn end(&self) {
        println!("\n{} figures met, {} missed or missing.", self.met, self.missed.len());
        self.missed.iter().for_each(|line| println!("- {line}"));
    }
}
