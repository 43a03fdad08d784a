#!/usr/bin/env bash
# Makes, of NVIDIA's package, the small archive from which a container installs the Vulkan half of the driver: see docs/container.md. Prints its SHA-256.
# usage: infra/driver.sh VERSION [OPTION...]
#   VERSION               of the kernel module on the host, as the entrypoint's log names it: 580.95.05
#   --file FILE           NVIDIA-Linux-x86_64-VERSION.run, where it is here already
#   --url ADDRESS         where it is downloaded from; default: NVIDIA's data-center drivers, then its others
#   --sha256 HASH         what the package must be
#   --out FOLDER          where the archive goes; default: this folder
#   --push ACCOUNT        uploads it into the container "drivers" of a storage account, as the one who is signed in to az
#   --subscription ID     of that account; default: AZURE_SUBSCRIPTION_ID, else the CLI's default
# The package is NVIDIA's, and so is its licence: by going on you accept it. Needs bash, tar, zstd and sha256sum; curl to download, az to push.
set -euo pipefail

readonly nvidia=https://us.download.nvidia.com

# What Vulkan without a display loads. The first five are in every version, and the container does not start without them; newer ones split more off.
readonly required=(libEGL_nvidia libnvidia-eglcore libnvidia-glsi libnvidia-tls libnvidia-glvkspirv)
readonly optional=(libGLX_nvidia libnvidia-glcore libnvidia-gpucomp libnvidia-rtcore libnvidia-allocator)

file="" url="" hash="" out=. account=""

main() {
  read_arguments "$@"
  require_tools
  work=$(mktemp --directory)
  trap 'rm -rf "$work"' EXIT
  [[ -n $file ]] || download
  check_package
  extract
  pack
  [[ -z $account ]] || push
  say_what_to_deploy
}

read_arguments() {
  (($# > 0)) || usage 2
  [[ $1 != --help ]] || usage 0
  version=$1
  [[ $version =~ ^[0-9]{3,4}(\.[0-9]+){1,2}$ ]] || usage 2 "the version is '$version'; allowed is one as 580.95.05."
  shift
  while (($# > 0)); do
    (($# > 1)) || [[ $1 != --* ]] || usage 2 "$1 needs a value."
    case $1 in
      --file) file=$2 ;;
      --url) url=$2 ;;
      --sha256) hash=${2,,} ;;
      --out) out=$2 ;;
      --push) account=$2 ;;
      --subscription) AZURE_SUBSCRIPTION_ID=$2 ;;
      *) usage 2 "unknown argument '$1'." ;;
    esac
    shift 2
  done
  [[ -z $url || $url == https://* ]] || usage 2 "the address is '${url%%\?*}'; allowed is one with https."
  [[ -z $hash || $hash =~ ^[0-9a-f]{64}$ ]] || usage 2 "the SHA-256 is '$hash'; allowed are 64 hexadecimal digits."
  [[ -z $file || -r $file ]] || die "there is no readable file $file."
  [[ -d $out && -w $out ]] || die "there is no folder $out that can be written to."
}

require_tools() {
  local tool tools=(tar zstd sha256sum)
  [[ -n $file ]] || tools+=(curl)
  [[ -z $account ]] || tools+=(az)
  for tool in "${tools[@]}"; do command -v "$tool" >/dev/null || die "$tool is needed and not on PATH."; done
}

download() {
  local address addresses=("$url")
  [[ -n $url ]] || addresses=("$nvidia/tesla/$version/NVIDIA-Linux-x86_64-$version.run" "$nvidia/XFree86/Linux-x86_64/$version/NVIDIA-Linux-x86_64-$version.run")
  file=$work/package.run
  for address in "${addresses[@]}"; do
    say "Downloading ${address%%\?*}"
    # A signature in the address is not for a command line, which all can see.
    ! curl --config - --fail --silent --show-error --location --globoff --proto '=https' --retry 4 --connect-timeout 20 --speed-limit 10000 --speed-time 60 --output "$file" <<<"url = \"$address\"" ||
      return 0
  done
  die "the download failed. Get NVIDIA-Linux-x86_64-$version.run from NVIDIA yourself and give it with --file."
}

check_package() {
  local actual
  actual=$(sha256sum <"$file")
  actual=${actual%% *}
  say "SHA-256 of NVIDIA's package: $actual"
  [[ -z $hash || $actual == "$hash" ]] || die "that is not $hash: the package is not used."
}

extract() {
  local library missing=()
  say "Unpacking"
  sh "$file" --extract-only --target "$work/unpacked" >"$work/log" 2>&1 || die "the package cannot be unpacked: $(tail --lines 1 "$work/log")"
  for library in "${required[@]}"; do
    [[ -f $work/unpacked/$library.so.$version ]] || missing+=("$library.so.$version")
  done
  ((${#missing[@]} == 0)) || die "the package is not the driver $version, or not whole: ${missing[*]} is missing."
}

# The same package gives the same bytes, so that its hash stays.
pack() {
  local name files=()
  for name in "${required[@]}" "${optional[@]}"; do
    [[ ! -f $work/unpacked/$name.so.$version ]] || files+=("$name.so.$version")
  done
  for name in nvidia_icd.json LICENSE; do
    [[ ! -f $work/unpacked/$name ]] || files+=("$name")
  done
  archive=$out/nvidia-$version.tar.zst
  tar --create --directory "$work/unpacked" --sort name --mtime '1970-01-01 00:00Z' --owner 0 --group 0 --numeric-owner --mode u=rw,go=r --format gnu "${files[@]}" |
    zstd --quiet --force -19 -T1 -o "$archive"
  sum=$(sha256sum <"$archive")
  sum=${sum%% *}
  say "$archive: $(($(stat --format %s "$archive") / 1000000)) MB, ${#files[@]} files"
  printf '%s\n' "$sum"
}

push() {
  local azure=(--account-name "$account" --auth-mode login --output none ${AZURE_SUBSCRIPTION_ID:+--subscription "$AZURE_SUBSCRIPTION_ID"})
  say "Uploading to $account"
  az storage container create --name drivers "${azure[@]}"
  az storage blob upload --container-name drivers --file "$archive" --name "nvidia-$version.tar.zst" --overwrite true "${azure[@]}" >/dev/null
}

say_what_to_deploy() {
  say "For infra/deploy.sh (of several versions, their hashes separated by commas):"
  say "  --driver 'https://${account:-ACCOUNT}.blob.core.windows.net/drivers/nvidia-{version}.tar.zst' --driver-sha256 $sum"
}

# Standard output is the hash alone.
say() { printf '%s\n' "$*" >&2; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# usage STATUS [REASON]
usage() {
  [[ $# == 1 ]] || printf 'error: %s\n' "$2" >&2
  sed --quiet '3,/^set /s/^# \?//p' "${BASH_SOURCE[0]}" >&"$(($1 == 0 ? 1 : 2))"
  exit "$1"
}

main "$@"
