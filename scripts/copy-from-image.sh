#!/usr/bin/env bash
# Copies files and folders out of an image of scripts/build-image.sh.
# usage: scripts/copy-from-image.sh IMAGE FOLDER PATH...   a PATH that is in the image keeps its place below FOLDER
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
source scripts/images.sh
(($# >= 3)) || { sed -n '3s/^# //p' scripts/copy-from-image.sh >&2 && exit 2; }
in_own_namespace scripts/copy-from-image.sh "$@"
trap forget_mounts EXIT

container=$(image_tool from --pull-never "$1")
root=$(image_tool mount "$container")
for path in "${@:3}"; do
  [[ -e $root$path ]] || continue
  mkdir -p "$2$(dirname "$path")"
  cp --recursive --no-target-directory "$root$path" "$2$path"
done
image_tool rm "$container" >/dev/null
