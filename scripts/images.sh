# shellcheck shell=bash
# Images without a container engine and without a registry: buildah carries out the Dockerfile in a chroot. Sourced after common.sh and packages.sh.
# The base images are stand-ins: Debian's packages from the mirror that apt uses, and the .NET of this machine. All of it is kept in .local/images.

# A step that fails inside $(...) ends the script, too.
shopt -s inherit_errexit

# shellcheck disable=SC2154 # local_folder is common.sh's.
images=$local_folder/images
# The release whose packages the app is put on, and the older one that the Functions host's image may have.
app_suite=trixie
functions_suite=bookworm
# What buildah holds to be mounted: as long as this script's mounts.
image_state=$(mktemp --directory)
forget_mounts() { rm -rf "$image_state"; }
# In GB.
largest_storage=16

# cannot_build: says why images cannot be built here, false when they can.
cannot_build() {
  local tool
  (($(id -u) == 0)) || { echo "only root may make the root folders of images" && return; }
  for tool in buildah mmdebstrap unshare jq pgrep; do
    command -v "$tool" >/dev/null || { echo "there is no '$tool' on PATH" && return; }
  done
  [[ -n $(debian_source) ]] || { echo "none of the apt sources serves Debian's main component" && return; }
  unshare --mount --pid --fork true 2>/dev/null || { echo "mounting is not permitted here" && return; }
  return 1
}

# in_own_namespace SCRIPT ARGUMENT...: starts the script again where its mounts are seen by it alone and end with it.
in_own_namespace() {
  [[ -z ${GEMMA2_OWN_MOUNTS-} ]] || return 0
  GEMMA2_OWN_MOUNTS=true exec unshare --mount "$@"
}

# Sees and changes no image but those of this checkout.
image_tool() { buildah --root "$images/storage" --runroot "$image_state" --storage-driver "$(storage_driver)" "$@"; }

# Copies whole trees where the kernel cannot lay one over another.
storage_driver() {
  if [[ ! -e $images/driver ]]; then
    mkdir -p "$images"/probe/{lower,upper,work,merged}
    if unshare --mount mount -t overlay overlay -o "lowerdir=$images/probe/lower,upperdir=$images/probe/upper,workdir=$images/probe/work" "$images/probe/merged" 2>/dev/null; then
      echo overlay >"$images/driver"
    else
      echo vfs >"$images/driver"
    fi
    rm -r "$images/probe"
  fi
  cat "$images/driver"
}

# What was made by another recipe or with another .NET goes, and all of it when too many builds have left their layers.
remove_outdated_images() {
  local recipe
  recipe="$(cksum <scripts/images.sh) $(dotnet --version)"
  if [[ $(cat "$images/recipe" 2>/dev/null) != "$recipe" ]] || (($(du --summarize --block-size 1G "$images" | cut -f 1) > largest_storage)); then
    rm -rf "$images"
    mkdir -p "$images"
    printf '%s\n' "$recipe" >"$images/recipe"
  fi
}

# base_image NAME: makes the stand-in for one of the Dockerfile's base images where it is not there yet; prints its name.
base_image() {
  local image=localhost/gemma2-base-$1
  image_tool inspect --type image "$image" >/dev/null 2>&1 || "make_$1" "$image" >&2
  printf '%s\n' "$image"
}

make_shader() { commit_base "$1" "$app_suite" trust_as_here; }
make_sdk() { commit_base "$1" "" copy_sdk; }
make_app() { commit_base "$1" "$app_suite" copy_runtime; }
make_functions() { commit_base "$1" "$functions_suite" copy_runtime; }

# commit_base IMAGE SUITE COMMAND: an image of a release's smallest system, which COMMAND CONTAINER completes.
commit_base() {
  local container
  say "Making the base image $1"
  container=$(image_tool from scratch)
  [[ -z $2 ]] || image_tool add --quiet "$container" "$(root_of "$2")" / >/dev/null
  "$3" "$container"
  image_tool commit --quiet --rm "$container" "$1" >/dev/null
}

# The authorities that this machine trusts, for the registry of NuGet packages.
trust_as_here() { image_tool copy --quiet "$1" /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ >/dev/null; }

copy_sdk() { image_tool copy --quiet "$1" "$DOTNET_ROOT" /usr/share/dotnet >/dev/null; }

# The runtime where .NET's images have it, and their user.
copy_runtime() {
  local path
  for path in dotnet host shared/Microsoft.NETCore.App shared/Microsoft.AspNetCore.App; do
    image_tool copy --quiet "$1" "$DOTNET_ROOT/$path" "/usr/share/dotnet/$path" >/dev/null
  done
  image_tool run --isolation chroot "$1" -- sh -euc '
    ln --symbolic /usr/share/dotnet/dotnet /usr/bin/dotnet
    echo app:x:1654: >>/etc/group
    echo app:x:1654:1654::/home/app:/bin/sh >>/etc/passwd
    mkdir /home/app && chown 1654:1654 /home/app'
  image_tool config --env APP_UID=1654 --env DOTNET_RUNNING_IN_CONTAINER=true "$1"
}

# root_of SUITE: the archive of a release's smallest system that has apt.
root_of() {
  local archive=$images/$1.tar source list
  if [[ ! -e $archive ]]; then
    source=$(debian_source)
    list=$images/$1.$(source_extension "$source")
    suite_source "$1" "$source" >"$list"
    run mmdebstrap --quiet --variant=apt --include=ca-certificates --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr "$1" "$archive.new.tar" "$list" >&2 || die "mmdebstrap cannot make a system of Debian's suite $1."
    mv "$archive.new.tar" "$archive"
  fi
  printf '%s\n' "$archive"
}
