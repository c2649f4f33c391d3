//! Password files: what is read, what is refused and how it is said, and rereading.

#[path = "common/folder.rs"]
mod folder;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use folder::Folder;
use rctd::auth::file::{Name, Users};
use rctd::auth::{Backend, Check, Look, Peer, Store};
use rctd::limits::{PASSWORD_FILE_BYTES, USER_NAME_BYTES, USERS};

/// SHA-1 of "secret", as pyctd kept it.
const SECRET: &str = "e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4";
const SHADOW: &str = include_str!("fixtures/auth/shadow");

/// A password file with this text, which others can't write.
fn write(folder: &Folder, text: &str) -> PathBuf {
    let path = folder.path().join("passwd");
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("own file");
    path
}

fn lets_in(users: &Users, user: &[u8], password: &[u8]) -> bool {
    users.verify(user, password).is_some()
}

fn judges_right(store: &mut Store, user: &[u8], password: &[u8]) -> bool {
    matches!(store.begin(Peer::Unix, user, password, 0), Check::Right(_))
}

fn users(text: &str) -> Users {
    Users::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn names(names: &[&str]) -> Vec<Name> {
    names.iter().map(|name| Name::from_slice(name.as_bytes()).expect("short")).collect()
}

#[test]
fn good_files() {
    for (text, expected) in [
        (String::new(), &[][..]),
        ("\n\n# nobody\n   # either\n \t\n".into(), &[]),
        (format!("admin:{SECRET}\n"), &["admin"]),
        (format!("admin:{SECRET}"), &["admin"]),
        (format!("admin:{SECRET}\r\n\r\nuser:{SECRET} \r\n"), &["admin", "user"]),
        (format!("# pyctd\nadmin:{SECRET}\n\n#off:{SECRET}\nuser two:{SECRET}\n"), &["admin", "user two"]),
        (format!("jörg:{SECRET}\n"), &["jörg"]),
    ] {
        let users = users(&text);
        assert_eq!(users.len(), expected.len(), "{text:?}");
        for name in expected {
            assert!(lets_in(&users, name.as_bytes(), b"secret"), "{name} of {text:?}");
            assert!(!lets_in(&users, name.as_bytes(), b"Secret"), "{name} of {text:?}");
        }
        for name in ["", "off", "#off", "nobody", "# nobody", "Admin", "admi", "admin:"] {
            assert!(!lets_in(&users, name.as_bytes(), b"secret"), "{name} of {text:?}");
            assert!(!lets_in(&users, name.as_bytes(), b""), "{name} of {text:?}");
        }
    }
}

#[test]
fn bad_files_say_where_and_what() {
    let long = "n".repeat(USER_NAME_BYTES + 1);
    for (text, line, part) in [
        ("admin".to_owned(), 1, "not user:hash"),
        (format!("a:{SECRET}\n\n# x\nb\n"), 4, "not user:hash"),
        ("admin:".into(), 1, "hash is missing"),
        ("admin:secret".into(), 1, "none of $6$"),
        (format!("admin:{SECRET}:more"), 1, "none of $6$"),
        (format!("a:{SECRET}\nb:{SECRET}\na:{SECRET}"), 3, "earlier line"),
        (format!(":{SECRET}"), 1, "needs a character"),
        (format!(" a:{SECRET}"), 1, "blank at an end"),
        (format!("a :{SECRET}"), 1, "blank at an end"),
        (format!("a\0b:{SECRET}"), 1, "control character"),
        (format!("a\x1bb:{SECRET}"), 1, "control character"),
        (format!("a\x7fb:{SECRET}"), 1, "control character"),
        (format!("{long}:{SECRET}"), 1, "longer than 32 bytes"),
        ("a:$1$FM10e3p0$8C85Jcg0Z/wuYab8nUGAR1".into(), 1, "MD5-crypt"),
        ("a:$6$rounds=50001$s$x".into(), 1, "1000 to 50000 rounds"),
        (format!("a:{}", "x".repeat(129)), 1, "longer than 128 bytes"),
    ] {
        let error = Users::parse(text.as_bytes()).expect_err(&text);
        assert_eq!(error.line, line, "{text:?}");
        assert!(error.to_string().starts_with(&format!("line {line}: ")), "{error}");
        assert!(error.to_string().contains(part), "{text:?}: {error}");
    }
}

#[test]
fn the_table_takes_as_many_as_it_says() {
    let file = |count| (0..count).map(|n| format!("{n:0>32}:{SECRET}\n")).collect::<String>();
    let full = users(&file(USERS));
    assert!(lets_in(&full, format!("{:0>32}", USERS - 1).as_bytes(), b"secret"));
    let error = Users::parse(file(USERS + 1).as_bytes()).expect_err("one too many");
    assert_eq!(error.to_string(), format!("line {}: there are more than {USERS} users", USERS + 1));
}

#[test]
fn a_file_cut_anywhere_lets_nobody_else_in() {
    let hash = include_str!("fixtures/auth/hashes.tsv").lines().nth(1).expect("a $6$ of 1000 rounds");
    let text = format!("# c\nadmin:{SECRET}\nb:{}\n", hash.split_once('\t').expect("two columns").1);
    for cut in 0..text.len() {
        if let Ok(users) = Users::parse(&text.as_bytes()[..cut]) {
            assert!(users.len() <= 2);
            assert!(
                !lets_in(&users, b"b", b"") && !lets_in(&users, b"", b"") && !lets_in(&users, b"admin", b"")
            );
            assert_eq!(lets_in(&users, b"admin", b"secret"), users.contains(b"admin"), "cut at {cut}");
        }
    }
    assert!(lets_in(&users(&text), b"b", b"secret"));
}

#[test]
fn shadow_lets_in_only_who_is_allowed_and_has_a_password() {
    let everybody = ["root", "daemon", "nobody", "locked", "new", "open", "anna", "absent"];
    let users = Users::parse_shadow(SHADOW.as_bytes(), &names(&everybody)).expect("good");
    assert_eq!(users.len(), 2);
    assert!(lets_in(&users, b"root", b"toor") && lets_in(&users, b"anna", b"anna pw"));
    for (user, password) in [
        ("open", ""),
        ("open", "x"),
        ("daemon", "*"),
        ("new", "!!"),
        ("locked", "locked"),
        ("root", "anna pw"),
    ] {
        assert!(!lets_in(&users, user.as_bytes(), password.as_bytes()), "{user}");
    }
    let root = Users::parse_shadow(SHADOW.as_bytes(), &names(&["root"])).expect("good");
    assert!(lets_in(&root, b"root", b"toor") && !lets_in(&root, b"anna", b"anna pw"));
    // A kind that can't be used is an error for who is allowed, and nothing for who is not.
    let error = Users::parse_shadow(SHADOW.as_bytes(), &names(&["root", "modern"])).expect_err("yescrypt");
    assert!(error.to_string().starts_with("line 8: yescrypt"), "{error}");
}

#[test]
fn no_backend_needs_no_password() {
    let mut store = Store::open(Backend::None).expect("nothing to read");
    assert!(!store.needs_password());
    assert!(judges_right(&mut store, b"", b"") && judges_right(&mut store, b"anybody", b"anything"));
    for look in [Look::Due, Look::Now, Look::Anyway] {
        assert_eq!(store.refresh(look, u64::MAX), None);
    }
    assert!(store.warnings().is_empty());
}

#[test]
fn files_that_can_not_be_trusted_are_refused() {
    let folder = Folder::new();
    let open = |path: PathBuf| Store::open(Backend::File(path)).map(drop);
    let path = write(&folder, &format!("admin:{SECRET}\n"));
    for mode in [0o600, 0o640, 0o644, 0o400] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("own file");
        assert_eq!(open(path.clone()), Ok(()), "{mode:o}");
    }
    for mode in [0o620, 0o602, 0o666, 0o660] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("own file");
        let error = open(path.clone()).expect_err("others can write it");
        assert!(error.contains("can write it") && error.contains(path.to_str().expect("ASCII")), "{error}");
    }
    let error = open(folder.path().join("absent")).expect_err("not there");
    assert!(error.contains("absent") && error.contains("No such file"), "{error}");
    let error = open(folder.path().to_path_buf()).expect_err("a directory");
    assert!(error.contains("not an ordinary file"), "{error}");
    let fifo = folder.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs");
    assert!(made.success());
    // The point is that this returns at all.
    assert!(open(fifo).expect_err("a FIFO").contains("not an ordinary file"));
}

#[test]
fn a_file_as_large_as_may_be_is_read_and_a_larger_one_not() {
    let folder = Folder::new();
    for (size, good) in
        [(PASSWORD_FILE_BYTES - 1, true), (PASSWORD_FILE_BYTES, false), (PASSWORD_FILE_BYTES * 2, false)]
    {
        let path = write(&folder, &format!("#{}", "x".repeat(size - 1)));
        match Store::open(Backend::File(path)) {
            Ok(_) => assert!(good, "{size}"),
            Err(error) => assert!(!good && error.contains("too large"), "{size}: {error}"),
        }
    }
}

#[test]
fn a_changed_file_is_read_again_and_a_bad_one_is_not_used() {
    let folder = Folder::new();
    let path = write(&folder, &format!("one:{SECRET}\n"));
    let mut store = Store::open(Backend::File(path.clone())).expect("good");
    let is = |store: &mut Store, name: &str| judges_right(store, name.as_bytes(), b"secret");
    assert!(store.needs_password() && is(&mut store, "one") && !is(&mut store, "two"));
    assert_eq!(store.refresh(Look::Due, 0), None);

    write(&folder, &format!("two:{SECRET}\n"));
    assert_eq!(store.refresh(Look::Due, 999), None, "too soon to look");
    assert!(is(&mut store, "one"));
    assert_eq!(store.refresh(Look::Due, 1000), Some(Ok(())));
    assert!(!is(&mut store, "one") && is(&mut store, "two"));

    // Bad: said once, and the old one stays.
    write(&folder, "three\n");
    let error = store.refresh(Look::Due, 2000).expect("changed").expect_err("bad");
    assert!(error.contains("line 1: it is not user:hash"), "{error}");
    assert_eq!(store.refresh(Look::Due, 3000), None, "said twice");
    assert!(is(&mut store, "two"));
    assert!(store.refresh(Look::Anyway, 3000).expect("read").is_err(), "SIGHUP says it again");

    // Gone, which lets nobody in any more, and back.
    fs::remove_file(&path).expect("there");
    let error = store.refresh(Look::Due, 4000).expect("changed").expect_err("no file");
    assert!(error.contains("nobody can log in until it is back"), "{error}");
    assert!(!is(&mut store, "two"));
    assert!(store.refresh(Look::Due, 5000).is_none(), "said twice");
    write(&folder, &format!("four:{SECRET}\n"));
    assert_eq!(store.refresh(Look::Due, 6000), Some(Ok(())));
    assert!(is(&mut store, "four") && !is(&mut store, "two"));

    // A mode alone is a change too, in both directions.
    fs::set_permissions(&path, Permissions::from_mode(0o666)).expect("own file");
    assert!(store.refresh(Look::Due, 7000).expect("changed").is_err());
    assert!(is(&mut store, "four"));
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("own file");
    assert_eq!(store.refresh(Look::Due, 8000), Some(Ok(())));
}

#[test]
fn legacy_and_missing_users_are_named() {
    let folder = Folder::new();
    let path = write(&folder, &format!("old:{SECRET}\nnew:{}\n", rctd::auth::hash::make(b"x", &[1; 16])));
    let store = Store::open(Backend::File(path)).expect("good");
    let warnings = store.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].ends_with(": old"), "{warnings:?}");

    let path = write(&folder, SHADOW);
    let mut store = Store::open(Backend::Shadow(path.clone(), names(&["root", "open"]))).expect("good");
    assert!(judges_right(&mut store, b"root", b"toor") && !judges_right(&mut store, b"open", b""));
    assert_eq!(store.warnings(), ["open can't log in: no such account, or it has no password"]);
    let store = Store::open(Backend::Shadow(path, names(&["open"]))).expect("good");
    assert!(store.warnings()[0].starts_with("nobody can log in"), "{:?}", store.warnings());
}
