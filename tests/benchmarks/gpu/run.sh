#!/bin/sh
# Checks and measures this machine's GPU and writes gpu.md into the current folder. Needs a Vulkan driver and no other program: only the shell's own commands are used.
# usage: run.sh [--shapes 2b 9b 27b] [--minutes N] [--models FOLDER] [--output FILE] [--software]
set -eu
case $0 in */*) folder=${0%/*} ;; *) folder=. ;; esac
folder=$(cd "$folder" && pwd)

libraries=$folder/lib
has_cpp=false
for path in /usr/lib/x86_64-linux-gnu /lib/x86_64-linux-gnu /usr/lib64 /lib64 /usr/lib; do
  [ ! -e "$path/libstdc++.so.6" ] || has_cpp=true
done
$has_cpp || libraries=$libraries:$folder/lib-c++

export DOTNET_ROOT="$folder/dotnet" LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_EnableDiagnostics=0
exec "$folder/bin/GpuBenchmark" "$@"
