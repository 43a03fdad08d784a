#!/usr/bin/env bash
# From nothing to a service that answers, with the Azure CLI alone: resources, image, model, app, smoke test. The same command again goes on where it
# stopped, or brings the service up to date.
# usage: infra/deploy.sh --name NAME --location REGION --model PATH|NAME [OPTION...]
#   --name NAME            decides all names; 2 to 20 lower-case letters, digits, '-'
#   --location REGION      one with serverless GPUs, as swedencentral
#   --model PATH|NAME      a folder or .gguf file to push (of a split one, the first part), or the name of a model that is in storage
#   --model-name NAME      what the pushed model is called in storage; default: as the folder or the file
#   --host HOST            functions (default): an Azure Functions host runs the app; containerapp: the app runs by itself
#   --gpu GPU              T4 (default), A100, none
#   --min-replicas N       default 0: the app sleeps when there is nothing to do
#   --max-replicas N       default 2
#   --image-tag TAG        default: the commit
#   --builder BUILDER      acr (default): the registry builds the image; docker: this machine does
#   --api-keys-file FILE   keys for clients, separated by commas; default: those of GEMMA2_API_KEYS, else those that the app has, else a new one
#   --driver SOURCE        where the container gets NVIDIA's Vulkan driver, see docs/container.md; with --driver-sha256 HASH
#   --resource-group NAME  default rg-NAME
#   --parameters FILE      default infra/bicep/main.bicepparam
#   --what-if              shows what would change in Azure and changes nothing
#   --no-smoke             leaves the smoke test out
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=infra/steps.sh
source infra/steps.sh

what_if=false smoke=true

main() {
  read_arguments "$@"
  trap report_failed_step EXIT
  require_tools
  choose_defaults
  step "Signing in"
  require_login
  local app
  app=$(deployed_app)
  provide_api_keys "$app"
  if $what_if; then
    show_changes
  else
    deploy "$app"
  fi
}

deploy() {
  prepare "$1"
  step "App"
  provision complete
  local endpoint
  endpoint=$(output endpoint)
  if $smoke; then
    step "Smoke test"
    smoke_test "$endpoint"
  fi
  say_how_to_call "$endpoint" "$(output "$([[ $GEMMA2_HOST == functions ]] && echo functionAppName || echo containerAppName)")"
}

show_changes() {
  step "What would change"
  group_exists || die "the resource group $AZURE_RESOURCE_GROUP would be made first, with all that is in it. To see that in detail, make it: az group create --name $AZURE_RESOURCE_GROUP --location $AZURE_LOCATION"
  GEMMA2_STAGE=complete az deployment group what-if --resource-group "$AZURE_RESOURCE_GROUP" --parameters "$parameters"
}

read_arguments() {
  while (($# > 0)); do
    case $1 in
      --what-if) what_if=true ;;
      --no-smoke) smoke=false ;;
      --help) usage 0 ;;
      --*)
        (($# > 1)) || usage 2 "$1 needs a value."
        read_option "$1" "$2"
        shift
        ;;
      *) usage 2 "unknown argument '$1'." ;;
    esac
    shift
  done
}

read_option() {
  case $1 in
    --name) AZURE_ENV_NAME=$2 ;;
    --location) AZURE_LOCATION=$2 ;;
    --model) if [[ $2 == */* || -d $2 || ${2,,} == *.gguf ]]; then GEMMA2_MODEL_PATH=$2; else GEMMA2_MODEL=$2; fi ;;
    --model-name) GEMMA2_MODEL=$2 ;;
    --host) GEMMA2_HOST=$2 ;;
    --gpu) GEMMA2_GPU=$2 ;;
    --min-replicas) export GEMMA2_MIN_REPLICAS=$2 ;;
    --max-replicas) export GEMMA2_MAX_REPLICAS=$2 ;;
    --image-tag) GEMMA2_IMAGE_TAG=$2 ;;
    --builder) GEMMA2_BUILDER=$2 ;;
    --api-keys-file) GEMMA2_API_KEYS=$(tr --delete '[:space:]' <"$2") ;;
    --driver) export GPU_DRIVER_SOURCE=$2 ;;
    --driver-sha256) export GPU_DRIVER_SHA256=$2 ;;
    --resource-group) AZURE_RESOURCE_GROUP=$2 ;;
    --parameters) parameters=$2 ;;
    *) usage 2 "unknown option '$1'." ;;
  esac
}

# usage STATUS [REASON]
usage() {
  [[ $# == 1 ]] || printf 'error: %s\n' "$2" >&2
  sed --quiet '4,/^set /s/^# \?//p' infra/deploy.sh >&"$(($1 == 0 ? 1 : 2))"
  exit "$1"
}

main "$@"
