"""GStreamer's RTSP server: serves a file in a loop as /cam until it is ended. Prints its port when it listens."""
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
server = GstRtspServer.RTSPServer.new()
server.set_address("127.0.0.1")
server.set_service("0")
factory = GstRtspServer.RTSPMediaFactory.new()
factory.set_shared(True)
factory.set_launch(f"( filesrc location={sys.argv[1]} ! tsdemux ! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 )")
if len(sys.argv) > 2:
    user, password = sys.argv[2].split(":")
    auth = GstRtspServer.RTSPAuth.new()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    access = GstRtspServer.RTSPPermissions()
    access.add_permission_for_role("viewer", "media.factory.access", True)
    access.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(access)
server.get_mount_points().add_factory("/cam", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
