//! Compresses the page in the browser, `src/web/`, for the feature `web`: routers send it as it is stored.
//!
//! Out come a gzip stream of each file, the modules joined to one script, and `files.rs`, the table that `src/web/mod.rs`
//! includes. The same files give the same bytes on every machine: a stream has no time and no name in it.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "web")]
    page::build();
}

#[cfg(feature = "web")]
mod page {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fmt::Write;
    use std::path::{Path, PathBuf};

    const FOLDER: &str = "src/web";

    /// Compresses the page's files, and writes the table.
    pub fn build() {
        println!("cargo::rerun-if-changed={FOLDER}");
        let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
        let mut table = String::from("/// The files, that at `/` first.\npub static FILES: &[File] = &[\n");
        let files = [
            ("/", "Page", "index.html", short(&read("index.html"))),
            ("/icon.svg", "Svg", "icon.svg", short(&read("icon.svg"))),
            ("/page.css", "Style", "page.css", style(&read("page.css"))),
            ("/page.js", "Script", "page.js", Bundle::of("main.js")),
        ];
        for (path, media, name, text) in files {
            let stored = out.join(format!("{name}.gz"));
            std::fs::write(&stored, gzip(text.as_bytes()))
                .unwrap_or_else(|e| panic!("{}: {e}", stored.display()));
            let bytes = format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.gz\"))");
            writeln!(table, "    File::new({path:?}, Media::{media}, true, {bytes}),")
                .expect("a string grows");
        }
        table.push_str("];\n");
        std::fs::write(out.join("files.rs"), table).expect("the table can be written");
    }

    fn read(name: &str) -> String {
        let path = Path::new(FOLDER).join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// The text without indentation and empty lines.
    fn short(text: &str) -> String {
        text.lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .fold(String::new(), |all, line| all + line + "\n")
    }

    /// A style sheet without what it needs for people alone.
    fn style(text: &str) -> String {
        let marks = [
            (": ", ":"),
            ("; ", ";"),
            (" {", "{"),
            ("{ ", "{"),
            (" }", "}"),
            (", ", ","),
            (";}", "}"),
            ("}\n", "}"),
        ];
        marks.iter().fold(short(text), |text, (long, short)| text.replace(long, short))
    }

    /// A line of a script without the spaces around its signs. Lines with a template or a regular expression stay.
    fn script(line: &str) -> String {
        if line.contains(['`', '/', '\\', '\'']) {
            return line.to_owned();
        }
        let is_sign = |c: Option<&char>| c.is_some_and(|c| "=+-*<>?:,;(){}[]&|!".contains(*c));
        let chars: Vec<char> = line.chars().collect();
        let mut within_text = false;
        let mut squeezed = String::new();
        for (at, &c) in chars.iter().enumerate() {
            within_text ^= c == '"';
            let beside_sign =
                is_sign(at.checked_sub(1).and_then(|at| chars.get(at))) || is_sign(chars.get(at + 1));
            if within_text || c != ' ' || !beside_sign {
                squeezed.push(c);
            }
        }
        assert!(!line.contains("+ +") && !line.contains("- -"), "two signs would become one: {line}");
        squeezed
    }

    /// Modules as one script, each behind those that it imports: one stream is a quarter smaller than one for each.
    #[derive(Default)]
    struct Bundle {
        /// Modules that are in it, or on their way into it.
        modules: BTreeSet<String>,
        /// The names at the top of each, and where from: in one script they must differ.
        names: BTreeMap<String, String>,
        text: String,
    }

    impl Bundle {
        fn of(module: &str) -> String {
            let mut bundle = Bundle::default();
            bundle.add(module);
            bundle.text
        }

        fn add(&mut self, module: &str) {
            if !self.modules.insert(module.to_owned()) {
                return;
            }
            let text = read(module);
            let mut own = String::new();
            for (nth, line) in text.lines().enumerate() {
                let place = format!("{FOLDER}/{module}:{}", nth + 1);
                if let Some(import) = line.strip_prefix("import ") {
                    self.import(import, &place);
                    continue;
                }
                let name = declared(line).unwrap_or_default();
                if !name.is_empty() {
                    let other = self.names.insert(name.to_owned(), place.clone());
                    assert!(other.is_none(), "{place}: the name {name} is that of {other:?} too");
                }
                // A text over several lines would lose its indentation, and a comment at a line's end is not looked for.
                let whole =
                    line.matches('`').count() % 2 == 0 && !line.contains("/*") && !line.ends_with('\\');
                assert!(whole, "{place}: a text ends in its line, and a comment has lines of its own");
                let line = line.trim();
                if !line.is_empty() && !line.starts_with("//") {
                    own.push_str(&script(line.strip_prefix("export ").unwrap_or(line)));
                    own.push('\n');
                }
            }
            self.text.push_str(&own);
        }

        /// Takes `{ a, b } from "./module.js";`: names as they are, of modules beside this one.
        fn import(&mut self, import: &str, place: &str) {
            let parts = import
                .strip_prefix("{ ")
                .and_then(|rest| rest.strip_suffix("\";"))
                .and_then(|rest| rest.split_once(" } from \"./"));
            let (names, module) = parts
                .unwrap_or_else(|| panic!("{place}: imports look like `import {{ a, b }} from \"./c.js\";`"));
            let text = read(module);
            for name in names.split(", ") {
                let is = |line: &str| line.starts_with("export ") && declared(line) == Some(name);
                assert!(text.lines().any(is), "{place}: {module} exports no {name}");
            }
            self.add(module);
        }
    }

    /// The name that a line at the top of a module declares.
    fn declared(line: &str) -> Option<&str> {
        let line = line.strip_prefix("export ").unwrap_or(line);
        let line = line.strip_prefix("async ").unwrap_or(line);
        let rest =
            ["const ", "let ", "function ", "class "].iter().find_map(|word| line.strip_prefix(word))?;
        rest.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').next()
    }

    /// The text as a gzip stream, which has neither a name nor a time in it.
    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut stream = Vec::new();
        let written = zopfli::compress(zopfli::Options::default(), zopfli::Format::Gzip, text, &mut stream);
        written.expect("a vector takes all");
        stream
    }
}
