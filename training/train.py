"""Trains LiveTiny. Runs on two CPU cores (torch 1.13) and on a GPU (torch 2.x); resumes from its checkpoint.

Usage: train.py --photos DIR --out work/live-tiny.pt [--minutes 120] [--threads 1] [--size 128] [--batch 4] [--seed 1]
"""
import argparse
import glob
import os
import random
import time

import numpy
import torch
import torch.nn.functional as F
from PIL import Image

from looks import LOOKS
from network import LiveTiny, STYLE


class Photos:
    """Photographs in memory; every fourteenth (by sorted name) is held out for evaluation."""

    def __init__(self, folder, held_out, side=360):
        names = sorted(glob.glob(os.path.join(folder, "**", "*.jpg"), recursive=True))
        names = [n for i, n in enumerate(names) if (i % 14 == 7) == held_out]
        self.pictures = []
        for name in names:
            p = Image.open(name).convert("RGB")
            k = side / min(p.size)
            p = p.resize((max(side, round(p.width * k)), max(side, round(p.height * k))), Image.BICUBIC)
            self.pictures.append(torch.from_numpy(numpy.array(p)).permute(2, 0, 1).contiguous())

    def sequence(self, size, frames, rng):
        """[T,3,size,size] in 0..1 of one photo under a pan (or still), and the pan in pixels a frame."""
        p = rng.choice(self.pictures)
        zoom = rng.uniform(0.55, 1.25)
        vx, vy = (0, 0) if rng.random() < 0.5 else (rng.randint(-5, 5), rng.randint(-5, 5))
        need_h, need_w = size + abs(vy) * (frames - 1), size + abs(vx) * (frames - 1)
        h, w = max(need_h, int(p.shape[1] * zoom)), max(need_w, int(p.shape[2] * zoom))
        src_h, src_w = min(p.shape[1], max(1, int(need_h * p.shape[1] / h))), min(p.shape[2], max(1, int(need_w * p.shape[2] / w)))
        y, x = rng.randint(0, p.shape[1] - src_h), rng.randint(0, p.shape[2] - src_w)
        part = p[:, y:y + src_h, x:x + src_w][None].float() / 255
        part = F.interpolate(part, (need_h, need_w), mode="bilinear", align_corners=False, antialias=src_h > need_h)[0]
        if rng.random() < 0.5:
            part = part.flip(2)
        gain, lift, gamma = rng.uniform(0.75, 1.15), rng.uniform(-0.05, 0.06), rng.uniform(0.8, 1.3)
        tint = torch.tensor([rng.uniform(0.92, 1.08) for _ in range(3)])[:, None, None]
        part = (part.clamp(1e-4, 1) ** gamma * gain * tint + lift).clamp(0, 1)
        y0, x0 = (need_h - size if vy < 0 else 0), (need_w - size if vx < 0 else 0)
        return torch.stack([part[:, y0 + vy * t:y0 + vy * t + size, x0 + vx * t:x0 + vx * t + size] for t in range(frames)]), vx == vy == 0


def edges(x):
    return x[..., :, 1:] - x[..., :, :-1], x[..., 1:, :] - x[..., :-1, :]


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--photos", required=True)
    a.add_argument("--out", required=True)
    a.add_argument("--minutes", type=float, default=120)
    a.add_argument("--threads", type=int, default=1)
    a.add_argument("--size", type=int, default=128)
    a.add_argument("--batch", type=int, default=4)
    a.add_argument("--frames", type=int, default=3)
    a.add_argument("--rate", type=float, default=1.5e-3)
    a.add_argument("--seed", type=int, default=1)
    a = a.parse_args()
    torch.set_num_threads(a.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(a.seed)
    rng = random.Random(a.seed)
    photos = Photos(a.photos, held_out=False)
    net = LiveTiny().to(device)
    styles = torch.nn.Parameter(torch.nn.functional.normalize(torch.randn(len(LOOKS), STYLE), dim=1).to(device))
    optimiser = torch.optim.Adam([{"params": net.parameters()}, {"params": [styles], "lr": a.rate * 0.5}], lr=a.rate)
    step, spent, curve = 0, 0.0, []
    if os.path.exists(a.out):
        c = torch.load(a.out, map_location=device)
        net.load_state_dict(c["net"])
        styles.data.copy_(c["styles"])
        optimiser.load_state_dict(c["optimiser"])
        step, spent, curve = c["step"], c["spent"], c["curve"]
        rng.seed(a.seed + step)
        torch.manual_seed(a.seed + step)
    print(f"{len(photos.pictures)} photos, {sum(p.numel() for p in net.parameters())} parameters, step {step}", flush=True)
    net.train()
    began = last_save = time.monotonic()
    running = {}
    difficulty = [1.0] * len(LOOKS)
    while spent + (time.monotonic() - began) / 60 < a.minutes:
        done = (spent + (time.monotonic() - began) / 60) / a.minutes
        for group in optimiser.param_groups:
            group["lr"] = a.rate * (0.5 if group["params"][0] is styles else 1) * (0.04 + 0.96 * (1 - done) ** 1.2) * min(1, (step + 1) / 100)
        size = a.size if rng.random() < 0.7 else a.size + 64
        batch = a.batch if size == a.size else max(2, a.batch // 2)
        frames = a.frames + (rng.random() < 0.25)
        clean, look, other, mix, switch = [], [], [], [], []
        for _ in range(batch):
            clean.append(photos.sequence(size, frames, rng)[0])
            look.append(rng.choices(range(len(LOOKS)), difficulty)[0])
            other.append(rng.randrange(len(LOOKS)))
            mix.append(rng.random() if rng.random() < 0.12 else 0.0)
            switch.append(rng.randrange(1, frames) if rng.random() < 0.25 else frames)
        clean = torch.stack(clean, 1).to(device)  # T,B,3,H,W
        sigma = torch.tensor([rng.uniform(0, 0.06) if rng.random() < 0.8 else 0.0 for _ in range(batch)], device=device)[:, None, None, None]
        state = LiveTiny.zero_state(clean[0])
        loss = 0
        per_look = [0.0] * batch
        for t in range(frames):
            noisy = (clean[t] + sigma * torch.randn_like(clean[t])).clamp(0, 1)
            target, style = [], []
            for i in range(batch):
                first = look[i] if t < switch[i] else other[i]
                picture = clean[t, i:i + 1]
                with torch.no_grad():
                    goal = LOOKS[first][1](picture)
                    if mix[i] > 0:
                        goal = (1 - mix[i]) * goal + mix[i] * LOOKS[other[i]][1](picture)
                target.append(goal)
                style.append((1 - mix[i]) * styles[first] + mix[i] * styles[other[i]])
            target, style = torch.cat(target), torch.stack(style)
            image, *state = net(noisy, style, *state)
            difference = image - target
            dx, dy = edges(difference)
            error = difference.abs().mean((1, 2, 3)) + 2 * (difference ** 2).mean((1, 2, 3)) + 0.5 * (dx.abs().mean((1, 2, 3)) + dy.abs().mean((1, 2, 3)))
            loss = loss + (error * torch.where(torch.tensor([l == 0 for l in look], device=device), 2.0, 1.0)).mean()
            for i in range(batch):
                per_look[i] += float((difference[i].detach() ** 2).mean()) / frames
        optimiser.zero_grad(set_to_none=True)
        (loss / frames).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        step += 1
        for i in range(batch):
            if mix[i] == 0 and switch[i] == frames:
                running[look[i]] = 0.95 * running.get(look[i], per_look[i]) + 0.05 * per_look[i]
        if step % 100 == 0:
            mean = sum(running.values()) / len(running)
            # Looks that lag get more turns, within a factor of three.
            difficulty = [min(3.0, max(0.7, (running.get(i, mean) / mean) ** 0.5)) for i in range(len(LOOKS))]
            minutes = spent + (time.monotonic() - began) / 60
            curve.append((step, minutes, mean))
            print(f"{step} {minutes:.1f}min mse {mean:.5f} " + " ".join(f"{LOOKS[i][0]}:{-10 * numpy.log10(running[i] + 1e-9):.1f}" for i in sorted(running)), flush=True)
        if time.monotonic() - last_save > 120 or spent + (time.monotonic() - began) / 60 >= a.minutes:
            last_save = time.monotonic()
            torch.save({"net": net.state_dict(), "styles": styles.data, "optimiser": optimiser.state_dict(), "step": step,
                        "spent": spent + (time.monotonic() - began) / 60, "curve": curve, "looks": [l[0] for l in LOOKS]}, a.out + ".new")
            os.replace(a.out + ".new", a.out)


main()
