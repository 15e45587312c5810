# What the tests life_cycle and life_cycle_* share: a server `main`. Sourced.
source "$(dirname "${BASH_SOURCE[0]}")/server.sh"
refresh="SELECT millrace.refresh_rollup('five')"
position="SELECT position FROM millrace.watermark WHERE relation = 'five'::regclass"
fresh() {
  on main postgres -c "DROP DATABASE IF EXISTS $1 WITH (FORCE)" -c "CREATE DATABASE $1"
  make_rollups main "$1"
}
