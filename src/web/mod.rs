//! The page in the browser: the files of this folder, as `build.rs` compressed them when the program was built, the scripts as
//! one, `page.js`.
//!
//! `index.html` is the page, `page.css` its looks and `main.js` its beginning; each other script has one subject, and says in
//! its first line which. The texts are in a file for each language. The page asks the daemon as every client does, by XML-RPC,
//! and has the replies as JSON. Nothing but `textContent` puts what the daemon says on the screen, and no script, style or
//! picture comes from elsewhere: the reply's head (`Media::Page`) would not let it.

use crate::http::{File, Media};

include!(concat!(env!("OUT_DIR"), "/files.rs"));
