# Sourced by ./truelive and ./test. Finds missing packages and installs them with apt, or says what to run.

# settle_memory: glibc gives every media thread an arena of its own, which only grows; two are enough. .NET collects the youngest generation
# only when it reaches 16 MB, so that a live server's memory grows for ten minutes; with 4 MB it grows for three.
settle_memory() {
  export MALLOC_ARENA_MAX=${MALLOC_ARENA_MAX:-2} DOTNET_GCgen0size=${DOTNET_GCgen0size:-0x400000}
}

# ensure_packages WHAT PACKAGE...: installs the packages that are missing. "a|b" takes the first name that this distribution has.
ensure_packages() {
  local what=$1 missing=() choice name
  shift
  for choice in "$@"; do
    local names=() have=
    IFS='|' read -ra names <<<"$choice"
    for name in "${names[@]}"; do
      if dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed'; then have=1; break; fi
    done
    [ -n "$have" ] || missing+=("$choice")
  done
  [ ${#missing[@]} -eq 0 ] && return 0

  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root=(sudo); else as_root=(cannot); fi
  fi
  if [ "${as_root[0]:-}" != cannot ] && [ -z "$(find /var/lib/apt/lists -name '*Packages*' -print -quit 2>/dev/null)" ]; then
    echo "Reading the package lists (apt-get update)." >&2
    "${as_root[@]}" apt-get update -qq >&2
  fi
  local install=()
  for choice in "${missing[@]}"; do
    IFS='|' read -ra names <<<"$choice"
    local pick=${names[0]}
    for name in "${names[@]}"; do
      # apt-cache also knows names that other packages merely refer to; those have no candidate version.
      if [[ $(LC_ALL=C apt-cache policy "$name" 2>/dev/null) == *"Candidate: "[^\(]* ]]; then pick=$name; break; fi
    done
    install+=("$pick")
  done
  if [ "${as_root[0]:-}" = cannot ]; then
    printf '%s needs packages that are not installed. Run this once, then start again:\n\n    sudo apt-get install -y --no-install-recommends %s\n\n' "$what" "${install[*]}" >&2
    return 1
  fi
  echo "Installing ${install[*]} (apt-get)." >&2
  local said
  if ! said=$(install_packages "${install[@]}"); then
    # Outdated package lists name versions that the mirror no longer has.
    echo "That did not work; reading the package lists anew (apt-get update)." >&2
    "${as_root[@]}" apt-get update -qq >&2 && said=$(install_packages "${install[@]}") || { printf '%s\n' "$said" >&2; return 1; }
  fi
}

# Uses as_root of ensure_packages; prints apt's error output.
install_packages() {
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@" 2>&1 >/dev/null
}

# The codecs that the product loads at run time, in the versions that NativeLibraries.cs looks for: Debian 12 and 13, Ubuntu 24.04. ffmpeg
# reads and writes clip files, sandboxed by bubblewrap.
runtime_packages=('libopenh264-7|libopenh264-8' 'libvpx7|libvpx8|libvpx9|libvpx11' 'libavcodec59|libavcodec60|libavcodec61|libavcodec-extra59|libavcodec-extra60|libavcodec-extra61' 'libturbojpeg0|libturbojpeg' ffmpeg bubblewrap util-linux)

# Packages that all tests use (those of the second line make pictures with other encoders), and those that only browser tests use.
# (python3 and its numpy run the models of the tests, and mypy checks the types of the package for them; the product needs Python only for
# models in Python.)
quick_test_packages=(python3 python3-numpy python3-pip python3-venv mypy opencv-doc fonts-dejavu-core curl openssl postgresql redis-server procps aspell aspell-en systemd
  webp libimage-exiftool-perl libheif-examples 'libheif-plugin-libde265|libheif1' 'libheif-plugin-x265|libheif1')
test_packages=(chromium)

# Third-party WebRTC stacks, which the interoperability tests and bench/live run against ours.
interop_packages=(python3-aiortc python3-numpy python3-gst-1.0 gir1.2-gst-plugins-base-1.0 gir1.2-gst-plugins-bad-1.0
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav gstreamer1.0-nice iproute2 nginx-light)

# Peers for stream tests: a broadcaster (nginx with its RTMP module) and a camera (GStreamer's RTSP server).
stream_packages=(nginx-light libnginx-mod-rtmp python3-gst-1.0 gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad)

command -v dotnet >/dev/null || PATH="$PATH:$HOME/.dotnet:/usr/share/dotnet:/usr/lib/dotnet"

ensure_dotnet() {
  if ! dotnet --list-sdks 2>/dev/null | grep -q '^1[0-9]\.'; then
    echo "The .NET SDK 10 is not installed. See https://dotnet.microsoft.com/download/dotnet/10.0, then start again." >&2
    return 1
  fi
  export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 MSBUILDDISABLENODEREUSE=1
}

# build PROJECT [option...]: a Release build that prints its output only when it fails, with exactly the packages of the lock files, which
# apply only to the processor architecture that they were made on. The compile server would keep a core busy for another ten seconds or
# more, at the same time as the first live session or measurement.
build() {
  local log failed= locked=()
  [ "$(uname -m)" != x86_64 ] || locked=(-p:RestoreLockedMode=true)
  # The compiler is started once, also where the environment says otherwise, and not once for each project.
  log=$(dotnet build "$@" "${locked[@]}" -c Release -p:UseSharedCompilation=true -v q --nologo 2>&1) || failed=1
  dotnet build-server shutdown --vbcscompiler >/dev/null 2>&1 || true
  [ -z "$failed" ] || { printf '%s\n' "$log" >&2; return 1; }
}
