"""What an ELF object file is compiled for, and which symbols it leaves to others."""

import struct

#: Machines by their number in the header.
MACHINES = {62: "x86_64", 183: "aarch64"}


def machine_and_undefined(content):
    """(machine, names of the undefined symbols) of a 64-bit little-endian object file."""
    assert content[:6] == b"\x7fELF\x02\x01"
    (machine,) = struct.unpack_from("<H", content, 18)
    (sections,) = struct.unpack_from("<Q", content, 40)
    size, count = struct.unpack_from("<HH", content, 58)
    headers = [struct.unpack_from("<IIQQQQIIQQ", content, sections + size * i) for i in range(count)]
    undefined = set()
    for _, kind, _, _, start, length, link, _, _, entry in headers:
        if kind != 2:  # the table of symbols
            continue
        names = headers[link][4]
        for place in range(start + entry, start + length, entry):
            name, _, _, section = struct.unpack_from("<IBBH", content, place)
            if not section:
                undefined.add(content[names + name : content.index(b"\0", names + name)].decode())
    return MACHINES[machine], undefined - {""}
