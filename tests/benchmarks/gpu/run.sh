#!/bin/sh
# Checks and measures this machine's GPU and writes gpu.md into the current folder. Needs a Vulkan driver and no other program: only the shell's own commands are used.
# usage: run.sh [--shapes 2b 9b 27b] [--minutes N] [--models FOLDER] [--output FILE] [--software]
set -eu
case $0 in */*) folder=${0%/*} ;; *) folder=. ;; esac
folder=$(cd "$folder" && pwd)

has() {
  for path in /usr/lib/x86_64-linux-gnu /lib/x86_64-linux-gnu /usr/lib64 /lib64 /usr/lib; do
    [ ! -e "$path/$1" ] || return 0
  done
  return 1
}

# The machine's own come first: its driver may need newer ones than those that lie here.
libraries=$folder/lib
has libstdc++.so.6 || libraries=$libraries:$folder/lib-c++
has libssl.so.3 || libraries=$libraries:$folder/lib-ssl

export DOTNET_ROOT="$folder/dotnet" LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_EnableDiagnostics=0
exec "$folder/bin/GpuBenchmark" "$@"
