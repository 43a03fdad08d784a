#!/usr/bin/env bash
# azd runs this when main.bicep is deployed: asks the service everything once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=infra/steps.sh
source infra/steps.sh

main() {
  trap report_failed_step EXIT
  local endpoint app
  endpoint=$(azd env get-value endpoint)
  app=$(deployed_app)
  provide_api_keys "$app"
  step "Smoke test"
  smoke_test "$endpoint"
  say_how_to_call "$endpoint" "$app"
}

main
