//! A command line in its parts: options with their values, and what is left beside them.

use crate::query::net::Net;
use heapless::vec::VecView;
use pico_args::{Arguments, Error, Keys};
use std::ffi::OsString;

/// Whose options: a bit for each command. The daemon has no name to be called by.
pub(super) const DAEMON: u8 = 1;
pub(super) const PASSWD: u8 = 2;
pub(super) const LIST: u8 = 4;
pub(super) const SUMMARY: u8 = 8;
pub(super) const TOP: u8 = 16;
pub(super) const KILL: u8 = 32;
pub(super) const CALL: u8 = 64;
const TABLES: u8 = LIST | SUMMARY;

/// An option.
struct Opt {
    name: &'static str,
    /// Its name of one letter; empty where there is none.
    short: &'static str,
    takes: Takes,
    /// Who has it.
    of: u8,
}

/// What an option takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Value,
    /// A value each time that it is given.
    Values,
    /// Nothing, or a value behind `=`, as --metrics alone does.
    #[cfg_attr(not(feature = "metrics"), expect(dead_code))]
    Either,
}
use Takes::*;

/// A row of the table.
const fn row(name: &'static str, short: &'static str, takes: Takes, of: u8) -> Opt {
    Opt { name, short, takes, of }
}

/// Every option but --help and --version, which count wherever they stand.
const OPTIONS: &[Opt] = &[
    row("--listen", "-l", Values, DAEMON),
    row("--auth", "", Value, DAEMON),
    row("--allow-user", "", Values, DAEMON),
    row("--insecure-no-auth", "", Nothing, DAEMON),
    row("--allow-host", "", Values, DAEMON),
    row("--forwarded", "", Value, DAEMON),
    row("--session-timeout", "", Value, DAEMON),
    row("--wide-ints", "", Value, DAEMON),
    row("--ignore", "", Values, DAEMON),
    row("--lan", "", Values, DAEMON | SUMMARY | TOP),
    row("--hide-time-wait", "", Nothing, DAEMON),
    row("--uid-mask", "", Value, DAEMON),
    row("--passwd-file", "", Value, DAEMON),
    row("--hosts", "", Values, DAEMON | TABLES | TOP | KILL),
    row("--leases", "", Values, DAEMON | TABLES | TOP | KILL),
    row("--enable-accounting", "", Nothing, DAEMON),
    row("--enable-timestamps", "", Nothing, DAEMON),
    row("--snapshot-flows", "", Value, DAEMON),
    row("--rate-flows", "", Value, DAEMON),
    #[cfg(feature = "metrics")]
    row("--metrics", "", Either, DAEMON),
    #[cfg(feature = "metrics")]
    row("--metrics-allow", "", Values, DAEMON),
    #[cfg(feature = "metrics")]
    row("--metrics-hosts", "", Value, DAEMON),
    row("--user", "", Value, DAEMON | CALL),
    row("--log-level", "", Value, DAEMON),
    row("--no-kernel-filter", "", Nothing, DAEMON),
    row("--stdin", "", Nothing, PASSWD),
    row("--delete", "", Nothing, PASSWD),
    row("--by", "", Value, SUMMARY),
    row("--sort", "-s", Value, TABLES),
    row("--reverse", "-r", Nothing, TABLES),
    row("--limit", "-n", Value, TABLES),
    row("--start", "", Value, TABLES),
    row("--fields", "-o", Value, LIST),
    row("--json", "", Nothing, TABLES),
    row("--bytes", "", Nothing, TABLES),
    row("--no-header", "", Nothing, TABLES),
    row("--delay", "-d", Value, TOP),
    row("--batch", "", Nothing, TOP),
    row("--times", "-n", Value, TOP),
    row("--limit", "", Value, TOP),
    row("--id", "", Nothing, KILL),
    row("--yes", "", Nothing, KILL),
    row("--connect", "", Value, CALL),
    row("--password-file", "", Value, CALL),
    row("--password-stdin", "", Nothing, CALL),
];

impl Opt {
    /// Its names for pico-args.
    fn keys(&self) -> Keys {
        if self.short.is_empty() { self.name.into() } else { [self.short, self.name].into() }
    }
}

/// The option of this name, in either form.
fn option(of: u8, name: &str) -> Option<&'static Opt> {
    let is_this = |option: &&Opt| option.of & of != 0 && (name == option.name || name == option.short);
    OPTIONS.iter().find(is_this)
}

/// The name and the value of `--name=value`.
fn parts(text: &'static str) -> (&'static str, Option<&'static str>) {
    text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)))
}

/// A command line that is being read: each option is asked for, and what is left in the end is wrong.
pub(super) struct Line {
    /// Whose it is, and the name of that; none for the daemon.
    of: u8,
    name: &'static str,
    given: Vec<Given>,
}

/// An argument, with its value where it is an option.
struct Given {
    /// The name of an option in the table, or what is none as it stands.
    text: &'static str,
    is_option: bool,
    value: Option<&'static str>,
    /// It was asked for.
    is_taken: bool,
    /// It stands behind two dashes, where nothing is an option.
    is_behind: bool,
}

const NONE: Given = Given { text: "", is_option: false, value: None, is_taken: false, is_behind: false };

impl Line {
    /// Takes the arguments apart.
    ///
    /// # Errors
    /// An option that lacks its value.
    pub(super) fn read(
        of: u8,
        name: &'static str,
        args: &[&'static str],
    ) -> Result<&'static mut Self, String> {
        // Nothing is an option behind two dashes.
        let takes_words = of & (DAEMON | PASSWD) == 0;
        let dashes = args.iter().position(|arg| takes_words && *arg == "--").unwrap_or(args.len());
        let (args, behind) = args.split_at(dashes);
        let mut args = Arguments::from_vec(args.iter().map(OsString::from).collect());
        let mut given = Vec::new();
        for option in OPTIONS.iter().filter(|option| option.of & of != 0) {
            let mut add = |value| given.push(Given { text: option.name, is_option: true, value, ..NONE });
            // First without a value: else the next argument would be one.
            if matches!(option.takes, Nothing | Either) && args.contains(option.keys()) {
                add(None);
            }
            // What is left of one that is taken once is given twice.
            let most = match option.takes {
                Nothing => 0,
                Values => usize::MAX,
                Value | Either => 1,
            };
            for _ in 0..most {
                match args.opt_value_from_fn(option.keys(), kept).map_err(sentence)? {
                    None => break,
                    value => add(value),
                }
            }
        }
        for text in args.finish().into_iter().filter_map(|text| text.into_string().ok()) {
            given.push(Given { text: text.leak(), ..NONE });
        }
        given.extend(behind.iter().skip(1).map(|text| Given { text, is_behind: true, ..NONE }));
        Ok(Box::leak(Box::new(Line { of, name, given })))
    }

    /// The value of an option the next time that it is given; an empty one for none.
    #[inline(never)]
    fn take(&mut self, name: &str, has_value: bool) -> Option<&'static str> {
        let is_next = |given: &&mut Given| {
            !given.is_taken && given.is_option && given.text == name && given.value.is_some() == has_value
        };
        let given = self.given.iter_mut().find(is_next)?;
        given.is_taken = true;
        Some(given.value.unwrap_or_default())
    }

    /// Whether an option is given without a value.
    #[inline(never)]
    pub(super) fn flag(&mut self, name: &str) -> bool {
        self.take(name, false).is_some()
    }

    /// The value of an option, or the next one of those that it is given with.
    #[inline(never)]
    pub(super) fn value(&mut self, name: &str) -> Option<&'static str> {
        self.take(name, true)
    }

    /// What was not asked for, as it is.
    pub(super) fn rest(&self) -> impl Iterator<Item = &'static str> {
        self.given.iter().filter(|given| !given.is_taken).map(|given| given.text)
    }

    /// What was not asked for, which must be words: these are no options. The daemon takes none.
    ///
    /// # Errors
    /// What each else is.
    pub(super) fn words(&self) -> Result<&'static [&'static str], String> {
        let mut words = Vec::new();
        for given in self.given.iter().filter(|given| !given.is_taken) {
            // A number of a procedure may be negative. In a filter -6 would be all but port 6, where who types it means IPv6.
            let is_word = match given.text.as_bytes() {
                [b'-', second, ..] => self.of == CALL && second.is_ascii_digit(),
                _ => self.of != DAEMON,
            };
            if !is_word && !given.is_behind {
                return Err(self.wrong(given.text));
            }
            words.push(given.text);
        }
        Ok(words.leak())
    }

    /// Why an argument can't be there.
    fn wrong(&self, text: &'static str) -> String {
        let (name, value) = parts(text);
        let command = self.name;
        match option(self.of, name) {
            Some(option) if option.takes == Nothing && value.is_some() => {
                format!("{name} takes no value, so not \"{text}\"")
            }
            Some(_) => format!("{name} is given twice: once is enough"),
            None if !name.starts_with('-') => {
                format!("\"{text}\" belongs to no option; rctd --help lists them")
            }
            None if self.of == DAEMON => format!("there is no option {name}; rctd --help lists them"),
            None => format!(
                "rctd {command} has no option {name}; rctd {command} --help lists them (two dashes before it make it a word)"
            ),
        }
    }

    /// Takes the value of an option that takes a number, if it is given.
    #[cfg(feature = "shell")]
    pub(super) fn count(&mut self, name: &str) -> Result<Option<u64>, String> {
        let Some(text) = self.value(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| format!("{name} takes a number, not \"{text}\""))
    }

    /// Takes the value of an option that takes a number from 1 to `most`.
    pub(super) fn number(&mut self, name: &str, most: u32, number: &mut u32) -> Result<(), String> {
        self.choice(name, format_args!("a number from 1 to {most}"), &mut |text| {
            let given = text.parse().ok().filter(|n| (1..=most).contains(n));
            given.map(|n| *number = n).is_some()
        })
    }

    /// Hands an option's value, if it is given, to `take`, which returns whether it is one that `takes` describes.
    pub(super) fn choice(
        &mut self,
        name: &str,
        takes: core::fmt::Arguments<'_>,
        take: &mut dyn FnMut(&str) -> bool,
    ) -> Result<(), String> {
        match self.value(name) {
            Some(text) if !take(text) => Err(format!("{name} takes {takes}, not \"{text}\"")),
            _ => Ok(()),
        }
    }

    /// Takes all values of an option that takes networks.
    pub(super) fn networks(&mut self, name: &str, nets: &mut VecView<Net>) -> Result<(), String> {
        while let Some(net) = self.network(name)? {
            nets.push(net).map_err(|_| too_often(name, nets.capacity()))?;
        }
        Ok(())
    }

    /// Takes an option's next value, if it is given: a network.
    pub(super) fn network(&mut self, name: &str) -> Result<Option<Net>, String> {
        let Some(text) = self.value(name) else {
            return Ok(None);
        };
        let net = Net::parse(text);
        net.map(Some).ok_or_else(|| format!("{name} takes an address or ADDRESS/BITS, not \"{text}\""))
    }
}

/// A value, for as long as the program runs: there is one command line.
fn kept(value: &str) -> Result<&'static str, core::convert::Infallible> {
    Ok(value.to_owned().leak())
}

fn sentence(error: Error) -> String {
    match error {
        Error::OptionWithoutAValue(name) => {
            format!("{name} takes a value, and there is none: rctd --help shows which")
        }
        other => other.to_string(),
    }
}

/// The sentence for an option that is given too often.
pub(super) fn too_often(name: &str, most: usize) -> String {
    format!("{name} can be given at most {most} times")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(of: u8, args: &[&'static str]) -> &'static mut Line {
        Line::read(of, "list", args).unwrap()
    }

    #[test]
    fn values_come_in_both_forms_and_in_order() {
        let line = line(DAEMON, &["-l", "a", "--listen", "b", "--user='c d'", "-l=e", "--hide-time-wait"]);
        assert_eq!([line.value("--listen"), line.value("--listen")], [Some("a"), Some("b")]);
        assert_eq!([line.value("--listen"), line.value("--listen")], [Some("e"), None]);
        assert_eq!(line.value("--user"), Some("c d"));
        assert!(line.flag("--hide-time-wait") && !line.flag("--hide-time-wait"));
        assert!(line.words().unwrap().is_empty());
    }

    #[test]
    fn values_may_be_missing() {
        for last in ["--user", "--user=", "--user=\"a", "--user=''"] {
            let wrong = Line::read(DAEMON, "", &["--hide-time-wait", last]).err();
            assert!(wrong.is_some_and(|wrong| wrong.starts_with("--user takes a value")), "{last}");
        }
    }

    #[test]
    fn words_are_what_is_no_option() {
        let given = line(LIST, &["tcp", "-", "--", "--json", "--"]);
        assert!(!given.flag("--json"));
        assert_eq!(given.words().unwrap(), ["tcp", "-", "--json", "--"]);
        assert_eq!(line(CALL, &["kill", "-1"]).words().unwrap(), ["kill", "-1"]);
        for (of, args, says) in [
            (LIST, ["-1"], "rctd list has no option -1; "),
            (LIST, ["--yes"], "rctd list has no option --yes; "),
            (LIST, ["--json=1"], "--json takes no value, so not \"--json=1\""),
            (LIST, ["--json"], "--json is given twice"),
            (DAEMON, ["--"], "there is no option --; "),
            (DAEMON, ["a=b"], "\"a=b\" belongs to no option; "),
        ] {
            let wrong = line(of, &args).words().unwrap_err();
            assert!(wrong.starts_with(says), "{wrong}");
        }
    }
}
