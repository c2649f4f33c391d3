//! The floor of any reader of the table: receives the dump and looks at no more than the messages' headers, five times, and
//! prints the median of the milliseconds that took.
#[path = "../netlink.rs"]
mod netlink;

use std::time::Instant;

fn main() -> std::io::Result<()> {
    let mut socket = netlink::Socket::netfilter()?;
    let (mut took_ms, mut count) = (Vec::new(), 0);
    for _ in 0..5 {
        let began = Instant::now();
        count = socket.drain()?;
        took_ms.push(began.elapsed().as_millis());
    }
    took_ms.sort_unstable();
    println!("{count} connections drained in {} ms", took_ms[took_ms.len() / 2]);
    Ok(())
}
