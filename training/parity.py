"""Writes PyTorch's results with the weights of an ONNX file, for the C# test that runs the same frames through ONNX Runtime.

Usage: parity.py ../models/live-tiny ../tests/TrueLive.Models.Tests/live-tiny.parity.bin

30 frames of 256x192, state carried, the look changed (as a cut) every ten frames. The pictures are I420 from whole-number formulas,
so that both sides make the same ones. File: the SHA-256 of the ONNX file (32 bytes), then little-endian float32: for each frame the
mean of the image and 31 samples, and last the mean of each state. The test says so when the file belongs to other weights.
"""
import hashlib
import json
import os
import sys

import onnx
import torch
from onnx import numpy_helper

from network import LiveTiny
from test_picture import picture

WIDTH, HEIGHT, FRAMES, SAMPLES = 256, 192, 30, 31


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
    state = LiveTiny.zero_state(picture(0, WIDTH, HEIGHT))
    with torch.no_grad():
        for t in range(FRAMES):
            image, *state = net(picture(t, WIDTH, HEIGHT), torch.tensor([looks[t // 10]]), *state)
            flat = image.reshape(-1)
            rows += [flat.mean()[None], flat[torch.arange(SAMPLES) * (flat.numel() // SAMPLES) + 1234]]
    rows += [s.mean()[None] for s in state]
    with open(out, "wb") as file:
        file.write(hashlib.sha256(open(path, "rb").read()).digest())
        file.write(torch.cat(rows).numpy().astype("<f4").tobytes())
    print(f"{out}: {os.path.getsize(out)} bytes for {path}")


main()
