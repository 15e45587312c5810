# What the tests of the workshop share. Sourced, with $conninfo set to the connection string of a server
# made by `millrace up`, as the workshop's own role.

export PGOPTIONS="${PGOPTIONS:-} -c client_min_messages=warning -c timezone=UTC"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
telling=$root/examples/workshop
source "$root/test/lib.sh"

# Scheduled jobs would do no harm, but the tests decide when a rollup runs.
unschedule() {
  sql -c "SELECT cron.unschedule(jobid) FROM cron.job
          WHERE command ~ '(five_minutely|hourly)_aggregation|make_event_partitions'" >/dev/null
}

# Continues after an error: what does not exist need not be dropped.
drop_workshop() {
  sql -v ON_ERROR_STOP=0 >/dev/null 2>&1 \
      -c "SELECT millrace.drop_rollup('declared_1hr')" -c "SELECT millrace.drop_rollup('declared_5min')" \
      -c "DROP TABLE IF EXISTS events, rollup_events_5min, rollup_events_1hr, rollups" \
      -c "DROP TABLE IF EXISTS partman.template_public_events" \
      -c "DELETE FROM partman.part_config WHERE parent_table = 'public.events'" \
      -c "DROP FUNCTION IF EXISTS five_minutely_aggregation(), hourly_aggregation(),
                                  incremental_rollup_window(text), restart_rollup(text),
                                  refuse_restart_identity(), make_event_partitions()" || true
  unschedule 2>/dev/null || true
}

# At their end the tests drop everything with the workshop's names, so they start only if there is
# nothing.
require_empty_database() {
  local there
  there=$(sql -c "SELECT to_regclass('public.events') IS NOT NULL OR
                         to_regclass('public.rollups') IS NOT NULL")
  if [ "$there" != f ]; then
    echo "the database holds a workshop already; these tests need one without tables of its names" >&2
    exit 2
  fi
}

install_telling() {
  local files=() file
  for file in "$telling"/0[1-4]_*.sql; do files+=(-f "$file"); done
  sql -1 -c "SET LOCAL citus.multi_shard_modify_mode = 'sequential'" "${files[@]}" >/dev/null
}

aggregate() { sql -c "SELECT five_minutely_aggregation()" -c "SELECT hourly_aggregation()" >/dev/null; }
