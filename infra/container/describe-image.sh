#!/bin/sh
# Writes what the image is made of and from, as files of the image in /usr/share/gemma2:
#   sbom.cdx.json     every NuGet package, package of the distribution and .NET runtime in it, with versions and licences (CycloneDX)
#   provenance.json   the SHA-256 of the app's files; the commit, the base images and the build arguments they come from (an unsigned in-toto statement, SLSA)
# usage: describe-image.sh TARGET APP BASE_IMAGE OTHER_IMAGE...   with VULKAN_DRIVER and REVISION in the environment
set -eu
target=$1 app=$2 base=$3
shift 2
cd /usr/share/gemma2
. /etc/os-release

# A table, a line a package: licences are what its copyright file names.
distribution_packages() {
  dpkg-query --show --showformat='${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n' | cat - extracted-packages 2>/dev/null | grep ^installed | cut -f 2- || true
}
licences() { grep --with-filename --no-messages '^License: ' /usr/share/doc/*/copyright | sed 's|^/usr/share/doc/||; s|/copyright:License: |\t|' | sort --unique; }
runtimes() { for folder in /usr/share/dotnet/shared/*/*; do printf '%s\t%s\n' "$(basename "$(dirname "$folder")")" "$(basename "$folder")"; done; }
table() { jq --raw-input --slurp 'split("\n") | map(select(. != "") | split("\t"))'; }

licences | table >licences.tmp
distribution_packages | table | jq --slurpfile licences licences.tmp --arg id "$ID" --arg distro "$ID-$VERSION_ID" '
  ($licences[0] | group_by(.[0]) | map({key: .[0][0], value: map(.[1])}) | from_entries) as $names
  | map({type: "library", name: .[0], version: .[1], purl: "pkg:deb/\($id)/\(.[0] | @uri)@\(.[1] | @uri)?arch=\(.[2])&distro=\($distro)"}
      + ($names[.[0]] | if . then {licenses: map({license: {name: .}})} else {} end))' >distribution.tmp
runtimes | table | jq 'map({type: "framework", name: .[0], version: .[1], purl: "pkg:nuget/\(.[0]).Runtime.linux-x64@\(.[1])", licenses: [{license: {id: "MIT"}}]})' >runtimes.tmp

jq --slurp --slurpfile distribution distribution.tmp --slurpfile runtimes runtimes.tmp --arg target "$target" --arg revision "${REVISION-}" --arg base "$base" '
  .[0] + {metadata: (.[0].metadata | del(.timestamp) + {component: {type: "container", "bom-ref": "image", name: "gemma2-\($target)", version: $revision}})}
  + {components: ((map(.components[]) | unique_by(.purl)) + ($distribution[0] + $runtimes[0] | map(. + {"bom-ref": .purl})) + [{type: "container", "bom-ref": "base", name: $base}])}
  + {dependencies: [map(.dependencies[]) | group_by(.ref)[] | {ref: .[0].ref, dependsOn: (map(.dependsOn // []) | add | unique)}]}
  | del(.serialNumber)' [A-Z]*.json >sbom.cdx.json

find "$app" -type f -exec sha256sum {} + | sort --key 2 | sed 's/  /\t/' | table >files.tmp
for image in "$@"; do printf '%s\n' "$image"; done | table | jq --slurpfile files files.tmp --arg target "$target" --arg revision "${REVISION-}" --arg driver "$VULKAN_DRIVER" '
  def digest(name; value): if value == "" then {} else {digest: {(name): value}} end;
  {
    _type: "https://in-toto.io/Statement/v1",
    subject: ($files[0] | map({name: .[1], digest: {sha256: .[0]}})),
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: {
      buildDefinition: {
        buildType: "urn:gemma2:dockerfile",
        externalParameters: {target: $target, arguments: {VULKAN_DRIVER: $driver, REVISION: $revision}},
        resolvedDependencies: ([{name: "source"} + digest("gitCommit"; $revision | if test("^[0-9a-f]{40}$") then . else "" end)]
          + map(.[0] | split("@sha256:") | {name: "base image", uri: "docker://\(.[0])"} + digest("sha256"; .[1] // "")))
      },
      runDetails: {builder: {id: "urn:gemma2:dockerfile"}}
    }
  }' >provenance.json
rm -- *.tmp [A-Z]*.json
rm -f extracted-packages
