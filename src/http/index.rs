//! What a browser, or the health check of a load balancer, gets for `/`: a page that says what this is.

use super::error::Status;
use super::request::Head;
use super::response::{Media, ReplyBody, head};
use crate::out::{Full, Out};

/// The page. It holds no script and no style, needs nothing else, and says nothing of the machine that it comes from.
pub const INDEX: &[u8] = concat!(
    "<!DOCTYPE html>\n\
     <html lang=\"en\">\n\
     <meta charset=\"utf-8\">\n\
     <title>rctd</title>\n\
     <h1>rctd ",
    env!("CARGO_PKG_VERSION"),
    "</h1>\n\
     <p>This is rctd, which serves the connection-tracking table of this machine's kernel over XML-RPC.\n\
     <p>Programs send their calls here, by POST to <code>/RPC2</code>. This one lists the procedures:\n\
     <pre>curl -H 'Content-Type: text/xml' http://127.0.0.1:8000/RPC2 \\\n  \
     -d '&lt;methodCall&gt;&lt;methodName&gt;system.listMethods&lt;/methodName&gt;&lt;/methodCall&gt;'</pre>\n\
     </html>\n"
)
.as_bytes();

/// Writes the whole reply to a request for the page: no body if it was a HEAD.
///
/// # Errors
/// [`Full`], and then `out` is as before.
pub fn index(out: &mut Out<'_>, request: &Head) -> Result<(), Full> {
    out.atomically(|out| {
        let body = ReplyBody::Length(INDEX.len());
        head(out, Status::Ok, Media::Html, request.version, request.keep_alive, body)?;
        if request.head_only { Ok(()) } else { out.put(INDEX) }
    })
}
