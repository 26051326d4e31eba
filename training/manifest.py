"""Writes models/live-tiny/manifest.json from a checkpoint, the anchors and the figures of evaluate.py.

Usage: manifest.py work/live-tiny.pt ../models/live-tiny [--figures work/figures.json] [--without LOOK ...]
"""
import argparse
import hashlib
import json
import os

import torch

from anchors import ANCHORS
from network import FAR, HOLD_SLOPE, MAX_HOLD, OFF_CLOSED, OFF_OPEN, STYLE, STYLE_CLOSE
from prompts import KEEP, KNOWN, STOP, TEMPERATURE

TEXTS = {
    "identity": ("Original", "The camera as it is, cleaned of noise."),
    "cartoon": ("Cartoon", "Flat, lively colours with dark outlines."),
    "ink": ("Ink", "Black brush lines on warm paper."),
    "neon": ("Neon", "Glowing edges in the dark."),
    "thermal": ("Thermal", "The colours of a heat camera, from brightness."),
    "oil": ("Oil", "Broad strokes of saturated paint."),
    "noir": ("Noir", "Hard black and white."),
    "watercolour": ("Watercolour", "Pale washes with darker rims."),
    "film": ("Film", "Warm highlights and teal shadows."),
    "relief": ("Relief", "Carved stone lit from the side."),
    "pencil": ("Pencil", "Graphite on white paper."),
    "blueprint": ("Blueprint", "White lines on drafting blue."),
    "sepia": ("Sepia", "A brown-toned old print."),
    "xray": ("X-ray", "A cold negative."),
    "night-vision": ("Night vision", "Green amplified light."),
    "dream": ("Dream", "Soft glow over softened light."),
    "pop": ("Pop", "Loud, saturated poster colours."),
    "pixel": ("Pixel", "Blocks of eight pixels."),
    "halftone": ("Halftone", "Comic colours under a dot screen."),
    "engraving": ("Engraving", "Dark diagonal lines as on a banknote."),
    "gold": ("Gold", "Polished metal, black to bright gold."),
    "underwater": ("Underwater", "Blue-green depth."),
    "vaporwave": ("Vaporwave", "Violet to pink to cyan."),
    "winter": ("Winter", "Pale, cold light."),
    "starry-night": ("Starry night", "Short strokes in the blues and pale yellows of Van Gogh's Starry Night, 1889."),
    "great-wave": ("Great wave", "Navy hatching on cream paper after Hokusai's Great Wave, about 1831."),
}


def main():
    a = argparse.ArgumentParser()
    a.add_argument("checkpoint")
    a.add_argument("folder")
    a.add_argument("--figures")
    a.add_argument("--without", nargs="*", default=[])
    a = a.parse_args()
    c = torch.load(a.checkpoint, map_location="cpu", weights_only=False)
    folder = a.folder
    shown = [(i, n) for i, n in enumerate(c["looks"]) if n not in a.without]
    onnx = open(os.path.join(folder, "live-tiny.onnx"), "rb").read()
    measured = json.load(open(a.figures)) if a.figures else None
    manifest = {
        "schema": "truelive-model/1",
        "id": "live-tiny",
        "version": f"2.{c['step']}",
        "title": "Live Tiny",
        "description": f"TrueLive's own causal video network: {len(shown)} looks steered by text, with a memory of the frame before. "
        "Made for live use on two processor cores.",
        "licence": "MIT",
        "file": "live-tiny.onnx",
        "sha256": hashlib.sha256(onnx).hexdigest(),
        "frame": {"input": "frame", "layout": "nchw", "type": "float32", "colour": "rgb", "range": [0, 1]},
        "output": {"name": "image", "role": "image", "layout": "nchw", "type": "float32", "colour": "rgb", "range": [0, 1]},
        "size": {"min": 192, "max": 1280, "multiple": 8},
        "states": [
            {"input": "state_frame", "output": "state_frame_out", "channels": 3, "divide": 1, "follows_motion": True},
            {"input": "state_image", "output": "state_image_out", "channels": 3, "divide": 1, "follows_motion": True},
            {"input": "state_info", "output": "state_info_out", "shape": [1, STYLE + 1, 1, 1]},
        ],
        "style": {"input": "style", "length": STYLE},
        # Names that torch.onnx.export assigns; when the model is loaded, the result is compared with that of the whole graph.
        "fused": {
            "stem": "/Concat_1_output_0",
            "screen": "/Add_2_output_0",
            "tiles": "/Tile_output_0",
            "grade": "/grade/Gemm_output_0",
            "paint": "/paint/Conv_output_0",
            "max_hold": MAX_HOLD,
            "hold_slope": HOLD_SLOPE,
            "style_close": STYLE_CLOSE,
            "off_open": OFF_OPEN,
            "off_closed": OFF_CLOSED,
            "far": FAR,
        },
        "prompt": {"words": "words.bin", "temperature": TEMPERATURE, "known": KNOWN, "keep": KEEP, "stop": sorted(STOP)},
        "looks": [
            {
                "id": name,
                "title": TEXTS[name][0],
                "description": TEXTS[name][1],
                "anchors": ANCHORS[name],
                "style": [round(float(v), 5) for v in c["styles"][i]],
            }
            for i, name in shown
        ],
        "reference_image": "Not offered: no encoder from picture to style was trained.",
        "measured": measured,
    }
    json.dump(manifest, open(os.path.join(folder, "manifest.json"), "w"), indent=1, ensure_ascii=False)


main()
