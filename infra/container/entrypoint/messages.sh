# shellcheck shell=bash
# What the entrypoint says, how it waits and how it ends. A container's log is its standard error.

say() { printf 'entrypoint: %s\n' "$*" >&2; }

# die STATUS MESSAGE
die() {
  printf 'entrypoint: error: %s\n' "$2" >&2
  exit "$1"
}

# The first process of a container ignores the signals that it does not handle.
end_on_signals() {
  trap 'end 130' INT
  trap 'end 143' TERM
}

# end STATUS: with what was started and still runs.
end() {
  local job
  for job in $(jobs -p); do kill "$job" 2>/dev/null || true; done
  exit "$1"
}

# patiently COMMAND...: for what takes long. A signal ends the wait for it at once; one that comes to a plain command is handled only after its end.
patiently() {
  "$@" &
  wait $!
}
