"""WHIP with GStreamer's webrtcbin (Debian): every picture is decoded and encoded again, as the pass-through of TrueLive does.

Usage: gstreamer_echo.py HOST PORT
"""
import sys
from threading import Event, Thread

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

from whip import serve  # noqa: E402

Gst.init(None)
encoders = {
    # The fastest settings that Debian's GStreamer has; the threads and rate of our own encoders.
    "H264": "x264enc tune=zerolatency speed-preset=ultrafast bitrate={kbps} key-int-max=300 ! video/x-h264,profile=constrained-baseline "
    "! rtph264pay config-interval=-1 aggregate-mode=zero-latency pt={pt} ! capsfilter caps=application/x-rtp,media=video,encoding-name=H264,clock-rate=90000,payload={pt}",
    "VP8": "vp8enc deadline=1 cpu-used=8 threads=1 target-bitrate={kbps}000 keyframe-max-dist=300 error-resilient=default "
    "! rtpvp8pay pt={pt} ! capsfilter caps=application/x-rtp,media=video,encoding-name=VP8,clock-rate=90000,payload={pt}",
}


class Call:
    def __init__(self, offer, codec):
        self.codec = codec
        self.gathered = Event()
        self.pipeline = Gst.Pipeline.new(None)
        self.peer = Gst.ElementFactory.make("webrtcbin")
        self.peer.set_property("bundle-policy", "max-bundle")
        self.peer.set_property("latency", 0)
        self.pipeline.add(self.peer)
        self.peer.connect("pad-added", self.on_pad)
        self.peer.connect("notify::ice-gathering-state", self.on_gathered)
        _, sdp = GstSdp.SDPMessage.new_from_text(offer)
        self.payload_type = next(
            line.split(":")[1].split(" ")[0]
            for line in offer.splitlines()
            if line.startswith("a=rtpmap:") and line.upper().split(" ")[1].startswith(codec + "/") and self.wanted(offer, line)
        )
        self.pipeline.set_state(Gst.State.PLAYING)
        # A sending pad must be there before the answer; its source is linked when the picture comes.
        self.feed = Gst.parse_bin_from_description(
            "queue name=first max-size-buffers=1 leaky=downstream ! videoconvert ! "
            + encoders[codec].format(kbps=2500, pt=self.payload_type),
            True,
        )
        self.pipeline.add(self.feed)
        self.feed.sync_state_with_parent()
        promise = Gst.Promise.new()
        self.peer.emit("set-remote-description", GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.OFFER, sdp), promise)
        promise.wait()
        self.feed.get_static_pad("src").link(self.peer.request_pad_simple("sink_0"))
        promise = Gst.Promise.new()
        self.peer.emit("create-answer", None, promise)
        promise.wait()
        # A description read back from its text: the one in the reply is freed with the reply.
        reply = promise.get_reply()
        answer = reply.get_value("answer")
        if answer is None:
            raise RuntimeError(reply.to_string())
        _, sdp = GstSdp.SDPMessage.new_from_text(answer.sdp.as_text())
        self.peer.emit(
            "set-local-description", GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp), Gst.Promise.new()
        )
        self.gathered.wait(5)
        self.answer = self.peer.get_property("local-description").sdp.as_text()

    @staticmethod
    def wanted(offer, line):
        kind = line.split(":")[1].split(" ")[0]
        fmtp = next((f for f in offer.splitlines() if f.startswith(f"a=fmtp:{kind} ")), "")
        return "H264" not in line.upper() or ("packetization-mode=1" in fmtp and "42e01f" in fmtp)

    def on_gathered(self, *_):
        if self.peer.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            self.gathered.set()

    def on_pad(self, _peer, pad):
        if pad.direction != Gst.PadDirection.SRC:
            return
        decode = Gst.parse_bin_from_description(
            {"H264": "rtph264depay ! h264parse ! avdec_h264 max-threads=1", "VP8": "rtpvp8depay ! vp8dec"}[self.codec], True
        )
        self.pipeline.add(decode)
        decode.sync_state_with_parent()
        pad.link(decode.get_static_pad("sink"))
        decode.get_static_pad("src").link(self.feed.get_static_pad("sink"))

    def end(self):
        self.pipeline.set_state(Gst.State.NULL)


calls = []


def end():
    while calls:
        calls.pop().end()


def call(offer, codec):
    end()
    calls.append(Call(offer, codec))
    return calls[-1].answer


Thread(target=GLib.MainLoop().run, daemon=True).start()
serve(sys.argv[1], int(sys.argv[2]), call, end)
