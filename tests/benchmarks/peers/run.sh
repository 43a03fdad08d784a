#!/usr/bin/env bash
# Runs this engine and llama.cpp (its own binaries from npm) in turn on the same synthetic models and prints the ratios, then compares the error of their logits.
# usage: tests/benchmarks/peers/run.sh [--shape 2b] [--types q8_0,q4_0,q4_k,f16] [--peers cpu,avx2,vulkan] [--rounds N] [--prompt-tokens N] [--decode-tokens N]
#                                      [--threads N] [--device N] [--quick] [--document]
#        Models, tables, JSON and plot go to .local/peers (a 2b model in f16 has 5 GB, the others half of that or less; they are kept for the next run).
#        --quick takes tiny models and few tokens, to see that all of it works; --document writes the tables and the plot into docs/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
source scripts/common.sh
source scripts/processes.sh
source scripts/packages.sh
source scripts/npm.sh

readonly folder=tests/benchmarks/peers
readonly gemma2=cli/bin/Release/net10.0/gemma2
readonly results=$local_folder/peers
shown_command="$folder/run.sh${*:+ $*}"
readonly shown_command

shape=2b types=q8_0,q4_0,q4_k,f16 peers=cpu quick=false
options=()
declare -A numbers

main() {
  read_arguments "$@"
  on_exit_stop_all :
  setup_alone set_up build
  mkdir -p "$results"
  if $quick; then find_golden_models; else synthesize; fi
  say "Comparing"
  run "$folder/bin/Release/net10.0/PeersBenchmark" "${options[@]}" --json "$results/peers.json" \
    --revision "$(git describe --always --dirty 2>/dev/null || echo 'an unknown revision')" --shown-command "$shown_command"
}

read_arguments() {
  local documented=false
  while (($# > 0)); do
    case $1 in
      --quick) quick=true ;;
      --document) documented=true ;;
      --shape | --types | --peers)
        [[ ${2-} =~ ^[a-z0-9_,]+$ ]] || usage
        declare -g "${1#--}=$2"
        shift
        ;;
      --rounds | --prompt-tokens | --decode-tokens | --threads | --device)
        [[ ${2-} =~ ^[0-9]{1,6}$ ]] || usage
        numbers[$1]=$2
        shift
        ;;
      *) usage ;;
    esac
    shift
  done
  if $documented; then options+=(--document docs/performance.md --plot docs/peers.svg); else options+=(--plot "$results/peers.svg"); fi
  if $quick; then
    numbers=([--exact-tokens]=0 [--prompt-tokens]="${numbers[--prompt-tokens]:-32}" [--decode-tokens]="${numbers[--decode-tokens]:-8}"
      [--rounds]="${numbers[--rounds]:-2}" [--threads]="${numbers[--threads]:-$(nproc)}" [--device]="${numbers[--device]:-0}")
  fi
  local peer name
  for name in "${!numbers[@]}"; do options+=("$name" "${numbers[$name]}"); done
  for peer in ${peers//,/ }; do options+=(--peer "llama.cpp-$peer"); done
}

usage() {
  sed -n '3,6s/^# //p' "$folder/run.sh" >&2
  exit 2
}

set_up() {
  require_tools
  local packages=(glslc spirv-tools libvulkan1)
  has_vulkan_gpu || packages+=(mesa-vulkan-drivers)
  install_packages "${packages[@]}"
  install_from_npm "$folder" "llama.cpp's binaries (100 MB)"
}

build() {
  say "Building"
  local project
  for project in cli "$folder"; do run dotnet build "$project" --configuration Release --verbosity quiet --nologo; done
}

synthesize() {
  local type model
  for type in ${types//,/ }; do
    model=$results/$shape-$type.gguf
    if [[ ! -e $model ]]; then
      say "Synthesizing $(basename "$model")"
      run "$gemma2" synthesize "$shape" "$model" --type "$type"
    fi
    options+=(--model "$model")
  done
  add_golden_logits
}

find_golden_models() {
  options+=(--model tests/golden/gguf/s64/Q8_0/model.gguf)
  add_golden_logits
}

add_golden_logits() {
  local model
  for model in tests/golden/gguf/*/*; do options+=(--golden "$model"); done
}

main "$@"
