#!/usr/bin/env bash
# Proves that a message in the queue wakes a replica: waits until none runs, puts a job on the queue without touching HTTP, waits for its result.
# usage: infra/wake.sh RESOURCE-GROUP APP STORAGE-ACCOUNT MODEL
# environment: AZURE_SUBSCRIPTION_ID   where the app is; default: the CLI's default
#              WAKE_SECONDS            how long to wait for the app to sleep, and for the result; default 1800
# exit code: 0 it woke, 1 it did not, 2 bad usage. Needs bash, az, jq, and the role Storage Queue and Blob Data Contributor on the account.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly patience=${WAKE_SECONDS:-1800}
readonly look_seconds=${WAKE_LOOK_SECONDS:-15}
readonly gemma2=${GEMMA2:-cli/bin/Release/net10.0/gemma2}

main() {
  (($# == 4)) || { sed --quiet '3,6s/^# //p' infra/wake.sh >&2 && exit 2; }
  group=$1 app=$2 account=$3 model=$4
  await_sleep
  local started=$SECONDS result
  printf 'No replica runs. A job goes onto the queue.\n'
  if ! result=$(submit); then
    printf 'No result. Replicas now: %s. Look into the system log of %s for "Skipping configuration of KEDA".\n' "$(replicas)" "$app" >&2
    exit 1
  fi
  printf 'The queue woke a replica: %s s from the message to its result: %s\n' $((SECONDS - started)) "$(jq --raw-output '.result.response.choices[0].message.content' <<<"$result")"
}

replicas() { az containerapp replica list --resource-group "$group" --name "$app" --query 'length(@)' --output tsv ${AZURE_SUBSCRIPTION_ID:+--subscription "$AZURE_SUBSCRIPTION_ID"}; }

await_sleep() {
  local running
  while running=$(replicas) && [[ $running != 0 ]]; do
    ((SECONDS < patience)) || { printf 'Still %s replicas after %s s without a request: is the minimum above 0, or does somebody use it?\n' "$running" "$patience" >&2 && exit 1; }
    printf '  %s replicas run; waiting until the app sleeps\n' "$running"
    sleep "$look_seconds"
  done
  [[ -n $running ]]
}

submit() {
  env --unset=AzureWebJobsStorage AzureWebJobsStorage__accountName="$account" \
    "$gemma2" submit --model "$model" --chat "What is the capital of France?" --max-tokens 16 --wait --timeout "$patience" --json
}

main "$@"
