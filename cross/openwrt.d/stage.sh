#!/bin/sh
# shellcheck disable=SC2154
# (cross/pack.sh sets what is used here, and is sourced before)

# As OpenWrt writes it.
version=$version-r$release

# stage: what is installed, into $work/data
stage() {
	put 755 "$binary" usr/sbin/rctd
	put 755 "$package/files/rctd.init" etc/init.d/rctd
	put 600 "$package/files/rctd.config" etc/config/rctd
	put 644 "$package/files/rctd.capabilities.json" etc/capabilities/rctd.json
	mkdir "$work/data/etc/rctd"
	# What the owner made in there is kept by sysupgrade; a folder can't be among opkg's conffiles.
	mkdir -p "$work/data/lib/upgrade/keep.d"
	echo /etc/rctd/ >"$work/data/lib/upgrade/keep.d/rctd"
}
