//! The README's recipe for a LAN, typed as it stands there: see `tests/packaging/lan`.

#[path = "openwrt/support.rs"]
mod support;

#[test]
fn the_recipe_for_a_lan_works_from_a_bare_machine() {
    for (program, argument, package) in [
        ("python3", "--version", "python3"),
        ("unshare", "--version", "util-linux"),
        ("ip", "-V", "iproute2"),
        ("useradd", "--help", "passwd"),
    ] {
        if support::tool(program, &[argument], package).is_none() {
            return;
        }
    }
    support::script("tests/packaging/lan", &[env!("CARGO_BIN_EXE_rctd")]);
}
