# The lines that every test script prints. Sourced.

failures=0

pass() { echo "ok       $1"; }
# fail NAME [DETAILS...]
fail() {
  echo "FAILED   $1"
  [ $# -lt 2 ] || printf '%s\n' "${@:2}" | sed 's/^/         /'
  failures=$((failures + 1))
}
# Prints the last line of a script; exits with 1 if a check failed.
finish() {
  if [ "$failures" -gt 0 ]; then
    echo "$failures checks failed"
    exit 1
  fi
  echo "all checks passed"
}
