#!/usr/bin/env bash
# Downloads a model from Hugging Face into this container and pushes it into storage: the work of a job in the app's environment, run in place of the entrypoint.
# usage: pull-model.sh OWNER/NAME[@REVISION][:FILE.gguf] MODEL
#   MODEL   what the model is called in storage
# environment: HF_TOKEN      an access token of an account that has accepted the model's licence
#              PULL_FOLDER   where the files lie meanwhile; default a folder of its own in TMPDIR
#              HF_ENDPOINT   default https://huggingface.co
set -euo pipefail
export LC_ALL=C.UTF-8

readonly endpoint=${HF_ENDPOINT:-https://huggingface.co}

main() {
  if (($# != 2)) || ! [[ $1 =~ ^([A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)(@([A-Za-z0-9_.-]+))?(:([A-Za-z0-9_./-]+\.gguf))?$ ]]; then
    sed --quiet '3,7s/^# //p' "${BASH_SOURCE[0]}" >&2
    exit 2
  fi
  repository=${BASH_REMATCH[1]} revision=${BASH_REMATCH[3]:-main} file=${BASH_REMATCH[5]}
  work=$(mktemp --directory)
  folder=${PULL_FOLDER:-$work/model}
  trap 'rm -rf "$work"' EXIT
  mkdir --parents "$folder"
  write_token_header
  find_files
  check_space
  download_files
  gemma2 push "$folder" "$2"
}

say() { printf 'pull: %s\n' "$*" >&2; }

die() {
  printf 'pull: error: %s\n' "$*" >&2
  exit 1
}

# curl reads it from a file: a command line is for all to see. It does not follow a redirection to another host.
write_token_header() {
  (umask 077 && : >"$work/headers")
  [[ -z ${HF_TOKEN-} ]] || printf 'Authorization: Bearer %s\n' "$HF_TOKEN" >"$work/headers"
}

# get ADDRESS FILE
get() { curl --silent --show-error --location --proto "=${endpoint%%:*}" --globoff --header "@$work/headers" --retry 5 --retry-all-errors --connect-timeout 20 --speed-limit 10000 --speed-time 60 --output "$2" --write-out '%{http_code}' "$1"; }

# find_files: name, size and SHA-256 (of large files; Hugging Face knows no other's) of what a model needs, one file a line, into WORK/files.
find_files() {
  local status parts=()
  status=$(get "$endpoint/api/models/$repository/tree/$revision?recursive=true" "$work/tree") || die "$endpoint does not answer."
  case $status in
    200) ;;
    401 | 403) die "$repository is not open to this token (status $status): accept the licence on $endpoint/$repository, and give HF_TOKEN of that account." ;;
    404) die "there is no model $repository at the revision $revision on $endpoint." ;;
    *) die "$endpoint answered with status $status." ;;
  esac
  [[ ! $file =~ ^(.+-)[0-9]{5}(-of-[0-9]{5}\.gguf)$ ]] || parts=("${BASH_REMATCH[@]:1}")
  jq --raw-output --arg file "$file" --arg first "${parts[0]-}" --arg last "${parts[1]-}" '.[] | select(.type == "file")
    | select(if $first != "" then .path | startswith($first) and endswith($last)
      elif $file != "" then .path == $file
      else .path | test("^(config\\.json|generation_config\\.json|tokenizer\\.model|[^/]*\\.safetensors|[^/]*\\.safetensors\\.index\\.json)$") end)
    | [.path, .size, .lfs.oid // ""] | @tsv' "$work/tree" >"$work/files"
  [[ -s $work/files ]] || die "$repository has no ${file:-config.json and safetensors files}."
}

# check_space: a container's disk is small, and full only after minutes.
check_space() {
  local needed=0 free size
  while IFS=$'\t' read -r _ size _; do needed=$((needed + size)); done <"$work/files"
  free=$(($(df --output=avail --block-size=1 "$folder" | tail --lines 1)))
  say "$repository at $revision: $(wc --lines <"$work/files") files, $((needed / 1000000)) MB"
  ((needed < free)) || die "the files take $((needed / 1000000)) MB, and this container has $((free / 1000000)) MB: push this model from a machine with a larger disk."
}

download_files() {
  local path size hash status target
  while IFS=$'\t' read -r path size hash; do
    target=$folder/${path##*/}
    say "$path ($((size / 1000000)) MB)"
    status=$(get "$endpoint/$repository/resolve/$revision/$path" "$target") || die "the download of $path broke off."
    [[ $status == 200 ]] || die "$path: $endpoint answered with status $status."
    [[ $(stat --format %s "$target") == "$size" ]] || die "$path has $(stat --format %s "$target") bytes; $size were announced."
    [[ -z $hash ]] || sha256sum --check --status <<<"$hash  $target" || die "the SHA-256 of $path is not the one that $endpoint names."
  done <"$work/files"
}

main "$@"
