"""The same pipeline in PyTorch as a worker, for eng/gpu-check: encode, one or more steps of the UNet, decode. shapes.json says which."""

import json
from pathlib import Path

import numpy
import torch
from shapes import TOKENS, Shapes

from truelive_worker import Frame, Model, Prompt, Session, serve


class Pipeline(Model):
    def load(self, folder: Path) -> None:
        told = json.loads((folder / "shapes.json").read_text("utf-8"))
        self.shapes, self.steps = Shapes(told["tiny"], told["device"]), told["steps"]
        self.words = self.shapes.random(1, TOKENS, self.shapes.width)

    def open(self, width: int, height: int) -> Session:
        return Stream(self, width, height)


class Stream(Session):
    @torch.inference_mode()
    def step(self, frame: Frame, prompt: Prompt) -> numpy.ndarray:
        model = self.model
        shapes = model.shapes
        picture = torch.from_numpy(frame.rgb.copy()).to(shapes.device).permute(2, 0, 1)[None].to(shapes.type) / 127.5 - 1
        x = shapes.encoder(picture)
        for at in model.steps:
            x = x - 0.5 * shapes.unet(x, torch.tensor([at], device=shapes.device), model.words)
        made = shapes.decoder(x)[0]
        return ((made.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy()


serve(Pipeline)
