//! The program at the shell: runs a command line to its end.
use super::daemon::program;
use super::raw::Address;
use std::io::Write;
use std::process::{Command, Stdio};

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ended {
    /// What it printed; the test fails if it did not end well, or complained.
    #[track_caller]
    pub fn fine(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:?}");
        self.out
    }

    /// What it said as it ended with this code; the test fails if it printed something.
    #[track_caller]
    pub fn fails(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{self:?}");
        assert!(self.err.starts_with("rctd: "), "{self:?}");
        self.err
    }
}

/// Runs the program with nothing on its standard input, and no terminal.
pub fn rctd(arguments: &[&str]) -> Ended {
    rctd_with(arguments, "")
}

/// Runs the program with this on its standard input.
pub fn rctd_with(arguments: &[&str], input: &str) -> Ended {
    let mut command = Command::new(program());
    command.args(arguments).env_remove("SSH_CONNECTION");
    run(command, input)
}

/// Runs a command with this on its standard input.
pub fn run(mut command: Command, input: &str) -> Ended {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program to run");
    let (mut pipe, input) = (child.stdin.take().expect("a pipe"), input.to_owned());
    // A thread of its own, since a pipe holds only so much: it may have to be read before all is written. Whoever reads
    // nothing may be gone by now.
    let writer = std::thread::spawn(move || pipe.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("its end");
    let _ = writer.join();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what it says is UTF-8");
    Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// What `--connect` takes for this address.
pub fn connect(address: &Address) -> String {
    match address {
        Address::Tcp(address) => format!("http://{address}"),
        Address::Unix(path) => format!("unix:{}", path.display()),
    }
}
