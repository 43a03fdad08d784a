#!/usr/bin/env bash
# Sets up all that is needed, starts the service with the embedded model, asks it once over HTTP and once through the queue.
# usage: ./run.sh           stays up and says how to call it; Ctrl+C stops everything
#        ./run.sh --once    stops everything it started; exit code 0 only if both answers came
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source scripts/common.sh
source scripts/processes.sh
source scripts/packages.sh
source scripts/npm.sh
source scripts/azurite.sh

readonly model=nano
readonly http_question="What is the capital of France?"
readonly queue_question="Extract name and age as JSON: Anna is 31 years old and lives in Rome."
readonly longest_answer=64
readonly gemma2=cli/bin/Release/net10.0/gemma2
readonly app=functions/bin/Release/net10.0/Gemma2.Functions
readonly state=$local_folder/run-$$

main() {
  read_arguments "$@"
  on_exit_stop_all clean_up
  setup_alone set_up build
  remove_abandoned_state
  mkdir "$state"

  say "Starting Azurite, storing the model in its container 'models'"
  start_azurite "$state"
  run "$gemma2" push samples/nano "$model"
  start_app
  ask_over_http
  ask_through_queue
  $once || stay_up
}

read_arguments() {
  case "$#-${1-}" in
    0-) once=false ;;
    1---once) once=true ;;
    *) sed -n '3,4s/^# //p' run.sh >&2 && exit 2 ;;
  esac
}

set_up() {
  require_tools
  local packages=(glslc spirv-tools libvulkan1)
  has_vulkan_gpu || packages+=(mesa-vulkan-drivers)
  install_packages "${packages[@]}"
  # Without it the build leaves out the kernels that need it, and says so.
  run scripts/modern-glslc.sh || say "Without cooperative matrices and 8-bit dot products: no newer glslc could be had."
  install_azurite
}

build() {
  say "Building"
  run dotnet build scripts/app.slnf --configuration Release --verbosity quiet --nologo
}

# Sets url and started, the time at which the app's process began.
# It listens on loopback alone: in a container, too, it may do without keys.
start_app() {
  local kind name software=false
  read -r kind name < <("$gemma2" devices --json | json 'var used = d.devices.find(x => x.index === d.selected); used ? used.kind + " " + used.name : "none " + d.reason')
  [[ $kind != software ]] || software=true
  say "Starting the function app; its device: $name"
  started=$EPOCHREALTIME
  start "$state/app.log" env ASPNETCORE_URLS=http://127.0.0.1:0 DOTNET_RUNNING_IN_CONTAINER= CONTAINER_APP_NAME= Gemma2__Model="$model" Gemma2__AllowSoftwareDevice="$software" "$app"
  url=$(await_line "$state/app.log" $! 's/.*Now listening on: //p') || die "the function app did not start."
}

ask_over_http() {
  say "HTTP: POST $url/v1/chat/completions"
  run node scripts/ask.mjs "$url" "$model" "$started" "$longest_answer" "$http_question"
}

ask_through_queue() {
  local job=$state/job.json
  say "Queue: a message in 'completion-requests', its result in the container 'completions'"
  run "$gemma2" submit --model "$model" --chat "$queue_question" --max-tokens "$longest_answer" --temperature 0 --wait --timeout 120 --json >"$job"
  show question "$queue_question"
  show answer "$(json 'd.result.response.choices[0].message.content' <"$job")"
  show "result blob" "completions/$(json d.id <"$job").json"
  show "first token" "$(json 'd.result.timings.time_to_first_token_seconds.toFixed(2)' <"$job") s after its message was taken"
  show "whole answer" "$(json 'd.result.response.usage.completion_tokens' <"$job") tokens, $(json 'd.result.timings.generation_seconds.toFixed(2)' <"$job") s"
}

stay_up() {
  say "Up. Ctrl+C stops everything. Log: $state/app.log"
  cat <<END

  curl $url/v1/chat/completions -H 'content-type: application/json' \\
    -d '{"model":"$model","messages":[{"role":"user","content":"What is a shader?"}]}'

  export AzureWebJobsStorage='$AzureWebJobsStorage'
  $gemma2 submit --model $model --chat 'How many legs does a spider have?' --wait

END
  run sleep infinity
}

show() { printf '    %-12s %s\n' "$@"; }

# What a run left that was killed. A run that failed leaves its logs until the next one.
remove_abandoned_state() {
  local folder
  for folder in "$local_folder"/run-*; do
    [[ -e $folder ]] && ! kill -0 "${folder##*-}" 2>/dev/null && rm -rf "$folder"
  done
  return 0
}

# clean_up STATUS
clean_up() {
  [[ -d $state ]] || return 0
  case $1 in
    0 | 129 | 130 | 143) rm -rf "$state" ;;
    *)
      local log
      for log in "$state"/*.log; do
        echo "==> The last lines of $log"
        tail --lines 20 "$log"
      done >&2
      ;;
  esac
}

main "$@"
