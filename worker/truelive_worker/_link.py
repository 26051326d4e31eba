"""The connection to the host: whole messages over a socket, pictures in shared memory."""

from __future__ import annotations

import json
import mmap
import os
import socket
import struct
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

CONTROL, STEP, MADE, STATE = range(4)
VERSION = 1

HEAD = struct.Struct("<BBHI")
STEP_BODY = struct.Struct("<IIqqq")
MADE_BODY = struct.Struct("<IIqqII")
MADE_PICTURE = struct.Struct("<IIqq")


class Step(NamedTuple):
    """A frame lies in the first slot, or the stream ends."""

    session: int
    flush: bool
    step: int
    captured_us: int
    revision: int


class Link:
    """One thread receives; any thread sends."""

    def __init__(self, path: str) -> None:
        import threading

        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(path)
        self._sending = threading.Lock()

    def receive(self) -> Optional[Tuple[int, bytearray, List[int]]]:
        """The next message with the descriptors that came along; None at the end."""
        head = bytearray()
        files: List[int] = []
        while len(head) < HEAD.size:
            part, more, _, _ = socket.recv_fds(self._socket, HEAD.size - len(head), 1)
            files += more
            if not part:
                return None
            head += part
        kind, version, _, length = HEAD.unpack(head)
        if version != VERSION:
            raise SystemExit(f"The host speaks protocol {version}, this package {VERSION}: use the package that came with it.")
        body = bytearray(length)
        view = memoryview(body)
        while view:
            read = self._socket.recv_into(view)
            if read == 0:
                return None
            view = view[read:]
        return kind, body, files

    def send(self, kind: int, body: bytes) -> None:
        """Sends a message; the end of the connection is for the receiving thread to notice."""
        with self._sending:
            try:
                self._socket.sendall(HEAD.pack(kind, VERSION, 0, len(body)) + body)
            except OSError:
                pass

    def tell(self, type: str, **fields: Any) -> None:
        """Sends a control message."""
        message: Dict[str, Any] = {"type": type, **fields}
        self.send(CONTROL, json.dumps(message).encode())


class Slots:
    """The pictures of a session in memory that both sides see: the first is the host's to fill, the others are ours."""

    def __init__(self, file: int, slots: int, stride: int, size: int) -> None:
        self._map = mmap.mmap(file, slots * stride)
        os.close(file)
        whole = memoryview(self._map)
        self.input = whole[:size].toreadonly()
        self.outputs = [whole[slot * stride : slot * stride + size] for slot in range(1, slots)]
