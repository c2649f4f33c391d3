//! The types that a reply's body may have.

/// The type of a reply's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// A value of XML-RPC.
    Xml,
    /// A value as JSON.
    Json,
    /// A page. It may load nothing and run nothing, as its head says.
    Html,
    /// A page with a script and a style sheet, both of this server's own, which calls this server alone. No other site may
    /// show it in a frame.
    Page,
    /// A script.
    Script,
    /// A style sheet.
    Style,
    /// A picture as SVG.
    Svg,
    /// A sentence.
    Text,
    /// Prometheus's text exposition format.
    Metrics,
}

impl Media {
    /// The value of `Content-Type`, and what else goes with the type.
    pub(super) fn fields(self) -> &'static [u8] {
        match self {
            // XML says in its declaration, and JSON in its RFC, that it is UTF-8.
            Media::Xml => b"text/xml",
            Media::Json => b"application/json",
            Media::Html => b"text/html; charset=utf-8\r\nContent-Security-Policy: default-src 'none'",
            Media::Page => {
                b"text/html; charset=utf-8\r\nContent-Security-Policy: default-src 'none'; script-src 'self'; \
                  style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                  frame-ancestors 'none'\r\nReferrer-Policy: no-referrer"
            }
            Media::Script => b"text/javascript; charset=utf-8",
            Media::Style => b"text/css; charset=utf-8",
            Media::Svg => b"image/svg+xml",
            Media::Text => b"text/plain; charset=utf-8",
            Media::Metrics => b"text/plain; version=0.0.4; charset=utf-8",
        }
    }
}
