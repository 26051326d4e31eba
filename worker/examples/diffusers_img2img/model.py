"""SD-Turbo in PyTorch, one step a frame. NOT RUN HERE: it needs a GPU, torch, diffusers, and weights beside this file.

Put the folder of the pipeline (model_index.json and what it names, as `huggingface-cli download stabilityai/sd-turbo --local-dir weights`
leaves it) into `weights`. The licence of the weights is their makers'. A worker has no network, so nothing is fetched while it runs.
"""

from pathlib import Path

import numpy
import torch
from diffusers import AutoPipelineForImage2Image

from truelive_worker import Frame, Model, Prompt, Session, serve


class Turbo(Model):
    def load(self, folder: Path) -> None:
        self.pipe = AutoPipelineForImage2Image.from_pretrained(folder / "weights", torch_dtype=torch.float16, use_safetensors=True).to(
            "cuda"
        )
        self.pipe.set_progress_bar_config(disable=True)
        self.pipe.safety_checker = None

    def open(self, width: int, height: int) -> Session:
        return Stream(self, width, height)


class Stream(Session):
    """Keeps the words' embedding; the noise is the same for all frames, which holds the picture still."""

    words = None
    embedding = None

    @torch.inference_mode()
    def step(self, frame: Frame, prompt: Prompt) -> numpy.ndarray:
        if prompt.text == "" or prompt.strength == 0:
            return frame.rgb
        pipe = self.model.pipe
        if self.words != prompt.text:
            self.words = prompt.text
            self.embedding, _ = pipe.encode_prompt(prompt.text, "cuda", 1, False)
        picture = torch.from_numpy(frame.rgb.copy()).permute(2, 0, 1)[None].half().cuda() / 255
        # One step runs where steps * strength is 1 at least.
        strength = max(0.1, 0.6 * prompt.strength)
        made = pipe(
            image=picture,
            prompt_embeds=self.embedding,
            strength=strength,
            num_inference_steps=int(numpy.ceil(1 / strength)),
            guidance_scale=0.0,
            generator=torch.Generator("cuda").manual_seed(2),
            output_type="pt",
        ).images[0]
        return (made.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()


serve(Turbo)
