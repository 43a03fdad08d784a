#!/usr/bin/env bash
# Makes a folder, and an archive of it, that checks and measures a GPU on a machine that has nothing but its Vulkan driver (and Linux on x64 with glibc 2.36 or newer).
# usage: tests/benchmarks/gpu/make.sh [FOLDER]    without FOLDER it is .local/gpu-benchmark; FOLDER.tar.xz is what to copy
#        There: tar xf gpu-benchmark.tar.xz && gpu-benchmark/run.sh    writes gpu.md within 8 minutes; run.sh --help tells its options
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
source scripts/common.sh
source scripts/processes.sh
source scripts/packages.sh
source scripts/npm.sh

readonly peer=tests/benchmarks/peers
readonly largest=60000000
# What is measured needs none of these, and they are large.
readonly left_out=(libmscordbi.so libmscordaccore.so libcoreclrtraceptprovider.so libclrgc.so libclrgcexp.so createdump Microsoft.VisualBasic.Core.dll System.Data.Common.dll
  System.Private.DataContractSerialization.dll System.Linq.Parallel.dll)
# Shapes of heads and of weights as the real models have them.
readonly golden=(models/a-base models/d-mqa-f16 models/e-27blike-bf16 models/f-hd256 gguf/s64/Q8_0 gguf/s64/Q4_0-pure gguf/k256/Q4_K_M gguf/k256/Q6_K gguf/k256/IQ4_XS)

main() {
  if (($# > 1)) || [[ ${1-} == -* ]]; then usage; fi
  folder=$(realpath --canonicalize-missing "${1:-$local_folder/gpu-benchmark}")
  [[ ! -e $folder || -e $folder/run.sh ]] || die "'$folder' is there and was not made by this script."
  on_exit_stop_all :
  setup_alone set_up publish
  rm -rf "$folder"
  mkdir -p "$folder"
  mv "$published" "$folder/bin"
  copy_runtime
  copy_libraries
  copy_peer
  copy_golden
  cp tests/benchmarks/gpu/run.sh "$folder/run.sh"
  pack
}

usage() {
  sed -n '3,4s/^# //p' tests/benchmarks/gpu/make.sh >&2
  exit 2
}

set_up() {
  require_tools
  install_packages glslc spirv-tools libvulkan1 libssl3 xz-utils
  run scripts/modern-glslc.sh
  install_from_npm "$peer" "llama.cpp's binaries (100 MB)"
}

# All into one folder: they share most of their files.
publish() {
  say "Building"
  published=$local_folder/gpu-benchmark-bin
  rm -rf "$published"
  local project
  for project in cli tests/backend "$peer" tests/benchmarks/gpu; do
    run dotnet publish "$project" --configuration Release --verbosity quiet --nologo --output "$published" \
      -p:RequireAllShaders=true -p:PublishDocumentationFiles=false -p:SatelliteResourceLanguages=en -p:DebugType=none
  done
  # Tests run by themselves: no other runner, no coverage.
  rm -rf "$published"/{Microsoft.CodeCoverage,*.pdb,*.xml,testhost.dll,Microsoft.TestPlatform.*,Microsoft.VisualStudio.*,xunit.runner.visualstudio.*}
}

copy_runtime() {
  local version name
  version=$(dotnet --list-runtimes | sed -n 's/^Microsoft\.NETCore\.App \(10\.[^ ]*\) .*/\1/p' | tail -1)
  mkdir -p "$folder/dotnet/shared/Microsoft.NETCore.App" "$folder/dotnet/host/fxr"
  cp -r "$DOTNET_ROOT/shared/Microsoft.NETCore.App/$version" "$folder/dotnet/shared/Microsoft.NETCore.App/"
  cp -r "$DOTNET_ROOT/host/fxr/$version" "$folder/dotnet/host/fxr/"
  cp "$DOTNET_ROOT/LICENSE.txt" "$DOTNET_ROOT/ThirdPartyNotices.txt" "$folder/dotnet/"
  for name in "${left_out[@]}"; do rm -f "$folder/dotnet/shared/Microsoft.NETCore.App/$version/$name"; done
}

# The Vulkan loader; and, only for machines that lack them, the libraries of the C++ compiler and OpenSSL, whose hashes the test program takes.
copy_libraries() {
  mkdir -p "$folder/lib" "$folder/lib-c++" "$folder/lib-ssl"
  cp --dereference /usr/lib/x86_64-linux-gnu/libvulkan.so.1 "$folder/lib/"
  cp --dereference /usr/lib/x86_64-linux-gnu/libstdc++.so.6 /usr/lib/x86_64-linux-gnu/libgcc_s.so.1 "$folder/lib-c++/"
  cp --dereference /usr/lib/x86_64-linux-gnu/libssl.so.3 /usr/lib/x86_64-linux-gnu/libcrypto.so.3 "$folder/lib-ssl/"
  cp /usr/share/doc/libvulkan1/copyright "$folder/lib/copyright"
  cp /usr/share/doc/libgcc-s1/copyright "$folder/lib-c++/copyright"
  cp /usr/share/doc/libssl3/copyright "$folder/lib-ssl/copyright"
}

# llama.cpp's Vulkan backend, and those for CPUs that it keeps the embedding on.
copy_peer() {
  local from=$peer/node_modules/@node-llama-cpp/linux-x64-vulkan/bins/linux-x64-vulkan to=$folder/bin/llama.cpp/linux-x64-vulkan library
  mkdir -p "$to"
  for library in "$from"/{libggml-base,libggml-vulkan,libggml-cpu-x64,libggml-cpu-haswell,libggml-cpu-skylakex,libggml-cpu-zen4,libggml.vulkan.*,libllama.vulkan.*}.so; do cp "$library" "$to/"; done
  cp "$peer/node_modules/@node-llama-cpp/linux-x64-vulkan/LICENSE" "$to/"
}

# Tests look for the goldens in the checkout, which they know by its solution.
copy_golden() {
  : >"$folder/Serverless.sln"
  local case
  for case in "${golden[@]}"; do
    mkdir -p "$folder/tests/golden/$case"
    cp -r "tests/golden/$case/." "$folder/tests/golden/$case"
  done
}

pack() {
  local archive=$folder.tar.xz size
  tar --create --directory "$(dirname "$folder")" --owner=0 --group=0 --sort=name "$(basename "$folder")" | xz --threads=0 >"$archive"
  size=$(stat --format %s "$archive")
  say "$archive: $((size / 1000000)) MB"
  ((size <= largest)) || die "$archive has $size bytes; allowed are $largest."
}

main "$@"
