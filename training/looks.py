"""The drawn looks: classical operators that serve as teachers. Each takes and gives RGB in 0..1, [B,3,H,W]."""
import math
import torch
import torch.nn.functional as F


def gray(x):
    return (x * x.new_tensor([0.299, 0.587, 0.114])[None, :, None, None]).sum(1, keepdim=True)


def blur(x, sigma):
    r = max(1, int(2.5 * sigma + 0.5))
    t = torch.arange(-r, r + 1, dtype=x.dtype, device=x.device)
    k = torch.exp(-t * t / (2 * sigma * sigma))
    k = k / k.sum()
    c = x.shape[1]
    x = F.conv2d(F.pad(x, (r, r, 0, 0), mode="replicate"), k[None, None, None, :].expand(c, 1, 1, -1), groups=c)
    return F.conv2d(F.pad(x, (0, 0, r, r), mode="replicate"), k[None, None, :, None].expand(c, 1, -1, 1), groups=c)


def box(x, r):
    k = 2 * r + 1
    return F.avg_pool2d(F.pad(x, (r, r, r, r), mode="replicate"), k, 1)


def kuwahara(x, r):
    """Mean of the calmest of four windows (Kuwahara 1976), blended by inverse variance so that it is smooth."""
    m = box(x, r // 2 + 1)
    v = (box(x * x, r // 2 + 1) - m * m).mean(1, keepdim=True).clamp(min=0)
    d = r // 2 + 1
    m = F.pad(m, (d, d, d, d), mode="replicate")
    v = F.pad(v, (d, d, d, d), mode="replicate")
    h, w = x.shape[2:]
    num = den = 0
    for dy in (0, 2 * d):
        for dx in (0, 2 * d):
            weight = 1 / (v[:, :, dy : dy + h, dx : dx + w] + 1e-4) ** 3
            num = num + weight * m[:, :, dy : dy + h, dx : dx + w]
            den = den + weight
    return num / den


def sobel(g):
    g = F.pad(g, (1, 1, 1, 1), mode="replicate")
    k = g.new_tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])[None, None] / 4
    return F.conv2d(g, k), F.conv2d(g, k.transpose(2, 3))


def smooth_step(x, low, high):
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def xdog(g, sigma=0.9, tau=0.97, phi=18.0, eps=0.0):
    """Extended difference of Gaussians (Winnemoeller 2012): 1 is paper, 0 is line."""
    d = blur(g, sigma) - tau * blur(g, sigma * 1.6)
    return torch.sigmoid(phi * 4 * (d - eps - 0.005))


def saturate(x, amount):
    g = gray(x)
    return (g + (x - g) * amount).clamp(0, 1)


def ramp(g, colours):
    """Piecewise-linear colour map of a grey picture."""
    table = g.new_tensor(colours)
    n = len(colours) - 1
    t = g.clamp(0, 1) * n
    out = 0
    for i in range(n + 1):
        out = out + (1 - (t - i).abs()).clamp(min=0) * table[i][None, :, None, None]
    return out


def place(x, period):
    """Position within a cell of `period` pixels, 0..period-1, as two [1,1,H,W] maps."""
    h, w = x.shape[2:]
    yy = (torch.arange(h, device=x.device, dtype=x.dtype) % period)[None, None, :, None].expand(1, 1, h, w)
    xx = (torch.arange(w, device=x.device, dtype=x.dtype) % period)[None, None, None, :].expand(1, 1, h, w)
    return xx, yy


def identity(x):
    return x


def cartoon(x):
    flat = saturate(kuwahara(x, 4), 1.55)
    g = gray(flat)
    levels = 5.0
    step = torch.round(g * levels) / levels
    flat = (flat * (0.35 + 0.65 * (step + 0.05) / (g + 0.05))).clamp(0, 1)
    line = smooth_step(xdog(gray(x), 1.1, 0.97, 14), 0.25, 0.75)
    return (flat * 1.06).clamp(0, 1) * (0.12 + 0.88 * line)


def ink(x):
    line = xdog(blur(gray(x), 0.6), 1.0, 0.965, 11)
    shade = smooth_step(blur(gray(x), 1.5), 0.08, 0.40)
    v = smooth_step(line * (0.25 + 0.75 * shade), 0.1, 0.9)
    return ramp(v, [[0.07, 0.07, 0.10], [0.97, 0.96, 0.92]])


def neon(x):
    """Cyan tubes along the edges with a magenta glow."""
    gx, gy = sobel(blur(gray(x), 1.2))
    tube = smooth_step(torch.sqrt(gx * gx + gy * gy + 1e-5), 0.02, 0.2)
    colours = x.new_tensor([[0.04, 0.02, 0.10], [0.15, 0.90, 1.0], [0.95, 0.08, 0.75]])[:, None, :, None, None]
    return (colours[0] + 0.8 * tube * colours[1] + 0.7 * blur(tube, 2.0) * colours[2]).clamp(0, 1)


def thermal(x):
    return ramp(
        blur(gray(x), 1.2),
        [[0.0, 0.0, 0.15], [0.25, 0.0, 0.55], [0.65, 0.05, 0.55], [0.93, 0.25, 0.25], [1.0, 0.6, 0.05], [1.0, 0.95, 0.55]],
    )


def oil(x):
    p = saturate(kuwahara(kuwahara(x, 3), 4), 1.45)
    gx, gy = sobel(gray(p))
    return (p * (1 + 1.5 * (gx + gy))).clamp(0, 1)


def noir(x):
    g = smooth_step(gray(x), 0.12, 0.78)
    return g.expand(-1, 3, -1, -1) * x.new_tensor([0.97, 0.98, 1.0])[None, :, None, None]


def watercolour(x):
    p = kuwahara(x, 6)
    edge = smooth_step(gray(blur(p, 2.0)) - gray(p), 0.02, 0.12)
    p = 1 - (1 - saturate(p, 0.9)) * 0.68
    return (p * (1 - 0.35 * edge)).clamp(0, 1)


def film(x):
    c = smooth_step(x, -0.08, 1.08)
    g = gray(x)
    warm = x.new_tensor([1.08, 1.0, 0.84])[None, :, None, None]
    teal = x.new_tensor([-0.02, 0.025, 0.06])[None, :, None, None]
    return (c * warm + (1 - g) * teal).clamp(0.02, 1)


def relief(x):
    gx, gy = sobel(blur(gray(x), 0.8))
    v = 0.5 + 1.6 * (gx + gy)
    return ramp(v, [[0.10, 0.08, 0.06], [0.55, 0.48, 0.40], [1.0, 0.95, 0.86]])


def pencil(x):
    g = gray(x)
    dodge = ((g + 0.02) / (blur(g, 3.0) + 0.02)).clamp(0, 1.02)
    v = smooth_step(dodge, 0.55, 1.0) * (0.45 + 0.55 * smooth_step(blur(g, 2), 0.05, 0.55))
    return ramp(v, [[0.16, 0.16, 0.18], [0.98, 0.98, 0.97]])


def blueprint(x):
    gx, gy = sobel(blur(gray(x), 1.0))
    m = smooth_step(torch.sqrt(gx * gx + gy * gy + 1e-5), 0.015, 0.22)
    return ramp(0.18 * gray(x) + 0.82 * m, [[0.03, 0.16, 0.45], [0.10, 0.33, 0.70], [0.92, 0.97, 1.0]])


def sepia(x):
    return ramp(smooth_step(gray(x), -0.05, 1.0), [[0.12, 0.07, 0.03], [0.58, 0.43, 0.27], [1.0, 0.94, 0.80]])


def xray(x):
    g = gray(x)
    v = 1 - blur(g, 0.7) + 1.2 * (g - blur(g, 2.0))
    return ramp(v, [[0.0, 0.02, 0.05], [0.20, 0.42, 0.55], [0.90, 0.99, 1.0]])


def night_vision(x):
    g = blur(gray(x), 0.6)
    return ramp((g * 1.25 + 0.03).clamp(0, 1) ** 0.8, [[0.0, 0.05, 0.0], [0.10, 0.55, 0.10], [0.75, 1.0, 0.55]])


def dream(x):
    glow = blur(saturate(x, 1.3), 4.0)
    y = 1 - (1 - blur(x, 0.7) * 0.9) * (1 - glow * 0.55)
    return (y * x.new_tensor([1.03, 0.97, 1.05])[None, :, None, None]).clamp(0, 1)


def pop(x):
    p = saturate(blur(kuwahara(x, 3), 0.5), 1.9)
    return smooth_step(p, 0.12, 0.80) * 0.85 + 0.15 * p


def pixel(x):
    h, w = x.shape[2:]
    p = F.avg_pool2d(x, 8)
    return F.interpolate(saturate(p, 1.2), scale_factor=8, mode="nearest")[:, :, :h, :w]


def halftone(x):
    c = saturate(kuwahara(x, 3), 1.5)
    xx, yy = place(x, 8)
    d = torch.minimum(
        ((xx - 3.5) ** 2 + (yy - 3.5) ** 2),
        torch.minimum(
            torch.minimum((xx + 0.5) ** 2, (xx - 7.5) ** 2) + torch.minimum((yy + 0.5) ** 2, (yy - 7.5) ** 2), torch.full_like(xx, 99.0)
        ),
    )
    radius = 0.6 + 3.4 * (1 - blur(gray(c), 1.5)).clamp(0, 1)
    dot = torch.sigmoid((d.sqrt() - radius) * 1.5)
    paper = 1 - (1 - c) * 0.45
    return paper * dot + (c * 0.55) * (1 - dot)


def engraving(x):
    g = smooth_step(blur(gray(x), 1.0), 0.0, 0.95)
    xx, yy = place(x, 8)
    wave = 0.5 + 0.5 * torch.cos(2 * math.pi * (xx + yy) / 8)
    v = torch.sigmoid((g - 0.12 - 0.62 * wave * (1 - 0.4 * g)) * 5.5)
    return ramp(v, [[0.13, 0.09, 0.05], [0.96, 0.92, 0.82]])


def gold(x):
    return ramp(smooth_step(gray(x), 0.0, 0.95), [[0.05, 0.02, 0.0], [0.42, 0.22, 0.04], [0.86, 0.62, 0.18], [1.0, 0.96, 0.74]])


def underwater(x):
    y = blur(x, 0.8)
    return (ramp(gray(y), [[0.0, 0.07, 0.16], [0.03, 0.36, 0.48], [0.55, 0.92, 0.88]]) * 0.75 + y * 0.25).clamp(0, 1)


def vaporwave(x):
    return ramp(smooth_step(gray(x), 0.02, 0.92), [[0.10, 0.03, 0.28], [0.45, 0.10, 0.62], [0.98, 0.33, 0.62], [0.45, 0.92, 0.98]])


def winter(x):
    y = saturate(x, 0.45)
    y = y * x.new_tensor([0.86, 0.97, 1.10])[None, :, None, None] + 0.10
    return smooth_step(y, -0.05, 1.05)


LOOKS = [
    ("identity", identity),
    ("cartoon", cartoon),
    ("ink", ink),
    ("neon", neon),
    ("thermal", thermal),
    ("oil", oil),
    ("noir", noir),
    ("watercolour", watercolour),
    ("film", film),
    ("relief", relief),
    ("pencil", pencil),
    ("blueprint", blueprint),
    ("sepia", sepia),
    ("xray", xray),
    ("night-vision", night_vision),
    ("dream", dream),
    ("pop", pop),
    ("pixel", pixel),
    ("halftone", halftone),
    ("engraving", engraving),
    ("gold", gold),
    ("underwater", underwater),
    ("vaporwave", vaporwave),
    ("winter", winter),
]
