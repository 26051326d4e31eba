"""What every Python client does: waits for 30 pictures, changes the prompt over the data channel, looks again."""
import json
import time
import urllib.error
import urllib.request


class Trial:
    """Feed it pictures and messages, and call step() now and then; it is over when step() gives True."""

    def __init__(self, client, codec, seconds):
        self.result = {"client": client, "codec": codec, "connected": False, "sent": 0, "frames": 0}
        self.send = None
        self._deadline = time.monotonic() + seconds
        self._first = self._applied = None
        self._asked = False
        self._picture = None

    def whip(self, url, offer):
        """The answer of a WHIP endpoint to an offer; None when it refused."""
        request = urllib.request.Request(url, offer.encode(), {"Content-Type": "application/sdp"})
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                self.result["status"] = response.status
                return response.read().decode()
        except urllib.error.HTTPError as error:
            self.result["status"], self.result["error"] = error.code, error.read().decode()
            self._deadline = 0
            return None

    def picture(self, rgb):
        """Takes a decoded picture: an array of height x width x 3."""
        now = time.monotonic()
        self._first = self._first or now
        self.result["frames"] += 1
        if self.result["frames"] == 30:
            self.result["fps"] = round(29 / (now - self._first), 1)
        self.result["size"] = f"{rgb.shape[1]}x{rgb.shape[0]}"
        self._picture = rgb

    def message(self, text):
        """Takes a message of the control channel."""
        message = json.loads(text)
        if message["type"] == "applied" and message["id"] == "water":
            self._applied = time.monotonic()
            self.result["waited_ms"] = message["waited_ms"]

    def step(self):
        now = time.monotonic()
        if self.result["frames"] >= 30 and self.send and not self._asked:
            self._asked = True
            self.result["before"] = self._look()
            self.send(json.dumps({"type": "prompt", "id": "water", "text": "underwater"}))
        if self._applied:
            after = self.result["after"] = self._look()
            return after[2] > after[0] + 15 or now > min(self._deadline, self._applied + 60)
        return now > self._deadline

    def _look(self):
        small = self._picture[::8, ::8].astype(float)
        return [round(v, 1) for v in [*small.mean((0, 1)), (small.max(2) - small.min(2)).mean()]]
