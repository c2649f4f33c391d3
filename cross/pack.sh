#!/bin/sh
# shellcheck disable=SC2034,SC2154
# (what is unused here is used by cross/ipk, cross/apk and cross/deb, which set `me`, `here` and `data` and then source this)
# What the packages share: their arguments, version and date, and how a file gets into one.

# Neither the builder's language nor its umask may show in a package.
export LC_ALL=C
umask 022

die() {
	echo "cross/$me: $1" >&2
	exit "${2:-1}"
}

top=$(cd "$here/.." && pwd) data=$(cd "$data" && pwd)
package=$top/openwrt/rctd

# prepare BINARY TARGET [OUTDIR]: sets binary, archs and out, and what `begin` does
prepare() {
	[ $# -eq 2 ] || [ $# -eq 3 ] || die "usage: cross/$me BINARY TARGET [OUTDIR]" 2
	binary=$1 out=${3:-dist}
	[ -f "$binary" ] || die "there is no binary '$binary'"
	archs=$(sed -n "s/^$2 //p" "$data/architectures")
	[ -n "$archs" ] || die "no architecture is known for target '$2'; see ${data#"$top/"}/architectures"
	begin
}

# begin: makes the folder out; sets version, release, SOURCE_DATE_EPOCH and work, a folder of its own
begin() {
	if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
		SOURCE_DATE_EPOCH=$(git -C "$top" log -1 --format=%ct 2>/dev/null) ||
			die "set SOURCE_DATE_EPOCH: this is no git checkout whose last commit would give the date"
	fi

	version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$top/Cargo.toml" | head -n 1)
	release=$(sed -n 's/^PKG_RELEASE:=//p' "$package/Makefile")
	[ -n "$version" ] || die "Cargo.toml has no version"
	[ -n "$release" ] || die "openwrt/rctd/Makefile has no PKG_RELEASE"

	mkdir -p "$out"
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' INT TERM
}

# put MODE FROM TO: a file of the package
put() {
	mkdir -p "$(dirname "$work/data/$3")"
	cp "$2" "$work/data/$3"
	chmod "$1" "$work/data/$3"
}
