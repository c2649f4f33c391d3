# shellcheck shell=bash
# What the scripts in this folder share: where things are, which toolchain and linker to use, with which flags.
# It is sourced, never run. Every function that can't go on ends the script with a sentence that says what to install.

# shellcheck disable=SC2034 # what is unused here is used there
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/rctd-cross
target_dir=${CARGO_TARGET_DIR:-$root/target}/cross
dist=${RCTD_DIST:-$root/dist}

# The zig whose musl and linker the sizes in budget.toml were measured with. Later ones bring an allocator of their own
# in place of musl's, which is larger in the file and in memory.
zig_version=0.15.2

# `-Cpanic=immediate-abort` is understood from this minor release of rustc on.
rustc_minor=92

die() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit 1
}

# The names of all targets, one a line.
all_targets() {
  awk '!/^#/ && NF { print $1 }' "$here/targets"
}

# target_row TARGET: sets zig_target, zig_cpu, target_flags.
target_row() {
  local row
  row=$(awk -v t="$1" '!/^#/ && $1 == t { print $2, $3, $4 }' "$here/targets")
  [ -n "$row" ] || die "unknown target '$1'; cross/targets lists: $(all_targets | tr '\n' ' ')"
  read -r zig_target zig_cpu target_flags <<<"$row"
  [ "$target_flags" != - ] || target_flags=
}

# has_sources RUSTC: is it new enough, and are the sources of its standard library installed?
has_sources() {
  local sysroot minor
  command -v "$1" >/dev/null 2>&1 || return 1
  # In a folder of no project, so that no rust-toolchain file of a caller decides.
  sysroot=$("$1" --print sysroot 2>/dev/null) || return 1
  minor=$("$1" --version | sed -n 's/^rustc 1\.\([0-9]*\)\..*/\1/p')
  [ "${minor:-0}" -ge "$rustc_minor" ] && [ -f "$sysroot/lib/rustlib/src/rust/library/Cargo.lock" ]
}

# Sets cargo, rustc and rust_src to a toolchain that can build the standard library.
find_toolchain() {
  local dir
  if [ -n "${RCTD_RUSTC:-}" ]; then
    has_sources "$RCTD_RUSTC" || die "RCTD_RUSTC=$RCTD_RUSTC has no library sources or is older than 1.$rustc_minor"
    rustc=$RCTD_RUSTC cargo=${RCTD_CARGO:-$(dirname "$RCTD_RUSTC")/cargo}
  else
    rustc=
    # The active toolchain, rustup's nightly ones, Debian's own: the proxies of rustup are avoided, since they would
    # pick a toolchain anew for each command.
    for dir in "$(rustc --print sysroot 2>/dev/null)/bin" "${RUSTUP_HOME:-$HOME/.rustup}"/toolchains/nightly*/bin /usr/bin; do
      if has_sources "$dir/rustc" && [ -x "$dir/cargo" ]; then
        rustc=$dir/rustc cargo=$dir/cargo
        break
      fi
    done
  fi
  [ -n "$rustc" ] || die "no Rust toolchain (1.$rustc_minor or later) with library sources. Any of these brings one:
  rustup component add rust-src
  rustup toolchain install nightly --component rust-src
  apt-get install rustc-web cargo-web rust-web-src    (Debian; cross/setup does it)"
  rust_src=$(cd "$("$rustc" --print sysroot)/lib/rustlib/src/rust" && pwd -P)
}

# find_python_zig: prints a python that has the module ziglang, if there is one.
find_python_zig() {
  local python
  for python in "${RCTD_ZIG_PYTHON:-}" "$cache/venv/bin/python" python3; do
    if [ -n "$python" ] && "$python" -c 'import ziglang' 2>/dev/null; then
      command -v "$python"
      return 0
    fi
  done
  return 1
}

# find_gcc TARGET: prints a gcc with musl for this target, if there is one on the PATH.
find_gcc() {
  local arch=${1%%-*} abi=${1##*-} name
  case $arch in
    armv*) arch=arm ;;
    riscv64gc) arch=riscv64 ;;
  esac
  for name in "$1-gcc" "$arch-linux-$abi-gcc" "$arch-linux-${abi}sf-gcc" "$arch-openwrt-linux-$abi-gcc"; do
    command -v "$name" && return 0
  done
  [ "$1" = "$(uname -m)-unknown-linux-musl" ] && command -v musl-gcc
}

# find_linker TARGET: sets and exports what cross/linker reads. RCTD_CC names a gcc to use in any case.
find_linker() {
  local found
  if [ -z "${RCTD_CC:-}" ] && found=$(find_python_zig); then
    export RCTD_LINK_KIND=zig RCTD_LINK_CC=$found RCTD_LINK_TARGET=$zig_target RCTD_LINK_CPU=$zig_cpu
    export ZIG_GLOBAL_CACHE_DIR=${ZIG_GLOBAL_CACHE_DIR:-$cache/zig} ZIG_LOCAL_CACHE_DIR=${ZIG_LOCAL_CACHE_DIR:-$cache/zig}
  elif found=${RCTD_CC:-$(find_gcc "$1")}; then
    export RCTD_LINK_KIND=gcc RCTD_LINK_CC=$found
  else
    die "no linker with musl for $1. Either of these brings one:
  python3 -m venv $cache/venv && $cache/venv/bin/pip install ziglang==$zig_version    (cross/setup does it)
  a gcc for musl on the PATH, named $1-gcc, or its path in RCTD_CC"
  fi
}

# Flags for every build. No path of this machine may get into the file: what is compiled is known by where it belongs.
# Of several prefixes that fit the last one counts, so the target folder comes after the one it is usually in.
common_flags() {
  local cargo_home=${CARGO_HOME:-$HOME/.cargo}
  printf '%s\n' \
    -Clink-self-contained=no -Clink-arg=-Wl,--build-id=none \
    "--remap-path-prefix=$root=/rctd" "--remap-path-prefix=$target_dir=/target" \
    "--remap-path-prefix=$cargo_home=/cargo" "--remap-path-prefix=$rust_src=/rust"
  # The SHA-2 rounds as loops: unrolled they are a quarter of the whole file, to make a rare login quicker.
  printf '%s\n' --cfg 'sha2_backend="soft"' --cfg 'sha2_backend_soft="compact"'
  # shellcheck disable=SC2086 # the flags of a target are words without spaces
  [ -z "$target_flags" ] || printf '%s\n' $target_flags
}

# cross_cargo TARGET FLAGS ARGS...: runs cargo with the toolchain found, for TARGET, with the rustc flags in FLAGS (one a
# line) after the common ones. The features are unstable, so a stable toolchain has to be told to allow them.
cross_cargo() {
  local target=$1 flags var
  flags=$(common_flags; printf '%s' "$2")
  shift 2
  var=$(printf '%s' "$target" | tr 'a-z-' 'A-Z_')
  # A wrapper or flags of the caller's own would end up in our files.
  env -u RUSTC_WRAPPER -u RUSTC_WORKSPACE_WRAPPER -u RUSTFLAGS -u CARGO_BUILD_RUSTFLAGS -u RUSTUP_TOOLCHAIN \
    "CARGO_TARGET_${var}_LINKER=$here/linker" \
    "CARGO_ENCODED_RUSTFLAGS=$(printf '%s' "$flags" | tr '\n' '\037')" \
    "RUSTC=$rustc" RUSTC_BOOTSTRAP=1 \
    "$cargo" "$1" --locked --target "$target" --target-dir "$target_dir" \
    --manifest-path "${RCTD_MANIFEST:-$root/Cargo.toml}" "${@:2}"
}
