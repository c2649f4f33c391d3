#!/bin/sh
# shellcheck disable=SC2034,SC2154
# (what is unused here is used by cross/ipk and cross/apk, which source cross/pack.sh, that sets what is used here, before)

# choose ALL BINARY TARGET [OUTDIR], or choose ALL NAME [OUTDIR] with the name of one of LuCI's: the package that is made,
# as `name`, its description's file as `control`, and all that `prepare` sets. ALL is the architecture of what runs on
# each of them.
choose() {
	all=$1
	shift
	case "${1:-}" in
	luci-app-rctd | luci-i18n-rctd-fr)
		name=$1
		[ $# -le 2 ] || die "usage: cross/$me $name [OUTDIR]" 2
		archs=$all out=${2:-dist} control=$data/$name/control.in
		begin
		;;
	*)
		name=rctd
		[ $# -ge 2 ] || die "usage: cross/$me BINARY TARGET [OUTDIR], or cross/$me luci-app-rctd|luci-i18n-rctd-fr [OUTDIR]" 2
		prepare "$@"
		control=$data/ipk/control.in
		;;
	esac
	# As OpenWrt writes it.
	version=$version-r$release
}

# stage: what is installed, into $work/data
stage() {
	case "$name" in
	rctd) stage_daemon ;;
	luci-app-rctd) stage_pages ;;
	*) stage_translation "${name##*-}" ;;
	esac
}

stage_daemon() {
	put 755 "$binary" usr/sbin/rctd
	put 755 "$package/files/rctd.init" etc/init.d/rctd
	put 600 "$package/files/rctd.config" etc/config/rctd
	put 644 "$package/files/rctd.capabilities.json" etc/capabilities/rctd.json
	mkdir "$work/data/etc/rctd"
	# What the owner made in there is kept by sysupgrade; a folder can't be among opkg's conffiles.
	mkdir -p "$work/data/lib/upgrade/keep.d"
	echo /etc/rctd/ >"$work/data/lib/upgrade/keep.d/rctd"
}

# As LuCI's build rules place them: `htdocs` is the web server's folder, and `root` the router's.
stage_pages() {
	pages=$top/openwrt/$name
	(cd "$pages" && find htdocs root -type f) >"$work/pages"
	while IFS= read -r file; do
		case "$file" in
		htdocs/*) to=www/${file#htdocs/} ;;
		*) to=${file#root/} ;;
		esac
		# Git keeps whether a file is executable, and not whom else it is readable for.
		mode=644
		[ ! -x "$pages/$file" ] || mode=755
		put "$mode" "$pages/$file" "$to"
	done <"$work/pages"
}

# stage_translation LANGUAGE: the texts of the pages in LuCI's form, where LuCI looks for them
stage_translation() {
	python3 "$top/cross/lmo.py" "$top/openwrt/luci-app-rctd/po/$1/rctd.po" >"$work/lmo"
	put 644 "$work/lmo" "usr/lib/lua/luci/i18n/rctd.$1.lmo"
}
