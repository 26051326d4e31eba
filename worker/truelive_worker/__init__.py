"""Models in Python for TrueLive.

A model is a program that ends with ``serve``::

    from truelive_worker import Model, serve

    class Invert(Model):
        def step(self, frame, prompt):
            return 255 - frame.rgb

    serve(Invert)

Beside it lies a ``manifest.json`` with a ``command``. TrueLive starts the program, gives it one frame at a time in shared memory, and
shows what it returns. docs/workers.md leads through the first one.
"""

from ._model import Frame, Model, Picture, Prompt, Session, Value
from ._serve import serve

__all__ = ["Frame", "Model", "Picture", "Prompt", "Session", "Value", "serve"]
__version__ = "0.1.0"
