#!/usr/bin/env bash
# Times starts from process start to first token, in turns: the published app with a model from the disk, from blob storage and from a local cache, the same under a played Functions host, its engine alone,
# and llama.cpp (its own binaries from npm) on the same file; with compiled pipelines cold and warm, and with files cold where this user may empty the system's cache. Then the first requests at once.
# usage: tests/benchmarks/startup/run.sh [--models nano,tiny-q8_0,2b-q8_0,2b-q4_k] [--parts starts,bursts] [--conditions warm,cold-pipelines,cold-files] [--bursts 2,4,8,16]
#                                        [--peers cpu,avx2,vulkan] [--rounds N] [--no-storage] [--no-host] [--no-peers] [--document]
#        Models and tables go to .local/startup; a model of a shape (2b-q8_0) is synthesized once, 2.8 GB for that. The default is nano alone.
#        SHAPE-TYPE models are pushed to Azurite first. BLOB_STORAGE, a connection string, adds another storage, which must have the models under the same names.
#        --document writes the tables into docs/performance.md.
# The played host is small: what a real one costs before it starts the worker is not in these figures.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
source scripts/common.sh
source scripts/processes.sh
source scripts/packages.sh
source scripts/npm.sh
source scripts/azurite.sh

readonly folder=tests/benchmarks/startup
readonly gemma2=cli/bin/Release/net10.0/gemma2
readonly results=$local_folder/startup
readonly document=docs/performance.md
shown_command="$folder/run.sh${*:+ $*}"
readonly shown_command

models=nano parts=starts,bursts conditions='' bursts=2,4,8,16 peers=cpu rounds=5
storage=true host=true documented=false

main() {
  read_arguments "$@"
  state=$(mktemp --directory "$local_folder/startup-state.XXXXXX")
  on_exit_stop_all clean_up
  setup_alone set_up build
  mkdir -p "$results"
  rm -f "$results/report.md"
  if $storage; then start_azurite "$state"; fi
  write_heading
  local model
  for model in ${models//,/ }; do measure "$model"; done
  if $documented; then write_document; fi
}

clean_up() { rm -rf "$state"; }

read_arguments() {
  while (($# > 0)); do
    case $1 in
      --no-storage) storage=false ;;
      --no-host) host=false ;;
      --no-peers) peers='' ;;
      --document) documented=true ;;
      --models | --parts | --conditions | --bursts | --peers)
        [[ ${2-} =~ ^[a-z0-9_,-]+$ ]] || usage
        declare -g "${1#--}=$2"
        shift
        ;;
      --rounds)
        [[ ${2-} =~ ^[1-9][0-9]?$ ]] || usage
        rounds=$2
        shift
        ;;
      *) usage ;;
    esac
    shift
  done
}

usage() {
  sed -n '4,8s/^# //p' "$folder/run.sh" >&2
  exit 2
}

set_up() {
  require_tools
  local packages=(glslc spirv-tools libvulkan1)
  has_vulkan_gpu || packages+=(mesa-vulkan-drivers)
  install_packages "${packages[@]}"
  run scripts/modern-glslc.sh || say "Without cooperative matrices and 8-bit dot products: no newer glslc could be had."
  if $storage; then install_azurite; fi
  if [[ -n $peers ]]; then install_from_npm tests/benchmarks/peers "llama.cpp's binaries (100 MB)"; fi
}

build() {
  say "Building"
  local project
  for project in cli "$folder" tests/played-host; do run dotnet build "$project" --configuration Release --verbosity quiet --nologo; done
  run dotnet publish functions --configuration Release --output "$state/app" --verbosity quiet --nologo
}

# measure MODEL: its tables, behind those of the models before.
measure() {
  local model=$1 source file options=(--title "$1" --rounds "$rounds" --app "$state/app" --state "$state/caches" --report "$results/report.md")
  if [[ $model == nano ]]; then
    source=samples/nano file=$results/nano.gguf
    [[ -e $file ]] || run "$gemma2" quantize "$source" "$file" --type f16
  else
    source=$results/$model.gguf file=$source
    if [[ ! -e $file ]]; then
      say "Synthesizing $model"
      run "$gemma2" synthesize "${model%%-*}" "$file" --type "${model#*-}"
    fi
  fi
  options+=(--model "$source" --peer-model "$file")
  add_storage
  local item
  for item in ${peers//,/ }; do options+=(--peer "llama.cpp-$item"); done
  if [[ $parts != *starts* ]]; then conditions=none; fi
  for item in ${conditions//,/ }; do options+=(--condition "$item"); done
  if [[ $parts == *bursts* ]]; then for item in ${bursts//,/ }; do options+=(--burst "$item"); done; fi
  say "Starting $model in turns"
  run "$folder/bin/Release/net10.0/StartupBenchmark" "${options[@]}"
}

# The app under a host needs storage, too.
add_storage() {
  $storage || return 0
  say "Pushing $model"
  run "$gemma2" push "$source" "$model"
  options+=(--stored "$model" --cached --storage "Azurite=$AzureWebJobsStorage")
  if [[ -n ${BLOB_STORAGE-} ]]; then options+=(--storage "the loopback blob server=$BLOB_STORAGE"); fi
  if $host; then options+=(--host tests/played-host/bin/Release/net10.0/PlayedHost); fi
}

write_heading() {
  local processor
  processor=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | sed -n 1p)
  # shellcheck disable=SC2016 # Marks of code, not commands.
  printf 'Measured %s with `%s` at %s: %s, %s threads.\n\n' \
    "$(date +%F)" "$shown_command" "$(git describe --always --dirty 2>/dev/null || echo 'an unknown revision')" "${processor:-unknown processor}" "$(nproc)" >"$results/report.md"
}

# Puts the tables between their marks.
write_document() {
  local begin='<!-- startup: begin' end='<!-- startup: end'
  [[ $(grep --count --extended-regexp "^($begin|$end)" "$document") == 2 ]] || die "$document lacks the lines '$begin ... -->' and '$end -->'."
  sed --in-place -e "/^$begin/r $results/report.md" -e "/^$begin/,/^$end/{/^$begin/b;/^$end/b;d}" "$document"
}

main "$@"
