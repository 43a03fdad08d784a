# shellcheck shell=bash
# shellcheck disable=SC2034 # What look_for_device finds is for others.
# What Vulkan finds, as `gemma2 devices` tells it.

# A driver that hangs must not hang the container.
look_seconds=60

# look_for_device: sets device_kind (none, software, discrete ...), device_name, and device_reason: why it is no GPU.
look_for_device() {
  local report errors answer
  errors=$(mktemp)
  device_kind=none device_name="" device_reason=""
  # The loader's errors are the only hint at a library that a driver misses.
  if report=$(VK_LOADER_DEBUG=error timeout "$look_seconds" gemma2 devices --json 2>"$errors"); then
    mapfile -t answer < <(jq --raw-output '
      .selected as $selected
      | (.devices | map(select(.index == $selected))[0]) as $device
      | (.devices | map(select(.is_usable | not) | "\(.name) lacks \(.missing | join(", "))") | join("; ")) as $unusable
      | $device.kind // "none", $device.name // "", if $device then "it finds the CPU alone (\($device.name)). \($unusable)" else .reason end' <<<"$report")
    device_kind=${answer[0]-none} device_name=${answer[1]-} device_reason=${answer[2]-}
  fi
  device_reason+=" $(tail --lines 5 "$errors" | tr '\n' ' ')"
  rm "$errors"
}

# explain_other_gpus: GPUs that are in the container, and that no driver of the image uses.
explain_other_gpus() {
  local node
  for node in "${ROOT-}"/dev/dri/renderD*; do
    [[ -e $node ]] || continue
    if [[ -r $node && -w $node ]]; then
      say "There is a GPU behind ${node#"${ROOT-}"}, and no Vulkan driver for it: an image built with VULKAN_DRIVER=mesa has those for AMD and Intel."
    else
      say "There is a GPU behind ${node#"${ROOT-}"}, which the user $(id -u) may not open: add its group ($(stat --format %g "$node")), as docker run --group-add and Kubernetes' supplementalGroups do."
    fi
  done
  [[ ! -e ${ROOT-}/dev/dxg ]] || say "There is a GPU behind /dev/dxg, as WSL shows it: it has CUDA and Direct3D, and no Vulkan driver is in this image. Run the container where the GPU is a device of its own."
}

is_gpu() { [[ $device_kind != none && $device_kind != software ]]; }
