//! make install, the System V script and the systemd unit: see `tests/openwrt/install`.

#[path = "openwrt/support.rs"]
mod support;

#[test]
fn install_init_script_and_unit() {
    support::script("tests/openwrt/install", &[]);
}
