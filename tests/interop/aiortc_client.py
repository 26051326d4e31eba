"""WHIP with aiortc (Debian python3-aiortc): sends a moving picture, receives the processed one.

Usage: aiortc_client.py URL CODEC SECONDS      CODEC is H264 or VP8; ends after SECONDS at the latest. Prints one line of JSON.
"""
import asyncio
import fractions
import json
import sys

import numpy
from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from trial import Trial


class MovingBar(VideoStreamTrack):
    """640x360 at 30 fps: red and green ramps with a bright bar that moves."""

    sent = 0

    async def recv(self):
        pts, base = await self.next_timestamp()
        picture = numpy.zeros((360, 640, 3), numpy.uint8)
        picture[:, :, 0] = numpy.linspace(40, 220, 640)[None, :]
        picture[:, :, 1] = numpy.linspace(200, 30, 360)[:, None]
        x = (self.sent * 4) % 600
        picture[100:260, x : x + 40] = (20, 220, 240)
        frame = VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = pts, fractions.Fraction(base)
        self.sent += 1
        return frame


async def receive(track, trial):
    try:
        while True:
            trial.picture((await track.recv()).to_ndarray(format="rgb24"))
    except MediaStreamError:
        pass


async def main(url, codec, seconds):
    trial = Trial("aiortc", codec, seconds)
    peer = RTCPeerConnection()
    camera = MovingBar()
    transceiver = peer.addTransceiver(camera, direction="sendrecv")
    transceiver.setCodecPreferences([c for c in RTCRtpSender.getCapabilities("video").codecs if c.mimeType.upper() == "VIDEO/" + codec])
    channel = peer.createDataChannel("control")
    channel.on("open", lambda: setattr(trial, "send", channel.send))
    channel.on("message", trial.message)
    await peer.setLocalDescription(await peer.createOffer())
    answer = await asyncio.to_thread(trial.whip, url, peer.localDescription.sdp)
    if answer:
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        receiving = asyncio.create_task(receive(transceiver.receiver.track, trial))
    while not trial.step():
        trial.result["connected"] |= peer.connectionState == "connected"
        await asyncio.sleep(0.05)
    trial.result["sent"] = camera.sent
    print(json.dumps(trial.result), flush=True)
    await peer.close()


asyncio.run(main(sys.argv[1], sys.argv[2].upper(), float(sys.argv[3])))
