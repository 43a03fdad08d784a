# shellcheck shell=bash
# shellcheck disable=SC2154 # gemma2, role_looks and role_seconds are set by steps.sh, app_api_version by azure.sh.
# The model: pushed from this machine, or pulled inside the cloud by a job of the app's environment.

# choose_model: a path is pushed, hf:OWNER/NAME is pulled in the cloud, anything else is in storage already.
choose_model() {
  local path=${GEMMA2_MODEL_PATH-}
  if [[ $path == hf:* ]]; then
    [[ $path =~ ^hf:[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*(@[A-Za-z0-9][A-Za-z0-9_.-]*)?(:[A-Za-z0-9_./-]+\.gguf)?$ ]] ||
      die "the model '$path' is not hf:OWNER/NAME, hf:OWNER/NAME@REVISION or hf:OWNER/NAME:FILE.gguf."
    [[ -n ${GEMMA2_MODEL-} ]] || GEMMA2_MODEL=$(name_of_repository "$path")
  elif [[ -n $path ]]; then
    is_model "$path" || die "the model '$path' is neither a .gguf file nor a folder with config.json or such a file."
    [[ -n ${GEMMA2_MODEL-} ]] || GEMMA2_MODEL=$(name_of_model "$path")
  fi
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

# name_of_repository TEXT: the name in hf:OWNER/NAME, or its file's.
name_of_repository() {
  local name=${1#hf:}
  if [[ $name == *:* ]]; then
    name_of_model "${name##*:}"
  else
    name=${name#*/}
    name=${name%%@*}
    printf '%s\n' "${name,,}"
  fi
}

provide_model() {
  if [[ $GEMMA2_MODEL_PATH == hf:* ]]; then pull_model; else push_model; fi
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
  until azure storage blob list --account-name "$1" --container-name models --auth-mode login --num-results 1 --output none 2>/dev/null; do
    ((--looks > 0)) || die "you may not read the container 'models' of $1: your role is not in force, or the account's network does not let you in."
    printf '    waiting until your role for the storage account is in force\n'
    sleep "$role_seconds"
  done
}

# pull_model: a job in the app's environment streams the model from the hub into storage, as the app's identity. The weights never come here.
pull_model() {
  local job=pull-$AZURE_ENV_NAME path execution status
  path=$(group_path)/providers/Microsoft.App/jobs/$job
  job_description | azure rest --method put --url "$path?api-version=$app_api_version" --headers Content-Type=application/json --body @- --output none
  await_job "$path"
  execution=$(azure containerapp job start --name "$job" --resource-group "$AZURE_RESOURCE_GROUP" --query name --output tsv)
  printf '    the job %s fetches %s and stores it as %s\n' "$execution" "${GEMMA2_MODEL_PATH#hf:}" "$GEMMA2_MODEL"
  until status=$(ask containerapp job execution show --name "$job" --resource-group "$AZURE_RESOURCE_GROUP" --job-execution-name "$execution" --query properties.status --output tsv) &&
    [[ $status == @(Succeeded|Failed|Stopped|Degraded) ]]; do sleep "$role_seconds"; done
  if [[ $status != Succeeded ]]; then
    azure containerapp job logs show --name "$job" --resource-group "$AZURE_RESOURCE_GROUP" --execution "$execution" --container pull --tail 20 --format text >&2 </dev/null || true
    die "the job $execution ended as ${status,,}; its last lines are above. It stays for you to look at: az containerapp job logs show --name $job --resource-group $AZURE_RESOURCE_GROUP --execution $execution --container pull"
  fi
  # Its secret goes with it.
  azure containerapp job delete --name "$job" --resource-group "$AZURE_RESOURCE_GROUP" --yes --output none
}

# await_job PATH: until the platform has made it.
await_job() {
  local state
  until state=$(ask rest --method get --url "$1?api-version=$app_api_version" --query properties.provisioningState --output tsv) && [[ $state == @(Succeeded|Failed|Canceled) ]]; do sleep "$role_seconds"; done
  [[ $state == Succeeded ]] || die "the job that pulls the model could not be made: its state is ${state,,}."
}

# job_description: what is sent to make the job. HF_TOKEN, which Gemma's repositories ask for, goes through a pipe and becomes a secret of the job.
job_description() {
  jq --null-input --arg location "$AZURE_LOCATION" --arg environment "$(group_path)/providers/Microsoft.App/managedEnvironments/$(output environmentName)" \
    --arg identity "$(output identityId)" --arg client "$(output identityClientId)" --arg account "$(output storageAccountName)" --arg server "$(output registryLoginServer)" \
    --arg image "$(output registryLoginServer)/$(output imageName):$GEMMA2_IMAGE_TAG" --arg model "$GEMMA2_MODEL" --arg source "$GEMMA2_MODEL_PATH" --arg name "$AZURE_ENV_NAME" '
    (env.HF_TOKEN // "") as $token
    | {
        location: $location,
        tags: {"azd-env-name": $name},
        identity: {type: "UserAssigned", userAssignedIdentities: {($identity): {}}},
        properties: {
          environmentId: $environment,
          workloadProfileName: "Consumption",
          configuration: {
            triggerType: "Manual",
            manualTriggerConfig: {parallelism: 1, replicaCompletionCount: 1},
            replicaTimeout: 7200,
            replicaRetryLimit: 1,
            registries: [{server: $server, identity: $identity}],
            secrets: (if $token == "" then [] else [{name: "hf-token", value: $token}] end)
          },
          template: {
            containers: [{
              name: "pull",
              image: $image,
              command: ["gemma2"],
              args: ["push", $source, $model],
              resources: {cpu: 4, memory: "8Gi"},
              env: ([
                {name: "AzureWebJobsStorage__accountName", value: $account},
                {name: "AzureWebJobsStorage__credential", value: "managedidentity"},
                {name: "AzureWebJobsStorage__clientId", value: $client}
              ] + (if $token == "" then [] else [{name: "HF_TOKEN", secretRef: "hf-token"}] end))
            }]
          }
        }
      }'
}
