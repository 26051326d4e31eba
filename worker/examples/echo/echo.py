"""Gives every frame back unchanged: the least that a worker can do. Needs nothing but Python."""

from truelive_worker import Frame, Model, Prompt, serve


class Echo(Model):
    format = "i420"
    prompt = False

    def step(self, frame: Frame, prompt: Prompt) -> memoryview:
        return frame.data


serve(Echo)
