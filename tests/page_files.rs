//! The files of the page: how they are served, what they weigh, and what must never stand in them.
#![cfg(feature = "web")]
mod common;
use common::daemon::Daemon;
use common::namespace::in_namespace;
use common::raw::exchange;
use rctd::http::Media;
use rctd::web::FILES;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What the page may weigh in the program, all files together: flash is short, and 16 KiB are the aim.
const MOST_BYTES: usize = 20 * 1024;

/// What the page's reply must say to a browser.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web")
}

/// The files as people edit them: name and text.
fn sources() -> Vec<(String, String)> {
    let entries =
        std::fs::read_dir(folder()).expect("the folder").map(|entry| entry.expect("an entry").path());
    let mut found: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|kind| kind != "rs"))
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                std::fs::read_to_string(&path).unwrap(),
            )
        })
        .collect();
    found.sort();
    assert!(found.len() > 10, "{found:?}");
    found
}

#[test]
fn it_fits_into_the_flash() {
    let sizes: Vec<_> = FILES.iter().map(|file| (file.path, file.bytes.len())).collect();
    let sum: usize = sizes.iter().map(|(_, size)| size).sum();
    assert!(sum <= MOST_BYTES, "{sum} bytes: {sizes:?}");
}

#[test]
fn it_is_served_with_a_policy_and_a_tag() {
    in_namespace(|_| {
        let daemon = Daemon::start(&[]);
        let host = daemon.address().host();
        let get = |path: &str, more: &str| {
            let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n");
            exchange(daemon.address(), request.as_bytes()).0
        };
        for file in FILES {
            let reply = get(file.path, "");
            assert_eq!((reply.status, reply.body.as_slice()), (200, file.bytes), "{}", file.path);
            for (name, value) in [
                ("content-encoding", "gzip"),
                ("cache-control", "no-cache"),
                ("x-content-type-options", "nosniff"),
            ] {
                assert_eq!(reply.header(name), Some(value), "{}", file.path);
            }
            let tag = reply.header("etag").expect("a tag");
            let again = get(file.path, &format!("If-None-Match: {tag}\r\n"));
            assert_eq!((again.status, again.body.len()), (304, 0), "{}", file.path);
            assert_eq!(get(file.path, "If-None-Match: \"0000000000000000\"\r\n").status, 200);
            assert_eq!(get(file.path, "Origin: http://example.org\r\n").status, 403, "{}", file.path);
        }
        let page = get("/", "");
        let parts = |policy: &str| policy.split("; ").map(str::to_owned).collect::<BTreeSet<_>>();
        assert_eq!(parts(page.header("content-security-policy").expect("a policy")), parts(POLICY));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        let foreign = b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n";
        assert_eq!(exchange(daemon.address(), foreign).0.status, 403);
        daemon.still_serves();
    });
}

/// The browser would refuse most of it by the policy of the reply's head; here it is seen before.
#[test]
fn nothing_is_taken_for_markup_and_nothing_comes_from_elsewhere() {
    let forbidden = [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "DOMParser",
        "eval(",
        "new Function",
        "srcdoc",
        "javascript:",
        " style=",
        "<style",
        "https://",
        "setTimeout(\"",
        "postMessage",
        "document.cookie",
        "@import",
        "url(",
    ];
    for (name, text) in sources() {
        for word in forbidden {
            assert!(!text.contains(word), "{name} has {word}");
        }
        // The one address in it is the name of SVG's elements.
        let addresses = text.matches("http://").count() - text.matches("http://www.w3.org/2000/svg").count();
        assert_eq!(addresses, 0, "{name} names another site");
        if name.ends_with(".html") {
            let handler = text.split(' ').find(|word| word.starts_with("on") && word.contains("=\""));
            assert_eq!(handler, None, "{name} has a script in an attribute");
        }
    }
}

/// The keys of a language, in order, out of `name: "…"` and `name: { one: "…", other: "…" }`.
fn keys(text: &str) -> BTreeSet<String> {
    let (mut keys, mut depth, mut within, mut word) = (BTreeSet::new(), 0, false, String::new());
    let body = text.split_once("= {").expect("an object").1;
    for c in body.chars() {
        match c {
            '"' => within = !within,
            _ if within => {}
            '{' => depth += 1,
            '}' => depth -= 1,
            ':' if depth == 0 => {
                assert!(keys.insert(word.clone()), "{word} is there twice");
                word.clear();
            }
            ',' | '\n' | ' ' => word.clear(),
            c => word.push(c),
        }
    }
    keys
}

/// The blanks that the texts have, each once: a text that lacks one in another language would not say it.
fn blanks(text: &str) -> BTreeSet<&str> {
    let parts = text.split('{').skip(1).filter_map(|part| part.split_once('}'));
    parts.map(|(blank, _)| blank).filter(|blank| blank.bytes().all(|b| b.is_ascii_lowercase())).collect()
}

#[test]
fn all_languages_have_the_same_texts_and_no_other() {
    let read = |name: &str| std::fs::read_to_string(folder().join(name)).expect("a language");
    let (english, french) = (read("en.js"), read("fr.js"));
    assert_eq!(keys(&english), keys(&french));
    assert_eq!(blanks(&english), blanks(&french), "a blank is missing");
    let keys = keys(&english);
    let rest: String = sources()
        .into_iter()
        .filter(|(name, _)| name != "en.js" && name != "fr.js")
        .map(|(_, text)| text)
        .collect();
    // Words that keys are made of at run time: columns, groups, orders, examples, counters, and what can be changed.
    const MADE: &str = "protocol source destination rate bytes ends mark user connections local remote service username \
                        new_mark new_timeout mark_hint timeout_hint early_drop insert_failed \
                        example0 example1 example2 example3 example4";
    let is_said = |key: &str| {
        let said = [format!("\"{key}\""), format!(":{key}\""), format!(":{key} "), format!("t({key}")];
        MADE.split_whitespace().any(|made| made == key) || said.iter().any(|said| rest.contains(said))
    };
    let unsaid: Vec<_> = keys.iter().filter(|key| !is_said(key)).collect();
    assert!(unsaid.is_empty(), "nobody says {unsaid:?}");
    // What the scripts and the page ask for is there.
    let asked = ["t(\"", "data-t=\"", "title:", "aria-label:", "placeholder:"];
    for (begin, (at, found)) in
        asked.iter().flat_map(|begin| rest.match_indices(begin).map(move |found| (begin, found)))
    {
        let before = rest[..at].chars().next_back();
        let key: String =
            rest[at + found.len()..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let is_part = before.is_some_and(|c| c.is_alphanumeric() || c == '.');
        let is_made = ["new_", "example", ""].contains(&&*key);
        assert!(is_part || is_made || keys.contains(&key), "there is no text {key}, wanted by {begin}");
    }
}

#[test]
fn the_media_are_those_that_browsers_want() {
    let media: Vec<_> = FILES.iter().map(|file| (file.path, file.media)).collect();
    assert_eq!(
        media,
        [
            ("/", Media::Page),
            ("/icon.svg", Media::Svg),
            ("/page.css", Media::Style),
            ("/page.js", Media::Script)
        ]
    );
}
