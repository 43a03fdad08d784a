#!/usr/bin/env bash
# Runs the tests of matrix kernels on a machine without a GPU that has cooperative matrices: on Debian 13's lavapipe of backports, in a root of its own.
# usage: scripts/coopmat-check.sh [ARGUMENT...]    as root, on Debian; ARGUMENTs go to the test program in place of those below; takes many minutes
# The root stays in .local/coopmat-root (700 MB) for the next run; remove the folder to start over.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
source scripts/processes.sh
source scripts/packages.sh

readonly suite=trixie
readonly root=$local_folder/coopmat-root
readonly tests=tests/backend/bin/Release/net10.0/Backend.Tests

main() {
  (($(id -u) == 0)) || die "root is needed to make a root folder and mount into it."
  install_packages debootstrap glslc spirv-tools libvulkan1
  run scripts/modern-glslc.sh
  run dotnet build tests/backend --configuration Release --verbosity quiet --nologo
  [[ -e $root/ready ]] || make_root
  local arguments=("$@")
  ((${#arguments[@]} > 0)) || arguments=(-class '*.PromptMatrixFamilyTests' -class '*.KernelFamilyTests')
  # The mounts end with the namespace.
  run unshare --mount bash -euc "$(declare -f in_root); in_root \"\$@\"" in_root "$root" "$PWD" "$DOTNET_ROOT" "$tests" "${arguments[@]}"
}

make_root() {
  local source mirror
  source=$(debian_source)
  [[ -n $source ]] || die "none of the apt sources serves Debian's main component."
  # shellcheck disable=SC2016 # apt-get fills in its own variable.
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Sourcesentry: $source" | sed -n 1p)
  rm -rf "$root"
  run debootstrap --variant=minbase "$suite" "$root" "$mirror"
  suite_source "$suite-backports" "$source" >"$root/etc/apt/sources.list.d/backports.$(source_extension "$source")"
  cp /etc/resolv.conf "$root/etc/"
  run chroot "$root" apt-get update
  run chroot "$root" apt-get install --yes --no-install-recommends --target-release "$suite-backports" mesa-vulkan-drivers libvulkan1 vulkan-validationlayers
  touch "$root/ready"
}

# in_root ROOT CHECKOUT DOTNET TESTS ARGUMENT...
in_root() {
  local root=$1 checkout=$2 dotnet=$3 tests=$4
  shift 4
  mkdir -p "$root/gemma2" "$root/dotnet" "$root/cache"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount --bind "$checkout" "$root/gemma2"
  mount --bind "$dotnet" "$root/dotnet"
  exec chroot "$root" /usr/bin/env --ignore-environment --chdir=/gemma2 PATH=/usr/bin:/bin HOME=/root DOTNET_ROOT=/dotnet \
    DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 MESA_SHADER_CACHE_DIR=/cache "/gemma2/$tests" "$@"
}

main "$@"
