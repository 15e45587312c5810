# The lines that every test script prints. Sourced.

failures=0

pass() { echo "ok       $1"; }
# fail NAME [DETAILS...]
fail() {
  echo "FAILED   $1"
  [ $# -lt 2 ] || printf '%s\n' "${@:2}" | sed 's/^/         /'
  failures=$((failures + 1))
}
# is NAME EXPECTED GOT
is() { if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "expected: $2" "got:      $3"; fi; }
# free_port PORT: the first port from there on that nobody on loopback listens on.
free_port() {
  local port=$1
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  echo "$port"
}
# Prints the last line of a script; exits with 1 if a check failed.
finish() {
  if [ "$failures" -gt 0 ]; then
    echo "$failures checks failed"
    exit 1
  fi
  echo "all checks passed"
}
