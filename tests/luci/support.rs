//! A stand in the place of a router: the wrapper with its files in a folder of the test's own, and small programs in the
//! place of uci, logread and the init script.
#![allow(unsafe_code)] // fnmatch(3) has no safe wrapper in std.
use crate::common::daemon::program;
use crate::common::folder::Folder;
use crate::common::json::{self, Json};
use std::ffi::CString;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn app() -> PathBuf {
    root().join("openwrt/luci-app-rctd")
}

pub struct Stand(Folder);

impl Stand {
    pub fn new() -> Stand {
        let stand = Stand(Folder::new());
        for folder in ["bin", "etc", "uci"] {
            std::fs::create_dir(stand.path(folder)).expect("a folder");
        }
        let wrapper = std::fs::read_to_string(app().join("root/usr/libexec/rctd-luci")).expect("the wrapper");
        let mut made = wrapper;
        for (there, here) in [
            (
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n",
                format!("PATH={}:/usr/sbin:/usr/bin:/sbin:/bin\n", stand.path("bin")),
            ),
            ("RCTD=/usr/sbin/rctd\n", format!("RCTD={}\n", stand.path("bin/rctd"))),
            ("RUN_DIR=/var/run/rctd-luci\n", format!("RUN_DIR={}\n", stand.path("run"))),
            ("PASSWORD_DIR=/etc/rctd\n", format!("PASSWORD_DIR={}\n", stand.path("etc"))),
            (" /etc/init.d/rctd reload", format!(" {} reload", stand.path("bin/init"))),
        ] {
            assert_eq!(made.matches(there).count(), 1, "the wrapper has {there:?} once");
            made = made.replace(there, &here);
        }
        stand.program("wrapper", made.trim_start_matches("#!/bin/sh\n"));
        let uci = format!("[ \"$1 $2\" = '-q get' ] && cat '{}'/\"$3\" 2>/dev/null\n", stand.path("uci"));
        stand.program("uci", &uci);
        stand.program("logread", &format!("[ \"$*\" = '-e ^rctd[:[]' ] && cat '{}'\n", stand.path("log")));
        stand.program("init", &format!("echo \"$1\" >>'{}'\n", stand.path("reloads")));
        stand.log("");
        stand
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.path(&format!("bin/{name}"));
        // What is there may be a link to the real program.
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, format!("#!/bin/sh\n{text}")).expect("a program");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("its mode");
    }

    pub fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    pub fn wrapper(&self) -> String {
        self.path("bin/wrapper")
    }

    /// Puts a script into the place of rctd.
    pub fn rctd(&self, text: &str) {
        self.program("rctd", text);
    }

    /// Puts rctd itself there.
    pub fn real(&self) {
        std::os::unix::fs::symlink(program(), self.path("bin/rctd")).expect("a link");
    }

    /// Sets an option of the configuration.
    pub fn uci(&self, name: &str, value: &str) {
        std::fs::write(self.0.path().join("uci").join(name), value).expect("an option");
    }

    /// What the system's log has.
    pub fn log(&self, text: &str) {
        std::fs::write(self.path("log"), text).expect("a log");
    }

    /// Runs the wrapper by a shell, as cgi-io does: nothing to read, and what is said goes nowhere.
    pub fn run(&self, shell: &[&str], words: &[&str]) -> Output {
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg(self.wrapper()).args(words).current_dir("/");
        command.stdin(Stdio::null()).stderr(Stdio::null()).output().expect("the wrapper")
    }
}

/// The patterns of files of a group, with what each allows.
pub fn acl(group: &str) -> Vec<(String, Vec<String>)> {
    let path = app().join("root/usr/share/rpcd/acl.d/luci-app-rctd.json");
    let list = json::parse(&std::fs::read_to_string(path).expect("the list")).expect("JSON");
    let Json::Object(files) = list.get("luci-app-rctd").get(group).get("file") else { panic!("no files") };
    let text = |json: &Json| match json {
        Json::Text(text) => text.clone(),
        other => panic!("no text: {other:?}"),
    };
    let rights = |json: &Json| match json {
        Json::Array(rights) => rights.iter().map(text).collect(),
        other => panic!("no rights: {other:?}"),
    };
    files.iter().map(|(pattern, right)| (pattern.clone(), rights(right))).collect()
}

/// Words as rpcd and cgi-io put them before the list: joined by spaces.
pub fn join(words: &[&str]) -> String {
    words.join(" ")
}

/// Whether a session of these groups may run a command line: rpcd asks fnmatch(3) of the C library, without escapes, and
/// neither a slash nor a leading dot is special.
pub fn allowed(groups: &[&str], line: &str) -> bool {
    let line = CString::new(line).expect("no NUL");
    groups.iter().flat_map(|group| acl(group)).filter(|(_, rights)| rights.contains(&"exec".to_owned())).any(
        |(pattern, _)| {
            let pattern = CString::new(pattern).expect("no NUL");
            // SAFETY: both are texts with a NUL at their end, which the call only reads.
            unsafe { fnmatch(pattern.as_ptr(), line.as_ptr(), FNM_NOESCAPE) == 0 }
        },
    )
}

/// `FNM_NOESCAPE` of `fnmatch.h`.
const FNM_NOESCAPE: libc::c_int = 1 << 1;

unsafe extern "C" {
    fn fnmatch(pattern: *const libc::c_char, string: *const libc::c_char, flags: libc::c_int) -> libc::c_int;
}
