//! Fenced blocks of a Markdown file: programs of the documentation, and what they say they print.
//!
//! Behind the language of a fence may stand words for the tests, which no reader sees: ```` ```python auth ````.
//! `preamble` is put in front of every later block of that language in its file; `auth`, `metrics` and `users` have a daemon
//! with such options and stand alone, `alone` just stands alone.
//!
//! A line that prints and ends in a comment, `print(n)  # 3` or `echo $n, "\n";  // 3`, promises a line of output.
use std::path::Path;

/// A program in a file of the documentation.
pub struct Block {
    /// File and line, for messages.
    pub place: String,
    pub language: String,
    pub words: Vec<String>,
    pub text: String,
}

impl Block {
    pub fn has(&self, word: &str) -> bool {
        self.words.iter().any(|w| w == word)
    }

    /// The lines of output that its comments promise, in order.
    pub fn promised(&self) -> Vec<&str> {
        let mark = if self.language == "php" { "  // " } else { "  # " };
        let prints = |line: &&str| line.contains("print(") || line.contains("echo ");
        let comments = self.text.lines().filter(prints).filter_map(|line| line.rsplit_once(mark));
        comments.map(|(_, promise)| promise.trim()).collect()
    }
}

/// A file of the repository.
pub fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The blocks of one language in a file, each with its preamble in front unless it stands alone.
pub fn programs(file: &str, language: &str) -> Vec<Block> {
    let mut preamble = String::new();
    let mut found = Vec::new();
    for mut block in blocks(file, &read(file)).into_iter().filter(|block| block.language == language) {
        let words = ["preamble", "alone", "auth", "metrics", "users", "names"];
        let alone = words.iter().any(|word| block.has(word));
        if block.has("preamble") {
            preamble = block.text.clone();
        } else if !alone {
            block.text = format!("{preamble}\n{}", block.text);
        }
        found.push(block);
    }
    found
}

fn blocks(file: &str, text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in text.lines().enumerate() {
        let fence = line.strip_prefix("```");
        match (&mut open, fence) {
            (None, Some(info)) => {
                let mut words = info.split_whitespace().map(str::to_owned);
                let place = format!("{file}:{}", index + 1);
                let language = words.next().unwrap_or_default();
                open = Some(Block { place, language, words: words.collect(), text: String::new() });
            }
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (Some(_), Some("")) => found.extend(open.take()),
            (Some(block), Some(_)) => panic!("{}: the fence is not closed", block.place),
            (None, None) => (),
        }
    }
    assert!(open.is_none(), "{file} ends inside a fence");
    found
}

#[test]
fn blocks_are_found_with_their_promises() {
    let text = "a\n```python preamble\nx = 1\n```\n    ```\n```php auth\necho 1;  // 1\n// echo\n$a = 2;  // 2\n```\n";
    let found = blocks("f", text);
    let seen: Vec<_> = found.iter().map(|b| (b.place.as_str(), b.language.as_str(), b.promised())).collect();
    assert_eq!(seen, [("f:2", "python", vec![]), ("f:6", "php", vec!["1"])]);
    assert!(found[0].has("preamble") && found[1].has("auth") && !found[1].has("alone"));
}
