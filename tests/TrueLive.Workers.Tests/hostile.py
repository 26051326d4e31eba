"""A worker that speaks the protocol by hand and breaks it in one way, which its argument names. Nothing but the standard library."""

import json
import mmap
import os
import socket
import struct
import sys

way = sys.argv[1]
link = socket.socket(socket.AF_UNIX)


def send(kind, body, version=1, length=None):
    link.sendall(struct.pack("<BBHI", kind, version, 0, len(body) if length is None else length) + body)


def tell(**message):
    send(0, json.dumps(message).encode())


def receive():
    """A message that is no ping, and the descriptors that came along."""
    while True:
        head, files, _, _ = socket.recv_fds(link, 8, 1)
        if not head:
            os._exit(0)
        while len(head) < 8:
            head += link.recv(8 - len(head))
        kind, _, _, length = struct.unpack("<BBHI", head)
        body = b""
        while len(body) < length:
            body += link.recv(length - len(body))
        if kind == 0 and json.loads(body)["type"] == "ping":
            if way != "deaf":
                tell(type="pong")
            continue
        return kind, body, files


def made(session, step, pictures=(), count=None, length=None):
    body = struct.pack("<IIqqII", session, 0, step, 10, len(pictures) if count is None else count, 0)
    for slot, source, revision in pictures:
        body += struct.pack("<IIqq", slot, 0, source, revision)
    send(2, body, length=length)


def forever():
    while True:
        receive()


if way == "silent":
    import time

    time.sleep(3600)
if way == "exit at once":
    sys.exit("there is nothing here")
link.connect(os.environ["TRUELIVE_WORKER_SOCKET"])
if way == "mute":
    import time

    time.sleep(3600)
if way == "garbage":
    link.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    forever()
if way == "oversize":
    send(0, b"", length=0x7FFFFFFF)
    forever()
if way == "not json":
    send(0, b"{]")
    forever()
if way == "deep json":
    send(0, b'{"a":' + b"[" * 30000)
    forever()
tell(type="hello", protocol=2 if way == "protocol" else 1, token="0" * 32 if way == "wrong token" else os.environ["TRUELIVE_WORKER_TOKEN"])
receive()
if way == "wild model":
    tell(type="ready", ready={"format": "rgb8", "takes": 1_000_000})
    forever()
if way == "unasked state":
    send(3, b"\0" * 100)
    forever()
if way == "forged step":
    send(1, b"\0" * 32)
    forever()
steps = 0
tell(type="ready", ready={"format": "i420", "memory": way == "huge state"})
while True:
    kind, body, files = receive()
    if kind == 0:
        told = json.loads(body)
        if told["type"] == "open":
            size = told["width"] * told["height"] * 3 // 2
            frames = files[0]
            memory = mmap.mmap(frames, told["slots"] * told["stride"])
            tell(type="opened", session=told["session"])
            if way == "opens twice":
                tell(type="opened", session=told["session"])
            if way == "another's answer":
                made(told["session"] + 7, 0)
        elif told["type"] == "capture":
            send(3, struct.pack("<I", told["session"]), length=0x7FFFFFFF)
        elif told["type"] == "reset":
            tell(type="done", session=told["session"])
        continue
    session, flush, step, captured, revision = struct.unpack("<IIqqq", body)
    good = [(1, step, revision)]
    steps += 1
    if steps <= 3 and way != "slow by a hundred":
        made(session, step, good)
        continue
    if way == "slot of the host":
        made(session, step, [(0, step, revision)])
    elif way == "slot beyond":
        made(session, step, [(99, step, revision)])
    elif way == "too many":
        made(session, step, good * 2)
    elif way == "count beyond":
        made(session, step, good, count=4_000_000)
    elif way == "frame of tomorrow":
        made(session, step, [(1, step + 1, revision)])
    elif way == "frame of yesterday":
        made(session, step, [(1, 0, revision)])
    elif way == "revision of tomorrow":
        made(session, step, [(1, step, revision + 1)])
    elif way == "another step":
        made(session, step + 1, good)
    elif way == "answers twice":
        made(session, step, good)
        made(session, step, good)
    elif way == "exit in the step":
        os._exit(3)
    elif way == "half a message":
        send(2, b"\0" * 4, length=56)
        os._exit(0)
    elif way == "closes":
        link.shutdown(socket.SHUT_RDWR)
        import time

        time.sleep(3600)
    elif way == "hangs" or way == "deaf":
        if way == "hangs":
            forever()
        import time

        time.sleep(3600)
    elif way == "memory hog":
        held = []
        while True:
            held.append(bytearray(64 << 20))
    elif way == "shared memory hog":
        held = []
        while True:
            part = mmap.mmap(-1, 64 << 20)
            for at in range(0, len(part), 4096):
                part[at] = 1
            held.append(part)
    elif way == "fork":
        os.fork()
    elif way == "shorter frames":
        # The system would kill a host that accesses the missing part (SIGBUS).
        os.ftruncate(frames, 0)
    elif way == "noise":
        for _ in range(2000):
            os.write(1, b"\x1b[2J noise " * 100)
            os.write(2, b"\xff\xfe noise without end " * 10)
        made(session, step, good)
    elif way == "slow by a hundred":
        import time

        time.sleep(0.5)
        made(session, step, good)
    elif way == "floods":
        while True:
            tell(type="pong", padding="x" * 1000)
    else:
        made(session, step, good)
