//! The proxy configurations in `contrib/`, by the real apache2 and nginx: see `tests/contrib/proxies`.

#[path = "openwrt/support.rs"]
mod support;

#[test]
fn apache_and_nginx_ask_for_the_password() {
    if support::tool("python3", &["--version"], "python3").is_some() {
        support::script("tests/contrib/proxies", &[env!("CARGO_BIN_EXE_rctd")]);
    }
}
