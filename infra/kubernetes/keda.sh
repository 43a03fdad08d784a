#!/usr/bin/env bash
# Lets the pods of a cluster, and KEDA's operator, act as the app's identity: without that KEDA cannot read the queues, and nothing wakes the app.
# usage: infra/kubernetes/keda.sh CLUSTER-GROUP CLUSTER IDENTITY-GROUP IDENTITY
# environment: KEDA_NAMESPACE          where KEDA runs; default kube-system, as AKS' add-on does (Helm's default: keda)
#              AZURE_SUBSCRIPTION_ID   where cluster and identity are; default: the CLI's default
# Needs az, and a kubectl that is connected to the cluster. Prints the identity's client id, which belongs into service-account.yaml.
set -euo pipefail

readonly namespace=${KEDA_NAMESPACE:-kube-system} annotation=azure.workload.identity/client-id

main() {
  local tool issuer client
  (($# == 4)) || { sed --quiet '3,6s/^# //p' "${BASH_SOURCE[0]}" >&2 && exit 2; }
  for tool in az kubectl; do command -v "$tool" >/dev/null || die "$tool is needed and not on PATH."; done
  issuer=$(azure aks show --resource-group "$1" --name "$2" --query oidcIssuerProfile.issuerUrl --output tsv)
  [[ $issuer == https://* ]] || die "the cluster $2 has no OIDC issuer: az aks update --resource-group $1 --name $2 --enable-oidc-issuer --enable-workload-identity"
  client=$(azure identity show --resource-group "$3" --name "$4" --query clientId --output tsv)
  kubectl get serviceaccount keda-operator --namespace "$namespace" --output name >/dev/null || die "KEDA's operator is not in the namespace $namespace of the cluster that kubectl is connected to."
  federate "$3" "$4" "$issuer" gemma2 gemma2:gemma2
  federate "$3" "$4" "$issuer" gemma2-keda "$namespace:keda-operator"
  annotate_operator "$client"
  # Only new pods get what the annotation and the cluster's webhook add.
  kubectl rollout restart deployment/keda-operator --namespace "$namespace" >&2
  kubectl rollout status deployment/keda-operator --namespace "$namespace" --timeout 5m >&2
  printf '%s\n' "$client"
}

azure() { az "$@" ${AZURE_SUBSCRIPTION_ID:+--subscription "$AZURE_SUBSCRIPTION_ID"}; }

# federate GROUP IDENTITY ISSUER NAME SERVICE-ACCOUNT: tokens of that service account count as the identity's.
federate() {
  azure identity federated-credential create --resource-group "$1" --identity-name "$2" --issuer "$3" --name "$4" --subject "system:serviceaccount:$5" \
    --audiences api://AzureADTokenExchange --output none
}

# annotate_operator CLIENT: an operator that serves others as another identity keeps it; the app's TriggerAuthentication names its own.
annotate_operator() {
  local there
  there=$(kubectl get serviceaccount keda-operator --namespace "$namespace" --output "jsonpath={.metadata.annotations.${annotation//./\\.}}")
  if [[ -n $there && $there != "$1" ]]; then
    printf 'KEDA acts as %s for others, and keeps that; for this app it acts as %s, which scaled-object.yaml names.\n' "$there" "$1" >&2
  else
    kubectl annotate serviceaccount keda-operator --namespace "$namespace" --overwrite "$annotation=$1" >&2
  fi
}

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

main "$@"
