"""LiveTiny: a causal, recurrent, style-conditioned video-to-video network.

One step: (frame, style, state) -> (image, state). The picture is a learnt blend of a fresh candidate and the previous
output; the blend weight is predicted per pixel, never reaches 1 and closes when the style changes, so the memory
forgets by construction and cannot drift. All shapes are free in H and W (multiples of 8).
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

STYLE = 32  # length of the style vector
MAX_HOLD = 0.92  # largest share of the previous output in an output
HOLD_SLOPE = 3.0  # steepness of the decision between holding and repainting
STYLE_CLOSE = 30.0  # how fast a change of style closes the blend
OFF_OPEN = 0.05  # mean difference of the frames over 5x5 pixels, or at the pixel, up to which the memory is held as the network wants it,
OFF_CLOSED = 0.09  # and from which on not at all
FAR = 0.06  # how far the held picture may be from a fresh one
GATE_CLOSED = 0.08  # below this a style adds no screen at all: a faint one does not look like brush strokes


class Film(nn.Module):
    """Scale and shift of every channel from the style vector (Perez et al. 2018)."""

    def __init__(self, channels):
        super().__init__()
        self.scale = nn.Linear(STYLE, channels)
        self.shift = nn.Linear(STYLE, channels)
        nn.init.normal_(self.scale.weight, std=0.1)
        nn.init.zeros_(self.scale.bias)
        nn.init.normal_(self.shift.weight, std=0.1)
        nn.init.zeros_(self.shift.bias)

    def forward(self, x, style):
        return x * (1 + self.scale(style))[:, :, None, None] + self.shift(style)[:, :, None, None]


class Block(nn.Module):
    def __init__(self, channels, dilation):
        super().__init__()
        self.a = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.b = nn.Conv2d(channels, channels, 3, padding=1)
        self.film = Film(channels)
        nn.init.normal_(self.b.weight, std=0.01)

    def forward(self, x, style):
        return x + self.b(F.relu(self.film(self.a(x), style)))


def waves(count):
    """[1, count, 4, 4]: plane waves and dots of period 4 or 2, the initial values of the screen."""
    y, x = torch.meshgrid(torch.arange(4.0), torch.arange(4.0), indexing="ij")
    turn = math.pi / 2
    basis = [f(turn * a) for a in (x + y, x - y, x, y) for f in (torch.cos, torch.sin)]
    basis += [torch.cos(math.pi * x), torch.cos(math.pi * y), torch.cos(math.pi * (x + y)), torch.cos(turn * x) + torch.cos(turn * y)]
    basis += [
        torch.cos(turn * x) * torch.cos(turn * y),
        torch.sin(turn * x) * torch.sin(turn * y),
        torch.sin(turn * x) * torch.cos(turn * y),
        torch.cos(turn * x) * torch.sin(turn * y),
    ]
    return torch.stack([basis[i % len(basis)] for i in range(count)])[None]


def shuffled(x):
    """F.pixel_shuffle(x, 2), first columns, then rows: ONNX Runtime's DepthToSpace runs on one thread and takes twice as long."""
    b, c, h, w = x.shape
    x = x.reshape(b, c // 2, 2, h * w).transpose(2, 3)
    return x.reshape(b, c // 4, 2, h, 2 * w).transpose(2, 3).reshape(b, c // 4, 2 * h, 2 * w)


class LiveTiny(nn.Module):
    """Three scales: half the resolution for detail, a quarter for shapes, an eighth for strokes, blocks and context.

    The host passes `last_frame` and `last_image` moved to where their content is now (motion.py).
    """

    def __init__(self, half=16, quarter=32, eighth=48, blocks=3):
        super().__init__()
        self.stem = nn.Conv2d(10, half, 3, stride=2, padding=1)
        self.down4 = nn.Conv2d(half, quarter, 3, stride=2, padding=1)
        self.shapes = Block(quarter, 1)
        self.down8 = nn.Conv2d(quarter, eighth, 3, stride=2, padding=1)
        self.trunk = nn.ModuleList(Block(eighth, 2 if i % 2 else 1) for i in range(blocks))
        self.up4 = nn.Conv2d(eighth, quarter, 1)
        self.strokes = Block(quarter, 1)
        self.up2 = nn.Conv2d(quarter, half, 1)
        self.merge = nn.Conv2d(half, half, 3, padding=1)
        self.film = Film(half)
        self.paint = nn.Conv2d(half, 4 * 4, 3, padding=1)
        nn.init.constant_(self.paint.bias[12:], 0.7)  # hold at first, learn where not to
        self.grade = nn.Linear(STYLE, 12)
        nn.init.normal_(self.grade.weight, std=0.05)
        # A screen of period 8 (halftone, engraving) that a style may add to the last features. Without it a network of
        # this size averages the pattern away: it would have to carry the position through the whole trunk.
        self.screen = nn.Parameter(waves(half))
        self.gate = nn.Linear(STYLE, half)
        nn.init.normal_(self.gate.weight, std=0.0125)
        nn.init.zeros_(self.gate.bias)

    def forward(self, frame, style, last_frame, last_image, last_info):
        b, _, h, w = frame.shape
        valid = last_info[:, STYLE : STYLE + 1]
        moved = ((style - last_info[:, :STYLE, 0, 0]) ** 2).sum(1)[:, None, None, None]
        hold = valid * torch.exp(-STYLE_CLOSE * moved)
        detail = F.relu(
            self.stem(torch.cat([frame, (frame - last_frame) * valid, (last_image - frame) * valid, hold.expand(b, 1, h, w)], 1))
        )
        shape = self.shapes(F.relu(self.down4(detail)), style)
        x = F.relu(self.down8(shape))
        for block in self.trunk:
            x = block(x, style)
        # Nearest neighbour, then convolution: no grid artefacts, eight-pixel blocks where a look wants them, and half
        # the time of a pixel shuffle in ONNX Runtime.
        x = self.strokes(F.interpolate(self.up4(x), scale_factor=2.0, mode="nearest") + shape, style)
        x = F.relu(F.interpolate(self.up2(x), scale_factor=2.0, mode="nearest") + detail)
        gate = self.gate(style)
        gate = gate - gate.clamp(-GATE_CLOSED, GATE_CLOSED)
        screen = self.film.shift(style)[:, :, None, None] + 4 * gate[:, :, None, None] * self.screen
        x = F.relu(self.merge(x) * (1 + self.film.scale(style))[:, :, None, None] + screen.repeat(1, 1, h // 8, w // 8))
        x = shuffled(self.paint(x))
        # A colour matrix of the style grades the frame itself, so that flat looks need no detail from the trunk.
        grade = self.grade(style).view(b, 3, 4)
        grade = torch.cat([grade[:, :, :3] + torch.eye(3, device=frame.device), grade[:, :, 3:]], 2)
        fresh = (torch.matmul(grade[:, :, :3], frame.flatten(2)) + grade[:, :, 3:]).view(b, 3, h, w) + x[:, :3]
        if not self.training:
            fresh = torch.clamp(fresh, 0, 1)
        keep = MAX_HOLD * torch.sigmoid(HOLD_SLOPE * x[:, 3:4]) * hold
        if not self.training:
            # Content that was moved wrongly shows as a difference of the frames over an area, where noise averages out, or at a
            # single pixel beyond the noise: the thin edges of things that pass in front. In addition, what is held may not
            # be far from what would be painted. All three keep ghosts of passing things out of the memory.
            red, green, blue = (frame - last_frame).abs().split(1, 1)
            off = (red + green + blue) / 3
            off = torch.maximum(F.avg_pool2d(off, 5, 1, 2), off)
            keep = keep * torch.clamp((OFF_CLOSED - off) / (OFF_CLOSED - OFF_OPEN), 0, 1)
        held = last_image - fresh
        image = fresh + keep * (held if self.training else torch.clamp(held, -FAR, FAR))
        info = torch.cat([style[:, :, None, None], torch.ones_like(valid)], 1)
        return image, frame, image, info

    @staticmethod
    def zero_state(frame):
        b, _, h, w = frame.shape
        return (frame.new_zeros(b, 3, h, w), frame.new_zeros(b, 3, h, w), frame.new_zeros(b, STYLE + 1, 1, 1))
