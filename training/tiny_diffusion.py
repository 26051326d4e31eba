"""Makes samples/models/tiny-diffusion, a latent diffusion pipeline in the folder layout of diffusers and optimum, small enough to test
with, and what PyTorch computes with it, for the C# tests.

Usage: tiny_diffusion.py ../samples/models/tiny-diffusion ../tests/TrueLive.Models.Tests/tiny-diffusion.parity.bin [SECONDS]

The autoencoder and the UNet are trained on drawn shapes for SECONDS each (60), so that a picture survives both; the text encoder is random.
It shows that a pipeline works, not what diffusion can do. Needs torch and numpy (Debian: python3-torch).

The fixture holds little-endian float32: for each guidance (none, self, initialize, full) and each number of steps (1, 2, 3) what twelve
frames of 64x64 become, as the mean of the picture and 31 of its numbers.
"""
import json
import math
import os
import sys
import time

import torch
from torch import nn
from torch.nn import functional

from test_picture import picture

TOKENS, WIDTH, LATENT, SCALE = 77, 32, 4, 1.0
FRAMES, SIDE, SAMPLES, SEED = 12, 64, 31, 2
STEPS = {1: [40], 2: [35, 45], 3: [20, 35, 45]}
MERGES = ["i n", "in k</w>", "n e", "o n</w>", "ne on</w>", "r e", "re d</w>", "o i", "oi l</w>"]


def conv(i, o, stride=1):
    return nn.Conv2d(i, o, 3, stride, 1)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(conv(3, 16, 2), nn.SiLU(), conv(16, 24, 2), nn.SiLU(), conv(24, 32, 2), nn.SiLU(), conv(32, LATENT))

    def forward(self, sample):
        return self.layers(sample)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(conv(LATENT, 32), nn.SiLU(), conv(32, 32), nn.SiLU(), nn.Conv2d(32, 3 * 64, 1), nn.PixelShuffle(8))

    def forward(self, latent_sample):
        return self.layers(latent_sample).clamp(-1, 1)


class TextEncoder(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.words, self.places = nn.Embedding(words, WIDTH), nn.Parameter(torch.randn(TOKENS, WIDTH) * 0.1)
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))

    def forward(self, input_ids):
        x = self.words(input_ids) + self.places
        mask = torch.ones(TOKENS, TOKENS).triu(1) * -1e4
        mixed = torch.softmax(self.query(x) @ self.key(x).transpose(1, 2) / math.sqrt(WIDTH) + mask, -1) @ self.value(x)
        return functional.layer_norm(x + mixed, (WIDTH,))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        c = 32
        self.into, self.down, self.mid, self.out = conv(LATENT, c), conv(c, c, 2), conv(c, c), nn.Sequential(nn.SiLU(), conv(c, LATENT))
        self.time = nn.Sequential(nn.Linear(32, 64), nn.SiLU(), nn.Linear(64, 2 * c))
        self.query, self.key, self.value = nn.Conv2d(c, WIDTH, 1), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, c)
        self.low, self.join = conv(c, c), conv(2 * c, c)

    def forward(self, sample, timestep, encoder_hidden_states):
        angles = timestep.float().reshape(-1, 1) * torch.exp(-math.log(10000.0) * torch.arange(16) / 16)
        scale, shift = self.time(torch.cat([angles.sin(), angles.cos()], 1))[:, :, None, None].chunk(2, 1)
        x = self.into(sample)
        y = functional.silu(self.down(functional.silu(x)) * (1 + scale) + shift)
        y = y + functional.silu(self.mid(y))
        b, _, h, w = y.shape
        q = self.query(y).flatten(2).transpose(1, 2)
        told = torch.softmax(q @ self.key(encoder_hidden_states).transpose(1, 2) / math.sqrt(WIDTH), -1) @ self.value(encoder_hidden_states)
        y = y + 0.3 * told.transpose(1, 2).reshape(b, -1, h, w)
        y = functional.interpolate(functional.silu(self.low(y)), scale_factor=2.0, mode="nearest")
        return self.out(self.join(torch.cat([x, y], 1)))


def vocabulary():
    """OpenAI's byte-level alphabet, in CLIP's form, with the few merges above."""
    kept = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    letters = [chr(b) for b in kept] + [chr(256 + n) for n in range(256 - len(kept))]
    words = letters + [c + "</w>" for c in letters] + [m.replace(" ", "") for m in MERGES] + ["<|startoftext|>", "<|endoftext|>"]
    return {w: i for i, w in enumerate(words)}


def shapes(n, side):
    """Discs and bars of any colour on a gradient, in -1..1."""
    y, x = torch.meshgrid(torch.linspace(0, 1, side), torch.linspace(0, 1, side), indexing="ij")
    ramp = torch.rand(n, 1, 1, 1) * x + torch.rand(n, 1, 1, 1) * y
    picture = torch.rand(n, 3, 1, 1) * (1 - ramp / 2) + torch.rand(n, 3, 1, 1) * ramp / 2
    for _ in range(4):
        cx, cy, r = torch.rand(3, n, 1, 1)
        disc = ((x - cx) ** 2 + (y - cy) ** 2 < (0.05 + 0.3 * r) ** 2)[:, None]
        picture = torch.where(disc, torch.rand(n, 3, 1, 1), picture)
        left, top, w, h = torch.rand(4, n, 1, 1)
        bar = ((x > left) & (x < left + 0.4 * w + 0.05) & (y > top) & (y < top + 0.4 * h + 0.05))[:, None]
        picture = torch.where(bar, torch.rand(n, 3, 1, 1), picture)
    return picture * 2 - 1


def train(seconds, parameters, loss_of, name):
    adam, began, n = torch.optim.Adam(parameters, 2e-3), time.time(), 0
    while (share := (time.time() - began) / seconds) < 1:
        adam.param_groups[0]["lr"] = 2e-3 * (1 - share) + 1e-5
        loss = loss_of()
        adam.zero_grad()
        loss.backward()
        adam.step()
        n += 1
    print(f"{name}: loss {loss.item():.4f} after {n} steps")


def abar():
    beta = torch.linspace(math.sqrt(0.00085), math.sqrt(0.012), 1000, dtype=torch.float64) ** 2
    return torch.cumprod(1 - beta, 0)


def noise(count, seed):
    """The product's own generator (SplitMix64 and Box-Muller), number for number."""
    mask, state, out = (1 << 64) - 1, seed, []

    def uniform():
        nonlocal state
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return ((z ^ (z >> 31)) >> 11) / (1 << 53)

    while len(out) < count:
        radius, angle = math.sqrt(-2 * math.log(1 - uniform())), 2 * math.pi * uniform()
        out += [radius * math.cos(angle), radius * math.sin(angle)]
    return torch.tensor(out[:count], dtype=torch.float32)


def tokens(text, words):
    """Tokens of plain letters, with the merges applied in order."""
    ids = [words["<|startoftext|>"]]
    for word in text.lower().split():
        parts = list(word[:-1]) + [word[-1] + "</w>"]
        for left, right in (m.split() for m in MERGES):
            i = 0
            while i + 1 < len(parts):
                if (parts[i], parts[i + 1]) == (left, right):
                    parts[i : i + 2] = [left + right]
                i += 1
        ids += [words[p] for p in parts]
    ids.append(words["<|endoftext|>"])
    return torch.tensor([ids + [words["<|endoftext|>"]] * (TOKENS - len(ids))])


def walk(unet, rows, z, kept, stock, told, untold, guidance, scale, delta):
    """Takes one latent through all steps; see docs/diffusion.md. Returns the result and the stock."""
    n = len(rows)
    x = rows[0][1] * z + rows[0][2] * kept[0]
    stock = kept[0] if n > 1 else stock
    for i, (t, a, b, skip, keep) in enumerate(rows):
        at = torch.tensor([t])
        e = unet(x, at, told)
        if guidance != "none":
            if guidance == "full":
                u = unet(x, at, untold)
            else:
                if guidance == "initialize" and i == 0:
                    stock = unet(x, at, untold)
                u = delta * stock
            e = u + scale * (e - u)
        d = keep * (x - b * e) / a + skip * x
        a1, b1 = (rows[i + 1][1], rows[i + 1][2]) if i + 1 < n else (1, 1)
        k = b * stock
        stock = kept[(i + 1) % n] + a1 * (keep * (k - b * e) / a + skip * k) / b1
        if i + 1 < n:
            x = a1 * d + b1 * kept[i + 1]
    return d, stock


def fixture(path, encoder, unet, decoder, text, words):
    bars, rows_of = abar(), {}
    for n, steps in STEPS.items():
        ts = [999 - 20 * k for k in steps]
        rows_of[n] = [
            (t, math.sqrt(bars[t]), math.sqrt(1 - bars[t]), 0.25 / ((10 * t) ** 2 + 0.25), 10 * t / math.sqrt((10 * t) ** 2 + 0.25))
            for t in ts
        ]
    out = []
    with torch.no_grad():
        told, untold = text(tokens("neon ink", words)), text(tokens("", words))
        for guidance in ("none", "self", "initialize", "full"):
            for n, rows in rows_of.items():
                kept = noise(n * LATENT * (SIDE // 8) ** 2, SEED).reshape(n, 1, LATENT, SIDE // 8, SIDE // 8)
                stock = torch.zeros_like(kept[0])
                for j in range(FRAMES):
                    z = SCALE * encoder(2 * picture(j, SIDE, SIDE) - 1)
                    d, stock = walk(unet, rows, z, kept, stock, told, untold, guidance, 1.0 if guidance == "none" else 1.3, 0.7)
                    flat = ((decoder(d / SCALE) + 1) / 2).reshape(-1)
                    out += [flat.mean()[None], flat[torch.arange(SAMPLES) * (flat.numel() // SAMPLES) + 123]]
    with open(path, "wb") as file:
        file.write(torch.cat(out).numpy().astype("<f4").tobytes())


def export(module, arguments, path, inputs, outputs, axes):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    torch.onnx.export(module, arguments, path, opset_version=14, input_names=inputs, output_names=outputs, dynamic_axes=axes)


def main():
    folder, parity, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 60
    torch.manual_seed(7)
    torch.set_num_threads(1)
    words = vocabulary()
    encoder, decoder, unet, text = Encoder(), Decoder(), UNet(), TextEncoder(len(words))

    def autoencoder_loss():
        picture = shapes(16, SIDE)
        z = encoder(picture)
        # Noise on the latents keeps their spread near 1, which the schedule relies on.
        spread = (z.mean() ** 2) + (z.std() - 1) ** 2
        return functional.l1_loss(decoder(z + 0.05 * torch.randn_like(z)), picture) + 0.1 * spread

    train(seconds, [*encoder.parameters(), *decoder.parameters()], autoencoder_loss, "autoencoder")
    bars = abar().float()
    told = text(tokens("", words)).detach()

    def unet_loss():
        with torch.no_grad():
            z = encoder(shapes(32, SIDE))
        t = torch.randint(1, 1000, (32,))
        e = torch.randn_like(z)
        x = bars[t].sqrt()[:, None, None, None] * z + (1 - bars[t]).sqrt()[:, None, None, None] * e
        return functional.mse_loss(unet(x, t, told.expand(32, -1, -1)), e)

    train(seconds, unet.parameters(), unet_loss, "unet")
    for module in (encoder, decoder, unet, text):
        module.eval()
    sides, latent = {2: "height", 3: "width"}, {2: "latent_height", 3: "latent_width"}
    export(
        encoder,
        torch.rand(1, 3, 64, 64),
        f"{folder}/vae_encoder/model.onnx",
        ["sample"],
        ["latent_sample"],
        {"sample": sides, "latent_sample": latent},
    )
    export(
        decoder,
        torch.rand(1, 4, 8, 8),
        f"{folder}/vae_decoder/model.onnx",
        ["latent_sample"],
        ["sample"],
        {"sample": sides, "latent_sample": latent},
    )
    export(text, tokens("", words), f"{folder}/text_encoder/model.onnx", ["input_ids"], ["last_hidden_state"], {})
    export(
        unet,
        (torch.rand(1, 4, 8, 8), torch.tensor([500]), told),
        f"{folder}/unet/model.onnx",
        ["sample", "timestep", "encoder_hidden_states"],
        ["out_sample"],
        {
            "sample": {0: "batch", **latent},
            "timestep": {0: "batch"},
            "encoder_hidden_states": {0: "batch"},
            "out_sample": {0: "batch", **latent},
        },
    )
    for name, content in {
        "scheduler/scheduler_config.json": {
            "_class_name": "LCMScheduler",
            "num_train_timesteps": 1000,
            "beta_start": 0.00085,
            "beta_end": 0.012,
            "beta_schedule": "scaled_linear",
            "prediction_type": "epsilon",
            "original_inference_steps": 50,
        },
        "vae_decoder/config.json": {"_class_name": "AutoencoderTiny", "scaling_factor": SCALE, "latent_channels": LATENT},
        "tokenizer/vocab.json": words,
        "tokenizer/tokenizer_config.json": {
            "model_max_length": TOKENS,
            "bos_token": "<|startoftext|>",
            "eos_token": "<|endoftext|>",
            "pad_token": "<|endoftext|>",
        },
    }.items():
        os.makedirs(os.path.dirname(f"{folder}/{name}"), exist_ok=True)
        with open(f"{folder}/{name}", "w") as file:
            json.dump(content, file, ensure_ascii=False, indent=None if "vocab" in name else 2)
    with open(f"{folder}/tokenizer/merges.txt", "w") as file:
        file.write("#version: 0.2\n" + "\n".join(MERGES) + "\n")
    fixture(parity, encoder, unet, decoder, text, words)
    print(
        f"{parity}: {os.path.getsize(parity)} bytes; {sum(p.numel() for m in (encoder, decoder, unet, text) for p in m.parameters())} parameters"
    )


main()
