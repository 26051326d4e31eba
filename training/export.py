"""Exports a checkpoint to ONNX, and writes what PyTorch computes on given inputs so that the C# tests can check parity.

Usage: export.py work/live-tiny.pt ../models/live-tiny/live-tiny.onnx [--parity ../tests/TrueLive.Models.Tests/parity.bin]
"""
import sys

import numpy
import torch

from network import LiveTiny, STYLE


def main():
    c = torch.load(sys.argv[1], map_location="cpu") if sys.argv[1] != "none" else None
    net = LiveTiny()
    styles = torch.randn(2, STYLE)
    if c:
        net.load_state_dict(c["net"])
        styles = c["styles"]
    net.eval()
    frame = torch.rand(1, 3, 192, 256)
    size = {2: "height", 3: "width"}
    torch.onnx.export(
        net, (frame, styles[:1], *LiveTiny.zero_state(frame)), sys.argv[2], opset_version=13,
        input_names=["frame", "style", "state_frame", "state_image", "state_info"],
        output_names=["image", "state_frame_out", "state_image_out", "state_info_out"],
        dynamic_axes={n: size for n in ("frame", "image", "state_frame", "state_frame_out", "state_image", "state_image_out")})
    if len(sys.argv) > 4 and sys.argv[3] == "--parity":
        # 30 frames of a drifting pattern that C# makes from the same formula; of each output the mean and nine samples.
        h, w = 192, 256
        y, x = torch.meshgrid(torch.arange(h, dtype=torch.float64), torch.arange(w, dtype=torch.float64), indexing="ij")
        state = LiveTiny.zero_state(frame)
        rows = []
        with torch.no_grad():
            for t in range(30):
                planes = [0.5 + 0.3 * torch.sin((x * (0.05 + 0.02 * k) + y * 0.03 * (k + 1) + t * 0.4)) + 0.2 * torch.cos(y * 0.11 - t * 0.2 * k) for k in range(3)]
                picture = torch.stack(planes)[None].clamp(0, 1).float()
                style = styles[1 + t // 10 % (len(styles) - 1)][None]
                image, *state = net(picture, style, *state)
                flat = image.reshape(-1)
                rows.append(torch.cat([flat.mean()[None], flat[torch.arange(9) * (flat.numel() // 9) + 1234]]))
        out = torch.cat([torch.cat([styles[1 + k % (len(styles) - 1)] for k in range(3)]), torch.stack(rows).reshape(-1)])
        open(sys.argv[4], "wb").write(out.numpy().astype("<f4").tobytes())


main()
