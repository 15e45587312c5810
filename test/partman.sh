# shellcheck shell=bash
# Sourced.
# create_parent TABLE COLUMN WIDTH: prints the statement that makes pg_partman manage a partitioned table. Version 5 has
# another name for PostgreSQL's own partitioning.
create_parent() {
  echo "SELECT partman.create_parent(p_parent_table := '$1', p_control := '$2', p_interval := '$3', p_type :=
    (SELECT CASE WHEN split_part(extversion, '.', 1)::int < 5 THEN 'native' ELSE 'range' END FROM pg_extension WHERE extname = 'pg_partman'))"
}
