#!/bin/sh
# What the image takes from its distribution, Debian or Ubuntu: the Vulkan loader, what NVIDIA's driver expects of a system, what the entrypoint uses.
# usage: install-packages.sh SOFTWARE_DEVICE   true adds Mesa's CPU driver
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install --yes --no-install-recommends ca-certificates curl jq libglvnd0 libvulkan1 libxext6 xz-utils zstd
if [ "$1" = true ]; then apt-get install --yes --no-install-recommends mesa-vulkan-drivers; fi
# libEGL without Mesa, which is a dependency of its package, brings LLVM, and is of no use to a GPU that has a driver of its own.
cd /tmp
apt-get download libegl1
dpkg --extract libegl1_*.deb /
rm libegl1_*.deb
ldconfig
apt-get clean
rm -rf /var/lib/apt/lists/*
