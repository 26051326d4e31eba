"""Inverts what is bright enough of the channels chosen, as much as the prompt's strength says. Needs numpy (Debian: python3-numpy)."""

import numpy
from numpy.typing import NDArray

from truelive_worker import Frame, Model, Prompt, serve

CHANNELS = {"all": slice(None), "red": slice(0, 1), "green": slice(1, 2), "blue": slice(2, 3)}


class Invert(Model):
    def step(self, frame: Frame, prompt: Prompt) -> NDArray[numpy.uint8]:
        if prompt.text == "":
            return frame.rgb
        inverted = frame.rgb.copy()
        chosen = inverted[:, :, CHANNELS[prompt.word("channels")]]
        numpy.subtract(255, chosen, out=chosen, where=chosen >= prompt.number("from"))
        if prompt.strength == 1:
            return inverted
        mixed = frame.rgb + prompt.strength * (inverted.astype(numpy.float32) - frame.rgb)
        return mixed.astype(numpy.uint8)


serve(Invert)
