//! Options and what they take, one at a time.

use super::HELP;
use crate::config::NameFile;
use crate::limits::{LAN_NETS, NAME_FILES};
use crate::query::net::Net;
use heapless::Vec;
use heapless::vec::VecView;
use pico_args::Arguments;
use std::path::PathBuf;

/// What is inside where --lan says nothing: private addresses (RFC 1918), unique-local ones (RFC 4193) and those of a link (RFC
/// 3927, RFC 4291).
const LAN: &[&str] =
    &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"];

/// What is inside.
pub(super) fn lan(args: &mut Arguments, nets: &mut Vec<Net, LAN_NETS>) -> Result<(), String> {
    networks(args, "--lan", nets)?;
    if nets.is_empty() {
        *nets = LAN.iter().filter_map(|net| Net::parse(net)).collect();
    }
    Ok(())
}

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

pub(super) fn too_often(name: &str, most: usize) -> String {
    format!("{name} can be given at most {most} times")
}

/// Adds the files with names of hosts, each of whose options may be given several times.
#[inline(never)]
pub(super) fn names(args: &mut Arguments, files: &mut std::vec::Vec<NameFile>) -> Result<(), String> {
    for (name, is_leases) in [("--hosts", false), ("--leases", true)] {
        let before = files.len();
        while let Some(path) = value(args, name)? {
            if files.len() == before + NAME_FILES {
                return Err(too_often(name, NAME_FILES));
            }
            files.push(NameFile { path: PathBuf::from(path), is_leases });
        }
    }
    Ok(())
}

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

/// Every argument must have been understood. What takes one of each option leaves a second one there.
pub(super) fn no_rest(args: Arguments) -> Result<(), String> {
    let rest = args.finish();
    let Some(first) = rest.first() else {
        return Ok(());
    };
    let text = first.to_str().unwrap_or("(not UTF-8)");
    let name = text.split_once('=').map_or(text, |(name, _)| name);
    Err(
        match (HELP.split_whitespace().any(|word| word.trim_end_matches(',') == name), name.starts_with('-'))
        {
            (true, true) => format!("{name} is given twice: once is enough"),
            (false, true) => format!("there is no option {name}; rctd --help lists them"),
            (_, false) => format!("\"{text}\" belongs to no option; rctd --help lists them"),
        },
    )
}
