#!/usr/bin/env python3
"""adb.py --mtime SECONDS [--info NAME=VALUE]... [--script TYPE=FILE]... FOLDER: packs a folder as apk-tools 3 does.

The package goes to standard output, plain and unsigned: the magic `ADB.`, the schema, one block with the package's
description, and one with the contents of each file. All is owned by root, dated with --mtime, and in the order of names,
so the same input always gives the same bytes, which are those of `apk mkpkg --compression none`.
"""
import argparse
import hashlib
import os
import stat
import struct
import sys

# The slots of each object in the order of their numbers, from 1; those that are not used here are called None.
INFO = ("name", "version", "hashes", "description", "arch", "license", "origin", "maintainer", "url", None, None,
        "installed-size", None, None, "depends")
SCRIPTS = ("trigger", "pre-install", "post-install", "pre-deinstall", "post-deinstall", "pre-upgrade", "post-upgrade")

# A value is 32 bits, its type in the top four. What does not fit the other 28 is elsewhere, at the offset in them.
INT, INT_32, BLOB_8, BLOB_16, BLOB_32, OBJECT = (tag << 28 for tag in (1, 2, 8, 9, 10, 14))
NOTHING = 0
BLOCK_ADB, BLOCK_DATA = 0, 2
# The package's identity is so much of the hash of its description.
HASH_BYTES = 20


class Database:
    """The description: values that refer to each other, each kept once."""

    def __init__(self):
        # Version of the format and oldest one that reads it, both 0, and the root, which comes last.
        self.bytes = bytearray(8)
        self.places = {}

    def add(self, data, alignment):
        """The offset of these bytes, added where they are not there yet."""
        for place in self.places.get(data, ()):
            if place % alignment == 0:
                return place
        place = self.append(data, alignment)
        self.places.setdefault(data, []).append(place)
        return place

    def append(self, data, alignment):
        """The offset of these bytes, which no other value shares."""
        self.bytes += bytes(-len(self.bytes) % alignment)
        self.bytes += data
        return len(self.bytes) - len(data)

    def number(self, value):
        """An integer of at most 32 bits."""
        if value < 1 << 28:
            return INT | value
        return INT_32 | self.add(struct.pack("<I", value), 4)

    def blob(self, data):
        """A string of bytes, with its length before it."""
        if not data:
            return NOTHING
        if len(data) <= 0xFF:
            return BLOB_8 | self.add(struct.pack("<B", len(data)) + data, 1)
        if len(data) <= 0xFFFF:
            return BLOB_16 | self.add(struct.pack("<H", len(data)) + data, 2)
        return BLOB_32 | self.add(struct.pack("<I", len(data)) + data, 4)

    def object(self, values):
        """An object or array: how many slots there are, and they; it ends with the last one that has a value."""
        while values and values[-1] == NOTHING:
            values = values[:-1]
        if not values:
            return NOTHING
        slots = struct.pack(f"<{len(values) + 1}I", len(values) + 1, *values)
        return OBJECT | self.add(slots, 4)


def rights(database, mode):
    """The access of a file or folder."""
    root = database.blob(b"root")
    return database.object([database.number(stat.S_IMODE(mode)), root, root])


def describe_file(database, path, mtime):
    """A file's entry, and its contents."""
    with open(path, "rb") as file:
        contents = file.read()
    name = database.blob(os.path.basename(path))
    digest = database.blob(hashlib.sha256(contents).digest())
    date, size = database.number(mtime), database.number(len(contents))
    access = rights(database, os.stat(path).st_mode)
    return database.object([name, access, size, date, digest]), contents


def describe_files(database, top, mtime):
    """The folders, the first of which is the root, and all contents with the numbers of folder and file."""
    folders, contents = [], []
    names = {b""}
    for folder, below, _ in os.walk(top):
        names.update(os.path.relpath(os.path.join(folder, name), top) for name in below)
    for number, name in enumerate(sorted(names), 1):
        folder = os.path.join(top, name) if name else top
        files = []
        for path in sorted(os.path.join(folder, entry) for entry in os.listdir(folder)):
            mode = os.lstat(path).st_mode
            if stat.S_ISDIR(mode):
                continue
            if not stat.S_ISREG(mode):
                sys.exit(f"adb.py: {os.fsdecode(path)} is neither a file nor a folder")
            entry, data = describe_file(database, path, mtime)
            files.append(entry)
            if data:
                contents.append((number, len(files), data))
        label = database.blob(name)
        access = rights(database, os.stat(folder).st_mode)
        folders.append(database.object([label, access, database.object(files)]))
    return folders, contents


def describe(info, scripts, top, mtime):
    """The description of the whole package, and all contents."""
    database = Database()
    values = dict.fromkeys(INFO, NOTHING)
    for name in INFO:
        if name == "depends":
            names = sorted(info.get(name, "").split())
            values[name] = database.object([database.object([database.blob(one.encode())]) for one in names])
        elif name in info:
            values[name] = database.blob(info[name].encode())
    folders, contents = describe_files(database, top, mtime)
    # What apk shows as the space that it takes; 0 would mean that nothing is known.
    values["installed-size"] = database.number(sum(len(data) for _, _, data in contents) or 1)
    identity = database.append(bytes([HASH_BYTES]) + bytes(HASH_BYTES), 1)
    values["hashes"] = BLOB_8 | identity
    about = database.object([values[name] for name in INFO])
    folders = database.object(folders)
    texts = [database.blob(scripts.get(name, b"")) for name in SCRIPTS]
    root = database.object([about, folders, database.object(texts)])
    struct.pack_into("<I", database.bytes, 4, root)
    digest = hashlib.sha256(database.bytes).digest()
    database.bytes[identity + 1:identity + 1 + HASH_BYTES] = digest[:HASH_BYTES]
    return bytes(database.bytes), contents


def block(kind, data):
    """A block with its type and length, filled up to a multiple of eight bytes."""
    whole = struct.pack("<I", kind << 30 | 4 + len(data)) + data
    return whole + bytes(-len(whole) % 8)


def pairs(words, names, what):
    """The arguments NAME=VALUE as a dictionary."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in names:
            sys.exit(f"adb.py: '{word}' is not {what}=...; there are {', '.join(filter(None, names))}")
        found[name] = value
    return found


def main():
    """Writes the package."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--mtime", type=int, required=True)
    parser.add_argument("--info", action="append", default=[])
    parser.add_argument("--script", action="append", default=[])
    parser.add_argument("folder")
    arguments = parser.parse_args()
    info = pairs(arguments.info, INFO, "NAME")
    scripts = pairs(arguments.script, SCRIPTS, "TYPE")
    for name, path in scripts.items():
        with open(path, "rb") as file:
            scripts[name] = file.read()
    description, contents = describe(info, scripts, os.fsencode(arguments.folder), arguments.mtime)
    out = sys.stdout.buffer
    out.write(b"ADB.pckg" + block(BLOCK_ADB, description))
    for folder, number, data in contents:
        out.write(block(BLOCK_DATA, struct.pack("<II", folder, number) + data))


if __name__ == "__main__":
    main()
