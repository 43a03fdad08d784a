# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # What find_deployed and check_host find is for others; app_api_version is set by azure.sh.
# What an earlier deployment made, so that a later one keeps it: nothing that was chosen once is lost because an option is left out.

# What main.bicep's own parameters remember: PARAMETER:VARIABLE.
kept_parameters=(
  location:AZURE_LOCATION host:GEMMA2_HOST gpu:GEMMA2_GPU model:GEMMA2_MODEL minReplicas:GEMMA2_MIN_REPLICAS maxReplicas:GEMMA2_MAX_REPLICAS
  gpuDriverSource:GPU_DRIVER_SOURCE gpuDriverSha256:GPU_DRIVER_SHA256 isPublic:GEMMA2_IS_PUBLIC isPrivate:GEMMA2_IS_PRIVATE
  isRegistryPrivate:GEMMA2_IS_REGISTRY_PRIVATE registrySku:GEMMA2_REGISTRY_SKU allowedIpRanges:GEMMA2_ALLOWED_IPS
  appsSubnetId:GEMMA2_APPS_SUBNET_ID endpointsSubnetId:GEMMA2_ENDPOINTS_SUBNET_ID requestIdleMinutes:GEMMA2_REQUEST_IDLE_MINUTES alertEmails:GEMMA2_ALERT_EMAILS
)

# What the resource group's tags remember, for there is no parameter: TAG:VARIABLE.
kept_tags=(
  gemma2-parameters:GEMMA2_PARAMETERS gemma2-stack:GEMMA2_STACK gemma2-shader-digest:GEMMA2_SHADER_DIGEST gemma2-sdk-digest:GEMMA2_SDK_DIGEST
  gemma2-app-digest:GEMMA2_APP_DIGEST gemma2-functions-digest:GEMMA2_FUNCTIONS_DIGEST
)

# find_deployed: sets has_group, group_tags, apps and deployed (the last deployment of main.bicep that succeeded: its parameters and outputs).
# An answer that does not come is an error: taken for "nothing is there", it would make new keys and a second app.
find_deployed() {
  local lost="Azure did not answer, so it is not known what is deployed. Nothing was changed; try again." names
  has_group=false group_tags="" apps=() deployed=""
  local exists
  exists=$(ask group exists --name "$AZURE_RESOURCE_GROUP") || die "$lost"
  [[ $exists == true ]] || return 0
  has_group=true
  group_tags=$(ask group show --name "$AZURE_RESOURCE_GROUP" --query tags --output json) || die "$lost"
  names=$(ask containerapp list --resource-group "$AZURE_RESOURCE_GROUP" --query "[?tags.\"azd-env-name\"=='$AZURE_ENV_NAME'].name" --output tsv) || die "$lost"
  [[ -z $names ]] || mapfile -t apps <<<"$names"
  deployed=$(ask deployment group list --resource-group "$AZURE_RESOURCE_GROUP" --filter "provisioningState eq 'Succeeded'" --output json \
    --query "sort_by([?properties.parameters.environmentName.value=='$AZURE_ENV_NAME' && properties.parameters.stage].properties, &timestamp)[-1].{parameters: parameters, outputs: outputs}") ||
    die "$lost"
  [[ $deployed != null ]] || deployed=""
}

# keep_deployed: fills in, from what is deployed, what this call does not choose.
keep_deployed() {
  local entry
  kept=()
  for entry in "${kept_parameters[@]}"; do keep "${entry#*:}" "$(deployed_parameter "${entry%%:*}")" "${entry%%:*}"; done
  for entry in "${kept_tags[@]}"; do keep "${entry#*:}" "$(group_tag "${entry%%:*}")" "${entry%%:*}"; done
  if ((${#kept[@]} > 0)); then
    printf '    as deployed:'
    printf ' %s' "${kept[@]}"
    printf '\n'
  fi
  if ((${#apps[@]} > 0)) && [[ -z $deployed ]]; then
    [[ -n ${GEMMA2_HOST-} && -n ${GEMMA2_GPU-} && -n ${GEMMA2_MODEL-} ]] ||
      die "the app ${apps[0]} is there, but not the deployment that made it, so its choices are not known: give --host, --gpu and --model, and the other options that it had."
  fi
}

# keep VARIABLE VALUE NAME
keep() {
  [[ -z ${!1-} && -n $2 ]] || return 0
  export "$1=$2"
  kept+=("$3=$2")
}

# check_driver: a new driver comes with its own hash; the hash that was deployed is another archive's. "none" takes a driver away.
check_driver() {
  [[ -z ${GPU_DRIVER_SOURCE-} || -n ${GPU_DRIVER_SHA256-} ]] || GPU_DRIVER_SHA256=none
  [[ ${GPU_DRIVER_SOURCE-} != https://* || $GPU_DRIVER_SHA256 != none ]] || die "a driver from an address needs --driver-sha256, the SHA-256 of its archive."
}

# No value for the templates, where "none" stands for it.
forget_nones() {
  local name
  for name in GPU_DRIVER_SOURCE GPU_DRIVER_SHA256 GEMMA2_ALLOWED_IPS GEMMA2_ALERT_EMAILS; do
    [[ ${!name-} != none ]] || export "$name="
  done
}

deployed_parameter() {
  [[ -z $deployed ]] || jq --raw-output --arg name "$1" \
    '.parameters | to_entries | map(select(.key | ascii_downcase == ($name | ascii_downcase)))[0].value.value | if . == null then empty elif type == "array" then join(",") else tostring end' <<<"$deployed"
}

group_tag() { [[ -z $group_tags ]] || jq --raw-output --arg name "$1" '.[$name]? // empty' <<<"$group_tags"; }

# remember_in_tags: what no parameter remembers, onto the resource group; its other tags stay.
remember_in_tags() {
  local entry variable tags=()
  for entry in "${kept_tags[@]}"; do
    variable=${entry#*:}
    [[ -z ${!variable-} || $(group_tag "${entry%%:*}") == "${!variable}" ]] || tags+=("${entry%%:*}=${!variable}")
  done
  ((${#tags[@]} == 0)) || azure tag update --resource-id "$(group_path)" --operation Merge --tags "${tags[@]}" --output none
}

host_of() { [[ $1 == func-* ]] && echo functions || echo containerapp; }

# check_host: the apps of the two hosts take from the same queues, so one replaces the other, and only when that is said.
check_host() {
  local app
  this_app="" other_apps=()
  for app in "${apps[@]}"; do
    if [[ $(host_of "$app") == "$GEMMA2_HOST" ]]; then this_app=$app; else other_apps+=("$app"); fi
  done
  ((${#other_apps[@]} == 0)) || [[ ${GEMMA2_CHANGE_HOST-} == true ]] ||
    die "${other_apps[0]} runs as $(host_of "${other_apps[0]}") and takes from the same queues. To have it stopped, and removed once $GEMMA2_HOST works, say --change-host (azd: GEMMA2_CHANGE_HOST=true)."
}

# keep_domains: what is bound to the app. A deployment that does not name them would take them away.
keep_domains() {
  [[ -n $this_app ]] || return 0
  GEMMA2_CUSTOM_DOMAINS=$(ask rest --method get --url "$(app_path "$this_app")?api-version=$app_api_version" --query properties.configuration.ingress.customDomains --output json) ||
    die "Azure did not say which domains are bound to $this_app, and a deployment without them would take them away. Nothing was changed; try again."
  GEMMA2_CUSTOM_DOMAINS=$(jq --compact-output '. // []' <<<"${GEMMA2_CUSTOM_DOMAINS:-null}")
  export GEMMA2_CUSTOM_DOMAINS
}

# Before the new app is made. Stopped, an app takes nothing from the queues, and can come back.
stop_other_apps() {
  local app
  for app in "${other_apps[@]}"; do
    azure rest --method post --url "$(app_path "$app")/stop?api-version=$app_api_version" --output none
    printf '    %s is stopped. To have it back: az rest --method post --url %s/start?api-version=%s\n' "$app" "$(app_path "$app")" "$app_api_version"
  done
}

# Once the new app works.
remove_other_apps() {
  local app
  for app in "${other_apps[@]}"; do azure containerapp delete --name "$app" --resource-group "$AZURE_RESOURCE_GROUP" --yes --output none; done
}

# provide_secrets: API keys, callback secret and admin key: those that are given, else those that an app has; else, of the keys, new ones. They travel in the environment alone.
# New keys lock all clients out: they are made only where there is no app, or where it answered that it has none.
provide_secrets() {
  local app=${this_app:-${other_apps[0]-}} secrets='[]'
  if [[ -n $app && (-z ${GEMMA2_API_KEYS-} || -z ${GEMMA2_CALLBACK_SECRET-} || -z ${GEMMA2_ADMIN_KEY-}) ]]; then
    secrets=$(ask containerapp secret list --name "$app" --resource-group "$AZURE_RESOURCE_GROUP" --show-values --output json) ||
      die "the API keys of $app could not be read, and new ones would lock all clients out: try again, or give the keys (--api-keys-file)."
  fi
  : "${GEMMA2_API_KEYS:=$(secret api-keys)}" "${GEMMA2_CALLBACK_SECRET:=$(secret callback-secret)}" "${GEMMA2_ADMIN_KEY:=$(secret admin-key)}"
  [[ -n $GEMMA2_API_KEYS ]] || GEMMA2_API_KEYS=$(head --bytes 32 /dev/urandom | base64 --wrap 0 | tr --delete '+/=')
  export GEMMA2_API_KEYS GEMMA2_CALLBACK_SECRET GEMMA2_ADMIN_KEY
}

# secret NAME: of the app's.
secret() { jq --raw-output --arg name "$1" '.[] | select(.name == $name).value // empty' <<<"$secrets"; }
