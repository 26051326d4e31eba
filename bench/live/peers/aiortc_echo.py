"""WHIP with aiortc (Debian python3-aiortc): every picture is decoded and encoded again, as the pass-through of TrueLive does.

Usage: aiortc_echo.py HOST PORT
"""
import asyncio
import sys
from threading import Thread

from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription

from whip import serve

loop = asyncio.new_event_loop()
peers = set()


async def call(offer, codec):
    peer = RTCPeerConnection()
    peers.add(peer)
    # A received track is a source of pictures: sent on as soon as each is there.
    peer.on("track", peer.addTrack)
    await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    for transceiver in peer.getTransceivers():
        transceiver.setCodecPreferences([c for c in RTCRtpSender.getCapabilities("video").codecs if c.mimeType.upper() == "VIDEO/" + codec])
    await peer.setLocalDescription(await peer.createAnswer())
    return peer.localDescription.sdp


async def end():
    while peers:
        await peers.pop().close()


def on_loop(coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result(20)


Thread(target=loop.run_forever, daemon=True).start()
serve(sys.argv[1], int(sys.argv[2]), lambda offer, codec: on_loop(call(offer, codec)), lambda: on_loop(end()))
