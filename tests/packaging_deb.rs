//! The package for Debian, installed in a copy of this system: see `tests/packaging/deb`.

#[path = "openwrt/support.rs"]
mod support;

#[test]
fn deb_lints_installs_answers_and_leaves() {
    support::script("tests/packaging/deb", &[]);
}
