"""Asks tokenizers about every code point and prints the classes that unicode_classes.json does not have:

    python ask.py > more_classes.json
"""
import json

from tokenizers import Regex
from tokenizers import pre_tokenizers as pre


def ask(splitter, surround, says_yes):
    ranges = []
    for c in range(0x110000):
        if 0xD800 <= c <= 0xDFFF:
            continue
        if says_yes(splitter.pre_tokenize_str(surround + chr(c) + surround)):
            if ranges and ranges[-1][1] == c - 1:
                ranges[-1][1] = c
            else:
                ranges.append([c, c])
    return ranges


print(json.dumps({
    "word": ask(pre.Whitespace(), "a", lambda words: len(words) == 1),
    "numeric": ask(pre.Digits(individual_digits=True), "a", lambda words: len(words) == 3),
    "regex_word": ask(pre.Split(Regex(r"\w"), "isolated"), "!", lambda words: len(words) == 3),
    "regex_digit": ask(pre.Split(Regex(r"\d"), "isolated"), "!", lambda words: len(words) == 3),
}))
