"""WHIP with aiortc (Debian python3-aiortc): sends a moving picture, receives the processed one.

Usage: aiortc_client.py URL CODEC SECONDS      CODEC is H264 or VP8. Prints one line of JSON.
"""
import asyncio
import fractions
import json
import sys
import time
import urllib.request

import numpy
from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription, VideoStreamTrack
from av import VideoFrame


class MovingBar(VideoStreamTrack):
    """640x360 at 30 fps: a grey ramp with a bright bar that moves one pixel a frame."""

    sent = 0

    async def recv(self):
        pts, base = await self.next_timestamp()
        picture = numpy.tile(numpy.linspace(40, 200, 640, dtype=numpy.uint8)[None, :, None], (360, 1, 3))
        x = (self.sent * 4) % 600
        picture[100:260, x:x + 40] = (20, 220, 240)
        frame = VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = pts, fractions.Fraction(base)
        self.sent += 1
        return frame


async def main(url, codec, seconds):
    peer = RTCPeerConnection()
    camera = MovingBar()
    transceiver = peer.addTransceiver(camera, direction="sendrecv")
    wanted = [c for c in RTCRtpSender.getCapabilities("video").codecs if c.mimeType.upper() == "VIDEO/" + codec]
    transceiver.setCodecPreferences(wanted)
    result = {"client": "aiortc", "codec": codec, "connected": False, "received": 0}

    @peer.on("connectionstatechange")
    async def on_state():
        if peer.connectionState == "connected":
            result["connected"] = True

    await peer.setLocalDescription(await peer.createOffer())
    request = urllib.request.Request(url, peer.localDescription.sdp.encode(), {"Content-Type": "application/sdp"})
    with urllib.request.urlopen(request, timeout=10) as response:
        result["status"] = response.status
        answer = response.read().decode()
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    end = time.monotonic() + seconds
    track = transceiver.receiver.track
    while time.monotonic() < end:
        try:
            frame = await asyncio.wait_for(track.recv(), end - time.monotonic())
        except (asyncio.TimeoutError, Exception) as error:  # the track ends with an exception of its own
            result["ended"] = type(error).__name__
            break
        result["received"] += 1
        result["width"], result["height"] = frame.width, frame.height
    result["sent"] = camera.sent
    await peer.close()
    print(json.dumps(result))


asyncio.run(main(sys.argv[1], sys.argv[2].upper(), float(sys.argv[3])))
