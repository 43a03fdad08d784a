# shellcheck shell=bash
# shellcheck disable=SC2154 # app_api_version is set by azure.sh.
# The rules by which queues wake the app. A platform that runs a Functions app may refuse or drop those of a deployment and derive its own, which are reported to be
# skipped without a word; an app that exists takes them by PATCH: https://learn.microsoft.com/azure/container-apps/functions-scale-rule-override

# ensure_scale_rules APP: a Functions app scales by our rules afterwards, or the script ends.
ensure_scale_rules() {
  local wanted
  [[ $GEMMA2_HOST == functions ]] || return 0
  wanted=$(output scaleRules)
  ! has_scale_rules "$1" "$wanted" || return 0
  printf '    the platform left out our scale rules; they are set once more\n'
  jq --null-input --argjson rules "$wanted" '{properties: {template: {scale: {allowScalingRuleOverride: true, rules: $rules}}}}' |
    azure rest --method patch --url "$(app_path "$1")?api-version=$app_api_version" --headers Content-Type=application/json --body @- --output none
  has_scale_rules "$1" "$wanted" || die "$1 does not scale by our rules, so a message may not wake it. infra/wake.sh tells whether it does; docs/operations-azure.md says where to look."
}

# has_scale_rules APP RULES
has_scale_rules() {
  local scale
  scale=$(ask rest --method get --url "$(app_path "$1")?api-version=$app_api_version" --query properties.template.scale --output json) || die "Azure did not say by which rules $1 scales."
  jq --exit-status --argjson wanted "$2" '.allowScalingRuleOverride == true and ([$wanted[].name] - [(.rules // [])[].name] == [])' <<<"$scale" >/dev/null
}
