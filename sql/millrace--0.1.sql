-- Schema millrace: declared rollups, and create_distributed_table for a server without Citus.
\echo Use "CREATE EXTENSION millrace" to load this file. \quit

-- Rows of these tables are changed, whatever the database's default is.
SET LOCAL default_table_access_method = heap;

CREATE SCHEMA millrace;
GRANT USAGE ON SCHEMA millrace TO PUBLIC;

-- Tables for which create_distributed_table was called on a node without Citus.
CREATE TABLE millrace.distributed_table (
  table_name pg_catalog.regclass PRIMARY KEY,
  distribution_column pg_catalog.name NOT NULL,
  distribution_type pg_catalog.text NOT NULL,
  colocate_with pg_catalog.text NOT NULL,
  shard_count pg_catalog.int4
);
GRANT SELECT ON millrace.distributed_table TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('millrace.distributed_table', '');

-- Declared rollups. Only the functions below write here, as the owner of these tables.
CREATE TABLE millrace.rollup (
  relation pg_catalog.regclass PRIMARY KEY,
  source pg_catalog.regclass NOT NULL,
  parent pg_catalog.regclass,
  definition pg_catalog.regclass NOT NULL,
  live pg_catalog.regclass NOT NULL,
  id_column pg_catalog.name,
  refresh_interval pg_catalog.interval NOT NULL,
  paused pg_catalog.bool NOT NULL DEFAULT false,
  -- Events up to this id were left out when a rollup over events was declared.
  start_after pg_catalog.int8 NOT NULL DEFAULT 0,
  -- For a rollup whose events Citus distributes: the table that has a copy of the nodes' watermarks on every node.
  node_watermark pg_catalog.regclass,
  declared_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  -- topn.number_of_counters of the session that declared the rollup: its summaries keep so many items, whoever refreshes it.
  topn_counters pg_catalog.int4
);
COMMENT ON TABLE millrace.rollup IS 'declared rollups: the table, what it reads, its definition and live views';
-- The watermark of each rollup over events: it has all events with ids up to position. A rollup over
-- another moves with that one.
CREATE TABLE millrace.watermark (
  relation pg_catalog.regclass PRIMARY KEY,
  position pg_catalog.int8 NOT NULL,
  complete_through pg_catalog.timestamptz,
  refreshed_at pg_catalog.timestamptz,
  duration pg_catalog.interval,
  ids pg_catalog.int8,
  -- The sequence's file when the watermark was moved, and the cluster, database and table (home). If only the file has
  -- changed, the sequence was restarted or altered since; if home has changed, all of it was restored from a dump.
  sequence_file pg_catalog.oid,
  home pg_catalog.text
) WITH (fillfactor = 50);
COMMENT ON COLUMN millrace.watermark.complete_through IS 'every event committed before this time is in the rollup';
-- If Citus distributes the events: the watermark of each node, by the node's group. The position in millrace.watermark is then
-- the number of ids of all nodes that are in the rollup.
CREATE TABLE millrace.node_watermark (
  relation pg_catalog.regclass,
  node_group pg_catalog.int4,
  position pg_catalog.int8 NOT NULL,
  -- The node's sequence, and its file, when the watermark was moved.
  sequence pg_catalog.text,
  PRIMARY KEY (relation, node_group)
) WITH (fillfactor = 50);
-- How long the events of a table are kept.
CREATE TABLE millrace.retention (
  source pg_catalog.regclass PRIMARY KEY,
  keep pg_catalog.interval NOT NULL
);
-- The error of the last refresh by the worker. The message may contain values of events, so the view millrace.rollups shows
-- it only to the owner of the rollup and to roles that may see what others do.
CREATE TABLE millrace.refresh_error (
  relation pg_catalog.regclass PRIMARY KEY,
  message pg_catalog.text NOT NULL,
  failures pg_catalog.int4 NOT NULL,
  failed_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  retry_at pg_catalog.timestamptz NOT NULL
);
-- How often a refresh by the worker has failed since the rollup was declared.
CREATE TABLE millrace.failed_refreshes (
  relation pg_catalog.regclass PRIMARY KEY,
  number pg_catalog.int8 NOT NULL
) WITH (fillfactor = 50);
-- Events that were set aside: they make the refresh of a rollup fail, so they are left out and all others are counted. The
-- messages may contain values of events. So they are in a table of their own, which is not dumped, and the view
-- millrace.failed_events shows them only to the roles that see the last error.
CREATE TABLE millrace.failed_event (
  relation pg_catalog.regclass,
  event_id pg_catalog.int8,
  sqlstate pg_catalog.text NOT NULL,
  failed_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  PRIMARY KEY (relation, event_id)
);
CREATE TABLE millrace.failed_event_message (
  relation pg_catalog.regclass,
  event_id pg_catalog.int8,
  message pg_catalog.text NOT NULL,
  PRIMARY KEY (relation, event_id),
  FOREIGN KEY (relation, event_id) REFERENCES millrace.failed_event ON DELETE CASCADE
);
-- How far the verification in the background has come: all buckets before verified_through were compared with the events; in
-- this round, those from there back to next_until (NULL: all) are done.
CREATE TABLE millrace.verification (
  relation pg_catalog.regclass PRIMARY KEY REFERENCES millrace.rollup ON DELETE CASCADE,
  verified_through pg_catalog.timestamptz,
  next_until pg_catalog.timestamptz,
  verified_at pg_catalog.timestamptz,
  tried_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  error pg_catalog.text,
  -- How often rows were made again: earlier comparisons are no longer valid then.
  rebuilds pg_catalog.int8 NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
-- The differences it has found: one row per span of buckets, with the first value that differs.
CREATE TABLE millrace.difference (
  relation pg_catalog.regclass REFERENCES millrace.rollup ON DELETE CASCADE,
  bucket_from pg_catalog.timestamptz,
  bucket_to pg_catalog.timestamptz NOT NULL,
  differences pg_catalog.int8 NOT NULL,
  example pg_catalog.text NOT NULL,
  found_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  PRIMARY KEY (relation, bucket_from)
);
SELECT pg_catalog.pg_extension_config_dump('millrace.failed_event', '');
GRANT SELECT ON millrace.rollup, millrace.watermark, millrace.node_watermark, millrace.retention, millrace.failed_event TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('millrace.rollup', '');
SELECT pg_catalog.pg_extension_config_dump('millrace.watermark', '');
SELECT pg_catalog.pg_extension_config_dump('millrace.node_watermark', '');
SELECT pg_catalog.pg_extension_config_dump('millrace.retention', '');

CREATE FUNCTION millrace.create_rollup(
  name pg_catalog.text, query pg_catalog.text,
  refresh_interval pg_catalog.interval DEFAULT '10 seconds',
  id_column pg_catalog.name DEFAULT NULL,
  start_after pg_catalog.int8 DEFAULT NULL,
  with_data pg_catalog.bool DEFAULT true)
RETURNS pg_catalog.regclass AS '$libdir/millrace', 'millrace_create_rollup' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION millrace.create_rollup IS 'declare a rollup: a table kept up to date with a query that groups events';

CREATE FUNCTION millrace.refresh_rollup(rollup pg_catalog.regclass) RETURNS pg_catalog.int8
AS '$libdir/millrace', 'millrace_refresh_rollup' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.refresh_rollup IS 'bring a rollup up to date now; how many ids its watermark moved';
CREATE FUNCTION millrace.refresh_statement(rollup pg_catalog.regclass) RETURNS pg_catalog.text
AS '$libdir/millrace', 'millrace_refresh_statement' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.refresh_statement IS 'the statement by which a refresh takes the events with ids above $1 and up to $2 into a rollup and those over it';

CREATE FUNCTION millrace.drop_rollup(rollup pg_catalog.regclass, keep_table pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.void AS '$libdir/millrace', 'millrace_drop_rollup' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.drop_rollup IS 'drop a declared rollup, with its views and its table';

CREATE FUNCTION millrace.pause_rollup(rollup pg_catalog.regclass) RETURNS pg_catalog.void
AS '$libdir/millrace', 'millrace_pause_rollup' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.pause_rollup IS 'stop refreshing a rollup in the background';
CREATE FUNCTION millrace.resume_rollup(rollup pg_catalog.regclass) RETURNS pg_catalog.void
AS '$libdir/millrace', 'millrace_resume_rollup' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.resume_rollup IS 'refresh a rollup in the background again';

CREATE FUNCTION millrace.rebuild_rollup(
  rollup pg_catalog.regclass, since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL)
RETURNS pg_catalog.int8 AS '$libdir/millrace', 'millrace_rebuild_rollup' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION millrace.rebuild_rollup IS 'make the rows of a rollup again from what it reads, all of them or those of the buckets from one time to before another; returns how many';

CREATE FUNCTION millrace.verify_rollup(
  rollup pg_catalog.regclass, since pg_catalog.timestamptz DEFAULT NULL, until pg_catalog.timestamptz DEFAULT NULL,
  OUT keys pg_catalog.jsonb, OUT column_name pg_catalog.text, OUT expected pg_catalog.text, OUT actual pg_catalog.text)
RETURNS SETOF pg_catalog.record AS '$libdir/millrace', 'millrace_verify_rollup' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION millrace.verify_rollup IS 'compute a rollup again from its events; returns one row per value that differs';

CREATE FUNCTION millrace.verify_next(
  rollup pg_catalog.regclass, OUT since pg_catalog.timestamptz, OUT until pg_catalog.timestamptz, OUT differences pg_catalog.int8)
AS '$libdir/millrace', 'millrace_verify_next' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.verify_next IS 'compare the next bucket of a rollup with its events, as the worker does in the background';

CREATE FUNCTION millrace.retry_failed_events(rollup pg_catalog.regclass) RETURNS pg_catalog.int8
AS '$libdir/millrace', 'millrace_retry_failed_events' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.retry_failed_events IS 'try the events again that were set aside; returns how many are no longer set aside';

-- A live view calls this when its watermark is missing.
CREATE FUNCTION millrace.no_watermark(rollup pg_catalog.regclass) RETURNS pg_catalog.int8
AS '$libdir/millrace', 'millrace_no_watermark' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION millrace.no_watermark IS 'raises an error: the rollup is not declared in this database';

CREATE FUNCTION millrace.distribute_table(table_name pg_catalog.regclass) RETURNS pg_catalog.void
AS '$libdir/millrace', 'millrace_distribute_table' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.distribute_table IS 'distribute with Citus a table that create_distributed_table recorded when there was no Citus, with its declared rollups and their watermarks';
CREATE FUNCTION millrace.distribute_rollups(source pg_catalog.regclass) RETURNS pg_catalog.void
AS '$libdir/millrace', 'millrace_distribute_rollups' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.distribute_rollups IS 'distribute the declared rollups of a table that Citus distributes by now, with their shards on the same nodes';

CREATE FUNCTION millrace.set_retention(source pg_catalog.regclass, keep pg_catalog.interval) RETURNS pg_catalog.void
AS '$libdir/millrace', 'millrace_set_retention' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION millrace.set_retention IS 'drop partitions that ended so long ago, once their events are in every rollup of the table; NULL keeps all partitions';
CREATE FUNCTION millrace.apply_retention(source pg_catalog.regclass) RETURNS pg_catalog.int4
AS '$libdir/millrace', 'millrace_apply_retention' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.apply_retention IS 'drop the partitions now that set_retention allows; returns how many';

CREATE FUNCTION millrace.last_id(source pg_catalog.regclass, id_column pg_catalog.name DEFAULT NULL)
RETURNS pg_catalog.int8 AS '$libdir/millrace', 'millrace_last_id' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION millrace.last_id IS 'the last id handed out for the rows of a table; if Citus distributes it, how many ids were handed out on all nodes; on a standby the last id of the rows that it has';
-- The coordinator calls these on the nodes over which a table is distributed.
CREATE FUNCTION millrace.node_state(source pg_catalog.regclass, id_column pg_catalog.name) RETURNS pg_catalog.text
AS '$libdir/millrace', 'millrace_node_state' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.node_state IS 'the group of this node, the last id that it has handed out, its sequence, and the transactions that write to the table on it';
CREATE FUNCTION millrace.node_shard_writers(source pg_catalog.regclass, caller pg_catalog.int8) RETURNS pg_catalog.text
AS '$libdir/millrace', 'millrace_node_shard_writers' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.node_shard_writers IS 'the transactions that write to the shards of a table on this node, except those that are part of a session';
CREATE FUNCTION millrace.node_still_writing(writers pg_catalog.text) RETURNS pg_catalog.text
AS '$libdir/millrace', 'millrace_node_still_writing' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.node_still_writing IS 'those of the given transactions that are of this node and have not ended';
CREATE FUNCTION millrace.known_complete(rollup pg_catalog.regclass) RETURNS pg_catalog.timestamptz
AS '$libdir/millrace', 'millrace_known_complete' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.known_complete IS 'when the worker last saw that nothing was missing in a rollup over events; NULL if it has not since the server started';
CREATE FUNCTION millrace.workers(
  OUT database pg_catalog.name, OUT number pg_catalog.int4, OUT state pg_catalog.text, OUT pid pg_catalog.int4, OUT since pg_catalog.timestamptz)
RETURNS SETOF pg_catalog.record AS '$libdir/millrace', 'millrace_workers' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.workers IS 'the places for background workers of all databases: running, asleep until somebody writes, due at some time, or waiting for a process of the server';
CREATE FUNCTION millrace.writers(source pg_catalog.regclass, OUT pid pg_catalog.int4, OUT prepared pg_catalog.xid)
RETURNS SETOF pg_catalog.record AS '$libdir/millrace', 'millrace_writers' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.writers IS 'transactions that have written to a table or its partitions and have not ended: a refresh waits for them';
CREATE FUNCTION millrace.running_refreshes(
  OUT pid pg_catalog.int4, OUT rollup pg_catalog.regclass, OUT from_id pg_catalog.int8, OUT to_id pg_catalog.int8,
  OUT current_id pg_catalog.int8, OUT started_at pg_catalog.timestamptz)
RETURNS SETOF pg_catalog.record AS '$libdir/millrace', 'millrace_running_refreshes' LANGUAGE C VOLATILE STRICT;

CREATE VIEW millrace.refresh_progress AS
SELECT pid, rollup, from_id, to_id, current_id,
       pg_catalog.round(100.0 OPERATOR(pg_catalog.*) (current_id OPERATOR(pg_catalog.-) from_id)
         OPERATOR(pg_catalog./) NULLIF(to_id OPERATOR(pg_catalog.-) from_id, 0), 1) AS percent,
       pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) started_at AS running_for
FROM millrace.running_refreshes();
COMMENT ON VIEW millrace.refresh_progress IS 'refreshes that are running, and how far each has come';

CREATE VIEW millrace.rollups AS
WITH RECURSIVE family AS (
  SELECT relation, relation AS root, source AS events, id_column FROM millrace.rollup WHERE parent IS NULL
  UNION ALL
  SELECT r.relation, f.root, f.events, f.id_column
  FROM millrace.rollup r JOIN family f ON r.parent OPERATOR(pg_catalog.=) f.relation
), standby AS (
  -- A standby does not know what was committed after the last transaction that it has replayed, unless it is connected and has
  -- replayed everything it received. On any other server: no row.
  SELECT replayed, CASE WHEN pg_catalog.pg_get_wal_replay_pause_state() OPERATOR(pg_catalog.=) 'not paused'
                          AND pg_catalog.pg_last_wal_replay_lsn() OPERATOR(pg_catalog.>=) pg_catalog.pg_last_wal_receive_lsn()
                          AND EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver)
                        THEN 0 ELSE pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) replayed) END AS seconds_behind
  FROM (SELECT pg_catalog.pg_last_xact_replay_timestamp() AS replayed WHERE pg_catalog.pg_is_in_recovery()) s
)
SELECT r.relation AS rollup, r.source, w.position AS watermark, l.behind AS events_behind,
       -- A missing event was committed after the time up to which all are known to be in.
       CASE WHEN l.behind OPERATOR(pg_catalog.=) 0 THEN COALESCE(s.seconds_behind, 0)
            WHEN l.behind OPERATOR(pg_catalog.>) 0 THEN GREATEST(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) COALESCE(l.complete, root.declared_at)), 0) END AS seconds_behind,
       CASE WHEN l.behind OPERATOR(pg_catalog.=) 0 AND NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.statement_timestamp()
            WHEN l.behind OPERATOR(pg_catalog.=) 0 THEN COALESCE(s.replayed, l.complete)
            ELSE LEAST(l.complete, s.replayed) END AS complete_through,
       -- A distributed table has no count here: its rows are in the shards.
       CASE WHEN root.node_watermark IS NULL THEN GREATEST(c.reltuples, 0)::pg_catalog.int8 END AS rows, root.refresh_interval, root.paused,
       w.refreshed_at, w.duration,
       CASE WHEN pg_catalog.pg_has_role(c.relowner, 'USAGE') OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
            THEN e.message END AS last_error, e.failed_at, e.retry_at,
       CASE WHEN l.behind OPERATOR(pg_catalog.>) 0 AND NOT pg_catalog.pg_is_in_recovery() THEN (
         SELECT pg_catalog.string_agg(DISTINCT COALESCE('process ' OPERATOR(pg_catalog.||) b.pid::pg_catalog.text,
                  'prepared transaction ' OPERATOR(pg_catalog.||) pg_catalog.quote_literal(x.gid)), ', ')
         FROM millrace.writers(f.events) b
         LEFT JOIN pg_catalog.pg_prepared_xacts x ON x.transaction OPERATOR(pg_catalog.=) b.prepared
         -- Who has begun long after what is missing is not what it waits for: where events come all the time, somebody always writes.
         WHERE b.pid IS NULL OR NOT EXISTS (
           SELECT FROM pg_catalog.pg_stat_get_activity(b.pid) a
           WHERE a.xact_start OPERATOR(pg_catalog.>) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) LEAST(
             (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) COALESCE(l.complete, root.declared_at)) OPERATOR(pg_catalog./) 2,
             '10 seconds'::pg_catalog.interval)))
       ) END AS waits_for,
       (SELECT pg_catalog.count(*) FROM millrace.failed_event x WHERE x.relation OPERATOR(pg_catalog.=) f.root) AS failed_events,
       y.verified_through, y.verified_at,
       (SELECT COALESCE(pg_catalog.sum(d.differences), 0)::pg_catalog.int8 FROM millrace.difference d WHERE d.relation OPERATOR(pg_catalog.=) r.relation) AS differences,
       COALESCE((SELECT x.number FROM millrace.failed_refreshes x WHERE x.relation OPERATOR(pg_catalog.=) f.root), 0) AS failed_refreshes
FROM millrace.rollup r
JOIN family f ON f.relation OPERATOR(pg_catalog.=) r.relation
JOIN millrace.rollup root ON root.relation OPERATOR(pg_catalog.=) f.root
JOIN millrace.watermark w ON w.relation OPERATOR(pg_catalog.=) f.root
JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) r.relation
LEFT JOIN millrace.refresh_error e ON e.relation OPERATOR(pg_catalog.=) f.root
LEFT JOIN millrace.verification y ON y.relation OPERATOR(pg_catalog.=) r.relation
LEFT JOIN standby s ON true
CROSS JOIN LATERAL (
  -- NULL for a role that may not read the events.
  SELECT CASE WHEN i.last_id IS NOT NULL THEN GREATEST(i.last_id OPERATOR(pg_catalog.-) w.position, 0) END AS behind,
         GREATEST(w.complete_through, millrace.known_complete(f.root)) AS complete
  FROM (SELECT millrace.last_id(f.events, f.id_column) AS last_id) i
) l;
COMMENT ON VIEW millrace.rollups IS 'declared rollups and how up to date each is';
-- Messages and examples may contain values of events, as the last error may.
CREATE VIEW millrace.failed_events AS
SELECT x.relation AS rollup, r.source, x.event_id, x.sqlstate, m.message, x.failed_at
FROM millrace.failed_event x
LEFT JOIN millrace.failed_event_message m
  ON m.relation OPERATOR(pg_catalog.=) x.relation AND m.event_id OPERATOR(pg_catalog.=) x.event_id
JOIN millrace.rollup r ON r.relation OPERATOR(pg_catalog.=) x.relation
JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) x.relation
WHERE pg_catalog.pg_has_role(c.relowner, 'USAGE') OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE');
COMMENT ON VIEW millrace.failed_events IS 'events that could not be counted, and why: after a repair, millrace.retry_failed_events counts them';
CREATE VIEW millrace.differences AS
SELECT d.relation AS rollup, d.bucket_from, d.bucket_to, d.differences, d.example, d.found_at
FROM millrace.difference d
JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) d.relation
WHERE pg_catalog.pg_has_role(c.relowner, 'USAGE') OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE');
COMMENT ON VIEW millrace.differences IS 'buckets whose rows differed from the events when they were last verified';
GRANT SELECT ON millrace.rollups, millrace.refresh_progress, millrace.failed_events, millrace.differences TO PUBLIC;

-- Jobs of pg_cron with the last run of each. The current role decides what the caller may see, not the role that logged in: by
-- pg_cron's own row security, or by the right to call the second function.
CREATE FUNCTION millrace.visible_cron_jobs(
  OUT jobid pg_catalog.int8, OUT username pg_catalog.text, OUT schedule pg_catalog.text, OUT command pg_catalog.text, OUT active pg_catalog.bool,
  OUT last_status pg_catalog.text, OUT last_start pg_catalog.timestamptz, OUT last_duration pg_catalog.interval, OUT last_message pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'pg_cron')
     OR NOT pg_catalog.has_schema_privilege('cron', 'USAGE') THEN
    RETURN;
  END IF;
  RETURN QUERY EXECUTE $query$
    SELECT j.jobid, j.username, j.schedule, j.command, j.active, d.status, d.start_time, d.end_time OPERATOR(pg_catalog.-) d.start_time, d.return_message
    FROM cron.job j
    LEFT JOIN LATERAL (
      SELECT * FROM cron.job_run_details d
      WHERE d.jobid OPERATOR(pg_catalog.=) j.jobid AND d.status OPERATOR(pg_catalog.=) ANY (ARRAY['succeeded', 'failed'])
      ORDER BY d.runid DESC LIMIT 1) d ON true
    $query$;
END
$$;
CREATE FUNCTION millrace.all_cron_jobs(
  OUT jobid pg_catalog.int8, OUT username pg_catalog.text, OUT schedule pg_catalog.text, OUT command pg_catalog.text, OUT active pg_catalog.bool,
  OUT last_status pg_catalog.text, OUT last_start pg_catalog.timestamptz, OUT last_duration pg_catalog.interval, OUT last_message pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ BEGIN RETURN QUERY SELECT * FROM millrace.visible_cron_jobs(); END $$;
REVOKE ALL ON FUNCTION millrace.all_cron_jobs() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION millrace.all_cron_jobs() TO pg_monitor;
CREATE FUNCTION millrace.cron_jobs(
  OUT jobid pg_catalog.int8, OUT username pg_catalog.text, OUT schedule pg_catalog.text, OUT command pg_catalog.text, OUT active pg_catalog.bool,
  OUT last_status pg_catalog.text, OUT last_start pg_catalog.timestamptz, OUT last_duration pg_catalog.interval, OUT last_message pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF pg_catalog.has_function_privilege('millrace.all_cron_jobs()', 'EXECUTE') THEN
    RETURN QUERY SELECT * FROM millrace.all_cron_jobs();
  ELSE
    RETURN QUERY SELECT * FROM millrace.visible_cron_jobs();
  END IF;
END
$$;
COMMENT ON FUNCTION millrace.cron_jobs IS 'jobs of pg_cron and the last run of each: those of the caller, or all for members of pg_monitor';

-- For monitoring (millrace status, millrace serve).
CREATE FUNCTION millrace.volumes(
  OUT name pg_catalog.text, OUT device pg_catalog.int8, OUT size_bytes pg_catalog.int8, OUT free_bytes pg_catalog.int8)
RETURNS SETOF pg_catalog.record AS '$libdir/millrace', 'millrace_volumes' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.volumes IS 'free space on the volumes of the data directory, the WAL and the tablespaces; rows with the same device are one volume';
REVOKE ALL ON FUNCTION millrace.volumes() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION millrace.volumes() TO pg_monitor, pg_database_owner;
CREATE FUNCTION millrace.worker_state(OUT preloaded pg_catalog.bool, OUT starved pg_catalog.bool)
RETURNS pg_catalog.record AS '$libdir/millrace', 'millrace_worker_state' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.worker_state IS 'whether millrace is in shared_preload_libraries, and whether a worker found no free process of the server (max_worker_processes) in the last two minutes';

-- How many rows `millrace load` has rejected; the rows themselves are in the file that its caller named.
CREATE TABLE millrace.reject (
  file pg_catalog.text NOT NULL,
  rows pg_catalog.int8 NOT NULL,
  rejected_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE millrace.reject IS 'rows rejected by millrace load, by file';
GRANT SELECT ON millrace.reject TO pg_monitor;
GRANT SELECT, INSERT ON millrace.reject TO pg_database_owner;
SELECT pg_catalog.pg_extension_config_dump('millrace.reject', '');

-- What `millrace load` has loaded, recorded in the transactions that loaded it: ranges of rows of a file, counted from 1, or that
-- a file is complete. With it, an interrupted load can be resumed (--resume).
CREATE TABLE millrace.loaded_range (
  table_name pg_catalog.regclass,
  -- The fingerprint is from the file's size and its bytes at both ends; file is its name on the machine that read it.
  fingerprint pg_catalog.text,
  file pg_catalog.text NOT NULL,
  first_row pg_catalog.int8,
  rows pg_catalog.int8 NOT NULL,
  first_line pg_catalog.int8 NOT NULL,
  last_line pg_catalog.int8 NOT NULL,
  hash pg_catalog.text NOT NULL,
  complete pg_catalog.bool NOT NULL DEFAULT false,
  loaded_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  PRIMARY KEY (table_name, fingerprint, first_row)
);
COMMENT ON TABLE millrace.loaded_range IS 'rows of files that millrace load has loaded';
GRANT SELECT, INSERT, DELETE ON millrace.loaded_range TO pg_database_owner;
SELECT pg_catalog.pg_extension_config_dump('millrace.loaded_range', '');

-- Forgets tables that are dropped, and rollups whose source or definition is dropped; the rollups' tables stay as ordinary
-- tables. SECURITY DEFINER, because a role that may drop a table may not write here.
CREATE FUNCTION millrace.forget_dropped_tables() RETURNS pg_catalog.event_trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  dropped pg_catalog.oid[] := ARRAY(
    SELECT objid FROM pg_catalog.pg_event_trigger_dropped_objects()
    WHERE classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
      AND objsubid OPERATOR(pg_catalog.=) 0);
  forgotten pg_catalog.oid[];
  views pg_catalog.oid[];
  view pg_catalog.oid;
BEGIN
  IF dropped OPERATOR(pg_catalog.=) '{}' THEN RETURN; END IF;
  DELETE FROM millrace.distributed_table WHERE table_name::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (dropped);
  DELETE FROM millrace.loaded_range WHERE table_name::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (dropped);
  DELETE FROM millrace.retention WHERE source::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (dropped);
  WITH RECURSIVE lost AS (
    SELECT relation FROM millrace.rollup
    WHERE ARRAY[relation, source, definition]::pg_catalog.oid[] OPERATOR(pg_catalog.&&) dropped
    UNION
    SELECT r.relation FROM millrace.rollup r JOIN lost ON r.parent OPERATOR(pg_catalog.=) lost.relation
  ), gone AS (
    DELETE FROM millrace.rollup r USING lost WHERE r.relation OPERATOR(pg_catalog.=) lost.relation
    RETURNING r.relation, r.definition, r.live
  )
  SELECT pg_catalog.array_agg(relation::pg_catalog.oid),
         pg_catalog.array_agg(live::pg_catalog.oid) OPERATOR(pg_catalog.||) pg_catalog.array_agg(definition::pg_catalog.oid)
  INTO forgotten, views FROM gone;
  IF forgotten IS NULL THEN RETURN; END IF;
  DELETE FROM millrace.node_watermark WHERE relation::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (forgotten);
  DELETE FROM millrace.watermark WHERE relation::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (forgotten);
  DELETE FROM millrace.refresh_error WHERE relation::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (forgotten);
  DELETE FROM millrace.failed_refreshes WHERE relation::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (forgotten);
  DELETE FROM millrace.failed_event WHERE relation::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (forgotten);
  FOREACH view IN ARRAY forgotten LOOP
    IF EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) view) THEN
      RAISE WARNING 'rollup % is no longer declared: what it needs was dropped', view::pg_catalog.regclass
        USING DETAIL = 'Its table stays as it is.';
    END IF;
  END LOOP;
  -- The rollup's views are useless now, and would be in the way when it is declared again. Drop them, unless others read them.
  FOREACH view IN ARRAY views LOOP
    CONTINUE WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_class c
                              WHERE c.oid OPERATOR(pg_catalog.=) view AND c.relkind OPERATOR(pg_catalog.=) 'v');
    BEGIN
      EXECUTE pg_catalog.format('DROP VIEW %s', view::pg_catalog.regclass);
    EXCEPTION WHEN dependent_objects_still_exist THEN
      NULL;
    END;
  END LOOP;
END
$$;
REVOKE ALL ON FUNCTION millrace.forget_dropped_tables() FROM PUBLIC;
CREATE EVENT TRIGGER millrace_forget_dropped_tables ON sql_drop
  EXECUTE FUNCTION millrace.forget_dropped_tables();

-- If the database has Citus, its own create_distributed_table must be called. Ours is in schema public,
-- so that Citus's (in pg_catalog) is found first if it is installed later.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_extension
                 WHERE extname OPERATOR(pg_catalog.=) 'citus') THEN
    EXECUTE $create$
      CREATE FUNCTION public.create_distributed_table(
        table_name pg_catalog.regclass,
        distribution_column pg_catalog.text,
        distribution_type pg_catalog.text DEFAULT 'hash',
        colocate_with pg_catalog.text DEFAULT 'default',
        shard_count pg_catalog.int4 DEFAULT NULL)
      RETURNS pg_catalog.void
      AS '$libdir/millrace', 'millrace_create_distributed_table' LANGUAGE C VOLATILE
    $create$;
    COMMENT ON FUNCTION public.create_distributed_table(
        pg_catalog.regclass, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.int4)
      IS 'record a table as distributed by a column; its rows stay on this node until Citus is installed';
  END IF;
END
$$;
