"""Motion between two frames, and memory moved with it: what the host does to `state_frame` and `state_image` before a step.

src/TrueLive.Models/Motion is the same in C#; there the search is coarse to fine, here it is exhaustive.
"""
import torch
import torch.nn.functional as F

BLOCK = 16  # side of a block, which has one motion
REACH = 12  # the longest motion searched for along each axis, pixels a frame
PULL = 1.0  # how much better than none a motion must be, in 1/255 per pixel, and as a ratio
SAVE = 0.8


def carry(x, v):
    """x moved: out(p) = x(p + v), bilinear, border pixels repeated. v [B,2] or [B,2,H,W], (x, y) in pixels."""
    b, _, h, w = x.shape
    ys, xs = torch.meshgrid(torch.arange(h, dtype=x.dtype, device=x.device), torch.arange(w, dtype=x.dtype, device=x.device), indexing="ij")
    v = v.to(x.dtype)
    v = v[:, :, None, None] if v.dim() == 2 else v
    grid = torch.stack([(xs + v[:, 0]) * 2 / (w - 1) - 1, (ys + v[:, 1]) * 2 / (h - 1) - 1], -1).expand(b, h, w, 2)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=True)


def luma(x):
    return torch.round((x * x.new_tensor([0.299, 0.587, 0.114])[None, :, None, None]).sum(1, keepdim=True) * 255)


def estimate(now, before):
    """[1,2,H,W]: where each pixel of `now` came from in `before`, one motion a block, quarter pixels."""
    a, b = luma(now), luma(before)
    h, w = a.shape[2:]
    padded = F.pad(b, (REACH + 1,) * 4, mode="replicate")
    reach = range(-REACH - 1, REACH + 2)
    cost = torch.stack(
        [
            F.avg_pool2d(
                (a - padded[:, :, REACH + 1 + y : REACH + 1 + y + h, REACH + 1 + x : REACH + 1 + x + w]).abs(), BLOCK, ceil_mode=True
            )[0, 0]
            for y in reach
            for x in reach
        ]
    )
    side = len(reach)
    table = cost.view(side, side, *cost.shape[1:])
    inner = table[1:-1, 1:-1].reshape(-1, *cost.shape[1:])
    still = table[REACH + 1, REACH + 1]
    best, at = inner.min(0)
    moves = best < torch.minimum(still * SAVE, still - PULL)
    # Every block that the most common motion suits takes it: flat blocks match any motion.
    if moves.any():
        common = at[moves].mode().values
        shared = inner[common]
        at = torch.where(shared <= best + PULL, common, at)
        moves = moves | (shared < still * 0.95 - 0.25 * PULL)
    at = torch.where(moves, at, torch.full_like(at, inner.shape[0] // 2))
    iy, ix = at // (side - 2) + 1, at % (side - 2) + 1
    rows, columns = torch.meshgrid(torch.arange(at.shape[0]), torch.arange(at.shape[1]), indexing="ij")

    def part(low, middle, high):
        rise, near = torch.maximum(low, high) - middle, torch.minimum(low, high)
        clear = moves & (rise > PULL) & (near >= middle) & (middle > 0.15 * near)
        return torch.where(clear, 0.5 * (low - high) / rise.clamp(min=1e-3), torch.zeros_like(rise))

    middle = table[iy, ix, rows, columns]
    vx = ix - REACH - 1 + part(table[iy, ix - 1, rows, columns], middle, table[iy, ix + 1, rows, columns])
    vy = iy - REACH - 1 + part(table[iy - 1, ix, rows, columns], middle, table[iy + 1, ix, rows, columns])
    v = torch.round(torch.stack([vx, vy])[None] * 4) / 4
    return v.repeat_interleave(BLOCK, 2).repeat_interleave(BLOCK, 3)[:, :, :h, :w]
