# shellcheck shell=bash
# shellcheck disable=SC2034 # app_api_version is for others.
# The Azure CLI as these scripts use it: in the chosen subscription alone, and asked again where the cloud does not answer.

azure_tries=${AZURE_TRIES:-4}
azure_pause_seconds=${AZURE_PAUSE_SECONDS:-10}

# The management interface of which the templates are written, for what `az` has no command for.
app_api_version=2026-07-01

# azure ARGUMENT...: az in the subscription that was chosen, whatever the CLI's default is by then.
azure() { az "$@" ${AZURE_SUBSCRIPTION_ID:+--subscription "$AZURE_SUBSCRIPTION_ID"}; }

# ask ARGUMENT...: a question to Azure; only the last failure shows its reason.
ask() {
  local try
  for ((try = 1; try < azure_tries; try++)); do
    ! azure "$@" 2>/dev/null || return 0
    sleep "$azure_pause_seconds"
  done
  azure "$@"
}

# use_subscription: the one that AZURE_SUBSCRIPTION_ID names, else the CLI's default; from here on every call goes to that one.
use_subscription() {
  local account help="sign in first: az login"
  [[ -z ${AZURE_SUBSCRIPTION_ID-} ]] || help+=", as somebody who has the subscription '$AZURE_SUBSCRIPTION_ID'"
  account=$(azure account show --query '[id, name, user.type, user.name]' --output tsv) || die "$help"
  mapfile -t account <<<"$account"
  export AZURE_SUBSCRIPTION_ID=${account[0]}
  printf '    subscription %s (%s)\n' "${account[1]}" "$AZURE_SUBSCRIPTION_ID"
  # Who may push models then.
  [[ -z ${AZURE_PRINCIPAL_ID-} ]] || return 0
  if [[ ${account[2]} == servicePrincipal ]]; then
    AZURE_PRINCIPAL_ID=$(azure ad sp show --id "${account[3]}" --query id --output tsv)
    AZURE_PRINCIPAL_TYPE=ServicePrincipal
  else
    AZURE_PRINCIPAL_ID=$(azure ad signed-in-user show --query id --output tsv)
    AZURE_PRINCIPAL_TYPE=User
  fi
  export AZURE_PRINCIPAL_ID AZURE_PRINCIPAL_TYPE
}

# group_path: the resource group's id; app_path APP: an app's. `az rest` completes them with the cloud's address.
group_path() { printf '/subscriptions/%s/resourceGroups/%s' "$AZURE_SUBSCRIPTION_ID" "$AZURE_RESOURCE_GROUP"; }
app_path() { printf '%s/providers/Microsoft.App/containerApps/%s' "$(group_path)" "$1"; }
