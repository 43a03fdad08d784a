#!/bin/sh
# What the image takes from its distribution, Debian or Ubuntu: the Vulkan loader, what the entrypoint uses, and the part of the GPU's driver that is not the host's.
# usage: install-packages.sh VULKAN_DRIVER
#   nvidia     what NVIDIA's driver expects of a system; the driver itself is the host's
#   mesa       Mesa's drivers, for GPUs of AMD and Intel
#   software   Mesa's CPU driver alone
# Paths of the machine begin with ROOT, which is empty outside the tests.
set -eu
export DEBIAN_FRONTEND=noninteractive

# Older ones (Debian 12 has 22.3) compute wrong numbers.
mesa_minimum=24
# Debian's suite of newer packages, where it is needed.
suite=
backports=${ROOT-}/etc/apt/sources.list.d/gemma2-mesa.sources

main() {
  case ${1-} in
    nvidia | mesa | software) ;;
    *) die "VULKAN_DRIVER is '${1-}'; allowed are nvidia, mesa and software." ;;
  esac
  apt-get update
  [ "$1" = nvidia ] || find_mesa
  apt-get install --yes --no-install-recommends ca-certificates curl jq libvulkan1 xz-utils zstd
  "install_$1"
  ldconfig
  apt-get clean
  rm -rf /var/lib/apt/lists/* "$backports"
}

die() {
  echo "error: $1" >&2
  exit 1
}

install_nvidia() {
  apt-get install --yes --no-install-recommends libglvnd0 libxext6
  # libEGL without Mesa, which is a dependency of its package, brings LLVM, and is of no use to a GPU that has a driver of its own.
  cd /tmp
  apt-get download libegl1
  dpkg --extract libegl1_*.deb /
  # dpkg does not know of it; the image's bill of materials does.
  mkdir -p /usr/share/gemma2
  # shellcheck disable=SC2016 # dpkg fills in its own fields.
  dpkg-deb --show --showformat='installed\t${Package}\t${Version}\t${Architecture}\n' libegl1_*.deb >/usr/share/gemma2/extracted-packages
  rm libegl1_*.deb
}

install_mesa() { apt-get install --yes --no-install-recommends ${suite:+--target-release "$suite"} mesa-vulkan-drivers; }

install_software() {
  install_mesa
  for manifest in /usr/share/vulkan/icd.d/*.json; do
    case $manifest in
      */lvp_*) ;;
      *) rm "$(find /usr/lib -name "$(jq --raw-output '.ICD.library_path | split("/") | last' "$manifest")")" "$manifest" ;;
    esac
  done
}

find_mesa() {
  mesa_is_new || use_backports
  mesa_is_new || die "the newest Mesa that this base image's distribution has is $(mesa_version); $mesa_minimum or newer is needed: take a newer base image."
}

mesa_is_new() { dpkg --compare-versions "$(mesa_version)" ge "$mesa_minimum"; }

mesa_version() { apt-cache ${suite:+-o "APT::Default-Release=$suite"} policy mesa-vulkan-drivers | sed -n 's/^ *Candidate: //p' | grep '^[0-9]' || echo 0; }

# Debian's own source once more, for the suite with newer packages.
use_backports() {
  # shellcheck source=/dev/null
  . "${ROOT-}/etc/os-release"
  [ "$ID" = debian ] || return 0
  cat "${ROOT-}"/etc/apt/sources.list.d/*.sources |
    awk -v RS= -v from="$VERSION_CODENAME" '$0 ~ "\nSuites: " from "( |\n|$)" { sub("\nSuites: [^\n]*", "\nSuites: " from "-backports"); print; exit }' >"$backports.new"
  mv "$backports.new" "$backports"
  apt-get update
  suite=$VERSION_CODENAME-backports
}

main "$@"
