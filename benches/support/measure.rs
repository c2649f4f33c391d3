//! Times, and what is made of them: medians and ratios, since a shared machine has good and bad moments.
use std::time::Instant;

/// How often each pair is measured: `RCTD_BENCH_PAIRS`, else 5.
pub fn pairs() -> usize {
    std::env::var("RCTD_BENCH_PAIRS").ok().and_then(|text| text.parse().ok()).filter(|n| *n > 0).unwrap_or(5)
}

/// How long `work` takes, in milliseconds.
pub fn time(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    begun.elapsed().as_secs_f64() * 1e3
}

/// The value in the middle.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value which that part of all does not exceed: 0 gives the least, 1 the largest.
pub fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}

/// Two things measured in turn.
pub struct Pairs {
    pub ours: Vec<f64>,
    pub theirs: Vec<f64>,
}

impl Pairs {
    /// A B A B …, after one of each that does not count. Both give what they measured.
    pub fn run(mut ours: impl FnMut() -> f64, mut theirs: impl FnMut() -> f64) -> Pairs {
        ours();
        theirs();
        let (mut pairs_ours, mut pairs_theirs) = (Vec::new(), Vec::new());
        for _ in 0..pairs() {
            pairs_ours.push(ours());
            pairs_theirs.push(theirs());
        }
        Pairs { ours: pairs_ours, theirs: pairs_theirs }
    }

    /// The ratio of the best that was seen of each, where `most` says that more is better. With others at work on the
    /// machine this wanders less than the median, and the two far apart mean: measure again.
    pub fn best_ratio(&self, most: bool) -> f64 {
        let part = if most { 1.0 } else { 0.0 };
        quantile(&self.ours, part) / quantile(&self.theirs, part)
    }

    /// The median of the pairs' ratios: a slow moment hits both halves of a pair.
    pub fn ratio(&self) -> f64 {
        let ratios: Vec<f64> = self.ours.iter().zip(&self.theirs).map(|(a, b)| a / b).collect();
        median(&ratios)
    }
}
