#!/usr/bin/env bash
# What the container runs first: makes Vulkan find the GPU, says what it did or what is missing, then becomes the app.
# usage: entrypoint.sh COMMAND [ARGUMENT...]
# Paths of the machine begin with ROOT, which is empty outside the tests.
set -euo pipefail
here=$(dirname "$(readlink --canonicalize "${BASH_SOURCE[0]}")")
# shellcheck source=infra/container/entrypoint/messages.sh
source "$here/messages.sh"
# shellcheck source=infra/container/entrypoint/devices.sh
source "$here/devices.sh"
# shellcheck source=infra/container/entrypoint/nvidia.sh
source "$here/nvidia.sh"
# shellcheck source=infra/container/entrypoint/driver-package.sh
source "$here/driver-package.sh"

main() {
  (($# > 0)) || die 2 "usage: entrypoint.sh COMMAND [ARGUMENT...]"
  end_on_signals
  require_temporary_folder
  find_device
  exec "$@"
}

find_device() {
  look_for_device
  if is_gpu || { has_nvidia_gpu && find_nvidia_driver; }; then
    say "GPU: $device_name"
  elif software_is_allowed && [[ $device_kind == software ]]; then
    say "No GPU can be used. Gemma2__AllowSoftwareDevice allows the CPU instead: $device_name"
  else
    refuse
  fi
}

software_is_allowed() { [[ ${Gemma2__AllowSoftwareDevice-} == [Tt][Rr][Uu][Ee] ]]; }

# Without one nothing here works, and the reason would not show.
require_temporary_folder() {
  local folder=${TMPDIR:-${ROOT-}/tmp} file
  file=$(mktemp --tmpdir="$folder" 2>/dev/null) || die 1 "the folder for temporary files, $folder, cannot be written to by the user $(id -u): mount one there that can, or name another in TMPDIR."
  rm "$file"
}

refuse() {
  if has_nvidia_gpu; then
    explain_nvidia
    die 1 "the app is not started: this container has an NVIDIA GPU, but Vulkan cannot use it."
  fi
  say "Vulkan: $device_reason"
  explain_other_gpus
  say "Give the container a GPU, or an image built with VULKAN_DRIVER=software and Gemma2__AllowSoftwareDevice=true to run on the CPU, slowly."
  die 1 "the app is not started: this container has no GPU that Vulkan can use."
}

main "$@"
