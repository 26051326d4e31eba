"""Measures a checkpoint on held-out photos, synthetic pans and clips; writes the figures for manifest.py and draws the sheet.

Usage: evaluate.py work/live-tiny.pt --photos DIR [--paintings DIR --features SqueezeNet_fp16.onnx] [--clips DIR] [--video DIR]
                   [--drift 10000] [--only psnr painted flicker pan clips drift] [--json work/figures.json]
                   [--sheet ../docs/images/looks.jpg] [--curve ../docs/images/training-loss.png]
"""
import argparse
import glob
import json
import os
import random
import subprocess
import sys

import numpy
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw

from looks import LOOKS
from motion import carry, estimate
from network import LiveTiny
from paintings import PAINTINGS, Features, Painting, shifted_difference
from photos import Photos

SHEET = ("owl", "parthenon", "kangaroo")  # held-out photos on the sheet, public domain or CC0


def psnr(a, b):
    return float(-10 * torch.log10(((a - b) ** 2).mean() + 1e-10))


def crop(picture, height=352, width=480):
    h, w = min(picture.shape[1], height) // 8 * 8, min(picture.shape[2], width) // 8 * 8
    return picture[None, :, :h, :w].float() / 255


def motions(frames):
    """The motion from each frame to the next, as a host finds it; None where nothing moves."""
    found = [estimate(now, before) for now, before in zip(frames[1:], frames[:-1])]
    return [None] + [v if bool(v.any()) else None for v in found]


def step(net, frame, style, state, motion):
    """One step as a host makes it: the memory is moved with the picture first."""
    if motion is not None:
        state = [carry(state[0], motion), carry(state[1], motion), state[2]]
    return net(frame, style, *state)


def run(net, frames, style, memory=True, last=None, motion=None):
    """The last outputs of a sequence; without memory the state is zeroed before every frame."""
    if not memory:
        batch = torch.cat(frames[-last:] if last else frames)
        return list(net(batch, style.expand(len(batch), -1), *LiveTiny.zero_state(batch))[0].split(1))
    state, out = LiveTiny.zero_state(frames[0]), []
    for frame, v in zip(frames, motion or motions(frames)):
        image, *state = step(net, frame, style, state, v)
        out.append(image)
    return out[-last:] if last else out


def fidelity(net, styles, names, pictures):
    """PSNR against the teacher, first frame from an empty state, mean over the photos."""
    return {
        name: sum(psnr(net(x, styles[names.index(name)][None], *LiveTiny.zero_state(x))[0], teacher(x)) for x in pictures) / len(pictures)
        for name, teacher in LOOKS
    }


def flicker(net, styles, names, pictures, sigma=0.03, frames=24):
    """Mean absolute change from frame to frame on a still picture under fresh noise: ratio of with memory to without, per look."""
    out, shots = {}, []
    for n, x in enumerate(pictures):
        torch.manual_seed(1000 + n)
        noisy = [(x + sigma * torch.randn_like(x)).clamp(0, 1) for _ in range(frames)]
        shots.append((noisy, motions(noisy)))
    for i, name in enumerate(names):
        change = {True: 0.0, False: 0.0}
        for noisy, motion in shots:
            for memory in change:
                y = run(net, noisy, styles[i][None], memory, 9, motion)
                change[memory] += sum(float((a - b).abs().mean()) for a, b in zip(y[1:], y[:-1])) / 8 / len(pictures)
        out[name] = {"with": change[True] * 255, "without": change[False] * 255, "ratio": change[True] / change[False]}
    return out


def pan_error(net, styles, names, photos, sigma, pans=6, frames=8, size=192):
    """Mean absolute difference of an output and the previous one moved by the known pan: ratio of with memory to without."""
    out, shots = {}, []
    rng = random.Random(5)
    torch.manual_seed(5)
    for _ in range(pans):
        vx, vy = 0, 0
        while (vx, vy) == (0, 0):
            clean, (vx, vy) = photos.sequence(size, frames, rng)
        noisy = [(f[None] + sigma * torch.randn_like(f[None])).clamp(0, 1) for f in clean]
        shots.append((noisy, motions(noisy), vx, vy))
    for i, name in enumerate(names):
        error = {True: 0.0, False: 0.0}
        for noisy, motion, vx, vy in shots:
            for memory in error:
                y = run(net, noisy, styles[i][None], memory, frames - 2, motion)
                error[memory] += (
                    sum(float(shifted_difference(b, a, vx, vy).abs().mean()) for a, b in zip(y[:-1], y[1:])) / (frames - 3) / pans
                )
        out[name] = {"with": error[True] * 255, "without": error[False] * 255, "ratio": error[True] / error[False]}
    return out


def drift(net, styles, names, photos, count, looks=("ink", "halftone"), size=192, loop=50):
    """Runs a loop for `count` frames. Compares the last pass with the first full one: lowest PSNR, and the largest change of the mean
    or deviation of a channel, in percent of the channel's value."""
    chosen = [n for n in looks if n in names]
    rng = random.Random(3)
    torch.manual_seed(3)
    clean = photos.sequence(size + 4 * (loop // 2), 1, rng)[0][0]
    path = list(range(loop // 2)) + list(range(loop // 2, 0, -1))
    frames = [clean[None, :, 2 * p : 2 * p + size, 4 * p : 4 * p + size] for p in path]
    frames = [(f + 0.02 * torch.randn_like(f)).clamp(0, 1) for f in frames]
    around = motions(frames[-1:] + frames)[1:]
    frames = [f.expand(len(chosen), -1, -1, -1) for f in frames]
    style = torch.stack([styles[names.index(n)] for n in chosen])
    state, first, lowest, moved = LiveTiny.zero_state(frames[0]), [], [99.0] * len(chosen), [0.0] * len(chosen)
    for t in range(count):
        image, *state = step(net, frames[t % loop], style, state, around[t % loop] if t else None)
        if loop <= t < 2 * loop:
            first.append(image)
        if t >= count - loop and t >= 2 * loop:
            before = first[t % loop]
            for i in range(len(chosen)):
                lowest[i] = min(lowest[i], psnr(image[i], before[i]))
                for a, b in ((image[i].mean((1, 2)), before[i].mean((1, 2))), (image[i].flatten(1).std(1), before[i].flatten(1).std(1))):
                    moved[i] = max(moved[i], float(((a - b).abs() / (b.abs() + 1e-3)).max()) * 100)
    return {n: {"lowest_psnr": min(lowest[i], 99.0), "largest_move_percent": moved[i]} for i, n in enumerate(chosen)}


def painted(net, styles, names, pictures, folder, features):
    """Style loss of the output over the style loss of the photo itself (relative Gram distance), mean over the photos."""
    out = {}
    for name, *details in PAINTINGS:
        if name in names:
            painting = Painting(folder, *details[:4], features)
            ratios, content, edge = [], [], []
            for x in pictures:
                y = run(net, [x, x], styles[names.index(name)][None])[-1]
                a, b = features(y), features(x)
                ratios.append(float(painting.style_loss(a)) / float(painting.style_loss(b)))
                content.append(float(((a["fire4"] - b["fire4"]) ** 2).sum() / (b["fire4"] ** 2).sum()))
                inner = run(net, [x[..., 32:-32, 32:-32]] * 2, styles[names.index(name)][None])[-1] - y[..., 32:-32, 32:-32]
                edge.append(
                    float(
                        torch.cat(
                            [inner[..., :8, :].flatten(), inner[..., -8:, :].flatten(), inner[..., :8].flatten(), inner[..., -8:].flatten()]
                        )
                        .abs()
                        .mean()
                    )
                    * 255
                )
            out[name] = {
                "style_loss_ratio": sum(ratios) / len(ratios),
                "content": sum(content) / len(content),
                "border": sum(edge) / len(edge),
            }
    return out


def read_clip(path, frames, width=320, height=240):
    """RGB frames of a clip, decoded and scaled by ffmpeg."""
    raw = subprocess.run(
        [
            "ffmpeg",
            "-v",
            "error",
            "-i",
            path,
            "-vf",
            f"scale={width}:{height}",
            "-frames:v",
            str(frames),
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-",
        ],
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    data = torch.from_numpy(numpy.frombuffer(raw, numpy.uint8).copy()).view(-1, height, width, 3).permute(0, 3, 1, 2)
    return [f[None].float() / 255 for f in data]


def clip_change(net, styles, names, path, looks=("identity", "ink", "oil", "great-wave"), frames=24):
    """Mean absolute change from frame to frame of a real clip where the input changed by less than 4/255 (its still part)."""
    x = read_clip(path, frames)
    out, motion = {}, None
    for name in looks:
        if name in names and len(x) > 12:
            style, change = styles[names.index(name)][None], {}
            motion = motion or motions(x)
            for memory in (True, False):
                y = run(net, x, style, memory, motion=motion)
                still = [F.max_pool2d((b - a).abs().amax(1, keepdim=True), 9, 1, 4) < 4 / 255 for a, b in zip(x[10:-1], x[11:])]
                count = sum(float(s.sum()) for s in still)
                change[memory] = sum(
                    float(((b - a).abs().mean(1, keepdim=True) * s).sum()) for a, b, s in zip(y[10:-1], y[11:], still)
                ) / max(count, 1)
            out[name] = {
                "with": change[True] * 255,
                "without": change[False] * 255,
                "ratio": change[True] / max(change[False], 1e-6),
                "still_share": count / (len(still) * still[0].numel()),
            }
    return out


def draw_sheet(net, styles, names, photos, path, side=(176, 132), columns=8):
    """One JPEG with every look on the sheet's photos, names under the pictures."""
    cells = [("camera", None)] + [(n, i) for i, n in enumerate(names)]
    rows = (len(cells) + columns - 1) // columns
    w, h = side
    sheet = Image.new("RGB", (columns * (w + 4), rows * (3 * h + 18)), "white")
    for k, (name, i) in enumerate(cells):
        x0, y0 = k % columns * (w + 4), k // columns * (3 * h + 18)
        for j, photo in enumerate(photos):
            image = photo if i is None else run(net, [photo] * 3, styles[i][None])[-1]
            p = Image.fromarray((image[0].permute(1, 2, 0).numpy() * 255 + 0.5).astype(numpy.uint8)).resize(side, Image.LANCZOS)
            sheet.paste(p, (x0, y0 + j * h))
        ImageDraw.Draw(sheet).text((x0 + 2, y0 + 3 * h + 3), name, fill="black")
    for quality in range(88, 40, -6):
        sheet.save(path, quality=quality)
        if os.path.getsize(path) <= 600_000:
            break


def draw_curve(curve, names, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plot

    figure, (left, right) = plot.subplots(1, 2, figsize=(11, 4))
    old = [(m, v) for _, m, v in curve if not isinstance(v, dict)]
    rows = [(m, v) for _, m, v in curve if isinstance(v, dict)]
    mean = old + [(m, numpy.mean([e for i, e in v.items() if i < len(LOOKS)])) for m, v in rows]
    left.plot([m for m, _ in mean], [-10 * numpy.log10(v) for _, v in mean], color="black", linewidth=2, label="all drawn looks")
    for i, name in enumerate(names[: len(LOOKS)]):
        left.plot([m for m, v in rows if i in v], [-10 * numpy.log10(v[i]) for m, v in rows if i in v], linewidth=0.6)
    left.set(xlabel="minutes of training", ylabel="PSNR of training batches, dB (noise and pans in)")
    left.legend()
    for i, name in list(enumerate(names))[len(LOOKS) :]:
        right.plot([m for m, v in rows if i in v], [v[i] for m, v in rows if i in v], label=name)
    right.axhline(0.4, color="grey", linestyle=":")
    right.set(xlabel="minutes of training", ylabel="style loss over the photo's", ylim=(0, 1.2))
    right.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("checkpoint")
    for name in ("photos", "paintings", "features", "clips", "video", "json", "sheet", "curve"):
        a.add_argument("--" + name)
    a.add_argument("--drift", type=int, default=10000)
    a.add_argument("--only", nargs="*", default=["psnr", "painted", "flicker", "pan", "clips", "drift"])
    a.add_argument("--threads", type=int, default=1)
    a = a.parse_args()
    torch.set_num_threads(a.threads)
    torch.set_grad_enabled(False)
    c = torch.load(a.checkpoint, map_location="cpu", weights_only=False)
    net = LiveTiny()
    net.load_state_dict(c["net"])
    net.eval()
    styles, names = c["styles"], c["looks"]
    photos = Photos(a.photos, held_out=True)
    pictures = [crop(p) for p in photos.pictures]
    wanted = set(a.only)
    figures = {"checkpoint_step": c["step"], "training_minutes": round(c["spent"], 1)}
    if a.json and os.path.exists(a.json):
        before = json.load(open(a.json))
        figures = before if before["checkpoint_step"] == c["step"] else figures

    if "psnr" in wanted:
        values = fidelity(net, styles, names, pictures)
        drawn = {n: v for n, v in values.items() if n != "identity"}
        figures["psnr"] = {
            "n_photos": len(pictures),
            "method": "held-out photos, short side 352 px, first frame from an empty state, dB against the teacher",
            "identity": values["identity"],
            "drawn_mean": sum(drawn.values()) / len(drawn),
            "drawn_lowest": min(drawn.values()),
            "per_look": values,
        }
        report("PSNR, dB", figures["psnr"])
    if a.features and "painted" in wanted:
        features = Features(a.features)
        figures["painted"] = {
            "n_photos": len(pictures),
            "method": "relative Gram distance to the painting on SqueezeNet 1.1, output over photo; border: change of the "
            "outer 8 px when the picture goes on by 32 px, in 1/255",
            "per_look": painted(net, styles, names, pictures, a.paintings, features),
        }
        report("Painted looks", figures["painted"])
    if "flicker" in wanted:
        small = [crop(p, 192, 256) for p in photos.pictures[1::4]]
        values = flicker(net, styles, names, small)
        figures["flicker"] = {
            "n": len(small),
            "method": "still photos 256x192 with fresh noise of sigma 0.03, frames 16 to 24, mean |change| in 1/255, memory over "
            "state zeroed every frame",
            **ratios(values),
        }
        report("Flicker", figures["flicker"])
    for key, sigma in (("pan", 0.0), ("pan_noisy", 0.03)) if "pan" in wanted else ():
        figures[key] = {
            "n": 6,
            "method": f"pans of 1 to 5 px a frame at 192x192, noise sigma {sigma}, frames 3 to 8, mean |output - moved output before| in 1/255, memory over "
            "state zeroed",
            **ratios(pan_error(net, styles, names, photos, sigma)),
        }
        report(f"Warped-frame error, sigma {sigma}", figures[key])
    clips = sorted(
        p for folder in (a.clips, a.video) if folder for e in ("avi", "mkv", "mp4") for p in glob.glob(os.path.join(folder, "*." + e))
    )
    if clips and "clips" in wanted:
        figures["clips"] = {
            "method": "24 frames at 320x240; mean |change| in 1/255 where the input changed by less than 4/255 within 4 px, memory over state zeroed",
            "per_clip": {os.path.basename(p): clip_change(net, styles, names, p) for p in clips},
        }
        report("Clips", figures["clips"])
    if a.drift and "drift" in wanted:
        values = drift(net, styles, names, photos, a.drift)
        figures["drift"] = {
            "frames": a.drift,
            "method": "loop of 50 frames at 192x192, last pass against the second; largest move of a channel's mean or deviation",
            "per_look": values,
        }
        report("Drift", figures["drift"])
    if a.json:
        json.dump(figures, open(a.json, "w"), indent=1)
    if a.sheet:
        files = sorted(glob.glob(os.path.join(a.photos, "**", "*.jpg"), recursive=True))
        held = [f for i, f in enumerate(files) if i % 14 == 7]
        picks = [photos.pictures[next(i for i, f in enumerate(held) if s in f)] for s in SHEET]
        cut = [p[:, (p.shape[1] - 312) // 2 : (p.shape[1] + 312) // 2, (p.shape[2] - 416) // 2 : (p.shape[2] + 416) // 2] for p in picks]
        draw_sheet(net, styles, names, [p[None].float() / 255 for p in cut], a.sheet)
    if a.curve:
        draw_curve(c["curve"], names, a.curve)


def ratios(values):
    return {
        "mean_ratio": sum(v["ratio"] for v in values.values()) / len(values),
        "highest_ratio": max(v["ratio"] for v in values.values()),
        "per_look": values,
    }


def report(title, block):
    """Prints one block of figures as a table."""
    print(f"\n{title} ({', '.join(f'{k} {v}' for k, v in block.items() if k in ('n', 'n_photos', 'frames'))})")
    for key, value in block.items():
        if isinstance(value, float):
            print(f"  {key:24} {value:.3f}")
    rows = block.get("per_look") or {f"{clip} {look}": v for clip, looks in block["per_clip"].items() for look, v in looks.items()}
    for name, value in rows.items():
        print(f"  {name:24} " + (" ".join(f"{k} {v:.3f}" for k, v in value.items()) if isinstance(value, dict) else f"{value:.2f}"))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
