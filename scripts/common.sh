# shellcheck shell=bash
# Shared by run.sh and test.sh: messages, folders, the environment of every tool they start. Sourced from the repository's root.

# What a run leaves behind for the next one: caches, logs of failures. Not under version control.
local_folder="$PWD/.local"
mkdir -p "$local_folder"

say() { printf '==> %s\n' "$*"; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

require_tools() {
  command -v dotnet >/dev/null || die "the .NET 10 SDK is needed: there is no 'dotnet' on PATH."
  dotnet --list-sdks | grep --quiet '^10\.' || die "the .NET 10 SDK is needed; 'dotnet --list-sdks' shows another one."
  command -v node >/dev/null || die "node 20 or newer is needed: there is no 'node' on PATH."
  local major
  major=$(node --print 'process.versions.node.split(".")[0]')
  ((major >= 20)) || die "node 20 or newer is needed; 'node --version' says $(node --version)."
  command -v npm >/dev/null || die "npm is needed (it comes with node): there is no 'npm' on PATH."
}

# json EXPRESSION: a JavaScript expression over d, the JSON document on standard input.
json() { node --eval 'const d = JSON.parse(require("node:fs").readFileSync(0, "utf8")); console.log(eval(process.argv[1]))' "$1"; }

# setup_alone FUNCTION...: runs the functions one after the other; a second run in this checkout waits here, both would write the same folders.
setup_alone() {
  local lock step
  exec {lock}>"$local_folder/setup.lock"
  flock --nonblock "$lock" || { say "Waiting for another run in this checkout to end its set-up" && run flock "$lock"; }
  for step in "$@"; do "$step"; done
  exec {lock}>&-
}

# Executables that .NET builds look for the runtime here; dotnet may be anywhere on PATH.
if [[ -z ${DOTNET_ROOT-} ]] && command -v dotnet >/dev/null; then
  DOTNET_ROOT=$(dirname "$(readlink --canonicalize "$(command -v dotnet)")")
  export DOTNET_ROOT
fi
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
# Without libicu dotnet does not even start; nothing here needs a culture.
compgen -G '/usr/lib/*/libicuuc.so.*' >/dev/null || export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
# No build server stays behind.
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 UseSharedCompilation=false
# Mesa compiles every shader once a checkout, not once a process.
export MESA_SHADER_CACHE_DIR="$local_folder/mesa-shader-cache"
mkdir -p "$MESA_SHADER_CACHE_DIR"
