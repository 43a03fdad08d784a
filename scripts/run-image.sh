#!/usr/bin/env bash
# Runs an image of scripts/build-image.sh as a container engine would: its command in its own root folder, as its user, first process of its own; on the machine's network.
# usage: scripts/run-image.sh IMAGE [OPTION...] [COMMAND ARGUMENT...]   a COMMAND replaces the image's
#   --env NAME=VALUE   a variable of its environment
#   --volume FROM:TO   a file or folder of this machine
# Ctrl+C and SIGTERM reach the image's command. The exit status is that of the command. What it wrote is gone at its end.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
source scripts/packages.sh
source scripts/images.sh

main() {
  read_arguments "$@"
  container=$(image_tool from --pull-never "$image")
  root=$(image_tool mount "$container")
  lay_system_folders
  local volume
  for volume in "${volumes[@]}"; do bind "${volume%%:*}" "$root${volume#*:}"; done
  start_command
  wait_for_command
}

read_arguments() {
  image=${1-}
  [[ -n $image ]] || { sed -n '3,5s/^# //p' scripts/run-image.sh >&2 && exit 2; }
  shift
  variables=() volumes=()
  while [[ ${1-} == --* ]]; do
    (($# >= 2)) || die "$1 needs a value."
    case $1 in
      --env) variables+=("$2") ;;
      --volume) volumes+=("$2") ;;
      *) die "there is no option $1: --env and --volume are allowed." ;;
    esac
    shift 2
  done
  command=("$@")
}

lay_system_folders() {
  local device
  mount -t tmpfs tmpfs "$root/dev"
  for device in null zero full random urandom; do bind "/dev/$device" "$root/dev/$device"; done
  ln --symbolic /proc/self/fd "$root/dev/fd"
  mkdir --mode 1777 "$root/dev/shm"
  bind /sys "$root/sys"
  bind /etc/resolv.conf "$root/etc/resolv.conf"
  bind /etc/hosts "$root/etc/hosts"
}

# bind FROM TO
bind() {
  if [[ -d $1 ]]; then mkdir -p "$2"; else mkdir -p "$(dirname "$2")" && touch "$2"; fi
  mount --bind "$1" "$2"
}

# Sets first_process, a child of outside.
start_command() {
  local settings environment entrypoint working_folder user
  settings=$(image_tool inspect --type image "$image")
  setting() { jq --raw-output ".OCIv1.config | $1" <<<"$settings"; }
  mapfile -t environment < <(setting '.Env[]?')
  mapfile -t entrypoint < <(setting '.Entrypoint[]?')
  ((${#command[@]} > 0)) || mapfile -t command < <(setting '.Cmd[]?')
  working_folder=$(setting '.WorkingDir // "/"') user=$(setting '.User // "0:0"')
  # shellcheck disable=SC2016 # The inner shell fills in what it is given.
  unshare --mount --pid --fork --kill-child bash -euc 'mount -t proc proc "$1/proc"; exec chroot --userspec="$2" --groups= "${@:3}"' bash "$root" "$user" \
    "$root" /usr/bin/env --ignore-environment --chdir="$working_folder" "${environment[@]}" "${variables[@]}" "${entrypoint[@]}" "${command[@]}" &
  outside=$!
  until first_process=$(pgrep --parent "$outside") || ! kill -0 "$outside" 2>/dev/null; do sleep 0.02; done
}

# A signal interrupts the wait, which then goes on.
wait_for_command() {
  local status=0
  trap 'kill -TERM "$first_process"' TERM INT HUP
  wait "$outside" || status=$?
  while kill -0 "$outside" 2>/dev/null; do
    status=0
    wait "$outside" || status=$?
  done
  exit "$status"
}

# shellcheck disable=SC2317 # The trap calls it.
clean_up() {
  [[ -z ${container-} ]] || image_tool rm "$container" >/dev/null
  forget_mounts
}

in_own_namespace scripts/run-image.sh "$@"
trap clean_up EXIT
main "$@"
