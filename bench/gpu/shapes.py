"""Makes a diffusion pipeline with the shapes of SD-Turbo and TAESD and random weights, and measures PyTorch with it, for eng/gpu-check.

Usage: shapes.py OUT [--tiny] [--device cuda:0]     OUT must not exist; --tiny makes networks that a processor runs in milliseconds

Writes OUT/pipeline (the folder layout of docs/diffusion.md), OUT/fixture.bin with fixture.json (inputs, and what PyTorch makes of them),
and OUT/torch.json (the median time of each network, in ms). Speed and parity depend on shapes only; the pictures are noise.
Half precision on a GPU, single precision on a processor. Needs torch 1.13 or later, and onnx where torch's exporter needs it.
"""

import inspect
import json
import math
import shutil
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

TOKENS = 77
REPOSITORY = Path(__file__).resolve().parents[2]


def attend(q, k, v):
    # PyTorch 1.13 does not have it in one piece.
    if hasattr(functional, "scaled_dot_product_attention"):
        return functional.scaled_dot_product_attention(q, k, v)
    return torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), -1) @ v


class Residual(nn.Module):
    def __init__(self, i, o, t, g):
        super().__init__()
        self.norm1, self.conv1, self.time = nn.GroupNorm(g, i), nn.Conv2d(i, o, 3, 1, 1), nn.Linear(t, o)
        self.norm2, self.conv2 = nn.GroupNorm(g, o), nn.Conv2d(o, o, 3, 1, 1)
        self.skip = nn.Conv2d(i, o, 1) if i != o else nn.Identity()

    def forward(self, x, t):
        y = self.conv1(functional.silu(self.norm1(x))) + self.time(functional.silu(t))[:, :, None, None]
        return self.conv2(functional.silu(self.norm2(y))) + self.skip(x)


class Attention(nn.Module):
    def __init__(self, d, words, head):
        super().__init__()
        self.heads, self.head = d // head, head
        self.q, self.k, self.v = nn.Linear(d, d, bias=False), nn.Linear(words, d, bias=False), nn.Linear(words, d, bias=False)
        self.out = nn.Linear(d, d)

    def forward(self, x, words):
        q, k, v = (
            layer(y).reshape(y.shape[0], -1, self.heads, self.head).transpose(1, 2)
            for layer, y in ((self.q, x), (self.k, words), (self.v, words))
        )
        return self.out(attend(q, k, v).transpose(1, 2).reshape(x.shape[0], -1, self.heads * self.head))


class Transformer(nn.Module):
    def __init__(self, d, words, head, g):
        super().__init__()
        self.norm, self.proj_in, self.proj_out = nn.GroupNorm(g, d, 1e-6), nn.Linear(d, d), nn.Linear(d, d)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(d), nn.LayerNorm(d), nn.LayerNorm(d)
        self.own, self.told = Attention(d, d, head), Attention(d, words, head)
        self.wide, self.narrow = nn.Linear(d, 8 * d), nn.Linear(4 * d, d)

    def forward(self, x, words):
        y = self.proj_in(self.norm(x).flatten(2).transpose(1, 2))
        z = self.norm1(y)
        y = y + self.own(z, z)
        y = y + self.told(self.norm2(y), words)
        value, gate = self.wide(self.norm3(y)).chunk(2, -1)
        y = self.proj_out(y + self.narrow(value * functional.gelu(gate)))
        return x + y.transpose(1, 2).reshape(x.shape)


class UNet(nn.Module):
    """The topology of UNet2DConditionModel; the defaults are those of Stable Diffusion 2.x."""

    def __init__(self, planes=(320, 640, 1280, 1280), words=1024, head=64, g=32, layers=2, latent=4):
        super().__init__()
        self.first, t = planes[0], 4 * planes[0]
        self.time1, self.time2, self.conv_in = nn.Linear(planes[0], t), nn.Linear(t, t), nn.Conv2d(latent, planes[0], 3, 1, 1)
        self.down, self.up, kept, i = nn.ModuleList(), nn.ModuleList(), [planes[0]], planes[0]
        for level, o in enumerate(planes):
            last = level == len(planes) - 1
            for _ in range(layers):
                self.down.append(nn.ModuleList([Residual(i, o, t, g)] + ([] if last else [Transformer(o, words, head, g)])))
                kept.append(o)
                i = o
            if not last:
                self.down.append(nn.ModuleList([nn.Conv2d(o, o, 3, 2, 1)]))
                kept.append(o)
        self.mid = nn.ModuleList([Residual(i, i, t, g), Transformer(i, words, head, g), Residual(i, i, t, g)])
        for level, o in enumerate(reversed(planes)):
            for n in range(layers + 1):
                parts = [Residual(i + kept.pop(), o, t, g)] + ([] if level == 0 else [Transformer(o, words, head, g)])
                if n == layers and level < len(planes) - 1:
                    parts.append(nn.Conv2d(o, o, 3, 1, 1))
                self.up.append(nn.ModuleList(parts))
                i = o
        self.norm, self.conv_out = nn.GroupNorm(g, i), nn.Conv2d(i, latent, 3, 1, 1)

    def forward(self, sample, timestep, encoder_hidden_states):
        half = self.first // 2
        grid = torch.exp(-math.log(10000.0) * torch.arange(half, device=sample.device, dtype=torch.float32) / half)
        angles = timestep.float().reshape(-1, 1) * grid
        t = torch.cat([angles.cos(), angles.sin()], -1).to(sample.dtype)
        t = self.time2(functional.silu(self.time1(t)))
        x = self.conv_in(sample)
        kept = [x]
        for parts in self.down:
            x = self.through(parts, x, t, encoder_hidden_states)
            kept.append(x)
        x = self.through(self.mid, x, t, encoder_hidden_states)
        for parts in self.up:
            x = torch.cat([x, kept.pop()], 1)
            x = self.through(parts, x, t, encoder_hidden_states, grows=True)
        return self.conv_out(functional.silu(self.norm(x)))

    @staticmethod
    def through(parts, x, t, words, grows=False):
        for part in parts:
            if isinstance(part, Residual):
                x = part(x, t)
            elif isinstance(part, Transformer):
                x = part(x, words)
            else:
                x = part(functional.interpolate(x, scale_factor=2.0) if grows else x)
        return x


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(c, c, 3, 1, 1), nn.ReLU(), nn.Conv2d(c, c, 3, 1, 1), nn.ReLU(), nn.Conv2d(c, c, 3, 1, 1)
        )

    def forward(self, x):
        return functional.relu(self.layers(x) + x)


def encoder(c):
    """TAESD's encoder."""
    down = [layer for _ in range(3) for layer in (nn.Conv2d(c, c, 3, 2, 1, bias=False), Block(c), Block(c), Block(c))]
    return nn.Sequential(nn.Conv2d(3, c, 3, 1, 1), Block(c), *down, nn.Conv2d(c, 4, 3, 1, 1))


def decoder(c):
    """TAESD's decoder, with values in -1..1 as diffusers exports it."""
    up = [
        layer
        for _ in range(3)
        for layer in (Block(c), Block(c), Block(c), nn.Upsample(scale_factor=2.0), nn.Conv2d(c, c, 3, 1, 1, bias=False))
    ]
    return nn.Sequential(nn.Conv2d(4, c, 3, 1, 1), nn.ReLU(), *up, Block(c), nn.Conv2d(c, 3, 3, 1, 1), nn.Tanh())


class TextEncoder(nn.Module):
    def __init__(self, vocabulary, words):
        super().__init__()
        self.words, self.places = nn.Embedding(vocabulary, words), nn.Parameter(torch.randn(TOKENS, words) * 0.1)

    def forward(self, input_ids):
        return self.words(input_ids) + self.places


class Shapes:
    """The networks of one pipeline, on one device."""

    def __init__(self, tiny, device, vocabulary=64):
        torch.manual_seed(1)
        self.device, self.type = device, torch.float16 if device.startswith("cuda") else torch.float32
        self.width, self.side = (16, 64) if tiny else (1024, 512)
        c = 8 if tiny else 64
        unet = UNet((8, 16), 16, 8, 4, 1) if tiny else UNet()
        assert tiny or sum(p.numel() for p in unet.parameters()) == 865_910_724
        self.unet, self.encoder, self.decoder, self.text = (
            net.eval().to(device, self.type) for net in (unet, encoder(c), decoder(c), TextEncoder(vocabulary, self.width))
        )

    def random(self, *shape):
        return torch.randn(*shape, device=self.device, dtype=self.type)

    def networks(self):
        """Each with a maker of its inputs for a batch, the inputs' names and the output's, and the batches that are measured."""
        latent = self.side // 8
        return {
            "unet": (
                self.unet,
                lambda b: (
                    self.random(b, 4, latent, latent),
                    torch.tensor([299, 99, 599, 759][:b], device=self.device),
                    self.random(b, TOKENS, self.width),
                ),
                ["sample", "timestep", "encoder_hidden_states"],
                "out_sample",
                (1, 2, 4),
            ),
            "vae_encoder": (self.encoder, lambda b: (self.random(b, 3, self.side, self.side),), ["sample"], "latent_sample", (1,)),
            "vae_decoder": (self.decoder, lambda b: (self.random(b, 4, latent, latent),), ["latent_sample"], "sample", (1,)),
        }


def export(net, arguments, path, inputs, output):
    path.parent.mkdir(parents=True)
    axes = {name: {0: "batch", **({2: f"{name}_height", 3: f"{name}_width"} if "sample" in name else {})} for name in [*inputs, output]}
    # The exporter that both old and new releases have.
    how = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    torch.onnx.export(
        net, arguments, str(path), opset_version=17, input_names=inputs, output_names=[output], dynamic_axes=axes, **how
    )


def median_ms(net, arguments, device, runs=30):
    times = []
    for _ in range(runs + 5):
        began = time.perf_counter()
        net(*arguments)
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - began))
    return round(sorted(times[5:])[runs // 2], 3)


def main():
    out, tiny = Path(sys.argv[1]), "--tiny" in sys.argv
    device = sys.argv[sys.argv.index("--device") + 1] if "--device" in sys.argv else "cuda:0"
    out.mkdir(parents=True)
    folder, tokenizer = out / "pipeline", REPOSITORY / "samples/models/tiny-diffusion"
    vocabulary = json.loads((tokenizer / "tokenizer/vocab.json").read_text("utf-8"))
    shapes, cases, times, at = Shapes(tiny, device, len(vocabulary)), [], {}, 0
    with torch.inference_mode(), open(out / "fixture.bin", "wb") as fixture:
        for name, (net, make, inputs, output, batches) in shapes.networks().items():
            for batch in batches:
                arguments = make(batch)
                times[f"{name} {batch}"] = median_ms(net, arguments, device)
                case = {"network": name, "batch": batch, "tensors": []}
                for tensor_name, tensor in zip([*inputs, output], [*arguments, net(*arguments)]):
                    numbers = tensor.float().cpu().numpy().astype("<f4")
                    fixture.write(numbers.tobytes())
                    case["tensors"].append({"name": tensor_name, "shape": list(numbers.shape), "offset": at})
                    at += numbers.size
                cases.append(case)
    with torch.no_grad():
        for name, (net, make, inputs, output, _) in shapes.networks().items():
            export(net, make(1), folder / name / "model.onnx", inputs, output)
        tokens = torch.zeros(1, TOKENS, dtype=torch.int64, device=device)
        export(shapes.text, (tokens,), folder / "text_encoder/model.onnx", ["input_ids"], "last_hidden_state")
    for part in ("tokenizer", "scheduler"):
        shutil.copytree(tokenizer / part, folder / part)
    manifest = {
        "schema": "truelive-model/1",
        "id": "sd-shapes",
        "title": "Shapes of SD-Turbo, random weights",
        "size": {"min": shapes.side, "max": shapes.side, "multiple": 64},
        "diffusion": {"steps": [35]},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (out / "fixture.json").write_text(json.dumps({"side": shapes.side, "half": shapes.type == torch.float16, "cases": cases}))
    (out / "torch.json").write_text(json.dumps({"torch": torch.__version__, "ms": times}))
    print(json.dumps(times))


if __name__ == "__main__":
    main()
