//! The OpenWrt package, without OpenWrt's build system: see `tests/openwrt/run`, `tests/openwrt/ipk` and `tests/openwrt/apk`.

#[path = "openwrt/support.rs"]
mod support;

#[test]
fn init_script_makefile_and_options() {
    support::script("tests/openwrt/run", &[]);
}

#[test]
fn ipk_format_contents_and_reproducibility() {
    support::script("tests/openwrt/ipk", &[]);
}

#[test]
fn apk_format_contents_and_reproducibility() {
    support::script("tests/openwrt/apk", &[]);
}
