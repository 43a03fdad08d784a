#!/usr/bin/env bash
# From nothing to a service that answers, with the Azure CLI alone: resources, image, model, app, smoke test. The same command again goes on where it
# stopped, or brings the service up to date. What is left out stays as it is deployed; what was never deployed gets its default.
# usage: infra/deploy.sh --name NAME --location REGION --model PATH|hf:OWNER/NAME|NAME [OPTION...]
#   --name NAME              decides all names; 2 to 20 lower-case letters, digits, '-'
#   --location REGION        one with serverless GPUs, as swedencentral
#   --model PATH             a folder or .gguf file to push (of a split one, the first part)
#   --model hf:OWNER/NAME    a model of Hugging Face that a job in the cloud pulls; also hf:OWNER/NAME:FILE.gguf; HF_TOKEN in the environment opens it
#   --model NAME             a model that is in storage
#   --model-name NAME        what the pushed or pulled model is called in storage; default: as the folder, the file or the repository
#   --subscription ID        id or name; default: AZURE_SUBSCRIPTION_ID, else the CLI's default
#   --resource-group NAME    default rg-NAME
#   --host HOST              functions (default): an Azure Functions host runs the app; containerapp: the app runs by itself
#   --change-host            lets --host replace the host that is deployed: its app is stopped, and removed once the new one works
#   --gpu GPU                T4 (default), A100, none
#   --min-replicas N         default 0: the app sleeps when there is nothing to do
#   --max-replicas N         default 2
#   --idle-minutes N         4 (default) to 30: how long the ingress lets a request wait for a byte; more than 4 is premium ingress, two nodes that are always billed
#   --public BOOL            false: reached from inside a virtual network only
#   --private BOOL           true: storage is reached through private endpoints only
#   --private-registry BOOL  true: the registry too; it must be Premium
#   --allowed-ips LIST       public addresses that still reach private storage and registry, separated by commas; none
#   --apps-subnet ID         a subnet of yours for the app's environment; --endpoints-subnet ID: one for private endpoints
#   --registry-sku SKU       Basic, Standard, Premium
#   --alert-emails LIST      who gets the alerts, separated by commas; none
#   --image-tag TAG          default: the commit
#   --digest NAME=@sha256:H  pins a base image of the build: shader, sdk, app or functions; once for each
#   --builder BUILDER        acr (default): the registry builds the image; docker: this machine does
#   --api-keys-file FILE     keys for clients, separated by commas; default: those of GEMMA2_API_KEYS, else those that the app has, else a new one
#   --driver SOURCE          where the container gets NVIDIA's Vulkan driver, see docs/container.md; with --driver-sha256 HASH; none takes it away
#   --parameters FILE        default infra/bicep/main.bicepparam
#   --stack                  deploys as a deployment stack: what later versions no longer name is removed
#   --skip-preflight         does not ask whether the region has the GPU and the environment quota for it
#   --what-if                shows what would change in Azure and changes nothing
#   --no-smoke               leaves the smoke test out
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=infra/steps.sh
source infra/steps.sh

what_if=false smoke=true

main() {
  read_arguments "$@"
  check_choices
  trap report_failed_step EXIT
  require_tools
  look_around
  if $what_if; then
    show_changes
  else
    deploy
  fi
}

deploy() {
  prepare
  step "App"
  provision_app
  local endpoint app
  endpoint=$(output endpoint)
  app=$(app_name)
  if $smoke; then
    step "Smoke test"
    smoke_test "$endpoint"
  fi
  finish "$endpoint" "$app"
}

# provision_app: with our scale rules, or where the platform refuses them in a deployment, without, and the rules afterwards.
provision_app() {
  local errors
  errors=$(mktemp)
  if ! provision complete 2>"$errors"; then
    cat "$errors" >&2
    grep --quiet --ignore-case --extended-regexp 'scal(ing|e) ?rule' "$errors" || return 1
    printf '    the platform refuses our scale rules in a deployment; the app is deployed without them\n'
    provision first
  fi
  rm "$errors"
  ensure_scale_rules "$(app_name)"
}

show_changes() {
  step "What would change"
  $has_group || die "the resource group $AZURE_RESOURCE_GROUP would be made first, with all that is in it. To see that in detail, make it: az group create --subscription $AZURE_SUBSCRIPTION_ID --name $AZURE_RESOURCE_GROUP --location $AZURE_LOCATION"
  GEMMA2_STAGE=complete azure deployment group what-if --resource-group "$AZURE_RESOURCE_GROUP" --parameters "$GEMMA2_PARAMETERS"
}

read_arguments() {
  while (($# > 0)); do
    case $1 in
      --what-if) what_if=true ;;
      --no-smoke) smoke=false ;;
      --stack) GEMMA2_STACK=true ;;
      --change-host) GEMMA2_CHANGE_HOST=true ;;
      --skip-preflight) GEMMA2_SKIP_PREFLIGHT=true ;;
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
    --model) if [[ $2 == */* || $2 == hf:* || -d $2 || ${2,,} == *.gguf ]]; then GEMMA2_MODEL_PATH=$2; else GEMMA2_MODEL=$2; fi ;;
    --model-name) GEMMA2_MODEL=$2 ;;
    --subscription) AZURE_SUBSCRIPTION_ID=$2 ;;
    --resource-group) AZURE_RESOURCE_GROUP=$2 ;;
    --host) GEMMA2_HOST=$2 ;;
    --gpu) GEMMA2_GPU=$2 ;;
    --min-replicas) export GEMMA2_MIN_REPLICAS=$2 ;;
    --max-replicas) export GEMMA2_MAX_REPLICAS=$2 ;;
    --idle-minutes) export GEMMA2_REQUEST_IDLE_MINUTES=$2 ;;
    --public) export GEMMA2_IS_PUBLIC=$2 ;;
    --private) export GEMMA2_IS_PRIVATE=$2 ;;
    --private-registry) export GEMMA2_IS_REGISTRY_PRIVATE=$2 ;;
    --allowed-ips) export GEMMA2_ALLOWED_IPS=$2 ;;
    --apps-subnet) export GEMMA2_APPS_SUBNET_ID=$2 ;;
    --endpoints-subnet) export GEMMA2_ENDPOINTS_SUBNET_ID=$2 ;;
    --registry-sku) export GEMMA2_REGISTRY_SKU=$2 ;;
    --alert-emails) export GEMMA2_ALERT_EMAILS=$2 ;;
    --image-tag) GEMMA2_IMAGE_TAG=$2 ;;
    --digest) pin_image "$2" ;;
    --builder) GEMMA2_BUILDER=$2 ;;
    --api-keys-file) GEMMA2_API_KEYS=$(tr --delete '[:space:]' <"$2") ;;
    --driver) export GPU_DRIVER_SOURCE=$2 ;;
    --driver-sha256) export GPU_DRIVER_SHA256=$2 ;;
    --parameters) GEMMA2_PARAMETERS=$2 ;;
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
