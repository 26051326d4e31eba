"""Reference implementation of the prompt matching in TrueLive.Models; reads only the shipped files.

Usage: prompts.py MODEL_DIR "text" | prompts.py MODEL_DIR --list FILE.tsv
"""
import json
import math
import os
import re
import sys

import numpy

WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")
STOP = set(
    (
        "a an the of in on at with and or to for from by as is are be it its this that these those please make me my like look looks "
        "looking style styled effect in into very some"
    ).split()
)
TEMPERATURE = 0.06
KNOWN = 0.65  # if the best score is below this, the text is not understood
KEEP = 0.25  # looks with less than this share of the strongest are left out


class Words:
    """words.bin: 'TLW1', u32 count, u32 dimensions, count x (f32 scale, f32 weight), count x dimensions i8, and the words, sorted by
    bytes and joined by LF (UTF-8)."""

    def __init__(self, path):
        raw = open(path, "rb").read()
        assert raw[:4] == b"TLW1"
        count, dims = numpy.frombuffer(raw, "<u4", 2, 4)
        head = numpy.frombuffer(raw, "<f4", count * 2, 12).reshape(count, 2)
        body = numpy.frombuffer(raw, "i1", count * dims, 12 + count * 8).reshape(count, dims)
        names = raw[12 + count * 8 + count * dims :].decode().split("\n")
        self.vectors = body.astype(numpy.float32) * head[:, :1]
        self.weights = head[:, 1]
        self.index = {w: i for i, w in enumerate(names)}

    def find(self, word):
        """Index of the word, or else of the word without hyphens, a possessive or a plural s, or None."""
        for form in (word, word.replace("-", ""), word.replace("'s", ""), word[:-1] if word.endswith("s") else word):
            if form in self.index:
                return self.index[form]
        return None


def tokens(text):
    return [w for w in WORD.findall(text.lower()) if w not in STOP]


def embed(words, text):
    """Unit vector of a phrase, the indices of its words, and the words that are not known."""
    known, unknown = [], []
    for w in tokens(text):
        i = words.find(w)
        parts = [] if i is not None or "-" not in w else [words.find(p) for p in w.split("-") if p not in STOP]
        if i is not None:
            known.append(i)
        elif parts and all(p is not None for p in parts):
            known.extend(parts)
        else:
            unknown.append(w)
    if not known:
        return None, known, unknown
    v = (words.vectors[known] * words.weights[known, None]).sum(0)
    return v / (numpy.linalg.norm(v) + 1e-9), known, unknown


class Matcher:
    def __init__(self, folder):
        manifest = json.load(open(os.path.join(folder, "manifest.json")))
        self.words = Words(os.path.join(folder, manifest["prompt"]["words"]))
        self.looks = [(l["id"], [(a, *embed(self.words, a)[:2]) for a in l["anchors"]]) for l in manifest["looks"]]

    def scores(self, text):
        """Per look: half the best anchor for the whole phrase, half the best anchor over single words."""
        vector, known, unknown = embed(self.words, text)
        # A word that the table lacks still counts if it is an anchor itself ("vaporwave", "8-bit").
        literal = {name for name, anchors in self.looks for a, _, _ in anchors if a in unknown or a == name and name in tokens(text)}
        unknown = [w for w in unknown if not any(a == w for _, anchors in self.looks for a, _, _ in anchors)]
        if vector is None:
            return ([(1.0 if name in literal else 0.0, name) for name, _ in self.looks] if literal else None), unknown
        total = float(self.words.weights[known].sum())
        out = []
        for name, anchors in self.looks:
            whole = max((float(vector @ v) for _, v, _ in anchors if v is not None), default=0)
            single = 0.0
            for i in known:
                unit = self.words.vectors[i]
                best = max((float(unit @ v) for _, v, _ in anchors if v is not None), default=0)
                single = max(single, best * (0.6 + 0.4 * math.sqrt(float(self.words.weights[i]) / total)))
            out.append((1.0 if name in literal else 0.5 * whole + 0.5 * single, name))
        return out, unknown

    def read(self, text):
        scores, unknown = self.scores(text)
        if not tokens(text):
            return True, 1.0, [("identity", 1.0)], unknown
        if scores is None:
            return False, 0.0, [("identity", 1.0)], unknown
        best = max(s for s, _ in scores)
        if best < KNOWN:
            return False, best, [("identity", 1.0)], unknown
        shares = sorted(((math.exp((s - best) / TEMPERATURE), n) for s, n in scores), reverse=True)
        shares = [(w, n) for w, n in shares if w >= KEEP][:3]
        total = sum(w for w, _ in shares)
        return True, min(1.0, best), [(n, w / total) for w, n in shares], unknown


def main():
    matcher = Matcher(sys.argv[1])
    if sys.argv[2] == "--list":
        right = n = 0
        for line in open(sys.argv[3], encoding="utf-8"):
            if line.startswith("#") or not line.strip():
                continue
            look, text = line.rstrip("\n").split("\t")
            understood, confidence, looks, unknown = matcher.read(text)
            hit = looks[0][0] == look and (understood or look == "identity")
            n += 1
            right += hit
            if not hit:
                print(
                    f"  {text!r}: wanted {look}, got {looks[0][0]} ({confidence:.2f}{'' if understood else ', not understood'}), unknown {unknown}"
                )
        print(f"{right} of {n} = {100 * right / n:.1f} %")
    else:
        print(matcher.read(sys.argv[2]))


if __name__ == "__main__":
    main()
