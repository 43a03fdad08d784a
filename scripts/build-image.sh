#!/usr/bin/env bash
# Builds an image of the Dockerfile without a container engine, on stand-ins for its base images.
# usage: scripts/build-image.sh TARGET [DRIVER]   TARGET: app or functions; DRIVER: nvidia (default), mesa or software
# The last line is the image's name; scripts/run-image.sh runs it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
source scripts/processes.sh
source scripts/packages.sh
source scripts/images.sh
on_exit_stop_all forget_mounts

main() {
  local target=${1-} driver=${2:-nvidia} reason image name base
  case "$#-$target-$driver" in
    [12]-app-nvidia | [12]-app-mesa | [12]-app-software | [12]-functions-nvidia | [12]-functions-mesa | [12]-functions-software) ;;
    *) sed -n '3s/^# //p' scripts/build-image.sh >&2 && exit 2 ;;
  esac
  require_tools
  ! reason=$(cannot_build) || die "images cannot be built here: $reason."
  remove_outdated_images
  image=localhost/gemma2-$target-$driver
  local arguments=(--build-arg "VULKAN_DRIVER=$driver" --build-arg "REVISION=$(revision)")
  for name in shader sdk "$target"; do
    base=$(base_image "$name")
    arguments+=(--build-arg "${name^^}_IMAGE=$base" --build-arg "${name^^}_DIGEST=")
  done
  # The machine's packages: nothing is downloaded twice, and where they come from is the machine's to say.
  arguments+=(--volume "$(nuget_packages):/root/.nuget/packages:rw" --volume "$(nuget_configuration):/root/.nuget/NuGet:ro")
  say "Building $image"
  # What a build leaves running must not keep the lock.
  image_tool bud --isolation chroot --layers --target "$target" --tag "$image" "${arguments[@]}" --file Dockerfile . {lock}>&-
  printf '%s\n' "$image"
}

# The commit, with -dirty where the tree is not as it was committed.
revision() { git describe --always --abbrev=40 --dirty --exclude '*' 2>/dev/null || true; }

nuget_packages() { dotnet nuget locals global-packages --list --force-english-output | sed 's/^global-packages: //'; }

nuget_configuration() { dirname "$(dotnet nuget config paths | sed -n 1p)"; }

in_own_namespace scripts/build-image.sh "$@"
# One after the other: they share their first stages.
exec {lock}>"$local_folder/images.lock"
flock "$lock"
main "$@"
