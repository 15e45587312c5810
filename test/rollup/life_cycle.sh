# What the tests life_cycle and life_cycle_* share: a server `main`. Sourced.
source "$(dirname "${BASH_SOURCE[0]}")/server.sh"
refresh="SELECT millrace.refresh_rollup('five')"
position="SELECT position FROM millrace.watermark WHERE relation = 'five'::regclass"
# refused NAME WORDS DATABASE STATEMENT [SERVER]
refused() {
  local got
  if got=$(on "${5:-main}" "$3" -c "$4" 2>&1); then
    fail "$1" "it was not refused"
  elif grep -qF "$2" <<<"$got"; then
    pass "$1"
  else
    fail "$1" "expected: $2" "$got"
  fi
}
fresh() {
  on main postgres -c "DROP DATABASE IF EXISTS $1 WITH (FORCE)" -c "CREATE DATABASE $1"
  make_rollups main "$1"
}
