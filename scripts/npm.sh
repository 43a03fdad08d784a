# shellcheck shell=bash
# What comes from npm: pinned by the package-lock.json of a folder under tools/, kept inside the checkout.

# install_from_npm FOLDER WHAT: installs what the folder's lock file says, unless that is there already.
install_from_npm() {
  local installed=$1/node_modules/installed-package-lock.json
  ! cmp --silent "$1/package-lock.json" "$installed" || return 0
  say "To install from npm: $2, into $1/node_modules"
  run npm ci --prefix "$1" --ignore-scripts --update-notifier=false --loglevel=error
  cp "$1/package-lock.json" "$installed"
}
