"""rtsp_server.py PORT: serves the RTP that comes to a port of this machine as an RTSP camera does, and prints the port of RTSP."""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_service("0")
factory = GstRtspServer.RTSPMediaFactory()
factory.set_shared(True)
factory.set_latency(0)
factory.set_launch(
    f'( udpsrc port={sys.argv[1]} caps="application/x-rtp,media=video,clock-rate=90000,encoding-name=H264,payload=96"'
    " ! rtph264depay ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
)
server.get_mount_points().add_factory("/cam", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
