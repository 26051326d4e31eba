"""GStreamer as an encoder: publishes a file once in real time, with a tone, through one of its two RTMP elements."""
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

Gst.init(None)
element, path, address = sys.argv[1:4]
pipeline = Gst.parse_launch(
    f"filesrc location={path} ! tsdemux ! h264parse ! queue ! flvmux name=m streamable=true ! {element} location={address} "
    "audiotestsrc is-live=true ! audio/x-raw,rate=44100,channels=2 ! voaacenc ! aacparse ! queue ! m."
)
pipeline.set_state(Gst.State.PLAYING)
message = pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.ERROR | Gst.MessageType.EOS)
print(message.parse_error() if message.type == Gst.MessageType.ERROR else "end", flush=True)
pipeline.set_state(Gst.State.NULL)
