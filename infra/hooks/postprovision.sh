#!/usr/bin/env bash
# azd runs this when main.bicep is deployed: sees to the scale rules, asks the service everything once, removes what it replaces.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=infra/steps.sh
source infra/steps.sh
# shellcheck source=infra/hooks/preview.sh
source infra/hooks/preview.sh

main() {
  ! azd_previews || return 0
  trap report_failed_step EXIT
  step "Scale rules"
  check_choices
  use_subscription
  find_deployed
  [[ -n $deployed ]] || die "there is no deployment of '$AZURE_ENV_NAME' in $AZURE_RESOURCE_GROUP that succeeded."
  outputs=$(jq .outputs <<<"$deployed")
  keep_deployed
  check_host
  provide_secrets
  local endpoint app
  endpoint=$(output endpoint)
  app=$(app_name)
  ensure_scale_rules "$app"
  step "Smoke test"
  smoke_test "$endpoint"
  finish "$endpoint" "$app"
}

main
