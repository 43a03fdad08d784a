#!/usr/bin/env bash
# Gets a glslc that knows cooperative matrices and integer dot products, and a spirv-val for their code, where the machine's own do not (Debian 12).
# usage: scripts/modern-glslc.sh    leaves them in .local/modern-glslc, where the build finds them; installs nothing and needs no root
# They are Debian 13's: from the mirror that apt takes Debian's packages from, verified by apt, and run with their own C library.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
source scripts/packages.sh

readonly suite=trixie
readonly packages=(glslc libshaderc1 spirv-tools libc6 libstdc++6 libgcc-s1)
readonly target=$local_folder/modern-glslc

main() {
  if knows_extensions glslc || knows_extensions "$target/glslc"; then return; fi
  command -v apt-get >/dev/null || die "there is no apt-get to get a newer glslc with."
  say "Getting glslc of Debian's suite $suite into $target"
  work=$(mktemp --directory "$target.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  download
  for deb in "$work"/*.deb; do dpkg-deb --extract "$deb" "$work/root"; done
  for tool in glslc spirv-val; do write_wrapper "$tool"; done
  knows_extensions "$work/glslc" || die "the downloaded glslc does not compile shaders/probes."
  rm -rf "$target" "$work"/*.deb "$work/apt"
  chmod 755 "$work"
  mv "$work" "$target"
}

# knows_extensions GLSLC
knows_extensions() {
  local probe
  for probe in shaders/probes/*.comp; do "$1" --target-env=vulkan1.3 -o /dev/null "$probe" 2>/dev/null || return 1; done
}

# Apt with sources, lists and a cache of its own.
download() {
  mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
  : >"$work/apt/status"
  local source list
  source=$(debian_source)
  [[ -n $source ]] || die "none of the apt sources serves Debian's main component."
  list=$work/apt/$suite.$(source_extension "$source")
  suite_source "$suite" "$source" >"$list"
  local options=(
    -o Dir::Etc::SourceList="$list" -o Dir::Etc::SourceParts=/dev/null
    -o Dir::State="$work/apt" -o Dir::State::Lists="$work/apt/lists" -o Dir::State::Status="$work/apt/status" -o Dir::Cache="$work/apt/cache"
    -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20
  )
  apt-get "${options[@]}" -qq update
  (cd "$work" && apt-get "${options[@]}" -qq download "${packages[@]}")
}

# write_wrapper TOOL
write_wrapper() {
  cat >"$work/$1" <<END
#!/bin/sh
root=\$(dirname "\$(readlink -f "\$0")")/root
for loader in "\$root"/usr/lib/*/ld-linux-*.so.*; do exec "\$loader" --library-path "\${loader%/*}" "\$root/usr/bin/$1" "\$@"; done
END
  chmod 755 "$work/$1"
}

main
