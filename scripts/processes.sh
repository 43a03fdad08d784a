# shellcheck shell=bash
# Everything that is started here runs in a process group of its own and ends with this script, however that ends.

groups=()
declare -A logs=()

# start LOG COMMAND...: starts COMMAND as a service in the background, its output in the file LOG; $! is its process and group.
start() {
  local log=$1
  shift
  start_group "$@" >"$log" 2>&1
  logs[$!]=$log
}

# run COMMAND...: COMMAND as a step that a signal ends at once, with all that it started. A service that ends meanwhile makes the step fail.
run() {
  local step ended service status=0
  start_group "$@"
  step=$!
  for service in "${!logs[@]}"; do kill -0 "$service" 2>/dev/null || stopped_by_itself "$service"; done
  wait -n -p ended "${groups[@]}" || status=$?
  [[ $ended == "$step" ]] || stopped_by_itself "$ended"
  stop_last_group
  return "$status"
}

stopped_by_itself() { die "the process that writes ${logs[$1]} ended by itself."; }

# await_line LOG PROCESS SED: what SED first prints from LOG. Fails when PROCESS ends without it, or after a minute.
await_line() {
  local found alive=true tries=1200
  while found=$(sed -n "$3" "$1" | sed -n 1p) && [[ -z $found ]]; do
    # What it wrote just before its end is still looked at.
    { $alive && ((tries-- > 0)); } || return 1
    kill -0 "$2" 2>/dev/null || alive=false
    sleep 0.05
  done
  printf '%s\n' "$found"
}

# setpriv covers the one end that no trap sees: this script killed by SIGKILL.
start_group() {
  setsid setpriv --pdeathsig TERM -- "$@" </dev/null &
  groups+=($!)
}

# Asks the group started last to end, waits up to ten seconds for its leader, then ends what is left of it.
stop_last_group() {
  local leader=${groups[-1]} tries=200
  signal_group TERM "$leader"
  while kill -0 "$leader" 2>/dev/null && ((tries-- > 0)); do sleep 0.05; done
  signal_group KILL "$leader"
  wait "$leader" 2>/dev/null || true
  unset 'groups[-1]' "logs[$leader]"
}

# In its first moments a process does not have its own group yet.
signal_group() { kill "-$1" -- "-$2" 2>/dev/null || kill "-$1" "$2" 2>/dev/null || true; }

# on_exit_stop_all [FUNCTION]: from now on every end of this script stops what it started, last first, then calls FUNCTION with the exit status.
on_exit_stop_all() {
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  # shellcheck disable=SC2064 # The function's name is known now.
  trap "stop_all; ${1:-:} \$status" EXIT
}

stop_all() {
  status=$?
  trap '' HUP INT TERM
  while ((${#groups[@]} > 0)); do stop_last_group; done
}
