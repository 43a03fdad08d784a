# shellcheck shell=bash
# What the machine needs from its package manager. When all is there, nothing is downloaded, asked or changed.

# Older lavapipe (Debian 12 has 22.3) runs the same shaders four to ten times slower.
mesa_minimum=24

apt_get='apt-get -o DPkg::Lock::Timeout=300'

# Other places only in the tests of this file.
os_release=${OS_RELEASE:-/etc/os-release}
apt_sources=${APT_SOURCES:-/etc/apt/sources.list.d}

# install_packages PACKAGE...: says what is missing, how it will be installed, and installs it.
install_packages() {
  if ! command -v dpkg-query >/dev/null; then
    say "This is no Debian: $* are taken to be installed already"
    return
  fi
  local missing=()
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]} > 0)) || return 0

  say "To install from Debian: ${missing[*]}"
  local script="export DEBIAN_FRONTEND=noninteractive" others=() suite=""
  [[ " ${missing[*]} " != *" mesa-vulkan-drivers "* ]] || suite=$(mesa_suite)
  if [[ -n $suite ]] && ! has_suite "$suite"; then
    [[ -n $(debian_source) ]] || as_root "$apt_get update" # The lists tell which of the machine's sources is Debian's own.
    script+=$'\n'$(add_suite "$suite")
  fi
  script+=$'\n'"$apt_get update || true" # A broken source of somebody else's does not matter here.
  mapfile -t others < <(printf '%s\n' "${missing[@]}" | grep --invert-match --line-regexp "${suite:+mesa-vulkan-drivers}" || true)
  ((${#others[@]} == 0)) || script+=$'\n'"$apt_get install --yes --no-install-recommends ${others[*]}"
  [[ -z $suite ]] || script+=$'\n'"$apt_get install --yes --no-install-recommends --target-release $suite mesa-vulkan-drivers"
  as_root "$script"

  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]} == 0)) || die "still missing after the installation: ${missing[*]} (Mesa must be $mesa_minimum or newer)."
}

# A GPU with its Vulkan driver. NVIDIA's driver comes with the machine or the container runtime, all others come with Mesa.
has_vulkan_gpu() {
  { [[ -e /dev/nvidiactl ]] && has_driver nvidia; } || { compgen -G '/dev/dri/renderD*' >/dev/null && { has_driver radeon || has_driver intel; }; }
}

has_driver() { compgen -G "/usr/share/vulkan/icd.d/$1*.json" >/dev/null || compgen -G "/etc/vulkan/icd.d/$1*.json" >/dev/null; }

missing_packages() {
  local package version
  for package in "$@"; do
    version=$(dpkg-query --show --showformat='${db:Status-Status} ${Version}' "$package" 2>/dev/null | sed -n 's/^installed //p') || true
    if [[ -z $version ]] || { [[ $package == mesa-vulkan-drivers ]] && dpkg --compare-versions "$version" lt "$mesa_minimum"; }; then
      printf '%s\n' "$package"
    fi
  done
}

# The suite to take Mesa from where the machine's own suites have too old a one: Debian 12. Newer releases answer nothing.
mesa_suite() {
  (
    # shellcheck source=/dev/null
    source "$os_release"
    [[ $ID-${VERSION_ID-} != debian-12 ]] || printf '%s-backports\n' "$VERSION_CODENAME"
  )
}

has_suite() { [[ -n $(index_targets "Codename: $1") ]]; }

# FILE:ENTRY of the apt source that serves Debian's own packages for this release, whatever its mirror is called.
debian_source() {
  (
    # shellcheck source=/dev/null
    source "$os_release"
    index_targets 'Origin: Debian' "Codename: $VERSION_CODENAME" 'Component: main' | sed -n 1p
  )
}

# shellcheck disable=SC2016 # apt-get fills in its own variable.
index_targets() { apt-get indextargets --format '$(SOURCESENTRY)' 'Created-By: Packages' "$@" 2>/dev/null; }

# add_suite SUITE: the shell lines that add SUITE with the mirror, key and options of Debian's own source, in the same format as that one.
add_suite() {
  local source
  source=$(debian_source)
  [[ -n $source ]] || die "none of the apt sources serves Debian's main component: add the suite $1 by hand, then start again."
  printf "cat >$apt_sources/gemma2-backports.%s <<'END'\n%s\nEND" "$(source_extension "$source")" "$(suite_source "$1" "$source")"
}

# suite_source SUITE FILE:ENTRY: the apt source of a suite, made from another one.
suite_source() {
  case $2 in
    *.sources:*) add_suite_deb822 "$1" "${2##*:}" <"${2%:*}" ;;
    *) add_suite_one_line "$1" "${2##*:}" <"${2%:*}" ;;
  esac
}

# The format of an apt source is told by its file's name.
source_extension() { [[ $1 == *.sources:* ]] && echo sources || echo list; }

# ENTRY counts lines.
add_suite_one_line() { sed -nE "$2 s/^deb[[:space:]]+((\[[^]]*\][[:space:]]+)?[^[:space:]]+)[[:space:]].*/deb \1 $1 main/p"; }

# ENTRY counts stanzas; a comment alone is none.
add_suite_deb822() {
  printf 'Types: deb\nSuites: %s\nComponents: main\n' "$1"
  awk -v entry="$2" '
    /^#/ { next }
    /^[[:space:]]*$/ { inside = 0; next }
    !inside { inside = 1; stanza++ }
    stanza != entry { next }
    /^[^[:space:]]/ { replaced = tolower($1) ~ /^(types|suites|components|enabled):/ }
    !replaced'
}

# as_root SCRIPT: shows the lines, then runs them as root. Two checkouts that do this at once take turns.
as_root() {
  say "As root:"
  printf '      %s\n' "${1//$'\n'/$'\n      '}"
  local command=(flock "$apt_sources" bash -euc "$1")
  if (($(id -u) == 0)); then
    "${command[@]}"
  elif can_sudo; then
    sudo "${command[@]}"
  else
    die "neither root nor sudo here: run the lines above as root, then start this again."
  fi
}

can_sudo() { command -v sudo >/dev/null && { sudo --non-interactive true 2>/dev/null || { [[ -t 0 ]] && sudo --validate; }; }; }
