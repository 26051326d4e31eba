"""Zeroes the machine code of all chips but one in a CUDA library, so that it compresses well. Usage: keep_chip.py LIBRARY OUT CHIP

CHIP is a compute capability without the point, such as 90. The result runs on that chip only. The code lies in the section .nv_fatbin:
one container after the other, each with a 16-byte head (magic, version, head size, size) and entries of one chip each.
"""

import struct
import sys

MAGIC = 0xBA55ED50


def section(data, wanted):
    """Offset and size of a section of a 64-bit little-endian ELF file."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise SystemExit("This is no 64-bit ELF library.")
    (table,) = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    heads = [struct.unpack_from("<IIQQQQ", data, table + n * size) for n in range(count)]
    strings = heads[names][4]
    for head in heads:
        if data[strings + head[0] : data.index(0, strings + head[0])] == wanted:
            return head[4], head[5]
    raise SystemExit(f"It has no section {wanted.decode()}: it holds no code for GPUs.")


def keep(data, chip):
    """Zeroes in place. Returns the bytes kept, and those zeroed."""
    at, length = section(data, b".nv_fatbin")
    end, kept, zeroed = at + length, 0, 0
    while at + 16 <= end:
        magic, _, head, size = struct.unpack_from("<IHHQ", data, at)
        if magic != MAGIC:
            at += 8
            continue
        entry, after = at + head, at + head + size
        while entry < after:
            _, _, entry_head, entry_size = struct.unpack_from("<HHIQ", data, entry)
            (arch,) = struct.unpack_from("<I", data, entry + 28)
            if arch == chip:
                kept += entry_size
            else:
                zeroed += entry_size
                data[entry + entry_head : entry + entry_head + entry_size] = bytes(entry_size)
            entry += entry_head + entry_size
        at = after
    return kept, zeroed


if __name__ == "__main__":
    library, out, chip = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(library, "rb") as file:
        contents = bytearray(file.read())
    kept, zeroed = keep(contents, chip)
    if kept == 0:
        raise SystemExit(f"It holds no code for chip {chip}.")
    with open(out, "wb") as file:
        file.write(contents)
    print(f"kept {kept / 1e6:.0f} MB of machine code for chip {chip}, zeroed {zeroed / 1e6:.0f} MB of others")
