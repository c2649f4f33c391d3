#!/bin/sh
# Run by the feed's CI in a container of the target: $1 is the package, $2 its version. There is no connection
# tracking to talk to there, so this asks only what the program says of itself.

[ "$1" = rctd ] || exit 0

rctd --version | grep -F "rctd $2" || {
	echo "rctd --version does not say 'rctd $2'" >&2
	exit 1
}

rctd --help | grep -F -e --listen || {
	echo "rctd --help does not name --listen" >&2
	exit 1
}

# 2 is a wrong command line: neither a crash nor a daemon that stays.
rctd --no-such-option
status=$?
[ "$status" -eq 2 ] || {
	echo "rctd --no-such-option ended with $status, not 2" >&2
	exit 1
}
