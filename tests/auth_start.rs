//! What is wrong at the start is told in words that help, and what is somebody else's is left alone.
#![allow(unsafe_code)] // A socket with a short queue has no safe wrapper in std.
mod common;

use common::daemon::{Daemon, program, run};
use common::folder::Folder;
use common::namespace::in_namespace;
use common::passwords::set_password;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};

/// A command line that is refused with this in its only line.
#[track_caller]
fn refused(arguments: &[&str], code: i32, parts: &[&str]) {
    let (got, said) = run(arguments);
    assert_eq!((got, said.lines().count()), (Some(code), 1), "{arguments:?}: {said}");
    for part in parts {
        assert!(said.contains(part), "{arguments:?}: {part:?} is not in {said}");
    }
}

#[test]
fn mistakes_are_told_apart() {
    refused(&["--colour"], 2, &["there is no option --colour; "]);
    refused(&["--colour=red"], 2, &["there is no option --colour; "]);
    refused(&["--user", "a", "--user", "b"], 2, &["--user is given twice"]);
    refused(&["--hide-time-wait", "--hide-time-wait"], 2, &["--hide-time-wait is given twice"]);
    refused(&["--enable-accounting=1"], 2, &["--enable-accounting takes no value"]);
    refused(&["--auth=none", "--auth=none"], 2, &["--auth is given twice"]);
    refused(&["--log-level", "info", "more"], 2, &["\"more\" belongs to no option"]);
    refused(&["--user"], 2, &["--user takes a value"]);
    refused(&["--listen"], 2, &["--listen takes a value"]);
    refused(
        &["--listen", "127.0.0.1:80", "-l", "127.0.0.1:80"],
        2,
        &["--listen 127.0.0.1:80 is given twice"],
    );
    refused(&["-l", "unix:/tmp/x", "-l", "unix:/tmp/x"], 2, &["--listen unix:/tmp/x is given twice"]);
    for name in ["localhost:8000", "router.lan:80", "my-router:8000"] {
        refused(&["--listen", name], 2, &["an address of this machine", name, "is a name"]);
    }
    for address in ["8000", ":8000", "127.0.0.1", "127.0.0.1:x", "::1:8000", "*:8000", "unix:"] {
        refused(&["--listen", address], 2, &["--listen takes ADDRESS:PORT", address]);
    }
    refused(&["--auth", "program:"], 2, &["--auth takes none, file:PATH, shadow[:PATH] or program:PATH"]);
    refused(
        &["--auth", "program:/bin/true", "--allow-user", "a"],
        2,
        &["--allow-user goes with --auth shadow"],
    );
    refused(&["--auth", "program:/no/such"], 1, &["login program /no/such: No such file"]);
}

#[test]
fn two_ports_of_the_kernel_s_choice_are_two() {
    drop(Daemon::start_on(&["127.0.0.1:0", "127.0.0.1:0"], &[]));
}

#[test]
fn what_judges_logins_must_be_of_use_to_the_daemon_s_account() {
    if rctd::sys::effective_uid() != 0 {
        return common::skip("changing the user takes root");
    }
    in_namespace(|_| {
        let folder = Folder::new();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("own folder");
        let file = folder.path().join("users");
        set_password(&file, "ann", "secret");
        let auth = format!("file:{}", file.display());
        let arguments = ["--listen", "127.0.0.1:0", "--auth", &auth, "--user", "nobody"];
        refused(&arguments, 1, &["Permission denied", "chgrp", file.to_str().expect("a path")]);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("own file");
        drop(Daemon::start(&arguments[2..]));
        let check = folder.path().join("check");
        std::fs::copy("/bin/true", &check).expect("a program");
        std::fs::set_permissions(&check, std::fs::Permissions::from_mode(0o700)).expect("own file");
        let auth = format!("program:{}", check.display());
        let arguments = ["--listen", "127.0.0.1:0", "--auth", &auth, "--user", "nobody"];
        refused(&arguments, 1, &["Permission denied", "must be able to run it"]);
        std::fs::set_permissions(&check, std::fs::Permissions::from_mode(0o755)).expect("own file");
        drop(Daemon::start(&arguments[2..]));
    });
}

/// A socket bound to this path that nobody can connect to.
fn bound(path: &Path, queue: Option<i32>) -> OwnedFd {
    // SAFETY: all zero is a valid address; it is live, and the call is told its true length. The descriptor is new.
    unsafe {
        let fd = libc::socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        assert!(fd >= 0);
        let fd = OwnedFd::from_raw_fd(fd);
        let mut address: libc::sockaddr_un = std::mem::zeroed();
        address.sun_family = libc::AF_UNIX as libc::sa_family_t;
        for (to, from) in address.sun_path.iter_mut().zip(path.to_str().expect("ASCII").bytes()) {
            *to = from as libc::c_char;
        }
        let length = size_of::<libc::sockaddr_un>() as libc::socklen_t;
        assert_eq!(libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length), 0);
        if let Some(queue) = queue {
            assert_eq!(libc::listen(fd.as_raw_fd(), queue), 0);
        }
        fd
    }
}

#[test]
fn a_socket_of_somebody_else_s_stays() {
    in_namespace(|_| {
        let folder = Folder::new();
        let path = folder.path().join("socket");
        let listen = format!("unix:{}", path.display());
        let stays = |what: &str| {
            let inode = std::fs::metadata(&path).expect("the socket").ino();
            refused(&["--listen", &listen], 1, &["in use"]);
            assert_eq!(std::fs::metadata(&path).map(|it| it.ino()).ok(), Some(inode), "{what}");
        };
        // Bound, and not listening yet.
        let owner = bound(&path, None);
        stays("bound");
        // Nobody has bound what is left behind.
        drop(owner);
        drop(Daemon::start_on(&[&listen], &[]));
        let _ = std::fs::remove_file(&path);
        // A queue of one that is full: who connects has to wait, and the start must not.
        let owner = bound(&path, Some(0));
        let _queued = UnixStream::connect(&path).expect("room for one");
        stays("full");
        drop(owner);
        std::fs::remove_file(&path).expect("the socket");
        let owner = UnixListener::bind(&path).expect("a listener");
        stays("listening");
        drop(owner);
    });
}

/// Runs `rctd passwd` and returns its status, what it says on stdout, and on stderr.
fn passwd(folder: &Path, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(program());
    command.arg("passwd").args(arguments).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("rctd to run");
    // One that refuses at once need not have read.
    let _ = std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), input.as_bytes());
    let output = child.wait_with_output().expect("its end");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn passwd_says_what_it_did_and_what_is_in_the_way() {
    let folder = Folder::new();
    let at = folder.path();
    let done = |arguments: &[&str], expected: &str| {
        let (code, out, said) = passwd(at, arguments, "secret\n");
        assert_eq!((code, out.as_str(), said.as_str()), (Some(0), expected, ""), "{arguments:?}");
    };
    done(&["users", "ann", "--stdin"], "\"ann\" was added to users\n");
    done(&["users", "bob", "--stdin"], "\"bob\" was added to users\n");
    done(&["users", "ann", "--stdin"], "\"ann\" has a new password in users\n");
    done(&["users", "bob", "--delete"], "\"bob\" was removed from users\n");
    let before = std::fs::read(at.join("users")).expect("the file");
    let refused = |arguments: &[&str], parts: &[&str]| {
        let (code, out, said) = passwd(at, arguments, "secret\n");
        assert!(code.is_some_and(|code| code != 0) && out.is_empty(), "{arguments:?}: {code:?} {out}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{arguments:?}: {said}");
        said
    };
    let said = refused(&["users", "ann", "hunter2"], &["the password", "is asked for", "--stdin"]);
    assert!(!said.contains("hunter2"), "the secret is shown once more: {said}");
    refused(&["users", "ann", "--force"], &["no option --force"]);
    refused(&["users"], &["usage: rctd passwd FILE USER"]);
    refused(&["ann", "users", "--stdin"], &["the file comes first", "rctd passwd users ann"]);
    refused(&["ann", "some/where", "--stdin"], &["the file comes first", "rctd passwd some/where ann"]);
    // Before the password is asked for: there is no terminal here.
    refused(&["no/such/users", "ann"], &["no directory no/such", "mkdir -p no/such"]);
    refused(&["/no/such/users", "ann"], &["no directory /no/such", "mkdir -p /no/such"]);
    assert_eq!(std::fs::read(at.join("users")).expect("the file"), before);
    assert_eq!(std::fs::read_dir(at).expect("the folder").count(), 1, "something else was made");
}

#[test]
fn passwd_takes_no_byte_order_mark_for_a_name() {
    let folder = Folder::new();
    let users = folder.path().join("users");
    let (_, _, said) = passwd(folder.path(), &["users", "ann", "--stdin"], "one\n");
    assert_eq!(said, "");
    let line = std::fs::read_to_string(&users).expect("the file");
    std::fs::write(&users, format!("\u{feff}{line}")).expect("the file");
    assert!(
        rctd::auth::file::Users::parse(&std::fs::read(&users).expect("it")).expect("good").contains(b"ann")
    );
    let (_, out, said) = passwd(folder.path(), &["users", "ann", "--stdin"], "two\n");
    assert_eq!((out.as_str(), said.as_str()), ("\"ann\" has a new password in users\n", ""));
    let text = std::fs::read_to_string(&users).expect("the file");
    assert!(text.starts_with("ann:$6$") && text.lines().count() == 1, "{text}");
}

#[test]
fn root_follows_no_link_that_others_may_have_laid() {
    if rctd::sys::effective_uid() != 0 {
        return common::skip("only root need be that careful");
    }
    let folder = Folder::new();
    let (open, own) = (folder.path().join("open"), folder.path().join("own"));
    for directory in [&open, &own] {
        std::fs::create_dir(directory).expect("a folder");
        std::os::unix::fs::symlink("../users", directory.join("link")).expect("a link");
    }
    for (mode, owner, followed) in
        [(0o777, 0, false), (0o1777, 0, false), (0o775, 0, false), (0o755, 65534, false), (0o755, 0, true)]
    {
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(mode)).expect("own folder");
        std::os::unix::fs::chown(&open, Some(owner), None).expect("root may");
        let (code, _, said) = passwd(folder.path(), &["open/link", "ann", "--stdin"], "secret\n");
        assert_eq!(code == Some(0), followed, "{mode:o}: {said}");
        assert!(
            followed || said.contains("open/link is a link in a directory that others"),
            "{mode:o}: {said}"
        );
        assert_eq!(folder.path().join("users").exists(), followed, "{mode:o}");
    }
    assert_eq!(passwd(folder.path(), &["own/link", "bob", "--stdin"], "secret\n").0, Some(0));
}

/// `rctd passwd` changes no account of the system's; who has an old hash there is told of the commands that do.
#[test]
fn an_old_hash_of_the_system_s_is_told_with_the_system_s_command() {
    let folder = Folder::new();
    let text = "root:$1$FM10e3p0$8C85Jcg0Z/wuYab8nUGAR1:1::::::\n";
    for (kind, advice, other) in
        [("shadow", "\"passwd -a sha512\"", "rctd passwd"), ("file", "\"rctd passwd\"", "sha512")]
    {
        let path = folder.path().join(kind);
        let text = if kind == "file" { text.replace(":1::::::", "") } else { text.to_owned() };
        std::fs::write(&path, text).expect("written");
        let auth = format!("{kind}:{}", path.display());
        let (_, said) = run(&["--listen", "127.0.0.1:0", "--auth", &auth]);
        assert!(said.contains("MD5-crypt") && said.contains(advice) && !said.contains(other), "{said}");
    }
}
