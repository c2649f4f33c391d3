//! The OpenWrt package, without OpenWrt's build system: see `tests/openwrt/run`, `tests/openwrt/ipk`, `tests/openwrt/apk`
//! and `tests/openwrt/pages`.

#[path = "openwrt/support.rs"]
mod support;

/// The script has options of each feature; the daemon must take them all.
#[cfg(feature = "metrics")]
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

#[test]
fn pages_for_luci_as_ipk_and_apk() {
    support::script("tests/openwrt/pages", &[]);
}
