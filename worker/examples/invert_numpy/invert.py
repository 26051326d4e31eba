"""Inverts the picture, as much as the prompt's strength says. Needs numpy (Debian: python3-numpy)."""

import numpy

from truelive_worker import Frame, Model, Prompt, serve


class Invert(Model):
    def step(self, frame: Frame, prompt: Prompt) -> numpy.ndarray:
        if prompt.text == "":
            return frame.rgb
        inverted = 255 - frame.rgb
        if prompt.strength == 1:
            return inverted
        mixed = frame.rgb + prompt.strength * (inverted.astype(numpy.float32) - frame.rgb)
        return mixed.astype(numpy.uint8)


serve(Invert)
