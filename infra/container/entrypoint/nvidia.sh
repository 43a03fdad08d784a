# shellcheck shell=bash
# shellcheck disable=SC2154 # device_reason is set by look_for_device.
# An NVIDIA GPU without Vulkan: container platforms often mount the CUDA half of the driver alone. The Vulkan half is a set of libraries; they work
# from any folder but must be of the very version of the host's kernel module.

library_folders=("${ROOT-}/usr/lib/x86_64-linux-gnu" "${ROOT-}/usr/lib64" "${ROOT-}/usr/local/nvidia/lib64" "${ROOT-}/usr/local/nvidia/lib")

# What Vulkan without a display needs of every version; what newer ones need besides is taken along where it is there.
required_libraries=(libEGL_nvidia libnvidia-eglcore libnvidia-glsi libnvidia-tls libnvidia-glvkspirv)

has_nvidia_gpu() { [[ -e ${ROOT-}/dev/nvidiactl ]] || compgen -G "${ROOT-}/dev/nvidia[0-9]*" >/dev/null; }

# find_nvidia_driver: true when Vulkan uses the GPU now; else it has said what it tried.
find_nvidia_driver() {
  driver_version=$(kernel_module_version)
  if [[ -z $driver_version ]]; then
    say "There is an NVIDIA GPU, but neither /proc/driver/nvidia/version nor a mounted library tells the version of its kernel module."
    return 1
  fi
  say "There is an NVIDIA GPU (kernel module $driver_version) that Vulkan does not find: $device_reason"
  use_mounted_driver || use_configured_driver
}

# From the kernel, or where that is hidden (gVisor) from the name of a library that the container runtime mounted.
kernel_module_version() {
  local line folder library
  if line=$(grep --max-count 1 'NVRM version' "${ROOT-}/proc/driver/nvidia/version" 2>/dev/null) &&
    [[ $line =~ [[:space:]]([0-9]{3,}(\.[0-9]+)+)([[:space:]]|$) ]]; then
    printf '%s\n' "${BASH_REMATCH[1]}"
    return
  fi
  for folder in "${library_folders[@]}"; do
    for library in "$folder"/libnvidia-ml.so.[0-9]*.* "$folder"/libcuda.so.[0-9]*.*; do
      [[ -e $library ]] || continue
      printf '%s\n' "${library##*.so.}"
      return
    done
  done
}

# The container runtime may have mounted the whole driver and only not told Vulkan of it.
use_mounted_driver() {
  local folder
  for folder in "${library_folders[@]}"; do
    [[ -n $(versions_in "$folder") ]] || continue
    use_driver "$folder" "mounted by the container runtime" && return
  done
  return 1
}

# use_driver FOLDER ORIGIN: points Vulkan at the driver in FOLDER, in this container only; false, and all is as it was, where no GPU shows up then.
use_driver() {
  local folder=$1 origin=$2 missing manifest
  local libraries=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  has_right_version "$folder" || return 1
  missing=$(missing_libraries "$folder")
  if [[ -n $missing ]]; then
    say "The driver in $folder ($origin) is not complete: $missing is missing."
    return 1
  fi
  manifest=$(write_manifest "$folder/libEGL_nvidia.so.$driver_version")
  VK_DRIVER_FILES=$manifest LD_LIBRARY_PATH=$libraries look_for_device
  if ! is_gpu; then
    say "The driver in $folder ($origin) does not work: $device_reason"
    look_for_device
    return 1
  fi
  export VK_DRIVER_FILES=$manifest LD_LIBRARY_PATH=$libraries
  say "Vulkan uses NVIDIA's driver $driver_version in $folder ($origin)."
}

has_right_version() {
  local versions
  versions=$(versions_in "$1")
  [[ " $versions " != *" $driver_version "* ]] || return 0
  say "$1 holds ${versions:+the driver $versions, }not $driver_version, the version of the kernel module."
  return 1
}

# The versions of the drivers in a folder, separated by spaces.
versions_in() {
  local library versions=()
  for library in "$1"/libEGL_nvidia.so.[0-9]*.*; do
    [[ ! -e $library ]] || versions+=("${library##*.so.}")
  done
  printf '%s' "${versions[*]}"
}

missing_libraries() {
  local library missing=()
  for library in "${required_libraries[@]}"; do
    [[ -e $1/$library.so.$driver_version ]] || missing+=("$library.so.$driver_version")
  done
  printf '%s' "${missing[*]}"
}

# write_manifest LIBRARY: prints the file that tells Vulkan's loader of LIBRARY. It is the EGL one because the GLX one needs X11's libraries.
write_manifest() {
  local manifest
  manifest=$(mktemp --suffix=.nvidia_icd.json)
  jq --null-input --arg library "$1" '{file_format_version: "1.0.1", ICD: {library_path: $library, api_version: "1.3.0"}}' >"$manifest"
  printf '%s\n' "$manifest"
}

explain_nvidia() {
  local version=${driver_version:-VERSION}
  say "To supply NVIDIA's Vulkan driver, do one of these:"
  say "- on Docker and Kubernetes, set NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics: then the container runtime mounts it;"
  say "- set GPU_DRIVER_SOURCE to a folder of its libraries, or to its package (NVIDIA-Linux-x86_64-$version.run, or a .tar.zst, .tar.xz or .tar.gz of"
  say "  its libraries): an absolute path or an https address, in which {version} stands for $version; an address needs GPU_DRIVER_SHA256, too."
}
