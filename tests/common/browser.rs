//! A real browser: Debian's chromium, driven by scripts through playwright-core.
use super::{has_program, skip};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A script is done in a minute; a browser starts slowly on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// Whether the browser and what drives it are there; else the test is skipped.
pub fn browser() -> bool {
    for program in ["node", "chromium", "conntrack"] {
        if !has_program(program) {
            skip(&format!("{program} is not installed"));
            return false;
        }
    }
    let missing = ["playwright-core", "axe-core"].into_iter().find(|name| !modules().join(name).is_dir());
    if let Some(name) = missing {
        skip(&format!("{name} is not installed: .ci/run install"));
    }
    missing.is_none()
}

/// Where npm has put what scripts load.
pub fn modules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/javascript/node_modules")
}

/// Runs a script of a folder of the tests to its end, which must say that all was fine.
pub fn script(folder: &str, name: &str, arguments: &[String]) {
    let mut command = Command::new("node");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder).join(name)).args(arguments);
    command.env("NODE_PATH", modules()).env("RCTD_BIN", super::daemon::program());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("node to run");
    // Both are read while it runs: a full pipe would stop it.
    let mut pipes: [Box<dyn Read + Send>; 2] =
        [Box::new(child.stdout.take().expect("a pipe")), Box::new(child.stderr.take().expect("a pipe"))];
    let begun = Instant::now();
    let said = std::thread::scope(|scope| {
        let readers = pipes.each_mut().map(|pipe| {
            scope.spawn(move || {
                let mut text = String::new();
                let _ = pipe.read_to_string(&mut text);
                text
            })
        });
        while child.try_wait().expect("its state").is_none() {
            if begun.elapsed() > PATIENCE {
                child.kill().expect("to be killed");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        readers.map(|reader| reader.join().expect("its text")).concat()
    });
    let ended = child.wait().expect("its end");
    eprintln!("{said}");
    assert!(ended.success() && said.lines().any(|line| line == "fine"), "{name}: {ended}\n{said}");
}
