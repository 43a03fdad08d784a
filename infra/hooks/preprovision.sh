#!/usr/bin/env bash
# azd runs this before it deploys main.bicep: the app needs its image and its model before it can be made.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=infra/steps.sh
source infra/steps.sh
# shellcheck source=infra/hooks/preview.sh
source infra/hooks/preview.sh

main() {
  if azd_previews; then
    printf 'azd only previews: no image is built, no model is pushed, nothing is changed.\n'
    return
  fi
  trap report_failed_step EXIT
  local given_keys=${GEMMA2_API_KEYS-}
  # What azd remembers is the tag of the last time.
  GEMMA2_IMAGE_TAG=${GEMMA2_FIXED_TAG-}
  check_choices
  require_tools
  look_around
  remember_choices
  [[ -n $given_keys ]] || remember_new_keys
  prepare
}

# From its environment azd fills in the parameters.
remember_choices() {
  local name
  for name in AZURE_RESOURCE_GROUP AZURE_PRINCIPAL_TYPE GEMMA2_IMAGE_TAG GEMMA2_CUSTOM_DOMAINS "${kept_parameters[@]#*:}"; do
    [[ ! -v $name ]] || azd env set "$name" "${!name}"
  done
}

# Written into azd's file, which is this user's alone: `azd env set` would show the keys on a command line.
remember_new_keys() {
  local file
  file=$(azd env list --output json | jq --exit-status --raw-output --arg name "$AZURE_ENV_NAME" '.[] | select(.Name == $name) | .DotEnvPath') ||
    die "azd knows no environment '$AZURE_ENV_NAME'."
  [[ $GEMMA2_API_KEYS != *\'* ]] || die "an API key holds a quote: set GEMMA2_API_KEYS yourself."
  printf "GEMMA2_API_KEYS='%s'\n" "$GEMMA2_API_KEYS" >>"$file"
}

main
