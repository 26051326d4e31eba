"""Trains LiveTiny. Runs on two CPU cores (torch 1.13) and on a GPU (torch 2.x); resumes from its checkpoint.

Usage: train.py --photos DIR --out work/live-tiny.pt [--paintings DIR --features SqueezeNet_fp16.onnx --painted 0.3]
                [--steps 21400] [--bfloat16] [--threads 1] [--size 128] [--batch 4] [--seed 1]
"""
import argparse
import glob
import os
import random
import signal
import time

import numpy
import torch
import torch.nn.functional as F
from PIL import Image

from looks import LOOKS, blur
from motion import carry
from network import GATE_CLOSED, LiveTiny, STYLE
from paintings import MARGIN, PAINTINGS, Features, Painting, at_random_place


PAINT_FROM = 2000    # the step at which painted looks join


class Photos:
    """Photographs in memory; every fourteenth (by sorted name) is held out for evaluation."""

    def __init__(self, folder, held_out, side=360):
        self.fine = not held_out
        names = sorted(glob.glob(os.path.join(folder, "**", "*.jpg"), recursive=True))
        names = [n for i, n in enumerate(names) if (i % 14 == 7) == held_out]
        self.pictures = []
        for name in names:
            p = Image.open(name).convert("RGB")
            k = side / min(p.size)
            p = p.resize((max(side, round(p.width * k)), max(side, round(p.height * k))), Image.BICUBIC)
            self.pictures.append(torch.from_numpy(numpy.array(p)).permute(2, 0, 1).contiguous())

    def sequence(self, size, frames, rng):
        """[T,3,size,size] in 0..1 of one photo under a pan (or still), and the pan (x, y) in pixels a frame: whole ones up to 5,
        and in training, three times in ten, half ones, from a picture of twice the size."""
        p = rng.choice(self.pictures)
        zoom = rng.uniform(0.55, 1.25)
        fine = self.fine and rng.random() < 0.3
        vx, vy = (0, 0) if rng.random() < 0.5 else (rng.randint(-5, 5), rng.randint(-5, 5))
        side = 2 * size if fine else size
        need_h, need_w = side + abs(vy) * (frames - 1), side + abs(vx) * (frames - 1)
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
        y0, x0 = (need_h - side if vy < 0 else 0), (need_w - side if vx < 0 else 0)
        shots = torch.stack([part[:, y0 + vy * t:y0 + vy * t + side, x0 + vx * t:x0 + vx * t + side] for t in range(frames)])
        return (F.avg_pool2d(shots, 2), (vx / 2, vy / 2)) if fine else (shots, (vx, vy))


def edges(x):
    return x[..., :, 1:] - x[..., :, :-1], x[..., 1:, :] - x[..., :-1, :]


def drawn_loss(net, styles, photos, rng, a, difficulty):
    """Loss of one batch of drawn looks against their teachers, and (look, squared error) of the steady ones."""
    device = styles.device
    size = a.size if rng.random() < 0.7 else a.size + 64
    batch = a.batch if size == a.size else max(2, a.batch // 2)
    frames = a.frames + (rng.random() < 0.25)
    clean, pans, look, other, mix, switch = [], [], [], [], [], []
    for _ in range(batch):
        sequence, pan = photos.sequence(size, frames, rng)
        pans.append(pan)
        clean.append(with_object(sequence, photos, rng) if rng.random() < 0.15 else sequence)
        look.append(rng.choices(range(len(LOOKS)), difficulty)[0])
        other.append(rng.randrange(len(LOOKS)))
        mix.append(rng.random() if rng.random() < 0.12 else 0.0)
        switch.append(rng.randrange(1, frames) if rng.random() < 0.25 else frames)
    clean = torch.stack(clean, 1).to(device)  # T,B,3,H,W
    sigma = torch.tensor([rng.uniform(0, 0.06) if rng.random() < 0.8 else 0.0 for _ in range(batch)], device=device)[:, None, None, None]
    weight = torch.tensor([2.0 if l == 0 else 1.0 for l in look], device=device)
    state = LiveTiny.zero_state(clean[0])
    # Most batches begin with the memory that a long clean past would have left: only then is it worth holding on to.
    warm = rng.random() < 0.65
    if warm:
        style = torch.stack([(1 - mix[i]) * styles[look[i]] + mix[i] * styles[other[i]] for i in range(batch)]).detach()
        state = remembered(net, clean[0], sigma, style, a)
    steady = torch.tensor([float(switch[i] == frames) for i in range(batch)], device=device)
    pans = torch.tensor(pans, dtype=torch.float32, device=device)
    loss = 0
    squared = torch.zeros(batch, device=device)
    for t in range(int(warm), frames):
        noisy = (clean[t] + sigma * torch.randn_like(clean[t])).clamp(0, 1)
        before = carry(state[1].float(), pans)
        found = estimated(pans, rng)
        state = [carry(state[0], found), carry(state[1].float(), found), state[2]]
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
        with torch.autocast(device.type, torch.bfloat16, enabled=a.bfloat16):
            image, *state = net(noisy, torch.stack(style), *state)
        difference = image.float() - torch.cat(target)
        dx, dy = edges(difference)
        error = difference.abs().mean((1, 2, 3)) + 2 * (difference ** 2).mean((1, 2, 3)) + 0.5 * (dx.abs().mean((1, 2, 3)) + dy.abs().mean((1, 2, 3)))
        loss = loss + (error * weight).mean()
        if t > 0:
            loss = loss + 1.5 * ((image.float() - before)[:, :, 6:-6, 6:-6].abs().mean((1, 2, 3)) * steady).mean()
        squared += (difference.detach() ** 2).mean((1, 2, 3)) / (frames - warm)
    return loss / (frames - warm), [(look[i], float(squared[i])) for i in range(batch) if mix[i] == 0 and switch[i] == frames]


def with_object(sequence, photos, rng):
    """The same sequence with a blob of another photo that goes its own way, which no motion of the whole picture explains."""
    frames, _, h, w = sequence.shape
    other, _ = photos.sequence(h, 1, rng)
    vx, vy, x, y, r = rng.randint(-6, 6), rng.randint(-6, 6), rng.randrange(w), rng.randrange(h), rng.randint(12, h // 3)
    ys, xs = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    out = []
    for t in range(frames):
        mask = torch.sigmoid((r - ((xs - x - vx * t) ** 2 + (ys - y - vy * t) ** 2).float().sqrt()) / 1.5)
        out.append(sequence[t] + mask * (other[0].roll((vy * t, vx * t), (1, 2)) - sequence[t]))
    return torch.stack(out)


def estimated(pans, rng):
    """The motion as a host may find it: mostly right, sometimes a little off, none or wrong."""
    out = pans.clone()
    for i in range(len(out)):
        luck = rng.random()
        if luck < 0.08:
            out[i] = 0
        elif luck < 0.18:
            out[i] += torch.tensor([float(rng.randint(-6, 6)), float(rng.randint(-6, 6))], device=out.device)
        elif luck < 0.35:
            out[i] += torch.tensor([rng.uniform(-0.3, 0.3), rng.uniform(-0.3, 0.3)], device=out.device)
    return out


@torch.no_grad()
def remembered(net, clean, sigma, style, a):
    """State after a still, long past: the network's picture of the clean frame, and a noisy last frame."""
    with torch.autocast(style.device.type, torch.bfloat16, enabled=a.bfloat16):
        _, *state = net(clean, style, *LiveTiny.zero_state(clean))
    return [(clean + sigma * torch.randn_like(clean)).clamp(0, 1), state[1].clamp(0, 1), state[2]]


def painted_loss(net, styles, photos, rng, a, features, paintings):
    """Loss of one batch in the look of one painting, and (look, style loss relative to the photos')."""
    device = styles.device
    size, batch, frames = a.size + rng.choice((0, 32, 64)), 3, 2
    look = rng.randrange(len(paintings))
    painting = paintings[look]
    style = styles[len(LOOKS) + look].expand(batch, -1)
    drawn = [photos.sequence(size + 2 * MARGIN, frames, rng) for _ in range(batch)]
    wide = torch.stack([d[0] for d in drawn], 1).to(device)
    clean = wide[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
    sigma = rng.uniform(0, 0.04)
    state, wide_state = LiveTiny.zero_state(clean[0]), LiveTiny.zero_state(wide[0, :1])
    warm = rng.random() < 0.5
    if warm:
        state, wide_state = remembered(net, clean[0], sigma, style.detach(), a), remembered(net, wide[0, :1], sigma, style[:1].detach(), a)
    felt = rng.randrange(int(warm), frames)
    pans = torch.tensor([d[1] for d in drawn], dtype=torch.float32, device=device)
    loss, before = 0, state[1] if warm else None
    for t in range(int(warm), frames):
        noisy = (wide[t] + sigma * torch.randn_like(wide[t])).clamp(0, 1)
        found = estimated(pans, rng)
        if before is not None:
            before = carry(before.float(), pans)
        state = [carry(state[0], found), carry(state[1].float(), found), state[2]]
        wide_state = [carry(wide_state[0], found[:1]), carry(wide_state[1].float(), found[:1]), wide_state[2]]
        with torch.autocast(device.type, torch.bfloat16, enabled=a.bfloat16):
            image, *state = net(noisy[..., MARGIN:-MARGIN, MARGIN:-MARGIN], style, *state)
            with torch.no_grad():
                beyond, *wide_state = net(noisy[:1], style[:1], *wide_state)
        image = image.float()
        # Zero padding tells a network where the border is, and Gram losses reward a band there. What it paints near
        # the border must be what it would paint if the picture went on.
        band = (image[:1] - beyond.float()[..., MARGIN:-MARGIN, MARGIN:-MARGIN]).abs()
        band[..., 24:-24, 24:-24] = band[..., 24:-24, 24:-24] * 0.1
        dx, dy = edges(image)
        loss = loss + 8.0 * band.mean() + 0.5 * (dx.abs().mean() + dy.abs().mean()) + ((image - image.clamp(0, 1)) ** 2).mean() * 20
        with torch.no_grad():
            plan = blur(painting.plan(clean[t]), 0.6)
        loss = loss + a.plan * (blur(image, 0.6) - plan).abs().mean()
        if before is not None:
            loss = loss + 5.0 * (image - before)[:, :, 6:-6, 6:-6].abs().mean()
        before = image
        if t == felt:
            here, there = at_random_place(image, clean[t], rng)
            with torch.autocast(device.type, torch.bfloat16, enabled=a.bfloat16):
                maps = features(here)
                with torch.no_grad():
                    photo = features(there)
            content = ((maps["fire4"].float() - photo["fire4"].float()) ** 2).sum((1, 2, 3)) / (photo["fire4"].float() ** 2).sum((1, 2, 3))
            style_now = painting.style_loss(maps)
            loss = loss + PAINTINGS[look][5] * style_now.mean() + a.content * content.mean()
            with torch.no_grad():
                ratio = float((style_now / painting.style_loss(photo)).mean())
    # A screen pleases Gram losses but is no brush stroke: painted looks do without.
    loss = loss + 20 * F.relu(net.gate(style[:1]).abs() - 0.8 * GATE_CLOSED).mean()
    return 0.15 * loss, [(len(LOOKS) + look, ratio)]


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--photos", required=True)
    a.add_argument("--out", required=True)
    a.add_argument("--steps", type=int, default=21400)
    a.add_argument("--threads", type=int, default=1)
    a.add_argument("--size", type=int, default=128)
    a.add_argument("--batch", type=int, default=4)
    a.add_argument("--frames", type=int, default=3)
    a.add_argument("--rate", type=float, default=1.5e-3)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--paintings")
    a.add_argument("--features")
    a.add_argument("--painted", type=float, default=0.4)
    a.add_argument("--plan", type=float, default=5.0)
    a.add_argument("--content", type=float, default=0.5)
    a.add_argument("--bfloat16", action="store_true")
    a = a.parse_args()
    torch.set_num_threads(a.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(a.seed)
    rng = random.Random(a.seed)
    photos = Photos(a.photos, held_out=False)
    net = LiveTiny().to(device)
    names = [l[0] for l in LOOKS]
    paintings = []
    if a.paintings:
        features = Features(a.features).to(device)
        paintings = [Painting(a.paintings, *details[:4], features) for _, *details in PAINTINGS]
        names += [p[0] for p in PAINTINGS]
    styles = torch.nn.Parameter(torch.nn.functional.normalize(torch.randn(len(names), STYLE), dim=1).to(device))
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
    running, norms = {}, {}
    difficulty = [1.0] * len(LOOKS)
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    while step < a.steps and not stopped:
        done = step / a.steps
        for group in optimiser.param_groups:
            group["lr"] = a.rate * (0.5 if group["params"][0] is styles else 1) * (0.04 + 0.96 * (1 - done) ** 1.2) * min(1, (step + 1) / 100)
        if step == PAINT_FROM:
            # Painted looks start between drawn ones, so that the trunk answers them at once.
            for i, (*_, near) in enumerate(PAINTINGS):
                styles.data[len(LOOKS) + i] = torch.nn.functional.normalize(sum(styles.data[names.index(n)] for n in near), dim=0)
        painted = bool(paintings) and step >= PAINT_FROM and rng.random() < a.painted
        if painted:
            loss, seen = painted_loss(net, styles, photos, rng, a, features, paintings)
        else:
            loss, seen = drawn_loss(net, styles, photos, rng, a, difficulty)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = float(torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0))
        norms[painted] = 0.98 * norms.get(painted, norm) + 0.02 * norm
        optimiser.step()
        step += 1
        for look, value in seen:
            running[look] = 0.95 * running.get(look, value) + 0.05 * value
        if step % 100 == 0:
            drawn = [v for i, v in running.items() if i < len(LOOKS)]
            mean = sum(drawn) / len(drawn)
            # Looks that lag get more turns, within a factor of four.
            difficulty = [min(4.0, max(0.7, (running.get(i, mean) / mean) ** 0.8)) for i in range(len(LOOKS))]
            minutes = spent + (time.monotonic() - began) / 60
            curve.append((step, minutes, dict(running)))
            print(f"{step} {minutes:.1f}min mse {mean:.5f} " + " ".join(
                f"{names[i]}:" + (f"{-10 * numpy.log10(running[i] + 1e-9):.1f}" if i < len(LOOKS) else f"{running[i]:.2f}") for i in sorted(running))
                + " norms " + " ".join(f"{v:.2f}" for _, v in sorted(norms.items())), flush=True)
        if time.monotonic() - last_save > 120 or stopped or step == a.steps:
            last_save = time.monotonic()
            torch.save({"net": net.state_dict(), "styles": styles.data, "optimiser": optimiser.state_dict(), "step": step,
                        "spent": spent + (time.monotonic() - began) / 60, "curve": curve, "looks": names}, a.out + ".new")
            os.replace(a.out + ".new", a.out)


if __name__ == "__main__":
    main()
