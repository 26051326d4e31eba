"""Training pictures: photographs, sequences of one photo under a pan, and batches of those made by worker processes."""
import glob
import os
import random

import numpy
import torch
import torch.nn.functional as F
from PIL import Image


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
        """[T,3,size,size] in 0..1 of one photo under a pan (or still), and the pan (x, y) in pixels a frame: integers up to 5 and,
        in 30 % of training sequences, multiples of a half, made from a picture of twice the size."""
        p = rng.choice(self.pictures)
        zoom = rng.uniform(0.55, 1.25)
        fine = self.fine and rng.random() < 0.3
        vx, vy = (0, 0) if rng.random() < 0.5 else (rng.randint(-5, 5), rng.randint(-5, 5))
        side = 2 * size if fine else size
        need_h, need_w = side + abs(vy) * (frames - 1), side + abs(vx) * (frames - 1)
        h, w = max(need_h, int(p.shape[1] * zoom)), max(need_w, int(p.shape[2] * zoom))
        src_h, src_w = min(p.shape[1], max(1, int(need_h * p.shape[1] / h))), min(p.shape[2], max(1, int(need_w * p.shape[2] / w)))
        y, x = rng.randint(0, p.shape[1] - src_h), rng.randint(0, p.shape[2] - src_w)
        part = p[:, y : y + src_h, x : x + src_w][None].float() / 255
        part = F.interpolate(part, (need_h, need_w), mode="bilinear", align_corners=False, antialias=src_h > need_h)[0]
        if rng.random() < 0.5:
            part = part.flip(2)
        gain, lift, gamma = rng.uniform(0.75, 1.15), rng.uniform(-0.05, 0.06), rng.uniform(0.8, 1.3)
        tint = torch.tensor([rng.uniform(0.92, 1.08) for _ in range(3)])[:, None, None]
        part = (part.clamp(1e-4, 1) ** gamma * gain * tint + lift).clamp(0, 1)
        y0, x0 = (need_h - side if vy < 0 else 0), (need_w - side if vx < 0 else 0)
        shots = torch.stack([part[:, y0 + vy * t : y0 + vy * t + side, x0 + vx * t : x0 + vx * t + side] for t in range(frames)])
        return (F.avg_pool2d(shots, 2), (vx / 2, vy / 2)) if fine else (shots, (vx, vy))

    def sequence_with_object(self, size, frames, rng):
        """The same with a blob of another photo that moves on its own, which no motion of the whole picture explains."""
        sequence, pan = self.sequence(size, frames, rng)
        other, _ = self.sequence(size, 1, rng)
        vx, vy, x, y, r = rng.randint(-6, 6), rng.randint(-6, 6), rng.randrange(size), rng.randrange(size), rng.randint(12, size // 3)
        ys, xs = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        out = []
        for t in range(frames):
            mask = torch.sigmoid((r - ((xs - x - vx * t) ** 2 + (ys - y - vy * t) ** 2).float().sqrt()) / 1.5)
            out.append(sequence[t] + mask * (other[0].roll((vy * t, vx * t), (1, 2)) - sequence[t]))
        return torch.stack(out), pan


class Batches(torch.utils.data.IterableDataset):
    """Endless batches: frames as bytes [T,B,3,H,W] and pans [B,2]. `shape(rng)` gives size, frames and count of the next one."""

    def __init__(self, photos, shape, objects, seed):
        self.photos, self.shape, self.objects, self.seed = photos, shape, objects, seed

    def __iter__(self):
        torch.set_num_threads(1)
        worker = torch.utils.data.get_worker_info()
        rng = random.Random(self.seed * 1000 + (worker.id if worker else 0))
        while True:
            size, frames, count = self.shape(rng)
            drawn = [
                (self.photos.sequence_with_object if rng.random() < self.objects else self.photos.sequence)(size, frames, rng)
                for _ in range(count)
            ]
            yield (torch.stack([d[0] for d in drawn], 1) * 255).round().byte(), torch.tensor([d[1] for d in drawn], dtype=torch.float32)


def loader(photos, shape, objects, seed, workers):
    """An endless iterator over such batches, made by `workers` processes (0: by this one)."""
    ahead = {"prefetch_factor": 4} if workers else {}
    return iter(
        torch.utils.data.DataLoader(
            Batches(photos, shape, objects, seed), batch_size=None, num_workers=workers, pin_memory=torch.cuda.is_available(), **ahead
        )
    )
