#!/usr/bin/env bash
# Sets up all that the tests need, builds, checks the formatting, runs every test. The last line is "N passed, N failed[, N skipped]".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source scripts/common.sh
source scripts/processes.sh
source scripts/packages.sh
source scripts/npm.sh
source scripts/azurite.sh

on_exit_stop_all report
tests_began=false
report() { $tests_began || ((status == 0)) || echo "0 passed, 1 failed"; }

set_up() {
  require_tools
  # Lavapipe also where there is a GPU: every machine can run the same tests.
  install_packages glslc spirv-tools libvulkan1 mesa-vulkan-drivers vulkan-validationlayers iproute2 shellcheck procps curl jq xz-utils zstd buildah mmdebstrap
  # Without it the build leaves out the kernels that need it, and says so.
  run scripts/modern-glslc.sh || say "Without cooperative matrices and 8-bit dot products: no newer glslc could be had."
  install_azurite
  install_from_npm tests/clients "the clients for node" || say "Without the clients for node: they could not be had."
  install_from_npm tools/kql "Kusto's parser" || say "Without a look at the alerts' queries: Kusto's parser could not be had."
}

build() {
  say "Building"
  run dotnet build Serverless.sln --configuration Release --verbosity quiet --nologo
}

setup_alone set_up build

failed_checks=()
say "Checking the formatting"
run dotnet format Serverless.sln --verify-no-changes --no-restore || failed_checks+=("--failed=dotnet format")
say "Checking the shell scripts"
run shellcheck ./*.sh scripts/*.sh infra/*.sh infra/*/*.sh infra/*/*/*.sh tests/benchmarks/*/*.sh tests/end-to-end/*/*.sh .ci/run || failed_checks+=("--failed=shellcheck")

say "Testing"
mapfile -t projects < <(find tests -name '*.Tests.csproj' | sort)
executables=()
for project in "${projects[@]}"; do executables+=("$(dirname "$project")/bin/Release/net10.0/$(basename "$project" .csproj)"); done
tests_began=true
# Two at a time: each leaves a core idle for much of its time.
run node scripts/run-tests.mjs --lanes=2 "${failed_checks[@]}" "${executables[@]}"
