"""Compares the vocabularies of this package with those of Hugging Face's `tokenizers`.

Run by hand; needs Python with `tokenizers` (0.20 or later). In this order, with any folder DIR:

    python compare.py prepare DIR en=english.txt de=german.txt zh=chinese.txt
    GODWIT_TRAINER_DIR=DIR go test -count=1 -timeout 1h -run TestCompare -v godwit/transformer/tokenizer/trainer
    python compare.py report DIR

A text is a UTF-8 file with a document per line; every tenth line is held out. `prepare` splits
the others into words, as each kind of tokenizer does, and writes them for the Go test, which
writes our vocabularies. `report` trains theirs on the same words with the same settings, puts either
vocabulary into a tokenizer of the same library, encodes the lines trained on and those held out, and
prints tokens per character, ours divided by theirs: below 1 we compress better.
"""

import json
import os
import pathlib
import sys
import time
from collections import Counter

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

SIZES = [1000, 4000, 16000, 30000]
MIN_FREQUENCY = 2
BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
SPECIAL = {
    "wordpiece": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
    "bpe": ["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
    "unigram": ["<unk>", "<s>", "</s>", "<pad>", "<mask>"],
}


def limit(kind, size):
    """How many characters WordPiece keeps: Chinese has more of them than the small vocabularies hold."""
    return size // 4 if kind == "wordpiece" else 0


def pipeline(kind, model):
    t = Tokenizer(model)
    if kind == "wordpiece":
        t.normalizer = normalizers.BertNormalizer(lowercase=True)
        t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    elif kind == "bpe":
        t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        t.normalizer = normalizers.NFKC()
        t.pre_tokenizer = pre_tokenizers.Metaspace()
    return t


def empty(kind):
    return pipeline(kind, {"wordpiece": lambda: models.WordPiece(unk_token="[UNK]"), "bpe": models.BPE,
                           "unigram": models.Unigram}[kind]())


def ours(kind, trained):
    vocab = trained["vocab"]
    if kind == "wordpiece":
        return pipeline(kind, models.WordPiece({t: i for i, t in enumerate(vocab)}, unk_token="[UNK]"))
    if kind == "bpe":
        return pipeline(kind, models.BPE({t: i for i, t in enumerate(vocab)}, [tuple(m) for m in trained["merges"]]))
    return pipeline(kind, models.Unigram([(t, s) for t, s in vocab], unk_id=0))


def theirs(kind, size, lines):
    t = empty(kind)
    if kind == "wordpiece":
        trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=SPECIAL[kind],
                                            min_frequency=MIN_FREQUENCY, limit_alphabet=limit(kind, size),
                                            show_progress=False)
    elif kind == "bpe":
        trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=SPECIAL[kind], initial_alphabet=BYTES,
                                      min_frequency=MIN_FREQUENCY, show_progress=False)
    else:
        trainer = trainers.UnigramTrainer(vocab_size=size, special_tokens=SPECIAL[kind], unk_token="<unk>",
                                          show_progress=False)
    start = time.time()
    t.train_from_iterator(lines, trainer)
    return t, time.time() - start


def split(path):
    lines = [line.rstrip("\n") for line in open(path, encoding="utf-8")]
    return [s for i, s in enumerate(lines) if i % 10], lines[::10]


def prepare(folder, texts):
    folder.mkdir(parents=True, exist_ok=True)
    for text in texts:
        name, path = text.split("=", 1)
        lines, _ = split(path)
        for kind in SPECIAL:
            t = empty(kind)
            words = Counter()
            for line in lines:
                if t.normalizer:
                    line = t.normalizer.normalize_str(line)
                words.update(word for word, _ in t.pre_tokenizer.pre_tokenize_str(line))
            request = {"kind": kind, "special_tokens": SPECIAL[kind], "min_frequency": MIN_FREQUENCY, "words": words,
                       "files": [{"name": f"{name}.{kind}.{size}.json", "size": size, "limit_alphabet": limit(kind, size)}
                                 for size in SIZES]}
            (folder / f"{name}.{kind}.words.json").write_text(json.dumps(request), encoding="utf-8")
        (folder / f"{name}.path").write_text(os.path.abspath(path), encoding="utf-8")


def tokens(tokenizer, lines):
    return sum(len(e.ids) for e in tokenizer.encode_batch(lines, add_special_tokens=False))


def report(folder):
    print("| text | kind | size asked | ours, theirs | seconds, ours, theirs | theirs, tokens per character | ours / theirs | held out |")
    print("|---|---|---|---|---|---|---|---|")
    worst = 0
    for source in sorted(folder.glob("*.path")):
        name = source.stem
        lines, held = split(source.read_text(encoding="utf-8"))
        characters = sum(map(len, lines))
        for kind in SPECIAL:
            for size in SIZES:
                result = json.loads((folder / f"{name}.{kind}.{size}.json").read_text(encoding="utf-8"))
                if "error" in result:
                    print(f"| {name} | {kind} | {size} | {result['error']} |")
                    continue
                a = ours(kind, result["trained"])
                b, seconds = theirs(kind, size, lines)
                n, m = tokens(a, lines), tokens(b, lines)
                worst = max(worst, n / m)
                print(f"| {name} | {kind} | {size} | {a.get_vocab_size()}, {b.get_vocab_size()} "
                      f"| {result['seconds']:.1f}, {seconds:.1f} | {m / characters:.4f} | {n / m:.4f} "
                      f"| {tokens(a, held) / tokens(b, held):.4f} |", flush=True)
    print(f"\nThe largest ratio is {worst:.4f}.")
    return worst <= 1.02


if __name__ == "__main__":
    if len(sys.argv) >= 4 and sys.argv[1] == "prepare":
        prepare(pathlib.Path(sys.argv[2]), sys.argv[3:])
    elif len(sys.argv) == 3 and sys.argv[1] == "report":
        sys.exit(0 if report(pathlib.Path(sys.argv[2])) else 1)
    else:
        sys.exit(__doc__)
