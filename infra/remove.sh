#!/usr/bin/env bash
# Removes what infra/deploy.sh or azd made: the resource group where they made it, else the deployment's own resources in it. Models, results and logs go with it.
# usage: infra/remove.sh --name NAME [OPTION...]
#   --name NAME            as it was deployed
#   --subscription ID      id or name; default: AZURE_SUBSCRIPTION_ID, else the CLI's default
#   --resource-group NAME  default rg-NAME
#   --yes                  does not ask
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=infra/steps.sh
source infra/steps.sh

yes=false

main() {
  read_arguments "$@"
  check_choices
  trap report_failed_step EXIT
  require_tools
  step "Signing in"
  AZURE_PRINCIPAL_ID=none use_subscription
  find_deployed
  $has_group || die "there is no resource group $AZURE_RESOURCE_GROUP in this subscription."
  step "Removing"
  azure resource list --resource-group "$AZURE_RESOURCE_GROUP" --query '[].{name: name, type: type}' --output table
  if [[ $(group_tag gemma2-stack) == true ]]; then
    confirm "the deployment stack gemma2-$AZURE_ENV_NAME with its resources"
    azure stack group delete --resource-group "$AZURE_RESOURCE_GROUP" --name "gemma2-$AZURE_ENV_NAME" --action-on-unmanage deleteResources --yes --output none
  elif [[ $(group_tag gemma2-made-for) == "$AZURE_ENV_NAME" || $(group_tag azd-env-name) == "$AZURE_ENV_NAME" ]]; then
    confirm "the resource group $AZURE_RESOURCE_GROUP with all that is in it"
    azure group delete --name "$AZURE_RESOURCE_GROUP" --yes
  else
    die "$AZURE_RESOURCE_GROUP was there before, so it may hold what is not ours, and the deployment is no stack. Remove what is listed above yourself, or the whole group: az group delete --subscription $AZURE_SUBSCRIPTION_ID --name $AZURE_RESOURCE_GROUP"
  fi
}

# confirm WHAT: nothing that is removed here comes back.
confirm() {
  local answer=""
  $yes && return
  printf 'This removes %s, for good. To go on, type the name %s: ' "$1" "$AZURE_ENV_NAME"
  read -r answer || true
  [[ $answer == "$AZURE_ENV_NAME" ]] || die "nothing was removed."
}

read_arguments() {
  while (($# > 0)); do
    case $1 in
      --yes) yes=true ;;
      --help) usage 0 ;;
      --name | --subscription | --resource-group)
        (($# > 1)) || usage 2 "$1 needs a value."
        case $1 in --name) AZURE_ENV_NAME=$2 ;; --subscription) AZURE_SUBSCRIPTION_ID=$2 ;; *) AZURE_RESOURCE_GROUP=$2 ;; esac
        shift
        ;;
      *) usage 2 "unknown argument '$1'." ;;
    esac
    shift
  done
}

# usage STATUS [REASON]
usage() {
  [[ $# == 1 ]] || printf 'error: %s\n' "$2" >&2
  sed --quiet '3,/^set /s/^# \?//p' infra/remove.sh >&"$(($1 == 0 ? 1 : 2))"
  exit "$1"
}

main "$@"
