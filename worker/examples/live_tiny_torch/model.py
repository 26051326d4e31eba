"""The embedded model in PyTorch, with its own weights: what a model with memory looks like. Needs torch and numpy.

Four files of this repository belong beside this one: training/network.py, training/motion.py, training/live-tiny.pt, and
models/live-tiny/manifest.json as looks.json. The prompt is the id of a look, such as `ink`; the embedded model reads free text.
"""

import io
import json
from pathlib import Path

import numpy
import torch
from motion import carry, estimate
from network import LiveTiny

from truelive_worker import Frame, Model, Prompt, Session, serve


class LiveTinyTorch(Model):
    memory = True

    def load(self, folder: Path) -> None:
        self.net = LiveTiny().eval()
        # This checkpoint is TrueLive's own. A stranger's runs its maker's code where torch is older than 2.6.
        self.net.load_state_dict(torch.load(folder / "live-tiny.pt", map_location="cpu")["net"])
        looks = json.loads((folder / "looks.json").read_text("utf-8"))["looks"]
        self.styles = {look["id"]: torch.tensor([look["style"]]) for look in looks}

    def open(self, width: int, height: int) -> Session:
        return Stream(self, width, height)

    def style(self, prompt: Prompt) -> torch.Tensor:
        none = self.styles["identity"]
        if prompt.text == "":
            return none
        if prompt.text not in self.styles:
            raise ValueError(f"There is no look {prompt.text!r}. There are: {', '.join(self.styles)}.")
        return torch.lerp(none, self.styles[prompt.text], prompt.strength)


class Stream(Session):
    """The last frame, the last picture and what they were made with."""

    state = None

    @torch.inference_mode()
    def step(self, frame: Frame, prompt: Prompt) -> numpy.ndarray:
        picture = torch.from_numpy(frame.rgb.copy()).permute(2, 0, 1)[None].float() / 255
        if self.state is None:
            self.state = LiveTiny.zero_state(picture)
        else:
            motion = estimate(picture, self.state[0])
            self.state = (carry(self.state[0], motion), carry(self.state[1], motion), self.state[2])
        image, *state = self.model.net(picture, self.model.style(prompt), *self.state)
        self.state = tuple(state)
        return (image[0] * 255).round().byte().permute(1, 2, 0).numpy()

    def reset(self) -> None:
        self.state = None

    def capture(self) -> bytes:
        parts = io.BytesIO()
        numpy.savez(parts, *(part.numpy() for part in self.state or ()))
        return parts.getvalue()

    def restore(self, state: bytes) -> None:
        parts = numpy.load(io.BytesIO(state), allow_pickle=False)
        self.state = tuple(torch.from_numpy(parts[name]) for name in parts.files) or None


serve(LiveTinyTorch)
