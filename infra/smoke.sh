#!/usr/bin/env bash
# Asks a running service everything once: health, a completion, a stream, a job through the queue, a batch of three. Prints a table.
# usage: infra/smoke.sh URL [KEY]
#   URL   where the service answers, as https://NAME.REGION.azurecontainerapps.io
#   KEY   an API key; better in the environment as GEMMA2_API_KEY, where no other user of this machine sees it
# environment: SMOKE_SECONDS   how long each step may take; default 900, a cold start included
# exit code: 0 all passed, 1 something failed, 2 bad usage. Needs bash, curl and jq.
set -euo pipefail
export LC_ALL=C.UTF-8

readonly question="What is the capital of France?"
readonly patience=${SMOKE_SECONDS:-900}
readonly longest_answer=32

main() {
  read_arguments "$@"
  require_tools
  work=$(mktemp --directory)
  trap 'rm -rf "$work"' EXIT
  write_key_header
  failures=0
  printf '%s\n' "$url"
  if step "cold start" until_ready; then
    model=$(jq --raw-output .model "$work/health")
    step completion ask_at_once || true
    step stream ask_for_a_stream || true
    step job ask_through_the_queue || true
    step batch ask_in_a_batch || true
  fi
  if ((failures > 0)); then
    printf '%s failed.\n' "$failures"
    exit 1
  fi
  printf 'All passed.\n'
}

read_arguments() {
  if (($# < 1 || $# > 2)) || ! [[ $1 =~ ^https?://[^/]+ ]]; then
    sed -n '3,7s/^# //p' "${BASH_SOURCE[0]}" >&2
    exit 2
  fi
  [[ $patience =~ ^[1-9][0-9]{0,5}$ ]] || { printf 'SMOKE_SECONDS is %s; allowed are whole seconds from 1.\n' "$patience" >&2 && exit 2; }
  url=${1%/}
  key=${2-${GEMMA2_API_KEY-}}
}

require_tools() {
  local tool
  for tool in curl jq; do
    command -v "$tool" >/dev/null || { printf 'error: %s is needed and not on PATH.\n' "$tool" >&2 && exit 2; }
  done
}

# step NAME FUNCTION: a line of the table. The function prints what came back; on its failure, why.
step() {
  local name=$1 started=${EPOCHREALTIME/./} result outcome=ok elapsed
  result=$("$2" 2>&1) || outcome=FAIL
  elapsed=$((${EPOCHREALTIME/./} - started))
  printf '  %-4s %-10s %5d.%02d s  %s\n' "$outcome" "$name" $((elapsed / 1000000)) $((elapsed / 10000 % 100)) "$(one_line "$result")"
  [[ $outcome == ok ]] || failures=$((failures + 1))
  [[ $outcome == ok ]]
}

# Polls the health endpoint from the first moment: with no replica running, this is the cold start.
until_ready() {
  local deadline=$((SECONDS + patience)) status
  while true; do
    status=$(curl --silent --output "$work/health" --write-out '%{http_code}' --max-time 30 "$url/healthz") || status=none
    [[ $status != 200 ]] || break
    ((SECONDS < deadline)) || { printf '/healthz: still %s after %s s: %s' "$status" "$patience" "$(cat "$work/health" 2>/dev/null)" && return 1; }
    sleep 0.2
  done
  expect "$work/health" '"ready with the model \(.model)"'
}

ask_at_once() {
  chat | call POST /v1/chat/completions --data-binary @- >"$work/answer" || return
  expect "$work/answer" '.choices[0].message.content | select(length > 0)'
}

ask_for_a_stream() {
  chat '{stream: true}' | call POST /v1/chat/completions --no-buffer --data-binary @- >"$work/events" || return
  [[ $(tail --lines 2 "$work/events" | tr --delete '\r\n') == "data: [DONE]" ]] || { printf 'the stream ended without [DONE]' && return 1; }
  # An error in a stream is an event as well.
  sed --quiet 's/^data: {/{/p' "$work/events" >"$work/chunks"
  jq --slurp '{error: map(.error // empty)[0], pieces: map(.choices[0]?.delta.content // empty)}' "$work/chunks" >"$work/stream"
  expect "$work/stream" '"\(.pieces | length | select(. > 0)) pieces: \(.pieces | add)"'
}

ask_through_the_queue() {
  local id
  chat | call POST /v1/jobs --data-binary @- >"$work/job" || return
  id=$(field "$work/job" .id) || return
  poll "/v1/jobs/$id" '.status | IN("succeeded", "failed", "cancelled")' >"$work/ended" || return
  expect "$work/ended" 'select(.status == "succeeded") | .result.choices[0].message.content | select(length > 0)'
}

ask_in_a_batch() {
  local number input id output
  for number in 1 2 3; do
    chat | jq --compact-output --arg number "$number" '{custom_id: "smoke-\($number)", method: "POST", url: "/v1/chat/completions", body: .}'
  done >"$work/lines.jsonl"
  call POST /v1/files --form purpose=batch --form "file=@$work/lines.jsonl;type=application/jsonl" >"$work/file" || return
  input=$(field "$work/file" .id) || return
  jq --null-input --arg file "$input" '{input_file_id: $file, endpoint: "/v1/chat/completions", completion_window: "24h"}' |
    call POST /v1/batches --data-binary @- >"$work/batch" || return
  id=$(field "$work/batch" .id) || return
  poll "/v1/batches/$id" '.status | IN("completed", "failed", "expired", "cancelled")' >"$work/ended" || return
  expect "$work/ended" 'select(.status == "completed" and .request_counts.completed == 3) | .status' >/dev/null || return
  output=$(field "$work/ended" .output_file_id) || return
  call GET "/v1/files/$output/content" >"$work/output" || return
  jq --slurp '{answers: map(select(.response.status_code == 200) | .response.body.choices[0].message.content)}' "$work/output" >"$work/answers"
  expect "$work/answers" 'select(.answers | length == 3 and all(length > 0)) | "\(.answers | length) answers: \(.answers[0])"' || return
  remove "$input" "$output"
}

# What the batch leaves in storage. Whether that works is not what is asked here.
remove() {
  local file
  for file in "$@"; do call DELETE "/v1/files/$file" >/dev/null || true; done
}

# chat [MORE]: a request; MORE is added to it.
chat() {
  jq --null-input --arg model "$model" --arg question "$question" --argjson tokens "$longest_answer" \
    '{model: $model, messages: [{role: "user", content: $question}], max_tokens: $tokens, temperature: 0} + '"${1:-{\}}"
}

# call METHOD PATH [CURL OPTION...]: prints the body; where the status is no success, prints what is wrong and fails. JSON unless it is a form.
call() {
  local method=$1 path=$2 status type=(--header "content-type: application/json")
  shift 2
  [[ " $* " != *" --form "* && $method == POST ]] || type=()
  status=$(curl --silent --show-error --request "$method" --max-time "$patience" --header "@$work/key" "${type[@]}" --output "$work/body" --write-out '%{http_code}' "$@" "$url$path") || return
  if [[ $status == 2?? ]]; then
    cat "$work/body"
  else
    printf '%s %s: status %s: %s' "$method" "$path" "$status" "$(head --bytes 500 "$work/body")" >&2
    return 1
  fi
}

# poll PATH CONDITION: asks until the jq condition holds; prints that answer.
poll() {
  local deadline=$((SECONDS + patience)) answer
  while true; do
    answer=$(call GET "$1") || return
    ! jq --exit-status "$2" <<<"$answer" >/dev/null || break
    ((SECONDS < deadline)) || { printf '%s: not done after %s s: %s' "$1" "$patience" "$answer" >&2 && return 1; }
    sleep 0.5
  done
  printf '%s' "$answer"
}

# expect FILE EXPRESSION: what the jq expression gives; fails, with the document, where it gives nothing.
expect() { jq --exit-status --raw-output "$2" "$1" 2>/dev/null || { printf 'unexpected answer: %s' "$(head --bytes 500 "$1")" >&2 && return 1; }; }

field() { expect "$1" "$2 | select(type == \"string\")"; }

# curl reads the header from a file: a command line is for all to see.
write_key_header() {
  (umask 077 && : >"$work/key")
  [[ -z $key ]] || printf 'Authorization: Bearer %s\n' "$key" >"$work/key"
}

one_line() { tr '\n' ' ' <<<"$1" | cut --characters 1-160; }

main "$@"
