"""The painted looks: public-domain paintings, learnt by perceptual losses on SqueezeNet 1.1 features (training only)."""
import os
import random

import numpy
import onnx
import onnx.numpy_helper
import torch
import torch.nn.functional as F
from PIL import Image

from looks import gray, kuwahara, ramp, saturate, smooth_step, xdog

# Name of the look, file that prepare_data.py writes, the short side in pixels at which its strokes are taught, how much of the photo's own
# hue stays, how dark the outlines are, the weight of the style loss, and the drawn looks whose mean is the initial style vector.
PAINTINGS = [
    ("starry-night", "starry.png", 400, 0.15, 0.3, 4.0, ("oil", "xray", "underwater")),
    ("great-wave", "F_GreatWave.png", 330, 0.15, 0.8, 6.0, ("ink", "ink", "sepia")),
]
TAPS = ("conv1", "fire2", "fire3", "fire4", "fire5")
MARGIN = 16  # extra pixels on every side for the border term


class Features(torch.nn.Module):
    """SqueezeNet 1.1 (Iandola et al. 2016) up to fire5, weights read from its ONNX file. RGB 0..1 in, a dict of maps out."""

    def __init__(self, path):
        super().__init__()
        for i in onnx.load(path).graph.initializer:
            if i.name.startswith(("conv1_", "fire2", "fire3", "fire4", "fire5")):
                value = torch.from_numpy(onnx.numpy_helper.to_array(i).astype(numpy.float32))
                self.register_buffer(i.name.replace("/", "_"), value)
        self.register_buffer("mean", torch.tensor([104.0, 117.0, 123.0])[None, :, None, None])

    def fire(self, name, x):
        def conv(part, y, padding=0):
            w, b = getattr(self, f"{name}_{part}_w_0"), getattr(self, f"{name}_{part}_b_0")
            return F.relu(F.conv2d(y, w, b, padding=padding))

        x = conv("squeeze1x1", x)
        return torch.cat([conv("expand1x1", x), conv("expand3x3", x, 1)], 1)

    def forward(self, x):
        out = {}
        x = out["conv1"] = F.relu(F.conv2d(x.flip(1) * 255 - self.mean, self.conv1_w_0, self.conv1_b_0, stride=2))
        x = F.max_pool2d(x, 3, 2)
        x = out["fire2"] = self.fire("fire2", x)
        x = out["fire3"] = self.fire("fire3", x)
        x = F.max_pool2d(x, 3, 2)
        x = out["fire4"] = self.fire("fire4", x)
        out["fire5"] = self.fire("fire5", x)
        return out


def gram(x):
    """Mean outer product of the channels, [B,C,C], in the type of x (Debian's torch multiplies bfloat16 20 times faster)."""
    x = x.flatten(2)
    return (x @ x.transpose(1, 2)).float() / x.shape[2]


def trim(picture):
    """Cuts off the flat frame (black mat or paper edge) of a scan."""
    g = picture.float().mean(0)
    rows, columns = (g.std(1) > 6).nonzero()[:, 0], (g.std(0) > 6).nonzero()[:, 0]
    return picture[:, int(rows[0]) + 6 : int(rows[-1]) - 5, int(columns[0]) + 6 : int(columns[-1]) - 5]


class Painting:
    def __init__(self, folder, file, side, hue, outline, features):
        self.hue, self.outline = hue, outline
        path = next(os.path.join(d, file) for d, _, names in os.walk(folder) if file in names)
        picture = trim(torch.from_numpy(numpy.array(Image.open(path).convert("RGB"))).permute(2, 0, 1))
        grams = []
        with torch.no_grad():
            for k in (side * 0.85, side, side * 1.2):
                s = k / min(picture.shape[1:])
                small = F.interpolate(
                    picture[None].float() / 255, scale_factor=s, mode="bilinear", antialias=True, recompute_scale_factor=True
                )
                grams.append({n: gram(f) for n, f in features(small.to(features.mean.device)).items()})
        self.grams = {n: sum(g[n] for g in grams) / len(grams) for n in TAPS}
        colours = F.adaptive_avg_pool2d(picture[None].float() / 255, 128)
        light = gray(colours).flatten()
        ranked = colours[0].flatten(1)[:, light.argsort()]
        cuts = [round(c * ranked.shape[1]) for c in (0, 0.02, 0.10, 0.25, 0.42, 0.60, 0.77, 0.90, 0.975, 1)]
        means = torch.stack([ranked[:, low:high].mean(1) for low, high in zip(cuts, cuts[1:])])
        self.ramp = saturate(means[:, :, None, None], 1.6)[:, :, 0, 0].tolist()

    def style_loss(self, maps):
        """Relative Gram distance, mean over layers; one value per picture."""
        return sum(((gram(maps[n]) - self.grams[n]) ** 2).sum((1, 2)) / (self.grams[n] ** 2).sum() for n in TAPS) / len(TAPS)

    def plan(self, photo):
        """Target for the layout: the smoothed photo in the painting's colours of the same rank of brightness, with outlines."""
        calm = kuwahara(photo, 4)
        light = gray(calm)
        out = (1 - self.hue) * ramp(light, self.ramp) + self.hue * saturate(calm, 1.9)
        line = smooth_step(xdog(gray(photo), 1.1, 0.97, 14), 0.25, 0.75)
        return out - self.outline * (1 - line) * (out - out.new_tensor(self.ramp[0])[None, :, None, None])


def at_random_place(pictures, others, rng):
    """The same random crop and small zoom of both: SqueezeNet samples every second pixel, and a network that always
    sees the same phase of that sampling learns to draw a grid that the features cannot see."""
    h = pictures.shape[2]
    side = rng.randint(h - 28, h - 8)
    y, x = rng.randint(0, h - side), rng.randint(0, h - side)
    to = round(side * rng.uniform(0.85, 1.15))
    return [F.interpolate(p[:, :, y : y + side, x : x + side], (to, to), mode="bilinear", align_corners=False) for p in (pictures, others)]


def shifted_difference(now, before, vx, vy):
    """now(x) - before(x + v) where both exist: zero if the picture moves with the scene."""
    h, w = now.shape[2:]
    a = now[:, :, max(0, -vy) : h - max(0, vy), max(0, -vx) : w - max(0, vx)]
    b = before[:, :, max(0, vy) : h - max(0, -vy), max(0, vx) : w - max(0, -vx)]
    return a - b
