"""The worker's loop: one thread receives and answers pings, the main thread runs the model."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, Type, Union

from ._link import CONTROL, MADE, MADE_BODY, MADE_PICTURE, STATE, STEP, STEP_BODY, Link, Slots, Step
from ._model import Frame, Model, Picture, Prompt, Session, Value

# What the host shows of a failure.
_DETAIL = 8000

# Time for a step to end in, once the host is gone.
_PATIENCE = 5.0


def serve(model: Union[Model, Type[Model]]) -> None:
    """Serves a model until the host ends. The last line of a worker's program."""
    path, token = os.environ.get("TRUELIVE_WORKER_SOCKET"), os.environ.get("TRUELIVE_WORKER_TOKEN")
    if path is None or token is None:
        sys.exit("This program is a model, which TrueLive starts: truelive models check FOLDER, with the folder that it lies in.")
    link = Link(path)
    link.tell("hello", protocol=1, token=token)
    _Worker(link, model() if isinstance(model, type) else model).run()


class _Stream:
    """A session with its pictures."""

    def __init__(self, session: Session, slots: Slots, width: int, height: int, values: Mapping[str, Value]) -> None:
        self.session = session
        self.slots = slots
        self.width = width
        self.height = height
        self.prompt = Prompt("", 1.0, 0, values)


class _Worker:
    def __init__(self, link: Link, model: Model) -> None:
        self._link = link
        self._model = model
        self._streams: Dict[int, _Stream] = {}
        self._defaults: Mapping[str, Value] = {}
        self._todo: "queue.SimpleQueue[Optional[Tuple[int, Any, List[int]]]]" = queue.SimpleQueue()

    def run(self) -> None:
        threading.Thread(target=self._receive, name="truelive-link", daemon=True).start()
        while True:
            message = self._todo.get()
            if message is None:
                return
            kind, body, files = message
            if kind == STEP:
                self._step(body)
            elif kind == STATE:
                number, state = int.from_bytes(body[:4], "little"), bytes(body[4:])
                self._guard("session", number, 0, lambda: self._restore(number, state))
            else:
                self._control(body, files)

    # Beside the model, so that a ping is answered while it computes.
    def _receive(self) -> None:
        import json

        while True:
            message = self._link.receive()
            if message is None:
                break
            kind, body, files = message
            if kind == STEP:
                session, flush, step, captured, revision = STEP_BODY.unpack(body)
                self._todo.put((STEP, Step(session, flush != 0, step, captured, revision), files))
            elif kind == CONTROL:
                told = json.loads(body)
                if told["type"] == "ping":
                    self._link.tell("pong")
                else:
                    self._todo.put((CONTROL, told, files))
            else:
                self._todo.put((kind, body, files))
        self._todo.put(None)
        time.sleep(_PATIENCE)
        os._exit(0)

    def _control(self, told: Dict[str, Any], files: List[int]) -> None:
        type, number = told["type"], told.get("session", 0)
        if type == "load":
            self._defaults = _values(told)
            self._load(Path(told["folder"]))
        elif type == "open":
            self._guard("session", number, 0, lambda: self._open(number, told, files))
        elif type == "prompt":
            stream = self._streams.get(number)
            if stream is not None:
                stream.prompt = Prompt(told.get("text") or "", float(told.get("strength", 1.0)), int(told["revision"]), _values(told))
        elif type == "reset":
            self._guard("session", number, 0, lambda: self._reset(number))
        elif type == "capture":
            self._guard("step", number, 0, lambda: self._capture(number))
        elif type == "close":
            stream = self._streams.pop(number, None)
            if stream is not None:
                stream.session.close()

    def _load(self, folder: Path) -> None:
        model = self._model
        try:
            if model.format not in ("rgb8", "i420"):
                raise ValueError(f"format is {model.format!r}; it must be 'rgb8' or 'i420'.")
            model.load(folder)
        except Exception as error:  # noqa: BLE001  whatever an author's code raises
            self._failed("load", 0, 0, error)
            return
        self._link.tell(
            "ready",
            ready={
                "format": model.format,
                "takes": model.takes,
                "gives": model.gives,
                "lag": model.lag,
                "memory": model.memory,
                "prompt": model.prompt,
            },
        )

    def _open(self, number: int, told: Dict[str, Any], files: List[int]) -> None:
        width, height, slots, stride = told["width"], told["height"], told["slots"], told["stride"]
        size = width * height * 3 if self._model.format == "rgb8" else width * height * 3 // 2
        stream = _Stream(self._model.open(width, height), Slots(files[0], slots, stride, size), width, height, self._defaults)
        if self._model.memory and type(stream.session).reset is Session.reset:
            raise TypeError(f"memory is True, but {type(stream.session).__name__} has no reset().")
        # The first step of most models is slower than all others.
        grey = memoryview(bytes([128]) * size)
        for index in range(self._model.takes + self._model.lag):
            self._pictures(
                stream, stream.session.step(Frame(grey, width, height, index, index / 30, self._model.format), stream.prompt), index
            )
        stream.session.reset()
        self._streams[number] = stream
        self._link.tell("opened", session=number)

    def _step(self, step: Step) -> None:
        if step.session in self._streams:
            remembers = self._model.memory or self._model.takes > 1 or self._model.lag > 0
            self._guard("session" if remembers else "step", step.session, step.step, lambda: self._make(self._streams[step.session], step))

    def _make(self, stream: _Stream, step: Step) -> None:
        began = time.perf_counter_ns()
        prompt = stream.prompt
        if step.flush:
            made = stream.session.flush(prompt)
        else:
            frame = Frame(stream.slots.input, stream.width, stream.height, step.step, step.captured_us / 1e6, self._model.format)
            made = stream.session.step(frame, prompt)
        pictures = self._pictures(stream, made, step.step)
        answer = bytearray(MADE_BODY.size)
        MADE_BODY.pack_into(answer, 0, step.session, 0, step.step, (time.perf_counter_ns() - began) // 1000, len(pictures), 0)
        for slot, picture in enumerate(pictures, 1):
            answer += MADE_PICTURE.pack(slot, 0, picture.source, prompt.revision if picture.revision is None else picture.revision)
        self._link.send(MADE, bytes(answer))

    def _pictures(self, stream: _Stream, made: Any, index: int) -> List[Picture]:
        """Puts what a step returned into the slots, and says of which frames it is."""
        model = self._model
        if made is None:
            return []
        several = list(made) if isinstance(made, (list, tuple)) and not isinstance(made, Picture) else [made]
        if len(several) > model.gives:
            raise ValueError(f"step() returned {len(several)} pictures; gives is {model.gives}.")
        pictures = []
        for slot, one in enumerate(several):
            if not isinstance(one, Picture):
                if len(several) not in (1, model.takes):
                    raise ValueError(
                        f"step() returned {len(several)} pictures of {model.takes} frames: say which shows which with Picture(data, source)."
                    )
                one = Picture(one, index - model.lag - (len(several) - 1 - slot))
            _copy(one.data, stream.slots.outputs[slot], stream.width, stream.height)
            pictures.append(one)
        return pictures

    def _reset(self, number: int) -> None:
        self._streams[number].session.reset()
        self._link.tell("done", session=number)

    def _restore(self, number: int, state: bytes) -> None:
        self._streams[number].session.restore(state)
        self._link.tell("done", session=number)

    def _capture(self, number: int) -> None:
        state = self._streams[number].session.capture()
        self._link.send(STATE, number.to_bytes(4, "little") + bytes(state))

    def _guard(self, scope: str, session: int, step: int, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  whatever an author's code raises
            self._failed(scope, session, step, error)

    def _failed(self, scope: str, session: int, step: int, error: Exception) -> None:
        # Of our own frames nobody learns anything.
        own = os.path.dirname(os.path.abspath(__file__))
        trace = error.__traceback__
        while (
            trace is not None and trace.tb_next is not None and os.path.dirname(os.path.abspath(trace.tb_frame.f_code.co_filename)) == own
        ):
            trace = trace.tb_next
        detail = "".join(traceback.format_exception(type(error), error, trace))
        reason = f"{type(error).__name__}: {error}"[:500]
        self._link.tell("failed", scope=scope, session=session, step=step, reason=reason, detail=detail[-_DETAIL:])


def _values(told: Dict[str, Any]) -> Mapping[str, Value]:
    # JSON does not tell 1.0 from 1.
    values: Dict[str, Value] = told.get("values") or {}
    return {id: float(value) if isinstance(value, int) and not isinstance(value, bool) else value for id, value in values.items()}


def _copy(data: Any, to: memoryview, width: int, height: int) -> None:
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(data, numpy.ndarray):
        if data.dtype != numpy.uint8:
            raise TypeError(
                f"step() returned {data.dtype} numbers; return uint8 of 0 to 255, as in (255 * x).clip(0, 255).astype('uint8')."
            )
        if data.size != len(to):
            raise ValueError(f"step() returned an array of shape {data.shape}; a picture of this session is {height} rows of {width}.")
        numpy.frombuffer(to, numpy.uint8).reshape(data.shape)[...] = data
        return
    try:
        view = memoryview(data).cast("B")
    except TypeError as wrong:
        raise TypeError(f"step() returned {type(data).__name__}; return a numpy array or bytes.") from wrong
    if len(view) != len(to):
        raise ValueError(f"step() returned {len(view)} bytes; a picture of this session has {len(to)}.")
    to[:] = view
