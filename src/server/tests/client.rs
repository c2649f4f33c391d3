//! A client's connection without a server.
use super::*;

#[test]
fn a_request_that_waited_for_a_reply_is_not_old() {
    let (near, _far) = mio::net::UnixStream::pair().unwrap();
    let mut large = LargeBuffers::default();
    let mut client = Client::new(Socket::Unix(near), Peer::Unix, Via::Unix, 0);
    let text = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: 4\r\n\r\nbodyPOST /";
    client.input.room()[..text.len()].copy_from_slice(text);
    client.input.set_filled(text.len());
    let policy = Policy::default();
    while client.receive(&policy, 0).unwrap() != Next::Call {}
    client.reply(false, 9000, |_, out| {
        let is_last = out.put(b"reply").is_ok();
        Piece { is_last, is_full: false, length: None }
    });
    assert_eq!(client.flush(9000), Next::Go);
    assert_eq!(client.finish_reply(false, &mut large, 9000), Next::Go);
    assert_eq!(client.input.bytes(), b"POST /");
    assert_eq!(client.since_ms(), 9000);
}
