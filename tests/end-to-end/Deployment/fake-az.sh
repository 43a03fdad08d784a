#!/usr/bin/env bash
# shellcheck disable=SC2153 # ENDPOINT is a variable of the tests.
# Azure as the scripts see it, for the tests of FakeAzure: writes down how it was called, a line a call, and behind it what went through the environment.
# What was made are files in the folder AZURE. Other files there are what a test wants: faults, answers.
set -o pipefail

main() {
  echo "az $*${GEMMA2_STAGE+ [stage $GEMMA2_STAGE]}${GEMMA2_API_KEYS+ [keys]}" >>"$AZURE/calls"
  ! must_fail "$*" || { echo "az: it failed" >&2 && exit 1; }
  case "$*" in
    "account show"*)
      [[ ! -e $AZURE/signed-out ]] || exit 1
      printf '%s\nTrial\nuser\nsomebody@example.com\n' "$(option subscription "$@" || echo 00000000-0000-0000-0000-00000000000d)"
      ;;
    "ad signed-in-user show"*) echo 11111111-2222-3333-4444-555555555555 ;;
    "group exists"*) [[ -e $AZURE/group ]] && echo true || echo false ;;
    "group create"*) touch "$AZURE/group" && echo '{"gemma2-made-for": "trial"}' >"$AZURE/tags" ;;
    "group show"*) answer tags '{}' ;;
    "group delete"* | "stack group delete"*) rm "$AZURE/group" ;;
    "tag update"*) merge_tags "$@" ;;
    "containerapp list"*) answer apps "" ;;
    "containerapp delete"*) sed --in-place "/^$(option name "$@")$/d" "$AZURE/apps" ;;
    "containerapp secret list"*) list_secrets ;;
    "containerapp replica list"*) count_down replicas ;;
    "containerapp env workload-profile list-supported"*) answer profiles $'Consumption\nConsumption-GPU-NC8as-T4\nConsumption-GPU-NC24-A100' ;;
    "containerapp env list-usages"*) answer usages '{"value": [{"name": {"value": "ManagedEnvironmentConsumptionT4Gpus"}, "limit": 4}]}' ;;
    "containerapp job start"*) echo pull-trial-abc ;;
    "containerapp job execution show"*) answer job-status Succeeded ;;
    "containerapp job logs show"*) echo "pull: error: the licence is not accepted" ;;
    "rest --method get"*/jobs/*) echo Succeeded ;;
    "rest --method get"*customDomains*) answer domains "" ;;
    "rest --method get"*) cat "$AZURE/scale" ;;
    "rest --method put"*) cat >"$AZURE/job" ;;
    "rest --method patch"*) patch_scale ;;
    "deployment group list"*) answer deployed "" ;;
    "deployment group create"* | "stack group create"*) deploy ;;
    "aks show"*) answer issuer https://issuer.example/1/ ;;
    "identity show"*) echo the-client ;;
    "acr repository show"*) [[ -e $AZURE/image ]] ;;
    "acr build"*) touch "$AZURE/image" ;;
    "storage blob list"*) [[ -e $AZURE/role ]] || { touch "$AZURE/role" && exit 1; } ;;
  esac
}

# must_fail CALL: the file "fail" holds a part of the calls that do; where there is a file "times", only so often.
must_fail() {
  [[ -e $AZURE/fail ]] && grep --quiet --fixed-strings -- "$(<"$AZURE/fail")" <<<"$1" || return 1
  [[ ! -e $AZURE/times ]] || (($(count_down times) > 0))
}

# count_down FILE: prints the number in it, which is one less the next time.
count_down() {
  local count
  read -r count <"$AZURE/$1"
  echo "$count"
  ((count == 0)) || echo $((count - 1)) >"$AZURE/$1"
}

# answer FILE DEFAULT
answer() { if [[ -e $AZURE/$1 ]]; then cat "$AZURE/$1"; else printf '%s\n' "$2"; fi; }

# option NAME ARGUMENT...
option() {
  local name=$1
  shift
  while (($# > 1)); do
    [[ $1 != "--$name" ]] || { printf '%s\n' "$2" && return; }
    shift
  done
  return 1
}

merge_tags() {
  local tag
  for tag in "$@"; do
    [[ $tag != gemma2-*=* ]] || jq --null-input --arg key "${tag%%=*}" --arg value "${tag#*=}" '{($key): $value}'
  done | cat <(answer tags '{}') - | jq --slurp add >"$AZURE/merged"
  mv "$AZURE/merged" "$AZURE/tags"
}

list_secrets() {
  local name
  for name in api-keys callback-secret; do
    [[ ! -e $AZURE/$name ]] || jq --null-input --arg name "$name" --rawfile value "$AZURE/$name" '{name: $name, value: $value}'
  done | jq --slurp .
}

patch_scale() {
  cat >"$AZURE/patch"
  [[ -e $AZURE/ignores-patch ]] || jq .properties.template.scale "$AZURE/patch" >"$AZURE/scale"
}

# deploy: what main.bicepparam makes of the environment, and what main.bicep gives out.
deploy() {
  local host=${GEMMA2_HOST:-functions} app=ca-gemma2-abc endpoint="" rules='[{"name": "completion-requests", "custom": {"type": "azure-queue"}}, {"name": "http", "http": {}}]'
  [[ $host != functions ]] || app=func-gemma2-abc
  if [[ $GEMMA2_STAGE != foundation ]]; then
    [[ ! -e $AZURE/refuses-rules || $GEMMA2_STAGE != complete ]] || { echo "FunctionAppCannotSetScaleRules: custom scale rules cannot be set." >&2 && exit 1; }
    endpoint=$ENDPOINT
    touch "$AZURE/apps"
    grep --quiet --line-regexp "$app" "$AZURE/apps" || echo "$app" >>"$AZURE/apps"
    jq --null-input --argjson rules "$rules" --argjson own "$([[ $GEMMA2_STAGE == complete && ! -e $AZURE/drops-rules ]] && echo true || echo false)" \
      '{allowScalingRuleOverride: $own, rules: (if $own then $rules else [] end)}' >"$AZURE/scale"
  fi
  printf '%s' "$GEMMA2_API_KEYS" >"$AZURE/api-keys"
  printf '%s' "${GEMMA2_CALLBACK_SECRET-}" >"$AZURE/given-callback-secret"
  [[ -z ${GEMMA2_CALLBACK_SECRET-} ]] || printf '%s' "$GEMMA2_CALLBACK_SECRET" >"$AZURE/callback-secret"
  env | grep --extended-regexp '^(AZURE|GEMMA2|GPU)_' | grep --invert-match --extended-regexp 'KEYS|SECRET|TEST_MARK|AZURE_PAUSE' | sort >"$AZURE/parameters"
  jq --null-input --arg host "$host" --arg endpoint "$endpoint" --argjson rules "$rules" '{
      parameters: ({
        environmentName: env.AZURE_ENV_NAME, stage: env.GEMMA2_STAGE, location: env.AZURE_LOCATION, host: $host, gpu: (env.GEMMA2_GPU // "T4"), model: env.GEMMA2_MODEL,
        minReplicas: (env.GEMMA2_MIN_REPLICAS // "0" | tonumber), maxReplicas: (env.GEMMA2_MAX_REPLICAS // "2" | tonumber),
        gpuDriverSource: (env.GPU_DRIVER_SOURCE // ""), gpuDriverSha256: (env.GPU_DRIVER_SHA256 // ""), isPublic: (env.GEMMA2_IS_PUBLIC != "false"), isPrivate: (env.GEMMA2_IS_PRIVATE == "true"),
        requestIdleMinutes: (env.GEMMA2_REQUEST_IDLE_MINUTES // "4" | tonumber), registrySku: (env.GEMMA2_REGISTRY_SKU // "Basic"), allowedIpRanges: (env.GEMMA2_ALLOWED_IPS // "" | split(","))
      } | map_values({value: .}) + {apiKeys: {type: "SecureString"}}),
      outputs: ({
        endpoint: $endpoint, storageAccountName: "stgemma2abc", registryName: "crgemma2abc", registryLoginServer: "crgemma2abc.azurecr.io", imageName: "gemma2-functions",
        functionAppName: "func-gemma2-abc", containerAppName: "ca-gemma2-abc", environmentName: "cae-gemma2-abc", identityId: "/identities/id-gemma2-abc", identityClientId: "the-client",
        registrySku: (env.GEMMA2_REGISTRY_SKU // "Basic"), scaleRules: $rules
      } | map_values({value: .}))
    }' >"$AZURE/deployed"
  jq .outputs "$AZURE/deployed"
}

main "$@"
