//! Values of options, each read or refused in a sentence.

use crate::query::net::Net;
use heapless::vec::VecView;
use pico_args::Arguments;

/// Whether a help names the option.
pub(super) fn is_named(help: &str, option: &str) -> bool {
    help.split_whitespace().any(|word| word.trim_end_matches(',') == option)
}

/// Takes the value of an option that takes a number from 1 to `most`.
pub(super) fn number(
    args: &mut Arguments,
    name: &'static str,
    most: u32,
    number: &mut u32,
) -> Result<(), String> {
    choice(args, name, &format!("a number from 1 to {most}"), &mut |text| {
        let given = text.parse().ok().filter(|n| (1..=most).contains(n));
        given.map(|n| *number = n).is_some()
    })
}

/// Hands an option's value, if it is given, to `take`, which returns whether it is one that `takes` describes.
pub(super) fn choice(
    args: &mut Arguments,
    name: &'static str,
    takes: &str,
    take: &mut dyn FnMut(&str) -> bool,
) -> Result<(), String> {
    match value(args, name)? {
        Some(text) if !take(&text) => Err(format!("{name} takes {takes}, not \"{text}\"")),
        _ => Ok(()),
    }
}

/// Takes an option's first value, as text: pico-args has a copy of itself for each other type.
#[inline(never)]
pub(super) fn value(args: &mut Arguments, name: &'static str) -> Result<Option<String>, String> {
    args.opt_value_from_fn(name, text).map_err(sentence)
}

pub(super) fn sentence(error: pico_args::Error) -> String {
    match error {
        pico_args::Error::OptionWithoutAValue(name) => {
            format!("{name} takes a value, and there is none: rctd --help shows which")
        }
        other => other.to_string(),
    }
}

pub(super) fn text(text: &str) -> Result<String, core::convert::Infallible> {
    Ok(text.to_owned())
}

/// Takes all values of an option that takes networks.
pub(super) fn networks(
    args: &mut Arguments,
    name: &'static str,
    nets: &mut VecView<Net>,
) -> Result<(), String> {
    while let Some(net) = network(args, name)? {
        nets.push(net).map_err(|_| too_often(name, nets.capacity()))?;
    }
    Ok(())
}

/// Takes an option's first value, if it is given: a network.
pub(super) fn network(args: &mut Arguments, name: &'static str) -> Result<Option<Net>, String> {
    let Some(text) = value(args, name)? else {
        return Ok(None);
    };
    let net = Net::parse(&text);
    net.map(Some).ok_or_else(|| format!("{name} takes an address or ADDRESS/BITS, not \"{text}\""))
}

/// The sentence for an option that is given too often.
pub(super) fn too_often(name: &str, most: usize) -> String {
    format!("{name} can be given at most {most} times")
}
