# Build and install for firmware makers and packagers: make, make install DESTDIR=...
# A cross build puts its binary elsewhere: make install BINARY=dist/... leaves cargo out.

PREFIX = /usr
SBINDIR = $(PREFIX)/sbin
MANDIR = $(PREFIX)/share/man
DESTDIR =
INSTALL = install
CARGO = cargo
CARGO_TARGET_DIR ?= target
BINARY = $(CARGO_TARGET_DIR)/release/rctd

all:
	$(CARGO) build --release --locked

install:
	@test -f "$(BINARY)" || { echo "make: there is no $(BINARY): run make first, or name it with BINARY=" >&2; exit 1; }
	$(INSTALL) -d "$(DESTDIR)$(SBINDIR)" "$(DESTDIR)$(MANDIR)/man8"
	$(INSTALL) -m 755 "$(BINARY)" "$(DESTDIR)$(SBINDIR)/rctd"
	$(INSTALL) -m 644 docs/rctd.8 "$(DESTDIR)$(MANDIR)/man8/rctd.8"

uninstall:
	rm -f "$(DESTDIR)$(SBINDIR)/rctd" "$(DESTDIR)$(MANDIR)/man8/rctd.8"

check:
	$(CARGO) test --locked

.PHONY: all install uninstall check
