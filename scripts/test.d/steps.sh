# shellcheck shell=bash
# Runs steps one after the other, and shows at the end how long each took. The first step that fails
# ends the script.

# Of the steps that have ended: `SECONDS NAME`.
steps=()
# The step under way, and when it began.
current=
current_began=
run_began=
# A command that is run before the script ends, however it ends.
at_end=

# Call it before the first step.
begin() {
  run_began=$(microseconds)
  trap leave EXIT
}

# step NAME COMMAND...
step() {
  current=$1 current_began=$(microseconds)
  shift
  printf '\n== %s: %s\n' "$current" "$*"
  "$@"
  step_ended
}

step_ended() {
  steps+=("$(seconds_since "$current_began") $current${1:+ $1}")
  printf -- '-- %s: %s s\n' "$current" "${steps[-1]%% *}"
  current=
}

leave() {
  local status=$?
  [[ -z $current ]] || step_ended FAILED
  $at_end
  table
  exit "$status"
}

table() {
  local line
  printf '\n%9s  step\n' seconds
  for line in "${steps[@]}"; do printf '%9s  %s\n' "${line%% *}" "${line#* }"; done
  printf '%9s  %s\n' "$(seconds_since "$run_began")" "all"
}

# The clock writes its decimal point as the locale has it.
microseconds() {
  echo "${EPOCHREALTIME//[^0-9]/}"
}

seconds_since() {
  local tenths=$((($(microseconds) - $1 + 50000) / 100000))
  echo "$((tenths / 10)).$((tenths % 10))"
}
