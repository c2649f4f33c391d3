//! The servers that small calls are compared with: Python's own, and xmlrpc-c's Abyss.
use crate::common::has_program;
use crate::common::raw::Address;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that ends with its owner.
pub struct Rival {
    pub name: &'static str,
    pub address: Address,
    child: Child,
}

impl Drop for Rival {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Rival {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `SimpleXMLRPCServer`, or why there is none.
    pub fn python() -> Result<Rival, String> {
        if !has_program("python3") {
            return Err("there is no program python3".to_owned());
        }
        let mut command = Command::new("python3");
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/simple_server.py"));
        let mut child = spawn(command.stdout(Stdio::piped()));
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("its port");
        let port = line.trim().parse().map_err(|_| format!("python3 said {line:?} instead of its port"));
        let address =
            Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port.as_ref().map_or(0, |port| *port))));
        let rival = Rival { name: "Python's SimpleXMLRPCServer", address, child };
        port.map(|_| rival)
    }

    /// xmlrpc-c's Abyss server, or why there is none.
    pub fn abyss() -> Result<Rival, String> {
        let program = compile_abyss()?;
        // In a namespace of our own nobody takes the port in between.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let address = free.expect("a free port");
        let child = spawn(Command::new(program).arg(address.port().to_string()).stdout(Stdio::null()));
        let rival = Rival { name: "xmlrpc-c's Abyss", address: Address::Tcp(address), child };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if begun.elapsed() > Duration::from_secs(10) {
                return Err("the Abyss server does not listen".to_owned());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(rival)
    }
}

/// What rctd answers to `refresh`.
const TRUE: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 123\r\n\r\n<?xml version=\"1.0\"?>\n\
<methodResponse><params><param><value><boolean>1</boolean></value></param></params></methodResponse>\n";

/// A server in threads of this program that reads what comes and answers the same each time: what the client and the
/// kernel take by themselves.
pub fn echo() -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut buffer = [0; 8192];
                stream.set_nodelay(true).expect("an option of TCP");
                while stream.read(&mut buffer).is_ok_and(|count| count > 0) {
                    if stream.write_all(TRUE).is_err() {
                        return;
                    }
                }
            });
        }
    });
    Address::Tcp(address)
}

/// Starts a server that a killed benchmark takes with it.
fn spawn(command: &mut Command) -> Child {
    // SAFETY: one system call between fork and exec.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        })
    };
    command.stdin(Stdio::null()).spawn().expect("the server to start")
}

fn compile_abyss() -> Result<PathBuf, String> {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("abyss");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/abyss.c");
    let libraries = ["xmlrpc_server_abyss", "xmlrpc_server", "xmlrpc_abyss", "xmlrpc", "xmlrpc_util"];
    let output = Command::new("cc")
        .args(["-O2", "-o"])
        .args([program.as_path(), source.as_path()])
        .args(libraries.iter().map(|name| format!("-l{name}")))
        .arg("-lpthread")
        .output()
        .map_err(|error| format!("there is no C compiler: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let why = || {
        format!("abyss.c was not compiled (libxmlrpc-core-c3-dev?): {}", said.lines().next().unwrap_or(""))
    };
    output.status.success().then_some(program).ok_or_else(why)
}
