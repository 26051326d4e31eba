"""WHIP with GStreamer's webrtcbin (Debian gstreamer1.0-plugins-bad and gstreamer1.0-nice).

Usage: gstreamer_client.py URL CODEC SECONDS      CODEC is H264 or VP8. Prints one line of JSON.
"""
import json
import sys
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

Gst.init(None)
url, codec, seconds = sys.argv[1], sys.argv[2].upper(), float(sys.argv[3])
result = {"client": "gstreamer", "codec": codec, "connected": False, "received": 0, "sent": 0}
encoders = {
    "H264": "x264enc tune=zerolatency speed-preset=ultrafast bitrate=1200 key-int-max=60 ! video/x-h264,profile=constrained-baseline "
            "! rtph264pay config-interval=-1 aggregate-mode=zero-latency ! application/x-rtp,media=video,encoding-name=H264,payload=102",
    "VP8": "vp8enc deadline=1 cpu-used=8 target-bitrate=1200000 keyframe-max-dist=60 ! rtpvp8pay ! application/x-rtp,media=video,encoding-name=VP8,payload=96",
}
pipeline = Gst.parse_launch(
    "webrtcbin name=peer bundle-policy=max-bundle latency=0 "
    "videotestsrc is-live=true pattern=ball ! video/x-raw,width=640,height=360,framerate=30/1 ! videoconvert ! identity name=count ! "
    + encoders[codec] + " ! peer.")
peer = pipeline.get_by_name("peer")
loop = GLib.MainLoop()


def on_sent(_pad, _info):
    result["sent"] += 1
    return Gst.PadProbeReturn.OK


def on_received(_pad, info):
    result["received"] += 1
    return Gst.PadProbeReturn.OK


def on_pad(_peer, pad):
    if pad.direction != Gst.PadDirection.SRC:
        return
    decode = Gst.parse_bin_from_description("decodebin ! videoconvert ! fakesink name=out sync=false", True)
    pipeline.add(decode)
    decode.sync_state_with_parent()
    decode.get_by_name("out").get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, on_received)
    pad.link(decode.get_static_pad("sink"))


def on_gathered(*_):
    if peer.get_property("ice-gathering-state") != GstWebRTC.WebRTCICEGatheringState.COMPLETE:
        return
    offer = peer.get_property("local-description").sdp.as_text()
    request = urllib.request.Request(url, offer.encode(), {"Content-Type": "application/sdp"})
    with urllib.request.urlopen(request, timeout=10) as response:
        result["status"] = response.status
        answer = response.read().decode()
    _, sdp = GstSdp.SDPMessage.new_from_text(answer)
    peer.emit("set-remote-description", GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp), Gst.Promise.new())


def on_offer(promise, *_):
    promise.wait()
    text = promise.get_reply().get_value("offer").sdp.as_text()
    # A description read back from its text: the one in the reply is freed with the promise.
    _, sdp = GstSdp.SDPMessage.new_from_text(text)
    peer.emit("set-local-description", GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.OFFER, sdp), Gst.Promise.new())


def on_connection(*_):
    if peer.get_property("connection-state") == GstWebRTC.WebRTCPeerConnectionState.CONNECTED:
        result["connected"] = True


pipeline.get_by_name("count").get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, on_sent)
peer.connect("pad-added", on_pad)
peer.connect("notify::ice-gathering-state", on_gathered)
peer.connect("notify::connection-state", on_connection)
peer.connect("on-negotiation-needed", lambda _: peer.emit("create-offer", None, Gst.Promise.new_with_change_func(on_offer)))
pipeline.set_state(Gst.State.PLAYING)
GLib.timeout_add(int(seconds * 1000), loop.quit)
loop.run()
pipeline.set_state(Gst.State.NULL)
print(json.dumps(result))
