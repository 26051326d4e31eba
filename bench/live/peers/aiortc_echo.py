"""WHIP with aiortc (Debian python3-aiortc): every picture is decoded and encoded again, as the pass-through of TrueLive does.

Usage: aiortc_echo.py HOST PORT
"""
import sys

from aiohttp import web
from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import MediaStreamError

peers = set()


class Echo(VideoStreamTrack):
    """The newest picture of a track as soon as it is there."""

    def __init__(self, track):
        super().__init__()
        self.track = track

    async def recv(self):
        try:
            return await self.track.recv()
        except MediaStreamError:
            self.stop()
            raise


async def whip(request):
    offer = RTCSessionDescription(await request.text(), "offer")
    codec = request.query.get("codec", "h264").upper()
    peer = RTCPeerConnection()
    peers.add(peer)

    @peer.on("track")
    def on_track(track):
        peer.addTrack(Echo(track))

    @peer.on("connectionstatechange")
    async def on_state():
        if peer.connectionState in ("failed", "closed"):
            await peer.close()
            peers.discard(peer)

    await peer.setRemoteDescription(offer)
    for transceiver in peer.getTransceivers():
        transceiver.setCodecPreferences([c for c in RTCRtpSender.getCapabilities("video").codecs if c.mimeType.upper() == "VIDEO/" + codec])
    await peer.setLocalDescription(await peer.createAnswer())
    return web.Response(status=201, text=peer.localDescription.sdp, content_type="application/sdp",
                        headers={"Access-Control-Allow-Origin": "*", "Location": "/whip/1"})


app = web.Application()
app.router.add_post("/whip", whip)
app.router.add_get("/", lambda _: web.Response(text="<!doctype html><title>aiortc</title>", content_type="text/html"))
web.run_app(app, host=sys.argv[1], port=int(sys.argv[2]), print=lambda *_: print("ready", flush=True))
