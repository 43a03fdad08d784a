#!/usr/bin/env bash
# The chaos test (tests/chaos) in its long form: the app works on batches and jobs while processes are killed, storage goes away and calls to it fail.
# usage: scripts/chaos.sh [--hosted] [--minutes N] [--processes N] [--requests N] [--seed S]
#        N minutes of chaos (30), with N processes (3; under played Functions hosts if hosted), batches of N requests each (300);
#        exit code 0 only if every request has its one right result
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
source scripts/processes.sh
source scripts/packages.sh
source scripts/npm.sh
source scripts/azurite.sh

main() {
  read_arguments "$@"
  on_exit_stop_all :
  setup_alone set_up build
  say "Chaos for $GEMMA2_CHAOS_MINUTES minutes"
  run tests/chaos/bin/Release/net10.0/Chaos.Tests -method "*.ChaosTests.$test" -showLiveOutput -noLogo -noColor
}

read_arguments() {
  export GEMMA2_CHAOS_MINUTES=30 GEMMA2_CHAOS_PROCESSES=3 GEMMA2_CHAOS_REQUESTS=300
  test=Run_EverythingBreaks_EachRequestHasOneRightResult
  if [[ ${1:-} == --hosted ]]; then
    test=Run_EverythingBreaksUnderFunctionsHosts_EachRequestHasOneRightResult
    shift
  fi
  while (($# > 0)); do
    [[ $# -ge 2 && $2 =~ ^[0-9]{1,9}$ ]] || usage
    case $1 in
      --minutes) GEMMA2_CHAOS_MINUTES=$2 ;;
      --processes) GEMMA2_CHAOS_PROCESSES=$2 ;;
      --requests) GEMMA2_CHAOS_REQUESTS=$2 ;;
      --seed) export GEMMA2_CHAOS_SEED=$2 ;;
      *) usage ;;
    esac
    shift 2
  done
}

usage() {
  sed -n '3,5s/^# //p' scripts/chaos.sh >&2
  exit 2
}

set_up() {
  require_tools
  install_packages glslc spirv-tools libvulkan1 mesa-vulkan-drivers iproute2
  install_azurite
}

build() {
  say "Building"
  run dotnet build tests/chaos --configuration Release --verbosity quiet --nologo
}

main "$@"
