#!/usr/bin/env python3
"""strip.py IN OUT: an ELF file without the sections that are never loaded.

strip(1) of the host knows no foreign machines, and no strip drops `.pdr`, which on MIPS describes each
function to a debugger and is half as large as the code. Here every section that is not loaded goes, whatever
it is called, and a short section table stays for readelf, file and objdump.
"""
import os
import struct
import sys

PT_LOAD = 1
SHF_ALLOC, SHF_INFO_LINK = 2, 0x40
SHT_NULL, SHT_STRTAB, SHT_NOBITS = 0, 3, 8


class Layout:
    """Where the fields are in the two classes of ELF, each in the byte order of the file."""

    def __init__(self, data):
        if data[:4] != b"\x7fELF" or data[4] not in (1, 2) or data[5] not in (1, 2):
            sys.exit("strip.py: not an ELF file")
        order = "<" if data[5] == 1 else ">"
        wide = data[4] == 2
        self.header = struct.Struct(order + "16sHHI" + ("QQQ" if wide else "III") + "IHHHHHH")
        # name, type, flags, address, offset, size, link, info, alignment, entry size
        self.section = struct.Struct(order + ("IIQQQQIIQQ" if wide else "10I"))
        self.segment = struct.Struct(order + ("IIQQQQQQ" if wide else "8I"))
        # The offset and the size in the file, as places in the unpacked segment.
        self.at = (2, 5) if wide else (1, 4)


def strip(data):
    """The bytes of the ELF file `data` without what is not loaded."""
    layout = Layout(data)
    head = list(layout.header.unpack_from(data))
    phoff, shoff, phnum, shnum, names_at = head[5], head[6], head[10], head[12], head[13]
    sections = [list(layout.section.unpack_from(data, shoff + i * layout.section.size)) for i in range(shnum)]
    names_from = sections[names_at][4]

    end = phoff + phnum * layout.segment.size
    segments = [layout.segment.unpack_from(data, phoff + i * layout.segment.size) for i in range(phnum)]
    for segment in segments:
        if segment[0] == PT_LOAD:
            end = max(end, segment[layout.at[0]] + segment[layout.at[1]])
    # RISC-V has a segment for a section that is not loaded.
    nothing = bytes(layout.segment.size)
    segments = [nothing if s[layout.at[0]] >= end else layout.segment.pack(*s) for s in segments]

    kept = [i for i, s in enumerate(sections) if s[1] == SHT_NULL or s[2] & SHF_ALLOC]
    moved = {old: new for new, old in enumerate(kept)}
    names, out = b"\0", []
    for i in kept:
        section = sections[i]
        if section[1] != SHT_NULL:
            start = names_from + section[0]
            section[0] = len(names)
            names += data[start:data.index(b"\0", start) + 1]
        # A link to a section that is gone is no link.
        section[6] = moved.get(section[6], 0)
        if section[2] & SHF_INFO_LINK:
            section[7] = moved.get(section[7], 0)
        out.append(layout.section.pack(*section))
        if section[1] != SHT_NOBITS:
            end = max(end, section[4] + (section[5] if section[1] != SHT_NULL else 0))
    own_name = len(names)
    names += b".shstrtab\0"
    out.append(layout.section.pack(own_name, SHT_STRTAB, 0, 0, end, len(names), 0, 0, 1, 0))

    table = -(-(end + len(names)) // 8) * 8
    head[6], head[12], head[13] = table, len(out), len(out) - 1
    body = bytearray(data[:end] + names)
    body += bytes(table - len(body))
    body[:layout.header.size] = layout.header.pack(*head)
    body[phoff:phoff + phnum * layout.segment.size] = b"".join(segments)
    return bytes(body) + b"".join(out)


def main(arguments):
    """Reads IN, writes OUT with the mode of IN."""
    if len(arguments) != 2:
        sys.exit("usage: strip.py IN OUT")
    source, result = arguments
    with open(source, "rb") as file:
        data = strip(file.read())
    # Through another name, so that a run that is cut short leaves no half of a program.
    with open(result + ".new", "wb") as file:
        file.write(data)
    os.chmod(result + ".new", os.stat(source).st_mode & 0o777)
    os.replace(result + ".new", result)


if __name__ == "__main__":
    main(sys.argv[1:])
