# shellcheck shell=bash
# The image: its tag, what it is built with, how it gets into the registry.

# The commit, so that an image is never another one under the same tag; with a moment where the files differ from it.
choose_image_tag() {
  if [[ -z ${GEMMA2_IMAGE_TAG-} ]]; then
    GEMMA2_IMAGE_TAG=$(git rev-parse --short=12 HEAD 2>/dev/null) || die "no image tag is given, and this is no git checkout to take it from."
    [[ -z $(git status --porcelain) ]] || GEMMA2_IMAGE_TAG+=-$(date --utc +%Y%m%d%H%M%S)
    # That image has another content.
    [[ $GEMMA2_GPU != none ]] || GEMMA2_IMAGE_TAG+=-cpu
  fi
  export GEMMA2_IMAGE_TAG
}

check_image_tag() {
  [[ -z ${GEMMA2_IMAGE_TAG-} || $GEMMA2_IMAGE_TAG =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]] ||
    die "the image tag is '$GEMMA2_IMAGE_TAG'; allowed are letters, digits, '_', '.' and '-'."
}

# pin_image TEXT: NAME=@sha256:HASH, a base image that is taken with that digest only.
pin_image() {
  [[ $1 =~ ^(shader|sdk|app|functions)=@?(sha256:[0-9a-f]{64})$ ]] || usage 2 "the digest is '$1'; allowed is NAME=@sha256:HASH, with shader, sdk, app or functions as NAME."
  export "GEMMA2_${BASH_REMATCH[1]^^}_DIGEST=@${BASH_REMATCH[2]}"
}

push_image() {
  local registry server image target=app
  registry=$(output registryName)
  server=$(output registryLoginServer)
  image=$(output imageName):$GEMMA2_IMAGE_TAG
  [[ $GEMMA2_HOST != functions ]] || target=functions
  if azure acr repository show --name "$registry" --image "$image" --output none 2>/dev/null; then
    printf '    %s is in the registry already\n' "$image"
    return
  fi
  local build=(--target "$target" --file Dockerfile)
  add_build_arguments
  if [[ $GEMMA2_BUILDER == acr ]]; then
    azure acr build --registry "$registry" --image "$image" "${build[@]}" .
  else
    azure acr login --name "$registry"
    docker build "${build[@]}" --tag "$server/$image" .
    docker push "$server/$image"
  fi
}

add_build_arguments() {
  local image variable
  build+=(--build-arg "VULKAN_DRIVER=$([[ $GEMMA2_GPU == none ]] && echo software || echo nvidia)" --build-arg "REVISION=$(revision)")
  for image in SHADER SDK APP FUNCTIONS; do
    variable=GEMMA2_${image}_DIGEST
    [[ -z ${!variable-} ]] || build+=(--build-arg "${image}_DIGEST=${!variable}")
  done
}

# The commit that the image is built from; nothing outside a checkout.
revision() {
  local commit
  commit=$(git rev-parse HEAD 2>/dev/null) || return 0
  printf '%s%s' "$commit" "$([[ -z $(git status --porcelain) ]] || echo -dirty)"
}

# stream_image: replicas begin before the whole image is there, where the registry can do that. Only shorter starts are lost without it.
stream_image() {
  [[ $(output registrySku) == Premium ]] || return 0
  azure acr artifact-streaming update --name "$(output registryName)" --repository "$(output imageName)" --enable-streaming true --output none 2>/dev/null ||
    printf '    warning: artifact streaming could not be turned on for %s; replicas pull the whole image\n' "$(output imageName)"
}
