# shellcheck shell=bash
# azd leaves hooks out where it only previews (`azd provision --preview`). Older versions ran them and told them nothing, so the hooks look for themselves.

# azd_previews: whether a process above this one is an azd that only shows what would change.
azd_previews() {
  local process=$PPID line
  while ((process > 1)); do
    line=$(ps -o ppid=,args= -p "$process" 2>/dev/null) || return 1
    # azd itself, or a script of that name: not a shell whose lines only mention it.
    [[ ! $line =~ ^\ *[0-9]+\ +([^\ ]*sh\ )?([^\ ]*/)?azd(\.exe)?\ (.*\ )?--preview(=true)?(\ |$) ]] || return 0
    read -r process line <<<"$line"
  done
  return 1
}
