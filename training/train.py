"""Trains LiveTiny. Runs on two CPU cores (torch 1.13) and on a GPU (torch 2.x); resumes from its checkpoint.

Usage: train.py --photos DIR --out work/live-tiny.pt [--paintings DIR --features SqueezeNet_fp16.onnx --painted 0.4]
                [--steps 21400 | --minutes 9] [--start OTHER.pt] [--bfloat16] [--threads 1] [--workers 0]
                [--size 128] [--batch 4] [--groups 4] [--seed 1]
"""
import argparse
import os
import random
import signal
import time

import numpy
import torch
import torch.nn.functional as F

from looks import LOOKS, blur
from motion import carry
from network import GATE_CLOSED, LiveTiny, STYLE
from paintings import MARGIN, PAINTINGS, TAPS, Features, Painting, at_random_place
from photos import Photos, loader


PAINT_FROM = 2000  # the step at which painted looks join a training from random weights


def edges(x):
    return x[..., :, 1:] - x[..., :, :-1], x[..., 1:, :] - x[..., :-1, :]


def taught(look, pictures):
    """The output of a look's teacher. Thin lines are differences of blurs, for which TensorFloat-32 is too coarse."""
    torch.backends.cudnn.allow_tf32 = False
    with torch.no_grad():
        out = LOOKS[look][1](pictures)
    torch.backends.cudnn.allow_tf32 = True
    return out


def drawn_loss(net, styles, batch, rng, a, difficulty, features):
    """Loss of one batch of drawn looks against their teachers, and (look, squared error) of the steady ones.

    A group of the batch shares its looks.
    """
    device = styles.device
    clean, pans = batch  # T,B,3,H,W
    frames, count = clean.shape[:2]
    groups = min(a.groups, count)
    share = count // groups
    look = rng.choices(range(len(LOOKS)), difficulty, k=groups)
    other = [rng.randrange(len(LOOKS)) for _ in range(groups)]
    mix = [rng.random() if rng.random() < 0.12 else 0.0 for _ in range(groups)]
    switch = [rng.randrange(1, frames) if rng.random() < 0.25 else frames for _ in range(groups)]
    sigma = torch.tensor([rng.uniform(0, 0.06) if rng.random() < 0.8 else 0.0 for _ in range(count)])[:, None, None, None].to(device)

    def of_each(values):
        return torch.tensor(values).to(device).repeat_interleave(share)

    def wanted(g, first, picture):
        goal = taught(first, picture)
        return goal if mix[g] == 0 else (1 - mix[g]) * goal + mix[g] * taught(other[g], picture)

    def styled(firsts):
        mixed = of_each(mix)[:, None]
        return (1 - mixed) * styles[of_each(firsts)] + mixed * styles[of_each(other)]

    weight = of_each([2.0 if k == 0 else 1.0 for k in look])
    steady = of_each([float(s == frames) for s in switch])
    state = LiveTiny.zero_state(clean[0])
    # Most batches start with the memory that a long clean past would have left: only such a memory is worth holding.
    warm = rng.random() < 0.65
    if warm:
        state = remembered(net, clean[0], sigma, styled(look).detach(), a)
    felt = rng.randrange(int(warm), frames)
    loss = 0
    squared = torch.zeros(count, device=device)
    on_device = pans.to(device)
    for t in range(int(warm), frames):
        noisy = (clean[t] + sigma * torch.randn_like(clean[t])).clamp(0, 1)
        before = carry(state[1].float(), on_device)
        found = estimated(pans, rng).to(device)
        state = [carry(state[0], found), carry(state[1].float(), found), state[2]]
        firsts = [look[g] if t < switch[g] else other[g] for g in range(groups)]
        target = torch.cat([wanted(g, firsts[g], clean[t, g * share : (g + 1) * share]) for g in range(groups)])
        with torch.autocast(device.type, torch.bfloat16, enabled=a.bfloat16):
            image, *state = net(noisy, styled(firsts), *state)
        difference = image.float() - target
        dx, dy = edges(difference)
        error = (
            difference.abs().mean((1, 2, 3))
            + 2 * (difference**2).mean((1, 2, 3))
            + 0.5 * (dx.abs().mean((1, 2, 3)) + dy.abs().mean((1, 2, 3)))
        )
        loss = loss + (error * weight).mean()
        if features and t == felt:
            # An L1 loss punishes lines that are a pixel off as much as missing ones, so that no lines would be drawn.
            here, there = (features(x) for x in at_random_place(image.float(), target, rng))
            loss = loss + a.felt * sum(
                (((here[n] - there[n]) ** 2).sum((1, 2, 3)) / ((there[n] ** 2).sum((1, 2, 3)) + 1e-3)).mean() for n in TAPS
            )
        if t > 0:
            loss = loss + 1.5 * ((image.float() - before)[:, :, 6:-6, 6:-6].abs().mean((1, 2, 3)) * steady).mean()
        squared += (difference.detach() ** 2).mean((1, 2, 3)) / (frames - warm)
    seen = squared.view(groups, share).mean(1).tolist()
    return loss / (frames - warm), [(look[g], seen[g]) for g in range(groups) if mix[g] == 0 and switch[g] == frames]


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


def painted_loss(net, styles, batch, rng, a, features, paintings):
    """Loss of one batch in the look of one painting, and (look, style loss relative to the photos')."""
    device = styles.device
    wide, pans = batch  # T,B,3,H,W, MARGIN wider on every side
    frames, count = wide.shape[:2]
    some = max(1, count // 3)  # this many see beyond their border
    look = rng.randrange(len(paintings))
    painting = paintings[look]
    style = styles[len(LOOKS) + look].expand(count, -1)
    clean = wide[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
    sigma = rng.uniform(0, 0.04)
    state, wide_state = LiveTiny.zero_state(clean[0]), LiveTiny.zero_state(wide[0, :some])
    warm = rng.random() < 0.5
    if warm:
        state, wide_state = remembered(net, clean[0], sigma, style.detach(), a), remembered(
            net, wide[0, :some], sigma, style[:some].detach(), a
        )
    felt = rng.randrange(int(warm), frames)
    on_device = pans.to(device)
    loss, before = 0, state[1] if warm else None
    for t in range(int(warm), frames):
        noisy = (wide[t] + sigma * torch.randn_like(wide[t])).clamp(0, 1)
        found = estimated(pans, rng).to(device)
        if before is not None:
            before = carry(before.float(), on_device)
        state = [carry(state[0], found), carry(state[1].float(), found), state[2]]
        wide_state = [carry(wide_state[0], found[:some]), carry(wide_state[1].float(), found[:some]), wide_state[2]]
        with torch.autocast(device.type, torch.bfloat16, enabled=a.bfloat16):
            image, *state = net(noisy[..., MARGIN:-MARGIN, MARGIN:-MARGIN], style, *state)
            with torch.no_grad():
                beyond, *wide_state = net(noisy[:some], style[:some], *wide_state)
        image = image.float()
        # Zero padding tells a network where the border is, and Gram losses reward a band there. The output near the
        # border must be what it would be if the picture continued.
        band = (image[:some] - beyond.float()[..., MARGIN:-MARGIN, MARGIN:-MARGIN]).abs()
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
    # A screen lowers Gram losses but does not look like brush strokes: painted looks do without.
    loss = loss + 20 * F.relu(net.gate(style[:1]).abs() - 0.8 * GATE_CLOSED).mean()
    return 0.15 * loss, [(len(LOOKS) + look, ratio)]


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--photos", required=True)
    a.add_argument("--out", required=True)
    a.add_argument("--start", help="a checkpoint whose weights are gone on from, with a new optimiser")
    a.add_argument("--steps", type=int, default=21400)
    a.add_argument("--minutes", type=float, help="the rate falls over this time instead of over --steps")
    a.add_argument("--threads", type=int, default=1)
    a.add_argument("--workers", type=int, default=0, help="processes that make pictures")
    a.add_argument("--size", type=int, default=128)
    a.add_argument("--batch", type=int, default=4)
    a.add_argument("--groups", type=int, default=4, help="looks in a batch; divides it and its half")
    a.add_argument("--frames", type=int, default=3)
    a.add_argument("--rate", type=float, default=1.5e-3)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--paintings")
    a.add_argument("--features")
    a.add_argument("--felt", type=float, default=0.03, help="weight of the distance to the teacher that SqueezeNet sees")
    a.add_argument("--painted", type=float, default=0.4)
    a.add_argument("--painted-batch", type=int, default=3)
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
    features, paintings = None, []
    if a.paintings:
        features = Features(a.features).to(device)
        paintings = [Painting(a.paintings, *details[:4], features) for _, *details in PAINTINGS]
        names += [p[0] for p in PAINTINGS]
    styles = torch.nn.Parameter(torch.nn.functional.normalize(torch.randn(len(names), STYLE), dim=1).to(device))
    optimiser = torch.optim.Adam([{"params": net.parameters()}, {"params": [styles], "lr": a.rate * 0.5}], lr=a.rate)
    step, spent, curve = 0, 0.0, []
    path = a.out if os.path.exists(a.out) else a.start
    if path:
        c = torch.load(path, map_location=device, weights_only=False)
        net.load_state_dict(c["net"])
        styles.data.copy_(c["styles"])
        if path == a.out:
            optimiser.load_state_dict(c["optimiser"])
        step, spent, curve = c["step"], c["spent"], c["curve"]
        rng.seed(a.seed + step)
        torch.manual_seed(a.seed + step)

    def drawn_shape(chance):
        plain = chance.random() < 0.7
        return a.size if plain else a.size + 64, a.frames + (chance.random() < 0.25), a.batch if plain else max(2, a.batch // 2)

    drawn_batches = loader(photos, drawn_shape, 0.15, a.seed + 2 * step, a.workers)
    painted_batches = loader(
        photos,
        lambda chance: (a.size + chance.choice((0, 32, 64)) + 2 * MARGIN, 2, a.painted_batch),
        0,
        a.seed + 2 * step + 1,
        a.workers // 3,
    )
    print(f"{len(photos.pictures)} photos, {sum(p.numel() for p in net.parameters())} parameters, step {step}", flush=True)
    net.train()
    began = last_save = time.monotonic()
    first, running, norms = step, {}, {}
    difficulty = [1.0] * len(LOOKS)
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    done = 0.0
    while done < 1 and not stopped:
        for group in optimiser.param_groups:
            group["lr"] = (
                a.rate * (0.5 if group["params"][0] is styles else 1) * (0.04 + 0.96 * (1 - done) ** 1.2) * min(1, (step - first + 1) / 100)
            )
        if step == PAINT_FROM:
            # Painted looks start between drawn ones, so that the trunk responds to them at once.
            for i, (*_, near) in enumerate(PAINTINGS):
                styles.data[len(LOOKS) + i] = torch.nn.functional.normalize(sum(styles.data[names.index(n)] for n in near), dim=0)
        painted = bool(paintings) and step >= PAINT_FROM and rng.random() < a.painted
        shots, pans = next(painted_batches if painted else drawn_batches)
        batch = (shots.to(device, non_blocking=True).float() / 255, pans)
        loss, seen = (
            painted_loss(net, styles, batch, rng, a, features, paintings)
            if painted
            else drawn_loss(net, styles, batch, rng, a, difficulty, features)
        )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = float(torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0))
        norms[painted] = 0.98 * norms.get(painted, norm) + 0.02 * norm
        optimiser.step()
        step += 1
        elapsed = (time.monotonic() - began) / 60
        done = elapsed / a.minutes if a.minutes else step / a.steps
        for look, value in seen:
            running[look] = 0.95 * running.get(look, value) + 0.05 * value
        if step % 100 == 0:
            drawn = [v for i, v in running.items() if i < len(LOOKS)]
            mean = sum(drawn) / len(drawn)
            # Looks that lag behind are trained more often, by up to a factor of four.
            difficulty = [min(4.0, max(0.7, (running.get(i, mean) / mean) ** 0.8)) for i in range(len(LOOKS))]
            curve.append((step, spent + elapsed, dict(running)))
            print(
                f"{step} {spent + elapsed:.1f}min mse {mean:.5f} "
                + " ".join(
                    f"{names[i]}:" + (f"{-10 * numpy.log10(running[i] + 1e-9):.1f}" if i < len(LOOKS) else f"{running[i]:.2f}")
                    for i in sorted(running)
                )
                + " norms "
                + " ".join(f"{v:.2f}" for _, v in sorted(norms.items())),
                flush=True,
            )
        if time.monotonic() - last_save > 120 or stopped or done >= 1:
            last_save = time.monotonic()
            torch.save(
                {
                    "net": net.state_dict(),
                    "styles": styles.data,
                    "optimiser": optimiser.state_dict(),
                    "step": step,
                    "spent": spent + elapsed,
                    "curve": curve,
                    "looks": names,
                },
                a.out + ".new",
            )
            os.replace(a.out + ".new", a.out)


if __name__ == "__main__":
    main()
