#!/bin/sh
# What the packaging tests share: how one of their steps is counted, skipped or failed.
FAILED=0
SKIPPED=0

fail() {
	echo "FAIL: $*" >&2
	FAILED=$((FAILED + 1))
}

# skip WHAT WHY: a failure where RCTD_TEST_STRICT=1, as in CI, asks for every tool to be there
skip() {
	if [ "${RCTD_TEST_STRICT:-}" = 1 ]; then
		fail "$1 could not run: $2"
	else
		echo "SKIP: $1: $2" >&2
		SKIPPED=$((SKIPPED + 1))
	fi
}

# need WHAT TOOL PACKAGE: whether the tool is there
need() {
	command -v "$2" >/dev/null 2>&1 || {
		skip "$1" "$2 is not installed (Debian's package $3)"
		return 1
	}
}

# same WHAT EXPECTED ACTUAL: two files with the same bytes
same() {
	diff -u "$2" "$3" >&2 || fail "$1: differs from what is expected"
}

# 77 is how a script says that it left something out
finish() {
	[ "$FAILED" -eq 0 ] || {
		echo "$1: $FAILED failed" >&2
		exit 1
	}
	[ "$SKIPPED" -eq 0 ] || exit 77
	echo "$1: passed"
	exit 0
}
