"""What the author of a model writes, and what it is given."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, List, Mapping, NamedTuple, Optional, Tuple, Type, TypeVar, Union

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray


Value = Union[float, str, bool]
"""The value of a parameter: a number, a choice or text, a flag."""

_Kind = TypeVar("_Kind", float, str, bool)


class Prompt(NamedTuple):
    """What the user asks for."""

    text: str
    """As it was typed; empty for none."""

    strength: float
    """0 keeps the picture, 1 is the full look."""

    revision: int
    """Counts the prompts of a session; a picture is labelled with that of the step that made it."""

    values: Mapping[str, Value] = MappingProxyType({})
    """What is set of the parameters that manifest.json declares, by id; each has a value."""

    def number(self, id: str) -> float:
        """The value of a number."""
        return self._value(id, float)

    def flag(self, id: str) -> bool:
        """The value of a flag."""
        return self._value(id, bool)

    def word(self, id: str) -> str:
        """The value of a choice or a text."""
        return self._value(id, str)

    def _value(self, id: str, kind: Type[_Kind]) -> _Kind:
        value = self.values.get(id)
        if value is None:
            raise KeyError(f"manifest.json declares no parameter {id!r}; it has: {', '.join(self.values) or 'none'}.")
        if not isinstance(value, kind):
            raise TypeError(f"The parameter {id!r} is a {type(value).__name__}, not a {kind.__name__}.")
        return value


class Frame:
    """A frame of the stream. Its memory is the host's: it may be read during the step only, and is copied to be kept."""

    __slots__ = ("data", "height", "index", "time", "width", "_format")

    def __init__(self, data: memoryview, width: int, height: int, index: int, time: float, format: str) -> None:
        self.data = data
        """The bytes: ``width * height * 3`` of ``rgb8``, or the three planes of ``i420`` one after the other."""
        self.width = width
        self.height = height
        self.index = index
        """Counts the frames that the session was given."""
        self.time = time
        """When it was taken, in seconds on the source's own timeline."""
        self._format = format

    @property
    def rgb(self) -> "NDArray[numpy.uint8]":
        """The picture as ``uint8[height, width, 3]``, not to be written to (needs numpy; format ``rgb8``)."""
        import numpy

        if self._format != "rgb8":
            raise TypeError("This model's format is i420: use frame.planes, or set format = 'rgb8'.")
        return numpy.frombuffer(self.data, numpy.uint8).reshape(self.height, self.width, 3)

    @property
    def planes(self) -> Tuple["NDArray[numpy.uint8]", "NDArray[numpy.uint8]", "NDArray[numpy.uint8]"]:
        """Luma and the two chroma planes of half its size, not to be written to (needs numpy; format ``i420``)."""
        import numpy

        if self._format != "i420":
            raise TypeError("This model's format is rgb8: use frame.rgb, or set format = 'i420'.")
        whole = numpy.frombuffer(self.data, numpy.uint8)
        luma, chroma = self.width * self.height, self.width * self.height // 4
        half = (self.height // 2, self.width // 2)
        return (
            whole[:luma].reshape(self.height, self.width),
            whole[luma : luma + chroma].reshape(half),
            whole[luma + chroma :].reshape(half),
        )


class Picture(NamedTuple):
    """A picture that a step made, where it must be said of which frame."""

    data: Any
    """Bytes in the model's format, or a numpy array ``uint8[height, width, 3]`` (``rgb8``)."""

    source: int
    """``index`` of the frame that it shows."""

    revision: Optional[int] = None
    """Revision of the prompt that made it; None for the one of this step."""


Result = Union[None, Any, Picture, List[Any]]
"""What a step returns: nothing yet, a picture, or several in the order of their frames."""


class Session:
    """One stream's memory. One call at a time.

    A model that remembers nothing between frames needs none of its own: this one asks ``Model.step``.
    """

    def __init__(self, model: "Model", width: int, height: int) -> None:
        self.model = model
        self.width = width
        self.height = height

    def step(self, frame: Frame, prompt: Prompt) -> Result:
        """Takes one frame and returns what became ready."""
        return self.model.step(frame, prompt)

    def flush(self, prompt: Prompt) -> Result:
        """Returns what is still inside at the end of a stream, a few pictures at a time; None when that is nothing."""
        return None

    def reset(self) -> None:
        """Forgets everything: the next step is a first step."""

    def capture(self) -> bytes:
        """A copy of the memory, from which a session of the same model and size goes on exactly."""
        raise NotImplementedError("A model with memory, chunks or a lag needs capture() and restore() to render clips.")

    def restore(self, state: bytes) -> None:
        """Goes on from such a copy."""
        raise NotImplementedError("A model with memory, chunks or a lag needs capture() and restore() to render clips.")

    def close(self) -> None:
        """The stream has ended."""


class Model:
    """The weights: loaded once, used by all sessions, by one thread."""

    format: str = "rgb8"
    """How pictures lie in memory: ``rgb8``, or ``i420`` as video has them, which saves the conversion."""

    takes: int = 1
    """Frames that go in, one a step, before one step returns pictures."""

    gives: int = 1
    """Pictures that a step returns at most."""

    lag: int = 0
    """Frames by which a picture lies behind the newest frame."""

    memory: bool = False
    """A step depends on those before it. Sessions then have ``reset``, ``capture`` and ``restore``."""

    prompt: bool = True
    """Text changes something."""

    def load(self, folder: Path) -> None:
        """Loads the weights, once, before the first session.

        :param folder: The model's own folder, which may be read and not written to.
        """

    def open(self, width: int, height: int) -> Session:
        """A session for pictures of a size."""
        return Session(self, width, height)

    def step(self, frame: Frame, prompt: Prompt) -> Result:
        """Takes one frame and returns its picture: all that a model without memory needs."""
        raise NotImplementedError(f"{type(self).__name__} has neither step() nor a session of its own.")
