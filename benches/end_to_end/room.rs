//! Room for large tables. `nf_conntrack_max` belongs to the first network namespace: root may raise it there.
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

const MAX: &str = "/proc/sys/net/netfilter/nf_conntrack_max";

/// The limit raised; put back at the end, also of a benchmark that is killed: a shell waits for that in a process group
/// of its own.
pub struct Raised {
    restorer: Option<Child>,
}

impl Raised {
    /// Raises the limit to `entries` if it is lower and may be raised. Called before the namespace is made.
    pub fn to(entries: usize) -> Raised {
        match raise(entries) {
            Ok(restorer) => Raised { restorer },
            Err(error) => {
                eprintln!("{MAX} stays as it is: {error}");
                Raised { restorer: None }
            }
        }
    }
}

fn raise(entries: usize) -> io::Result<Option<Child>> {
    let old = std::fs::read_to_string(MAX)?;
    let old: usize = old.trim().parse().map_err(|_| io::Error::other("it is no number"))?;
    // 0 is no limit at all.
    if old == 0 || old >= entries {
        return Ok(None);
    }
    let child = Command::new("sh")
        .args(["-c", "read -r _; echo \"$1\" > \"$2\"", "sh", &old.to_string(), MAX])
        .stdin(Stdio::piped())
        .process_group(0)
        .spawn()?;
    std::fs::write(MAX, entries.to_string())?;
    Ok(Some(child))
}

impl Drop for Raised {
    fn drop(&mut self) {
        if let Some(child) = &mut self.restorer {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}
