# shellcheck shell=bash
# shellcheck disable=SC2154 # driver_version is set by find_nvidia_driver.
# NVIDIA's driver from where the owner has put it: fetched, checked, unpacked without its kernel module, kept for the next start.

# use_configured_driver: true when Vulkan works with what GPU_DRIVER_SOURCE names.
use_configured_driver() {
  local source=${GPU_DRIVER_SOURCE-} folder=${GPU_DRIVER_CACHE:-${ROOT-}/tmp/gpu-driver}/$driver_version
  source=${source//'{version}'/$driver_version}
  if [[ -z $source ]]; then
    say "GPU_DRIVER_SOURCE is not set."
    return 1
  elif [[ $source != https://* && $source != /* ]]; then
    say "GPU_DRIVER_SOURCE is '$(without_query "$source")'; allowed are an absolute path and an https address."
    return 1
  elif [[ -d ${ROOT-}$source ]]; then
    use_driver "${ROOT-}$source" GPU_DRIVER_SOURCE
  elif [[ -d $folder ]] && use_driver "$folder" "kept from an earlier start"; then
    return 0
  else
    unpack_package "$source" "$folder" && use_driver "$folder" "from $(without_query "$source")"
  fi
}

# unpack_package SOURCE FOLDER: FOLDER is there whole or not at all, also when two containers share the cache.
unpack_package() {
  local source=$1 folder=$2 work status=0
  if ! mkdir --parents "$(dirname "$folder")" 2>/dev/null || ! work=$(mktemp --directory "$(dirname "$folder")/unpack.XXXXXX" 2>/dev/null); then
    say "The folder $(dirname "$folder") (GPU_DRIVER_CACHE) cannot be written to by the user $(id -u)."
    return 1
  fi
  if fetch_package "$source" "$work" && check_package "$source" "$work" && unpack "$source" "$work" && keep_libraries "$work"; then
    # What was there did not work.
    rm --recursive --force "$folder"
    mv --no-target-directory "$work/driver" "$folder" 2>/dev/null || [[ -d $folder ]] || status=1
  else
    status=1
  fi
  rm --recursive --force "$work"
  return "$status"
}

# fetch_package SOURCE WORK: leaves it in WORK/package.
fetch_package() {
  local source=$1 work=$2 shown
  shown=$(without_query "$source")
  if [[ $source == /* ]]; then
    ln --symbolic "${ROOT-}$source" "$work/package"
    [[ -r $work/package ]] || { say "There is no readable file $shown (GPU_DRIVER_SOURCE)." && return 1; }
    return
  fi
  if [[ -z ${GPU_DRIVER_SHA256-} ]]; then
    say "GPU_DRIVER_SHA256 is not set: a driver from an address is not used unchecked."
    return 1
  fi
  say "Downloading $shown"
  if ! write_request "$source" "$work/request" || ! patiently curl --config "$work/request" --output "$work/package"; then
    say "The download of $shown failed."
    return 1
  fi
}

# write_request ADDRESS FILE: curl's options. An address may hold a signature and a header does hold a token: neither goes onto a command line.
write_request() {
  local host=${1#https://} token
  printf '%s\n' "url = \"$1\"" 'proto = "=https"' 'proto-redir = "=https"' location fail silent show-error globoff >"$2"
  printf '%s\n' 'connect-timeout = 20' 'speed-limit = 10000' 'speed-time = 60' 'retry = 4' retry-connrefused >>"$2"
  # Blob storage without a signature in the address is asked in the app's name.
  if [[ ${host%%/*} == *.blob.core.windows.net && $1 != *\?* && -n ${IDENTITY_ENDPOINT-} ]]; then
    token=$(identity_token) || token=""
    [[ -n $token ]] || { say "The app's identity gives no token for storage." && return 1; }
    printf '%s\n' 'header = "x-ms-version: 2023-11-03"' "header = \"Authorization: Bearer $token\"" >>"$2"
  fi
}

# A token of the managed identity, as Container Apps gives it.
identity_token() {
  local address="$IDENTITY_ENDPOINT?api-version=2019-08-01&resource=https://storage.azure.com/" client=${AzureWebJobsStorage__clientId:-${AZURE_CLIENT_ID-}}
  printf '%s\n' "url = \"$address${client:+&client_id=$client}\"" "header = \"X-IDENTITY-HEADER: ${IDENTITY_HEADER-}\"" fail silent show-error 'max-time = 60' |
    curl --config - | jq --raw-output '.access_token // ""'
}

# check_package SOURCE WORK: its SHA-256 must be one of GPU_DRIVER_SHA256, where that is set.
check_package() {
  local allowed=${GPU_DRIVER_SHA256-} actual
  [[ -n $allowed ]] || return 0
  allowed=${allowed//[[:space:]]/}
  actual=$(sha256sum <"$2/package")
  actual=${actual%% *}
  [[ ,${allowed,,}, != *",$actual,"* ]] || return 0
  say "The SHA-256 of $(without_query "$1") is $actual, which is not in GPU_DRIVER_SHA256: it is not used."
  return 1
}

# unpack SOURCE WORK: WORK/package into WORK/unpacked.
unpack() {
  local package=$2/package target=$2/unpacked name
  name=$(basename "$(without_query "$1")")
  say "Unpacking $name"
  case $name in
    *.run) patiently sh "$package" --extract-only --target "$target" >/dev/null ;;
    *.tar.zst | *.tar.xz | *.tar.gz | *.tgz) mkdir "$target" && patiently tar --extract --file "$package" --directory "$target" --no-same-owner ;;
    *) say "GPU_DRIVER_SOURCE must be a folder or end in .run, .tar.zst, .tar.xz, .tar.gz or .tgz." && return 1 ;;
  esac || {
    say "$name cannot be unpacked."
    return 1
  }
}

# keep_libraries WORK: the driver's 64-bit libraries of the version that is needed, into WORK/driver. No kernel module, no tools.
keep_libraries() {
  local unpacked=$1/unpacked driver=$1/driver
  mkdir "$driver"
  find "$unpacked" -path '*/32' -prune -o -type f \( -name 'lib*_nvidia.so.*' -o -name 'libnvidia-*.so.*' \) -exec mv --target-directory "$driver" {} +
  has_right_version "$driver" || return 1
  find "$driver" -type f ! -name "*.so.$driver_version" -delete
}

without_query() { printf '%s\n' "${1%%\?*}"; }
