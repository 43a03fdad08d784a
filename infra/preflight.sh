# shellcheck shell=bash
# Whether the region has the GPU, and the environment quota for it: asked before anything is built that then waits for a GPU for ever.

gpu_regions=infra/gpu-regions.tsv

profile_of_gpu() { case $1 in T4) echo Consumption-GPU-NC8as-T4 ;; A100) echo Consumption-GPU-NC24-A100 ;; esac; }
quota_of_gpu() { case $1 in T4) echo ManagedEnvironmentConsumptionT4Gpus ;; A100) echo ManagedEnvironmentConsumptionNCA100Gpus ;; esac; }

# regions_with GPU: the list's, separated by spaces.
regions_with() { awk -F '\t' -v gpu="$1" '!/^#/ && (" " $2 " ") ~ (" " gpu " ") { printf "%s%s", separator, $1; separator = " " }' "$gpu_regions"; }

# check_region: refuses a region that neither Azure nor the list knows to have the GPU; says so where the two differ.
check_region() {
  local regions supported listed=false known=true
  [[ $GEMMA2_GPU != none ]] || return 0
  regions=$(regions_with "$GEMMA2_GPU")
  [[ " $regions " != *" $AZURE_LOCATION "* ]] || listed=true
  supported=$(ask containerapp env workload-profile list-supported --location "$AZURE_LOCATION" --query '[].name' --output tsv 2>/dev/null) || known=false
  if $known && grep --quiet --line-regexp --fixed-strings "$(profile_of_gpu "$GEMMA2_GPU")" <<<"$supported"; then return 0; fi
  $listed || die "$AZURE_LOCATION has no serverless $GEMMA2_GPU. These have one: $regions. (Another region that is newer than this list: --skip-preflight.)"
  if $known; then
    printf '    warning: Azure does not offer a serverless %s in %s to this subscription now, though it is on the list of regions\n' "$GEMMA2_GPU" "$AZURE_LOCATION"
  else
    printf '    warning: Azure did not say what %s has; it is on the list of regions with a serverless %s\n' "$AZURE_LOCATION" "$GEMMA2_GPU"
  fi
}

# check_quota ENVIRONMENT: serverless GPUs are counted for each environment, so this needs one. Where Azure tells no figure, none is made up.
check_quota() {
  local quota limit
  quota=$(quota_of_gpu "$GEMMA2_GPU")
  [[ -n $quota ]] || return 0
  limit=$(ask containerapp env list-usages --name "$1" --resource-group "$AZURE_RESOURCE_GROUP" --output json 2>/dev/null |
    jq --raw-output --arg name "$quota" '(.value? // .)[] | select((.name.value // "" | ascii_downcase) == ($name | ascii_downcase)) | .limit | floor') || limit=""
  if [[ ! $limit =~ ^[0-9]+$ ]]; then
    printf '    warning: Azure tells no quota of %s in the environment %s; without one, replicas wait for ever\n' "$GEMMA2_GPU" "$1"
  elif ((limit == 0)); then
    die "the environment $1 may use no $GEMMA2_GPU: ask for $quota on its page Quotas in the portal, then run the same command again. (To go on all the same: --skip-preflight.)"
  elif ((limit < ${GEMMA2_MAX_REPLICAS:-0})); then
    printf '    warning: the quota is %s %s, less than the %s replicas at most; the others will wait\n' "$limit" "$GEMMA2_GPU" "$GEMMA2_MAX_REPLICAS"
  fi
}
