# Build and install for firmware makers and packagers: "make help" says what there is.

PREFIX = /usr
SBINDIR = $(PREFIX)/sbin
MANDIR = $(PREFIX)/share/man
UNITDIR = $(PREFIX)/lib/systemd/system
INITDIR = /etc/init.d
DESTDIR =
INSTALL = install
CARGO = cargo
CARGO_TARGET_DIR ?= target
BINARY = $(CARGO_TARGET_DIR)/release/rctd

# The unit and the script start /usr/sbin/rctd; they are to start the program that is installed with them.
PLACE = sed 's|/usr/sbin/rctd|$(SBINDIR)/rctd|g'

all:
	$(CARGO) build --release --locked

help:
	@echo "make                  builds $(BINARY)"
	@echo "make check            runs the tests"
	@echo "make install          puts the program into $(SBINDIR) and the manual page into $(MANDIR)"
	@echo "make install-systemd  the same, and the systemd unit into $(UNITDIR)"
	@echo "make install-sysv     the same, and the System V script into $(INITDIR)"
	@echo "make uninstall        removes all of these; it keeps the password file and other settings"
	@echo "Nothing is started or enabled. What may be set, as in make install PREFIX=/usr/local:"
	@echo "PREFIX, SBINDIR, MANDIR, UNITDIR, INITDIR"
	@echo "DESTDIR=FOLDER        installs below FOLDER, for packages and firmware"
	@echo "BINARY=FILE           installs this program, for instance dist/rctd-TARGET, which cross/build makes"

install:
	@test -f "$(BINARY)" || { echo "make: there is no $(BINARY): run make first, or name it with BINARY=" >&2; exit 1; }
	$(INSTALL) -d "$(DESTDIR)$(SBINDIR)" "$(DESTDIR)$(MANDIR)/man8"
	$(INSTALL) -m 755 "$(BINARY)" "$(DESTDIR)$(SBINDIR)/rctd"
	$(INSTALL) -m 644 docs/rctd.8 "$(DESTDIR)$(MANDIR)/man8/rctd.8"

install-systemd: install
	$(INSTALL) -d "$(DESTDIR)$(UNITDIR)"
	$(PLACE) contrib/systemd/rctd.service >"$(DESTDIR)$(UNITDIR)/rctd.service"
	chmod 644 "$(DESTDIR)$(UNITDIR)/rctd.service"

install-sysv: install
	$(INSTALL) -d "$(DESTDIR)$(INITDIR)"
	$(PLACE) contrib/sysv/rctd >"$(DESTDIR)$(INITDIR)/rctd"
	chmod 755 "$(DESTDIR)$(INITDIR)/rctd"

uninstall:
	rm -f "$(DESTDIR)$(SBINDIR)/rctd" "$(DESTDIR)$(MANDIR)/man8/rctd.8"
	rm -f "$(DESTDIR)$(UNITDIR)/rctd.service" "$(DESTDIR)$(INITDIR)/rctd"

check:
	$(CARGO) test --locked

.PHONY: all help install install-systemd install-sysv uninstall check
