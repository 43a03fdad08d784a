# shellcheck shell=bash
# The steps from nothing to an app that answers, for deploy.sh and for azd's hooks. Sourced from the repository's root. Every step can be done again: what
# is there already stays. They read and set the variables that infra/bicep/*.bicepparam read: AZURE_... and GEMMA2_....

gemma2=${GEMMA2:-cli/bin/Release/net10.0/gemma2}
parameters=${GEMMA2_PARAMETERS:-infra/bicep/main.bicepparam}
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

require_tools() {
  local tool
  for tool in az jq curl; do command -v "$tool" >/dev/null || die "$tool is needed and not on PATH."; done
  [[ ${GEMMA2_BUILDER:-acr} != docker ]] || command -v docker >/dev/null || die "docker is needed and not on PATH; without it the registry can build the image."
  [[ -z ${GEMMA2_MODEL_PATH-} || -x $gemma2 ]] || command -v dotnet >/dev/null || die "the .NET SDK is needed to push a model, and not on PATH."
}

# choose_defaults: fills in what was left out, refuses what cannot be right.
choose_defaults() {
  [[ ${AZURE_ENV_NAME-} =~ ^[a-z0-9][a-z0-9-]{1,19}$ ]] || die "the name is '${AZURE_ENV_NAME-}'; allowed are 2 to 20 lower-case letters, digits and '-'."
  [[ -n ${AZURE_LOCATION-} ]] || die "the location is not set; for example swedencentral. It must have serverless GPUs."
  [[ ${GEMMA2_HOST:=functions} == @(functions|containerapp) ]] || die "the host is '$GEMMA2_HOST'; allowed are functions and containerapp."
  [[ ${GEMMA2_GPU:=T4} == @(T4|A100|none) ]] || die "the GPU is '$GEMMA2_GPU'; allowed are T4, A100 and none."
  [[ ${GEMMA2_BUILDER:=acr} == @(acr|docker) ]] || die "the builder is '$GEMMA2_BUILDER'; allowed are acr and docker."
  : "${AZURE_RESOURCE_GROUP:=rg-$AZURE_ENV_NAME}"
  choose_model
  choose_image_tag
  export AZURE_ENV_NAME AZURE_LOCATION AZURE_RESOURCE_GROUP GEMMA2_HOST GEMMA2_GPU GEMMA2_MODEL GEMMA2_IMAGE_TAG
}

choose_model() {
  local path=${GEMMA2_MODEL_PATH-}
  if [[ -n $path ]]; then
    is_model "$path" || die "the model '$path' is neither a .gguf file nor a folder with config.json or such a file."
    [[ -n ${GEMMA2_MODEL-} ]] || GEMMA2_MODEL=$(name_of_model "$path")
  fi
  [[ -n ${GEMMA2_MODEL-} ]] || die "no model is given: a folder or .gguf file to push, or the name of a model that is in storage."
}

# is_model PATH: whether `gemma2 push` may find a model there; it looks closer.
is_model() {
  if [[ -d $1 ]]; then
    [[ -f $1/config.json || -n $(find "$1/" -maxdepth 1 -name '*.gguf' -print -quit) ]]
  else
    [[ -f $1 && ${1,,} == *.gguf ]]
  fi
}

# name_of_model PATH: the folder's name, or the file's without its ending and its number among the parts that it was split into.
name_of_model() {
  local name=${1##*/}
  if [[ -d $1 ]]; then
    name=$(basename "$(readlink --canonicalize "$1")")
  elif [[ $name =~ ^(.+)-[0-9]{5}-of-[0-9]{5}\.[^.]+$ || $name =~ ^(.+)\.[^.]+$ ]]; then
    name=${BASH_REMATCH[1]}
  fi
  printf '%s\n' "${name,,}"
}

# The commit, so that an image is never another one under the same tag; with a moment where the files differ from it.
choose_image_tag() {
  if [[ -z ${GEMMA2_IMAGE_TAG-} ]]; then
    GEMMA2_IMAGE_TAG=$(git rev-parse --short=12 HEAD 2>/dev/null) || die "no image tag is given, and this is no git checkout to take it from."
    [[ -z $(git status --porcelain) ]] || GEMMA2_IMAGE_TAG+=-$(date --utc +%Y%m%d%H%M%S)
    # That image has another content.
    [[ $GEMMA2_GPU != none ]] || GEMMA2_IMAGE_TAG+=-cpu
  fi
  [[ $GEMMA2_IMAGE_TAG =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]] || die "the image tag is '$GEMMA2_IMAGE_TAG'; allowed are letters, digits, '_', '.' and '-'."
}

require_login() {
  local account
  account=$(az account show --query '[name, user.type, user.name]' --output tsv) || die "sign in first: az login"
  mapfile -t account <<<"$account"
  printf '    subscription %s\n' "${account[0]}"
  # Who may push models then.
  [[ -z ${AZURE_PRINCIPAL_ID-} ]] || return 0
  if [[ ${account[1]} == servicePrincipal ]]; then
    AZURE_PRINCIPAL_ID=$(az ad sp show --id "${account[2]}" --query id --output tsv)
    AZURE_PRINCIPAL_TYPE=ServicePrincipal
  else
    AZURE_PRINCIPAL_ID=$(az ad signed-in-user show --query id --output tsv)
    AZURE_PRINCIPAL_TYPE=User
  fi
  export AZURE_PRINCIPAL_ID AZURE_PRINCIPAL_TYPE
}

group_exists() { [[ $(az group exists --name "$AZURE_RESOURCE_GROUP") == true ]]; }

# deployed_app: the name of the app that an earlier deployment made; nothing where there is none.
deployed_app() {
  ! group_exists || az containerapp list --resource-group "$AZURE_RESOURCE_GROUP" --query "[?tags.\"azd-env-name\"=='$AZURE_ENV_NAME'].name | [0]" --output tsv
}

# provide_api_keys APP: those that are given, else those that the app has, else a new one. They travel in the environment alone.
provide_api_keys() {
  if [[ -z ${GEMMA2_API_KEYS-} && -n $1 ]]; then
    GEMMA2_API_KEYS=$(az containerapp secret show --name "$1" --resource-group "$AZURE_RESOURCE_GROUP" --secret-name api-keys --query value --output tsv 2>/dev/null) || true
  fi
  [[ -n ${GEMMA2_API_KEYS-} ]] || GEMMA2_API_KEYS=$(head --bytes 32 /dev/urandom | base64 --wrap 0 | tr --delete '+/=')
  export GEMMA2_API_KEYS
}

create_group() { group_exists || az group create --name "$AZURE_RESOURCE_GROUP" --location "$AZURE_LOCATION" --output none; }

# provision STAGE: deploys main.bicep that far and keeps what it gives out.
provision() {
  outputs=$(GEMMA2_STAGE=$1 az deployment group create --resource-group "$AZURE_RESOURCE_GROUP" --name "gemma2-$1" --parameters "$parameters" --query properties.outputs --output json)
}

# output NAME: one of the values that main.bicep gives out.
output() { jq --exit-status --raw-output --arg name "$1" '.[$name].value // empty' <<<"$outputs" || die "the deployment did not give out '$1'."; }

push_image() {
  local registry server image target=app
  registry=$(output registryName)
  server=$(output registryLoginServer)
  image=$(output imageName):$GEMMA2_IMAGE_TAG
  [[ $GEMMA2_HOST != functions ]] || target=functions
  if az acr repository show --name "$registry" --image "$image" --output none 2>/dev/null; then
    printf '    %s is in the registry already\n' "$image"
    return
  fi
  local build=(--target "$target" --build-arg "SOFTWARE_DEVICE=$([[ $GEMMA2_GPU == none ]] && echo true || echo false)" --file Dockerfile)
  if [[ $GEMMA2_BUILDER == acr ]]; then
    az acr build --registry "$registry" --image "$image" "${build[@]}" .
  else
    az acr login --name "$registry"
    docker build "${build[@]}" --tag "$server/$image" .
    docker push "$server/$image"
  fi
}

push_model() {
  local account
  account=$(output storageAccountName)
  [[ -x $gemma2 ]] || dotnet build cli --configuration Release --verbosity quiet --nologo
  await_access "$account"
  env --unset=AzureWebJobsStorage AzureWebJobsStorage__accountName="$account" "$gemma2" push "$GEMMA2_MODEL_PATH" "$GEMMA2_MODEL"
}

# await_access ACCOUNT: the role that a deployment has given the deployer takes some minutes.
await_access() {
  local looks=$role_looks
  until az storage blob list --account-name "$1" --container-name models --auth-mode login --num-results 1 --output none 2>/dev/null; do
    ((--looks > 0)) || die "you may not read the container 'models' of $1: your role is not in force, or the account's network does not let you in."
    printf '    waiting until your role for the storage account is in force\n'
    sleep "$role_seconds"
  done
}

# prepare APP: all that there has to be before the last deployment. APP is the app that there is; empty where there is none yet.
prepare() {
  step "Resource group $AZURE_RESOURCE_GROUP"
  create_group
  step "Storage, registry, environment, logs"
  provision foundation
  step "Image, tag $GEMMA2_IMAGE_TAG"
  push_image
  if [[ -n ${GEMMA2_MODEL_PATH-} ]]; then
    step "Model $GEMMA2_MODEL"
    push_model
  fi
  if [[ -z $1 && $GEMMA2_HOST == functions ]]; then
    step "App, as far as the platform lets a new one be"
    provision first
  fi
}

# smoke_test ENDPOINT: with the first of the keys, whose name may be before it.
smoke_test() {
  local key=${GEMMA2_API_KEYS%%,*}
  [[ ! $key =~ ^[a-z0-9-]{1,32}=(.+)$ ]] || key=${BASH_REMATCH[1]}
  GEMMA2_API_KEY=$key infra/smoke.sh "$1"
}

say_how_to_call() {
  cat <<END

  The service answers at $1
  Its API keys, for you to read:
    az containerapp secret show --resource-group $AZURE_RESOURCE_GROUP --name $2 --secret-name api-keys --query value --output tsv
  All that was made, to delete it:
    az group delete --name $AZURE_RESOURCE_GROUP

END
}
