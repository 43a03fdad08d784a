# shellcheck shell=bash
# The steps from nothing to an app that answers, for deploy.sh and for azd's hooks. Sourced from the repository's root. Every step can be done again: what
# is there already stays. They read and set the variables that infra/bicep/*.bicepparam read: AZURE_... and GEMMA2_....

gemma2=${GEMMA2:-cli/bin/Release/net10.0/gemma2}
# How long a role assignment may take to be in force everywhere, looked at every so many seconds.
role_seconds=${ROLE_SECONDS:-30}
role_looks=20

current_step=""

# step TEXT: what is being done now; a failure names it.
step() {
  current_step=$1
  printf '==> %s\n' "$1"
}

die() {
  printf 'error: %s\n' "$*" >&2
  current_step=""
  exit 1
}

# To be called on exit.
report_failed_step() {
  local status=$?
  ((status == 0)) || [[ -z $current_step ]] || printf 'error: this step failed: %s. The same command goes on from here.\n' "$current_step" >&2
}

# shellcheck source=infra/azure.sh
source infra/azure.sh
# shellcheck source=infra/deployed.sh
source infra/deployed.sh
# shellcheck source=infra/preflight.sh
source infra/preflight.sh
# shellcheck source=infra/scale-rules.sh
source infra/scale-rules.sh
# shellcheck source=infra/image.sh
source infra/image.sh
# shellcheck source=infra/model.sh
source infra/model.sh

require_tools() {
  local tool
  for tool in az jq curl; do command -v "$tool" >/dev/null || die "$tool is needed and not on PATH."; done
  [[ ${GEMMA2_BUILDER:-acr} != docker ]] || command -v docker >/dev/null || die "docker is needed and not on PATH; without it the registry can build the image."
  [[ -n ${GEMMA2_MODEL_PATH-} && $GEMMA2_MODEL_PATH != hf:* && ! -x $gemma2 ]] || return 0
  for tool in dotnet glslc spirv-val; do
    command -v "$tool" >/dev/null || die "$tool is needed to build gemma2, which pushes the model, and not on PATH; a model of Hugging Face can be pulled in the cloud instead (--model hf:OWNER/NAME)."
  done
}

# check_choices: refuses what cannot be right, of what was chosen.
check_choices() {
  [[ ${AZURE_ENV_NAME-} =~ ^[a-z0-9][a-z0-9-]{1,19}$ ]] || die "the name is '${AZURE_ENV_NAME-}'; allowed are 2 to 20 lower-case letters, digits and '-'."
  check_choice host "${GEMMA2_HOST-}" functions containerapp
  check_choice GPU "${GEMMA2_GPU-}" T4 A100 none
  check_choice builder "${GEMMA2_BUILDER-}" acr docker
  check_choice "registry's SKU" "${GEMMA2_REGISTRY_SKU-}" Basic Standard Premium
  check_choice "word for --public" "${GEMMA2_IS_PUBLIC-}" true false
  check_choice "word for --private" "${GEMMA2_IS_PRIVATE-}" true false
  check_choice "word for --private-registry" "${GEMMA2_IS_REGISTRY_PRIVATE-}" true false
  [[ ${GEMMA2_REQUEST_IDLE_MINUTES:-4} =~ ^([4-9]|[12][0-9]|30)$ ]] || die "the idle time is '$GEMMA2_REQUEST_IDLE_MINUTES'; allowed are 4 to 30 minutes."
  check_image_tag
  check_driver
  choose_model
  : "${AZURE_RESOURCE_GROUP:=rg-$AZURE_ENV_NAME}"
}

# check_choice NAME VALUE ALLOWED...: nothing is allowed, too.
check_choice() {
  local name=$1 value=$2 allowed
  shift 2
  [[ -n $value && " $* " != *" $value "* ]] || return 0
  allowed=$(printf '%s, ' "${@:1:$#-1}")
  die "the $name is '$value'; allowed are ${allowed%, } and ${*: -1}."
}

# choose_defaults: fills in what neither this call nor an earlier deployment has chosen.
choose_defaults() {
  [[ -n ${AZURE_LOCATION-} ]] || die "the location is not set; for example swedencentral. It must have serverless GPUs."
  # As it is called in the portal, too: "Sweden Central".
  AZURE_LOCATION=${AZURE_LOCATION,,}
  AZURE_LOCATION=${AZURE_LOCATION// /}
  [[ -n ${GEMMA2_MODEL-} ]] || die "no model is given: a folder or .gguf file to push, hf:OWNER/NAME to pull in the cloud, or the name of a model that is in storage."
  : "${GEMMA2_HOST:=functions}" "${GEMMA2_GPU:=T4}" "${GEMMA2_BUILDER:=acr}" "${GEMMA2_PARAMETERS:=infra/bicep/main.bicepparam}"
  [[ ${GEMMA2_IS_REGISTRY_PRIVATE-} != true || $GEMMA2_BUILDER == docker ]] ||
    die "a private registry is out of reach for its own build agents: build with --builder docker, on a machine whose address is in --allowed-ips."
  [[ -f $GEMMA2_PARAMETERS ]] || die "there is no file '$GEMMA2_PARAMETERS' with parameters."
  choose_image_tag
  forget_nones
  export AZURE_ENV_NAME AZURE_LOCATION AZURE_RESOURCE_GROUP GEMMA2_HOST GEMMA2_GPU GEMMA2_MODEL GEMMA2_PARAMETERS
}

# look_around: signs in, finds out what is there, and settles every choice. Changes nothing.
look_around() {
  step "Signing in"
  use_subscription
  find_deployed
  keep_deployed
  choose_defaults
  check_host
  keep_domains
  [[ ${GEMMA2_SKIP_PREFLIGHT-} == true ]] || check_region
  provide_secrets
}

create_group() {
  $has_group || azure group create --name "$AZURE_RESOURCE_GROUP" --location "$AZURE_LOCATION" --tags "gemma2-made-for=$AZURE_ENV_NAME" --output none
  remember_in_tags
}

# provision STAGE: deploys main.bicep that far and keeps what it gives out. In a stack Azure removes what the template no longer names; the stage "foundation",
# which names no app, is none of its versions.
provision() {
  local query=properties.outputs arguments=(deployment group create --resource-group "$AZURE_RESOURCE_GROUP" --name "gemma2-$1" --parameters "$GEMMA2_PARAMETERS")
  if [[ ${GEMMA2_STACK-} == true && $1 != foundation ]]; then
    query='outputs || properties.outputs'
    arguments=(stack group create --resource-group "$AZURE_RESOURCE_GROUP" --name "gemma2-$AZURE_ENV_NAME" --parameters "$GEMMA2_PARAMETERS"
      --deny-settings-mode none --action-on-unmanage deleteResources --yes)
  fi
  outputs=$(GEMMA2_STAGE=$1 azure "${arguments[@]}" --query "$query" --output json)
}

# output NAME: one of the values that main.bicep gives out.
output() { jq --exit-status --raw-output --arg name "$1" '.[$name].value // empty' <<<"$outputs" || die "the deployment did not give out '$1'."; }

app_name() { output "$([[ $GEMMA2_HOST == functions ]] && echo functionAppName || echo containerAppName)"; }

# prepare: all that there has to be before the last deployment.
prepare() {
  step "Resource group $AZURE_RESOURCE_GROUP"
  create_group
  step "Storage, registry, environment, logs"
  provision foundation
  [[ ${GEMMA2_SKIP_PREFLIGHT-} == true ]] || check_quota "$(output environmentName)"
  step "Image, tag $GEMMA2_IMAGE_TAG"
  push_image
  stream_image
  if [[ -n ${GEMMA2_MODEL_PATH-} ]]; then
    step "Model $GEMMA2_MODEL"
    provide_model
  fi
  if ((${#other_apps[@]} > 0)); then
    step "Stopping the app of the other host"
    stop_other_apps
  fi
  if [[ -z $this_app && $GEMMA2_HOST == functions ]]; then
    step "App, as far as the platform lets a new one be"
    provision first
  fi
}

# smoke_test ENDPOINT: with the first of the keys, whose name may be before it.
smoke_test() {
  if [[ ${GEMMA2_IS_PUBLIC-} == false ]]; then
    printf '    left out: %s is reached from inside its network alone. On a machine there: GEMMA2_API_KEY=KEY infra/smoke.sh %s\n' "$1" "$1"
    return
  fi
  local key=${GEMMA2_API_KEYS%%,*}
  [[ ! $key =~ ^[a-z0-9-]{1,32}=(.+)$ ]] || key=${BASH_REMATCH[1]}
  GEMMA2_API_KEY=$key infra/smoke.sh "$1"
}

# finish ENDPOINT APP
finish() {
  if ((${#other_apps[@]} > 0)); then
    step "Removing the app of the other host"
    remove_other_apps
  fi
  cat <<TEXT

  The service answers at $1
  Its API keys, for you to read:
    az containerapp secret show --subscription $AZURE_SUBSCRIPTION_ID --resource-group $AZURE_RESOURCE_GROUP --name $2 --secret-name api-keys --query value --output tsv
  All that was made, to delete it:
    infra/remove.sh --subscription $AZURE_SUBSCRIPTION_ID --resource-group $AZURE_RESOURCE_GROUP --name $AZURE_ENV_NAME

TEXT
}
