#!/usr/bin/env python3
"""initrd.py ROOT OUT: the folder ROOT as a gzipped `newc` cpio archive for the kernel to boot from.

Everything belongs to root and has no time, whoever made it, and /dev/console is added: the kernel opens it for
process 1 before anything is mounted, and nobody but root can make one in a folder.
"""
import gzip
import os
import stat
import sys

CONSOLE = (stat.S_IFCHR | 0o600, 5, 1)


def entry(number, name, mode, data=b"", device=(0, 0)):
    """One member: 110 characters of header in hex, the name, the data, each padded to 4 bytes."""
    name = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields)
    return pad(head + name) + pad(data)


def pad(data):
    """Zeroes up to a multiple of 4."""
    return data + bytes(-len(data) % 4)


def walk(root):
    """Yields name, mode and content of all that is below `root`, folders before what is in them."""
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(folders + files):
            path = os.path.join(folder, name)
            inside = os.path.relpath(path, root)
            if os.path.islink(path):
                yield inside, stat.S_IFLNK | 0o777, os.readlink(path).encode()
            elif os.path.isdir(path):
                yield inside, stat.S_IFDIR | 0o755, b""
            else:
                with open(path, "rb") as file:
                    yield inside, stat.S_IFREG | (0o755 if os.access(path, os.X_OK) else 0o644), file.read()


def archive(root):
    """The whole archive, not compressed."""
    members = [entry(number, *member) for number, member in enumerate(walk(root), 1)]
    if not os.path.isdir(os.path.join(root, "dev")):
        members.append(entry(len(members) + 1, "dev", stat.S_IFDIR | 0o755))
    mode, major, minor = CONSOLE
    members.append(entry(len(members) + 1, "dev/console", mode, device=(major, minor)))
    return b"".join(members) + entry(0, "TRAILER!!!", 0)


def write(root, out):
    """Writes the archive of `root` to `out`, little compressed: it is read once, a second later."""
    with open(out, "wb") as file, gzip.GzipFile("", "wb", 1, file, mtime=0) as packed:
        packed.write(archive(root))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: initrd.py ROOT OUT")
    write(*sys.argv[1:])
