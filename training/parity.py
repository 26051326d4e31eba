"""Writes what PyTorch computes with the weights of an ONNX file, for the C# test that runs the same frames through ONNX Runtime.

Usage: parity.py ../models/live-tiny ../tests/TrueLive.Models.Tests/live-tiny.parity.bin

30 frames of 256x192, state carried, the look changed (as a cut) every ten frames. The pictures are I420 from whole-number formulas,
so that both sides make the same ones. File: the SHA-256 of the ONNX file (32 bytes), then little-endian float32: for each frame the
mean of the image and 31 samples, and last the mean of each state. The test says so when the file belongs to other weights.
"""
import hashlib
import json
import os
import sys

import numpy
import onnx
import torch
from onnx import numpy_helper

from network import LiveTiny

WIDTH, HEIGHT, FRAMES, SAMPLES = 256, 192, 30, 31


def triangle(n):
    return numpy.abs(n % 256 - 128)


def picture(t):
    """BT.709 limited I420, turned into RGB in 0..1 as TrueLive.Core's ColourConversion does it."""
    y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH]
    luma = 16 + (triangle(3 * x + 5 * t) + triangle(2 * y + x - 3 * t)) * 219 // 256
    y, x = numpy.mgrid[0:HEIGHT // 2, 0:WIDTH // 2]
    cb = 64 + triangle(2 * x + 4 * t)
    cr = 64 + triangle(3 * y - 2 * t)
    luma = (luma.astype(numpy.float32) - 16) / numpy.float32(219)
    cb, cr = ((c.repeat(2, 0).repeat(2, 1).astype(numpy.float32) - 128) / numpy.float32(224) for c in (cb, cr))
    kr, kb = 0.2126, 0.0722
    kg = 1 - kr - kb
    rgb = numpy.stack([luma + 2 * (1 - kr) * cr, luma - 2 * (1 - kb) * kb / kg * cb - 2 * (1 - kr) * kr / kg * cr, luma + 2 * (1 - kb) * cb])
    return torch.from_numpy(rgb.clip(0, 1).astype(numpy.float32))[None]


def load(path):
    """The export keeps the names of the parameters, so the shipped file itself is the source of the weights."""
    weights = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in onnx.load(path).graph.initializer}
    net = LiveTiny()
    wanted = dict(net.named_parameters())
    missing = sorted(set(wanted) - set(weights))
    if missing:
        sys.exit(f"{path} has no weights for {', '.join(missing)}: network.py is of another version.")
    net.load_state_dict({name: weights[name] for name in wanted}, strict=False)
    return net.eval()


def main():
    torch.set_num_threads(1)
    folder, out = sys.argv[1:3]
    manifest = json.load(open(os.path.join(folder, "manifest.json")))
    path = os.path.join(folder, manifest["file"])
    net = load(path)
    looks = [look["style"] for look in manifest["looks"]]
    looks = [looks[1], looks[len(looks) // 2], looks[-1]]
    rows = []
    state = LiveTiny.zero_state(picture(0))
    with torch.no_grad():
        for t in range(FRAMES):
            image, *state = net(picture(t), torch.tensor([looks[t // 10]]), *state)
            flat = image.reshape(-1)
            rows += [flat.mean()[None], flat[torch.arange(SAMPLES) * (flat.numel() // SAMPLES) + 1234]]
    rows += [s.mean()[None] for s in state]
    with open(out, "wb") as file:
        file.write(hashlib.sha256(open(path, "rb").read()).digest())
        file.write(torch.cat(rows).numpy().astype("<f4").tobytes())
    print(f"{out}: {os.path.getsize(out)} bytes for {path}")


main()
