#!/usr/bin/env bash
# Starts the published app in turns by itself and under a played Functions host, and prints how much longer the second takes until it answers and until the
# embedded model is loaded.
# usage: tests/benchmarks/cold-start/run.sh [ROUNDS]    default 5
# The played host is small: what a real one costs before it starts the worker is not in these figures.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
source scripts/common.sh
source scripts/processes.sh
source scripts/packages.sh
source scripts/npm.sh
source scripts/azurite.sh

[[ $# -le 1 && ${1-5} =~ ^[1-9][0-9]?$ ]] || { sed -n '2,5s/^# //p' "${BASH_SOURCE[0]}" >&2 && exit 2; }

set_up() {
  require_tools
  install_packages glslc spirv-tools libvulkan1 mesa-vulkan-drivers
  run scripts/modern-glslc.sh || say "Without cooperative matrices and 8-bit dot products: no newer glslc could be had."
  install_azurite
}

build() {
  say "Building"
  run dotnet build tests/played-host --configuration Release --verbosity quiet --nologo
  run dotnet publish functions --configuration Release --output "$published" --verbosity quiet --nologo
}

clean_up() { rm -rf "$state"; }

state=$(mktemp --directory "$local_folder/cold-start.XXXXXX")
published=$state/app
on_exit_stop_all clean_up
setup_alone set_up build
start_azurite "$state"
say "Starting in turns"
run node tests/benchmarks/cold-start/measure.mjs "$published" tests/played-host/bin/Release/net10.0/PlayedHost samples/nano "${1-5}"
