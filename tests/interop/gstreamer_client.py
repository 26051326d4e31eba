"""WHIP with GStreamer's webrtcbin (Debian gstreamer1.0-plugins-bad and gstreamer1.0-nice).

Usage: gstreamer_client.py URL CODEC SECONDS      CODEC is H264 or VP8; ends after SECONDS at the latest. Prints one line of JSON.
"""
import json
import sys

import gi
import numpy

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

from trial import Trial  # noqa: E402

Gst.init(None)
url, codec, seconds = sys.argv[1], sys.argv[2].upper(), float(sys.argv[3])
trial = Trial("gstreamer", codec, seconds)
encoders = {
    "H264": "x264enc tune=zerolatency speed-preset=ultrafast bitrate=1200 key-int-max=60 ! video/x-h264,profile=constrained-baseline "
    "! rtph264pay config-interval=-1 aggregate-mode=zero-latency ! application/x-rtp,media=video,encoding-name=H264,payload=102",
    "VP8": "vp8enc deadline=1 cpu-used=8 target-bitrate=1200000 keyframe-max-dist=60 ! rtpvp8pay ! application/x-rtp,media=video,encoding-name=VP8,payload=96",
}
decoders = {"H264": "rtph264depay ! h264parse ! avdec_h264", "VP8": "rtpvp8depay ! vp8dec"}
pipeline = Gst.parse_launch(
    "webrtcbin name=peer bundle-policy=max-bundle latency=0 "
    "videotestsrc is-live=true horizontal-speed=2 ! video/x-raw,width=640,height=360,framerate=30/1 ! videoconvert ! identity name=count ! "
    + encoders[codec]
    + " ! peer."
)
peer = pipeline.get_by_name("peer")
loop = GLib.MainLoop()


def on_sent(_pad, _info):
    trial.result["sent"] += 1
    return Gst.PadProbeReturn.OK


def on_picture(sink):
    sample = sink.emit("pull-sample")
    caps = sample.get_caps().get_structure(0)
    width, height = caps.get_value("width"), caps.get_value("height")
    buffer = sample.get_buffer()
    rows = numpy.frombuffer(buffer.extract_dup(0, buffer.get_size()), numpy.uint8).reshape(height, -1)
    trial.picture(rows[:, : width * 3].reshape(height, width, 3))
    return Gst.FlowReturn.OK


def on_pad(_peer, pad):
    if pad.direction != Gst.PadDirection.SRC:
        return
    decode = Gst.parse_bin_from_description(
        decoders[codec] + " ! videoconvert ! video/x-raw,format=RGB ! appsink name=out sync=false emit-signals=true", True
    )
    pipeline.add(decode)
    decode.sync_state_with_parent()
    decode.get_by_name("out").connect("new-sample", on_picture)
    pad.link(decode.get_static_pad("sink"))


def on_gathered(*_):
    if peer.get_property("ice-gathering-state") != GstWebRTC.WebRTCICEGatheringState.COMPLETE:
        return
    if answer := trial.whip(url, peer.get_property("local-description").sdp.as_text()):
        _, sdp = GstSdp.SDPMessage.new_from_text(answer)
        peer.emit("set-remote-description", GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp), Gst.Promise.new())


def on_offer(promise, *_):
    # A description read back from its text: the one in the reply is freed with the reply.
    reply = promise.get_reply()
    offer = reply.get_value("offer")
    text = offer.sdp.as_text()
    _, sdp = GstSdp.SDPMessage.new_from_text(text)
    peer.emit("set-local-description", GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.OFFER, sdp), Gst.Promise.new())


def on_step():
    trial.result["connected"] |= peer.get_property("connection-state") == GstWebRTC.WebRTCPeerConnectionState.CONNECTED
    if trial.step():
        loop.quit()
    return True


pipeline.get_by_name("count").get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, on_sent)
peer.connect("pad-added", on_pad)
peer.connect("notify::ice-gathering-state", on_gathered)
peer.connect("on-negotiation-needed", lambda _: peer.emit("create-offer", None, Gst.Promise.new_with_change_func(on_offer)))
pipeline.set_state(Gst.State.READY)
channel = peer.emit("create-data-channel", "control", None)
channel.connect("on-open", lambda _: setattr(trial, "send", lambda text: channel.emit("send-string", text)))
channel.connect("on-message-string", lambda _, text: trial.message(text))
pipeline.set_state(Gst.State.PLAYING)
GLib.timeout_add(50, on_step)
loop.run()
print(json.dumps(trial.result), flush=True)
pipeline.set_state(Gst.State.NULL)
