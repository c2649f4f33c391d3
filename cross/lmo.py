#!/usr/bin/env python3
"""lmo.py FILE.po: writes LuCI's form of a translation to standard output.

The translations come first, each filled up to a multiple of four bytes. Behind them is an index in the order of the
hashes by which LuCI looks up a text: four numbers for each of them, of 32 bits, big-endian; then the index's place. It
is what LuCI's po2lmo makes of the same file. A text with a plural or with a character that a backslash stands for is refused:
the pages have none but quotes.
"""
import re
import struct
import sys

LINE = re.compile(r'(msgctxt|msgid|msgstr|) ?"((?:[^"\\]|\\["\\])*)"')
# The mask of 32 bits.
WORD = 0xFFFFFFFF


def text_hash(text):
    """SuperFastHash, beginning with the length, as LuCI has it: its single bytes at the end have a sign."""
    value = len(text)
    if not text:
        return 0
    whole = len(text) // 4 * 4
    for low, high in struct.iter_unpack("<HH", text[:whole]):
        value = value + low & WORD
        value = (value << 16 ^ high << 11 ^ value) & WORD
        value = value + (value >> 11) & WORD
    rest = text[whole:]
    # How the last one to three bytes are mixed in: two shifts, the second of which is to the right.
    if len(rest) == 1:
        value, shifts = value + struct.unpack("b", rest)[0] & WORD, (10, 1)
    elif rest:
        value, shifts = value + struct.unpack_from("<H", rest)[0] & WORD, (11, 17)
    if len(rest) == 3:
        value = (value ^ value << 16 ^ struct.unpack_from("b", rest, 2)[0] << 18) & WORD
        value = value + (value >> 11) & WORD
    elif rest:
        value = (value ^ value << shifts[0]) & WORD
        value = value + (value >> shifts[1]) & WORD
    for left, right in ((3, 5), (4, 17), (25, 6)):
        value = (value ^ value << left) & WORD
        value = value + (value >> right) & WORD
    return value


def entries(path):
    """(text, translation) of each entry behind the first, which tells of the file; a context stands before its text."""
    with open(path, encoding="utf-8") as file:
        blocks = file.read().strip().split("\n\n")[1:]
    for block in blocks:
        told, name = {}, ""
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            found = LINE.fullmatch(line)
            if not found or not (found[1] or name):
                sys.exit(f"lmo.py: {path}: this can't be told to LuCI: {line}")
            name = found[1] or name
            told[name] = told.get(name, "") + re.sub(r"\\(.)", r"\1", found[2])
        if not told.get("msgid") or "msgstr" not in told:
            sys.exit(f"lmo.py: {path}: an entry without a text or a translation: {block}")
        context = told["msgctxt"] + "\1" if "msgctxt" in told else ""
        yield (context + told["msgid"]).encode(), told["msgstr"].encode()


def plural_rule(path):
    """What the first entry says of plurals, which LuCI keeps under the hash 0; nothing where it says nothing."""
    with open(path, encoding="utf-8") as file:
        found = re.search(r'^"Plural-Forms: (.*)\\n"$', file.read().split("\n\n", maxsplit=1)[0], re.M)
    return found[1].encode() if found else b""


def main():
    """Writes the translations and their index."""
    if len(sys.argv) != 2:
        sys.exit("usage: lmo.py FILE.po")
    path = sys.argv[1]
    found = [(0, 0, plural_rule(path))]
    found += [(text_hash(text), 1, translation) for text, translation in entries(path)]
    out, index = bytearray(), []
    for number, forms, translation in found:
        # LuCI shows a text that it has no translation of as it is.
        if not translation or number == text_hash(translation):
            continue
        index.append((number, forms, len(out), len(translation)))
        out += translation + bytes(-len(translation) % 4)
    place = len(out)
    index.sort()
    if len({number for number, *_ in index}) != len(index):
        sys.exit(f"lmo.py: {path}: two texts have the same hash")
    for entry in index:
        out += struct.pack(">4I", *entry)
    sys.stdout.buffer.write(out + struct.pack(">I", place))


if __name__ == "__main__":
    main()
