# Checks of what programs say. Sourced, with $work set to a folder of the test's own.

source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# run COMMAND...: keeps what it prints in $work/out and $work/err, and its exit status in $status.
run() {
  "$@" >"$work/out" 2>"$work/err"
  status=$?
}
# that NAME COMMAND...: passes if the command succeeds.
that() {
  if "${@:2}" >"$work/check.log" 2>&1; then
    pass "$1"
  else
    fail "$1" "$(head -20 "$work/check.log" "$work/out" "$work/err" 2>/dev/null)"
  fi
}
# Commands for `that`: about two values, and about what the last `run` has printed.
equal() { [ "$1" = "$2" ] || { echo "got: $1"; echo "expected: $2"; return 1; }; }
says() { grep -qF -- "$1" "$work/err" || { echo "not said: $1"; return 1; }; }
prints() { grep -qF -- "$1" "$work/out" || { echo "not printed: $1"; return 1; }; }
