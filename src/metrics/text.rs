//! The table of metrics written as text, line by line, as the output has room.

use super::flows::{Counts, FAMILIES, FLAGS, PROTOCOLS};
use super::table::{GAUGES, Gauge, METRICS, Metric, Of};
use crate::address::put_address;
use crate::conntrack::kernel::CPU_COUNTERS;
use crate::conntrack::uapi::AF_INET;
use crate::http::Status;
use crate::limits::METRICS_HOSTS;
use crate::out::{Full, Out};
use crate::query::words::Words;
use crate::stats::{Stats, Tally};

/// What was asked for once, so that all lines are of the same moment.
#[derive(Clone, Copy, Default)]
pub(crate) struct Facts {
    /// The kernel's counters by number.
    pub(crate) kernel: [Option<u64>; CPU_COUNTERS],
    /// Numbers in the order of [`Gauge`].
    pub(crate) gauges: [Option<u64>; GAUGES],
    /// What the last scan has counted, where that is asked for; whether hosts are told apart.
    pub(crate) counts: Option<Counts>,
    pub(crate) has_hosts: bool,
}

/// Labels that others know.
#[derive(Clone, Copy)]
pub(crate) struct Names {
    /// The name of the procedure in this place of their table.
    pub(crate) procedure: fn(usize) -> Option<&'static str>,
    /// The number of the fault code in this place among all codes.
    pub(crate) code: fn(usize) -> Option<i32>,
}

/// What else the text is made of.
pub(crate) struct Sources<'a> {
    /// The daemon's counters.
    pub(crate) stats: &'a Stats,
    /// Their labels.
    pub(crate) names: Names,
}

/// How much of the text is written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    metric: usize,
    series: usize,
    /// The metric's own lines are written.
    is_headed: bool,
}

/// A value, or why there is none.
enum Sample {
    Number(u64),
    /// Microseconds, which are written as seconds.
    Micros(u64),
    /// This series is not there.
    Absent,
    /// Nor is any that follows.
    End,
}

impl Facts {
    /// Writes the text from `place` on.
    ///
    /// # Errors
    /// [`Full`]: what is written until then is whole lines, and the rest is asked for again when there is room.
    pub(crate) fn write(
        &self,
        place: &mut Place,
        sources: &Sources<'_>,
        out: &mut Out<'_>,
    ) -> Result<(), Full> {
        while let Some(metric) = METRICS.get(place.metric) {
            let before = out.len();
            match self.write_series(metric, *place, sources, out) {
                Ok(Sample::End) => {
                    out.truncate(before);
                    *place = Place { metric: place.metric + 1, ..Place::default() };
                }
                Ok(Sample::Absent) => {
                    out.truncate(before);
                    place.series += 1;
                }
                Ok(Sample::Number(_) | Sample::Micros(_)) => {
                    (place.series, place.is_headed) = (place.series + 1, true);
                }
                Err(Full) => {
                    out.truncate(before);
                    return Err(Full);
                }
            }
        }
        Ok(())
    }

    /// Writes the line of a series, the first with those of its metric before it. What is not there leaves a part of a line.
    fn write_series(
        &self,
        metric: &Metric,
        place: Place,
        sources: &Sources<'_>,
        out: &mut Out<'_>,
    ) -> Result<Sample, Full> {
        if !place.is_headed {
            let kind = if metric.name.ends_with("_total") { " counter\n" } else { " gauge\n" };
            put_all(out, &["# HELP ", metric.name, " ", metric.help, "\n# TYPE ", metric.name, kind])?;
        }
        out.put(metric.name.as_bytes())?;
        let sample = self.put_labels(metric.of, place.series, sources, out)?;
        match sample {
            Sample::Number(number) => {
                out.put(b" ")?;
                out.put_u64(number)?;
            }
            Sample::Micros(us) => {
                out.put(b" ")?;
                out.put_u64(us / 1_000_000)?;
                out.put(b".")?;
                let mut unit = 100_000;
                while unit > 0 {
                    out.put_u64(us / unit % 10)?;
                    unit /= 10;
                }
            }
            Sample::Absent | Sample::End => return Ok(sample),
        }
        out.put(b"\n")?;
        Ok(sample)
    }

    /// Writes the labels of a metric's series, and gives its value.
    fn put_labels(
        &self,
        of: Of,
        at: usize,
        sources: &Sources<'_>,
        out: &mut Out<'_>,
    ) -> Result<Sample, Full> {
        let stats = sources.stats;
        let single = match of {
            Of::Gauge(gauge) => return self.put_gauge(gauge, at, out),
            Of::Kernel(number) => self.kernel.get(usize::from(number)).copied().flatten().map(Sample::Number),
            Of::Own(counter) => Some(Sample::Number(stats.get(counter))),
            Of::ScanTime => Some(Sample::Micros(stats.scan_us())),
            Of::Each(tally) => return put_tally(tally, at, sources, out),
            Of::Flows | Of::States | Of::Flags => return self.put_flows(of, at, out),
            Of::HostFlows | Of::HostReceives | Of::HostTransmits => return self.put_host(of, at, out),
        };
        Ok(single.filter(|_| at == 0).unwrap_or(Sample::End))
    }

    fn put_gauge(&self, gauge: Gauge, at: usize, out: &mut Out<'_>) -> Result<Sample, Full> {
        let number = self.gauges.get(gauge as usize).copied().flatten().filter(|_| at == 0);
        if gauge == Gauge::Build {
            put_label(out, "{version", env!("CARGO_PKG_VERSION"))?;
            out.put(b"}")?;
        }
        Ok(match number {
            None => Sample::End,
            Some(us) if gauge == Gauge::Cpu => Sample::Micros(us),
            Some(number) => Sample::Number(number),
        })
    }

    /// Writes the labels of flows that a scan has counted.
    fn put_flows(&self, of: Of, at: usize, out: &mut Out<'_>) -> Result<Sample, Full> {
        let Some(counts) = &self.counts else {
            return Ok(Sample::End);
        };
        let count = match of {
            Of::Flows => {
                let (protocol, family) = (at / FAMILIES.len(), at % FAMILIES.len());
                let number = PROTOCOLS.get(protocol);
                let name = number.and_then(|number| Words::Protocol.name((*number).into()));
                put_word(out, "{protocol=\"", name.unwrap_or("other"))?;
                put_label(out, ",family", FAMILIES.get(family).copied().unwrap_or_default())?;
                counts.protocols.get(protocol).and_then(|by_family| by_family.get(family))
            }
            Of::States => {
                put_word(out, "{state=\"", Words::TcpState.name(at as u32).unwrap_or_default())?;
                counts.states.get(at)
            }
            _ => {
                put_label(out, "{flag", FLAGS.get(at).map_or("", |(name, _)| name))?;
                counts.flags.get(at)
            }
        };
        out.put(b"}")?;
        Ok(count.map_or(Sample::End, |count| Sample::Number(u64::from(*count))))
    }

    fn put_host(&self, of: Of, at: usize, out: &mut Out<'_>) -> Result<Sample, Full> {
        let counts = self.counts.as_ref().filter(|_| self.has_hosts);
        let Some(host) = counts.and_then(|counts| counts.hosts.get(at)) else {
            return Ok(Sample::End);
        };
        let value = match of {
            Of::HostFlows => u64::from(host.flows),
            Of::HostReceives => host.receives,
            _ => host.transmits,
        };
        let is_other = at == METRICS_HOSTS;
        let is_rate = !matches!(of, Of::HostFlows);
        if (host.family == 0 && !is_other) || (is_rate && !host.has_rate) {
            return Ok(Sample::Absent);
        }
        out.put(b"{host=\"")?;
        if is_other { out.put(b"other") } else { put_address(out, &host.address, host.family == AF_INET) }?;
        out.put(b"\"}")?;
        Ok(Sample::Number(value))
    }
}

/// Writes the label of what the daemon counts one by one, of which there is a fixed set.
fn put_tally(tally: Tally, at: usize, sources: &Sources<'_>, out: &mut Out<'_>) -> Result<Sample, Full> {
    let mut place = Some(at);
    let number = match tally {
        Tally::Calls => {
            let name = (sources.names.procedure)(at);
            // Behind the procedures come the calls of what is none.
            let is_behind =
                at.checked_sub(1).is_some_and(|before| (sources.names.procedure)(before).is_none());
            if is_behind {
                return Ok(Sample::End);
            }
            place = name.and(place);
            put_label(out, "{method", name.unwrap_or("other"))?;
            None
        }
        Tally::Faults => Some(((sources.names.code)(at), "{code=\"")),
        Tally::HttpErrors => {
            Some((Status::ERRORS.get(at).map(|status| i32::from(status.code())), "{status=\""))
        }
    };
    if let Some((number, label)) = number {
        let Some(number) = number else {
            return Ok(Sample::End);
        };
        put_all(out, &[label, if number < 0 { "-" } else { "" }])?;
        out.put_u64(number.unsigned_abs().into())?;
        out.put(b"\"")?;
    }
    out.put(b"}")?;
    Ok(Sample::Number(sources.stats.tally(tally, place)))
}

/// Writes a label; `name` has before it what stands between two of them, or begins them.
#[inline(never)]
fn put_label(out: &mut Out<'_>, name: &str, value: &str) -> Result<(), Full> {
    put_all(out, &[name, "=\"", value, "\""])
}

/// Writes a label of one of the [`Words`], in small letters.
#[inline(never)]
fn put_word(out: &mut Out<'_>, before: &str, word: &str) -> Result<(), Full> {
    out.put(before.as_bytes())?;
    out.put_lowercase(word)?;
    out.put(b"\"")
}

fn put_all(out: &mut Out<'_>, texts: &[&str]) -> Result<(), Full> {
    texts.iter().try_for_each(|text| out.put(text.as_bytes()))
}
