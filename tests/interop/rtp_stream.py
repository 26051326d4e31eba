"""RTP as GStreamer's encoders and payloaders make it, into a file: each packet behind its length, two bytes (RFC 4571).

Usage: rtp_stream.py FILE ENCODER...      ENCODER is a piece of a pipeline from raw video to RTP
"""
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

Gst.init(None)
pipeline = Gst.parse_launch(" ".join(sys.argv[2:]) + " ! rtpstreampay ! filesink location=" + sys.argv[1])
pipeline.set_state(Gst.State.PLAYING)
message = pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS | Gst.MessageType.ERROR)
pipeline.set_state(Gst.State.NULL)
if message.type == Gst.MessageType.ERROR:
    sys.exit(str(message.parse_error()))
