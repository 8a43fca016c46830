"""Asks tokenizers about every code point and prints what decompose_classes.go is made from:

    python ask_unigram.py > unigram_classes.json

What class a code point has in grapheme clusters shows in the character map: of
a cluster shorter than six bytes only what its first character is mapped to is
left, of a longer one every character stays.
"""
import json
import struct

from tokenizers import normalizers

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
MARK = "\u0300"  # an Extend of two bytes


def ranges(says_yes):
    found = []
    for c in CODE_POINTS:
        if says_yes(chr(c)):
            if found and found[-1][1] == c - 1:
                found[-1][1] = c
            else:
                found.append([c, c])
    return found


def members(found):
    return {c for first, last in found for c in range(first, last + 1)}


def both(a, b):
    common = members(a) & members(b)
    return ranges(lambda x: ord(x) in common)


def without(found, *others):
    left = members(found).difference(*(members(o) for o in others))
    return ranges(lambda x: ord(x) in left)


def character_map(key):
    """The normalizer that maps key to a full stop: a double array in which each node has a block of its own."""
    units = [0] * 256
    at = 0
    for c in key.encode():
        base = len(units)
        units += [0] * 256
        units[at] |= (at ^ base) << 10
        at = base | c
        units[at] = c
    base = len(units)
    units += [0] * 256
    units[at] |= (at ^ base) << 10 | 1 << 8
    units[base] = 1 << 31
    blob = b"".join(struct.pack("<I", u) for u in units)
    return normalizers.Precompiled(struct.pack("<I", len(blob)) + blob + b".\0").normalize_str


def together(before, after):
    """Whether after, one character, is in a cluster with before: if not it begins one, which takes the mark in."""
    m = character_map(after)
    return lambda x: m(before(x) + after + MARK).endswith(MARK)


extends = character_map("a")  # a + x is one cluster: Extend, SpacingMark or ZWJ
begins = character_map(MARK)
before_v = ranges(together(lambda x: x, "\u1160"))
before_t = ranges(together(lambda x: x, "\u11a8"))
prepend = ranges(lambda x: len(x.encode()) > 1 and extends(x + "a" + MARK + MARK).endswith(MARK))
pictographic = ranges(together(lambda x: x + "\u200d", "\u00a9"))
syllable = [[0xAC00, 0xD7A3]]
nfd, nfkd = normalizers.NFD().normalize_str, normalizers.NFKD().normalize_str


def combines(x):
    """Whether x has a combining class: it moves behind one of class 1, or before one of class 240."""
    return nfkd(x) == x and (nfd("a" + x + "\u0334") != "a" + x + "\u0334" or nfd("a\u0345" + x) != "a\u0345" + x)


print(json.dumps({
    # a + x is one cluster: Extend, SpacingMark or ZWJ
    "extending": ranges(lambda x: extends("a" + x) == "."),
    # what may be between a pictograph and a ZWJ is Extend
    "extend": without(ranges(together(lambda x: "\u00a9" + x + "\u200d", "\u00a9")), pictographic),
    # marks behind a control character are a cluster of their own
    "control": ranges(lambda x: begins(x + MARK + MARK) == x + "."),
    "prepend": prepend,
    "pictographic": pictographic,
    "hangul_l": without(before_v, before_t, prepend),
    "hangul_v": without(both(before_v, before_t), prepend, syllable),
    "hangul_t": without(before_t, before_v, prepend, syllable),
    "conjunct_consonant": ranges(together(lambda x: x + "\u094d", "\u0915")),
    "conjunct_linker": without(ranges(together(lambda x: "\u0915" + x, "\u0915")), prepend),
    "nfkd_changed": without(ranges(lambda x: nfkd(x) != x), syllable),
    "combining": ranges(combines),
}))
