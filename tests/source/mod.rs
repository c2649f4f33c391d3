//! The program's source as tests of its shape read it: files with their comments, texts and inline tests blanked out, so
//! that what is left is code, each byte in its old place.
#![allow(dead_code)] // Each test file that includes this uses its part of it.

use std::path::Path;

/// One file of `src/`.
pub struct Source {
    /// Its path, from the project's root: `src/query/field.rs`.
    pub file: String,
    /// All of it.
    pub text: String,
    /// Its code: comments, texts and what is compiled for tests alone are spaces, and lines are where they were.
    pub code: String,
}

impl Source {
    pub fn new(file: &str, text: &str) -> Source {
        Source { file: file.to_owned(), text: text.to_owned(), code: without_tests(&code_of(text)) }
    }

    /// The line, from 1, of a place in the code.
    pub fn line(&self, at: usize) -> usize {
        1 + self.code.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count()
    }
}

/// Every file of `src/` that is not a test of its folder's (`src/*/tests/`), in order.
pub fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut folders, mut found) = (vec![root.join("src")], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the source") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            if path.is_dir() && name != "tests" {
                folders.push(path);
            } else if name.ends_with(".rs") && name != "tests.rs" {
                let file = path.strip_prefix(root).expect("inside").to_str().expect("a path").to_owned();
                found.push(Source::new(&file, &std::fs::read_to_string(&path).expect("a file")));
            }
        }
    }
    found.sort_by(|a, b| a.file.cmp(&b.file));
    assert!(found.len() > 20, "the source is not where it was: {} files", found.len());
    found
}

/// The text with its comments, strings and characters blanked out.
fn code_of(text: &str) -> String {
    let mut code = text.as_bytes().to_vec();
    let mut at = 0;
    while at < code.len() {
        let end = at + opaque(&text.as_bytes()[at..], at > 0 && is_word(text.as_bytes()[at - 1]));
        blank(&mut code[at..end]);
        at = end.max(at + 1);
    }
    String::from_utf8(code).expect("blanks in place of whole texts")
}

/// How many bytes of what stands here are no code: 0 where it is code. `inside` a word a quote's prefix is none.
fn opaque(rest: &[u8], inside: bool) -> usize {
    let until = |from: usize, end: &[u8]| {
        let found = rest[from.min(rest.len())..].windows(end.len()).position(|window| window == end);
        found.map_or(rest.len(), |found| from + found + end.len())
    };
    match rest {
        [b'/', b'/', ..] => until(2, b"\n") - 1,
        [b'/', b'*', ..] => until(2, b"*/"),
        [b'"', ..] => 1 + escaped(&rest[1..], b'"'),
        // A character; a lifetime has no quote behind its first letter.
        [b'\'', b'\\', ..] => 1 + escaped(&rest[1..], b'\''),
        [b'\'', first, ..] => {
            let width = std::str::from_utf8(&rest[1..rest.len().min(5)])
                .map_or_else(|e| e.valid_up_to(), |_| 4)
                .min(if *first < 0x80 { 1 } else { 4 });
            let wide = (1..=width).find(|&width| rest.get(1 + width) == Some(&b'\''));
            wide.map_or(0, |width| width + 2)
        }
        [b'r', b'"' | b'#', ..] | [b'b' | b'c', b'r', b'"' | b'#', ..] if !inside => {
            let start = rest.iter().position(|&byte| byte == b'"' || byte == b'#').expect("one of both");
            let hashes = rest[start..].iter().take_while(|&&byte| byte == b'#').count();
            // `r#type` is a name.
            if rest.get(start + hashes) != Some(&b'"') {
                return 0;
            }
            until(start + hashes + 1, &[b"\"".as_slice(), &b"#".repeat(hashes)].concat())
        }
        _ => 0,
    }
}

/// Bytes up to and with the closing quote.
fn escaped(rest: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

fn blank(bytes: &mut [u8]) {
    bytes.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
}

/// The code without what stands behind `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    const ATTRIBUTE: &str = "#[cfg(test)]";
    let mut bytes = code.as_bytes().to_vec();
    let mut from = 0;
    while let Some(found) = code[from..].find(ATTRIBUTE) {
        let start = from + found;
        let end = item_end(code.as_bytes(), start + ATTRIBUTE.len());
        blank(&mut bytes[start..end]);
        from = end;
    }
    String::from_utf8(bytes).expect("blanks in place of whole items")
}

/// Where the item that begins here ends: behind its block, or at the `;` that ends it; a field at its `,`.
pub fn item_end(code: &[u8], start: usize) -> usize {
    let is_field = !is_item(&code[start..]);
    let mut depth = 0usize;
    for (at, byte) in code.iter().enumerate().skip(start) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'}' if depth <= 1 => return at + 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return at + 1,
            b',' if depth == 0 && is_field => return at + 1,
            _ => (),
        }
    }
    code.len()
}

/// Whether a function, a module or the like begins here, in which a `,` ends nothing; not a field.
fn is_item(code: &[u8]) -> bool {
    const ITEMS: &str = "fn mod impl use const static struct enum type unsafe trait";
    let mut words = code.split(|&byte| !is_word(byte)).filter(|word| !word.is_empty());
    let first = words.find(|word| *word != b"pub" && *word != b"crate").unwrap_or_default();
    ITEMS.split(' ').any(|item| item.as_bytes() == first)
}

/// Whether the byte may stand in a name.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Places at which this word stands.
pub fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = at.checked_sub(1).is_none_or(|before| !is_word(bytes[before]));
        before && bytes.get(at + word.len()).is_none_or(|&after| !is_word(after))
    })
}
