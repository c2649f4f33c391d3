//! Lengths that keep the source readable: of functions, and of files. Tests beside the code and in it are apart.
mod source;

use source::{Source, item_end, sources, words};

/// Lines of a file at most, its inline tests and the empty one behind its last line included.
const FILE_LINES: usize = 400;
/// Lines of a function at most, from its `fn` to its closing brace.
const FUNCTION_LINES: usize = 60;
/// Lines that 95 of 100 functions have at most.
const MOST_FUNCTIONS_LINES: usize = 30;

/// A function: where it is, what it is called, and how many lines it has.
struct Function {
    place: String,
    name: String,
    lines: usize,
}

/// The functions of a file that have a body; those inside others count for themselves as well.
fn functions(source: &Source) -> Vec<Function> {
    let code = source.code.as_bytes();
    let mut found = Vec::new();
    for at in words(&source.code, "fn") {
        let name: String = source.code[at + 2..]
            .trim_start()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        let end = item_end(code, at);
        // A type of functions has no name, and what a trait only names has no body.
        if name.is_empty() || code[end - 1] != b'}' {
            continue;
        }
        let (first, last) = (source.line(at), source.line(end - 1));
        found.push(Function { place: format!("{}:{first}", source.file), name, lines: last - first + 1 });
    }
    found
}

#[test]
fn no_function_is_too_long() {
    let all: Vec<Function> = sources().iter().flat_map(functions).collect();
    assert!(all.len() > 300, "functions are not found any more: {}", all.len());
    let long = all.iter().filter(|function| function.lines > FUNCTION_LINES);
    let long: Vec<String> = long
        .map(|f| {
            format!("{}: function {} has {} lines, {FUNCTION_LINES} are the most", f.place, f.name, f.lines)
        })
        .collect();
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}

#[test]
fn most_functions_are_short() {
    let mut all: Vec<Function> = sources().iter().flat_map(functions).collect();
    all.sort_by_key(|function| function.lines);
    let place = all.len() * 95 / 100;
    let longer: Vec<String> =
        all[place..].iter().map(|f| format!("{}: {} has {} lines", f.place, f.name, f.lines)).collect();
    let lines = all[place].lines;
    assert!(
        lines <= MOST_FUNCTIONS_LINES,
        "of 100 functions 95 have up to {lines} lines, and should have {MOST_FUNCTIONS_LINES} at most; the others are\n{}",
        longer.join("\n")
    );
}

#[test]
fn no_file_is_too_long() {
    let lines = |source: &Source| source.text.split('\n').count();
    let long = sources().into_iter().filter(|source| lines(source) > FILE_LINES);
    let long: Vec<String> =
        long.map(|s| format!("{}: it has {} lines, {FILE_LINES} are the most", s.file, lines(&s))).collect();
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}

#[test]
fn functions_are_measured() {
    let text = r##"
trait Named {
    fn without_a_body(&self) -> [u8; 2];
    fn one_line(&self) {}
}
// fn in_a_comment() {
const TEXT: &str = "fn in_a_text() {"; const RAW: &str = r#"fn "raw" { "#; const BRACE: char = '{';
fn outer<'a, T>(text: &'a str, call: fn(u8) -> u8) -> &'a str
where
    u8: Copy,
{
    fn inner() {
        let _ = b'}';
    }
    text
}
#[cfg(test)]
mod tests {
    fn in_a_test() {}
}
fn last() {
}
"##;
    let found = functions(&Source::new("src/a.rs", text));
    let seen: Vec<(&str, &str, usize)> =
        found.iter().map(|f| (f.place.as_str(), f.name.as_str(), f.lines)).collect();
    assert_eq!(
        seen,
        [
            ("src/a.rs:4", "one_line", 1),
            ("src/a.rs:8", "outer", 9),
            ("src/a.rs:12", "inner", 3),
            ("src/a.rs:21", "last", 2)
        ]
    );
}
