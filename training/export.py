"""Exports a checkpoint to ONNX; parity.py then writes PyTorch's results with those weights, for the C# tests.

Usage: export.py work/live-tiny.pt ../models/live-tiny/live-tiny.onnx
"""
import sys

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
        net,
        (frame, styles[:1], *LiveTiny.zero_state(frame)),
        sys.argv[2],
        opset_version=13,
        input_names=["frame", "style", "state_frame", "state_image", "state_info"],
        output_names=["image", "state_frame_out", "state_image_out", "state_info_out"],
        dynamic_axes={n: size for n in ("frame", "image", "state_frame", "state_frame_out", "state_image", "state_image_out")},
    )


main()
