-- From version 0.1 to 0.2: one watermark per node, in one table; what a rollup's columns are; how the dashboard names them.
\echo Use "ALTER EXTENSION millrace UPDATE" to load this file. \quit

-- Rows of these tables are changed, whatever the database's default is.
SET LOCAL default_table_access_method = heap;

-- The worker holds this lock during a step (HoldExtension).
LOCK TABLE millrace.rollup IN ACCESS EXCLUSIVE MODE;

-- A server without Citus is a cluster of one node, of group 0. Live views read relation and position, as before.
ALTER TABLE millrace.watermark
  ADD COLUMN node_group pg_catalog.int4 NOT NULL DEFAULT 0,
  -- The cluster, the database, the sequence and its file when the watermark was moved. If only the file has changed since, the
  -- sequence was restarted or altered; if anything else has, all of it was restored from a dump.
  ADD COLUMN sequence pg_catalog.text,
  DROP CONSTRAINT watermark_pkey,
  ADD PRIMARY KEY (relation, node_group);
UPDATE millrace.watermark w
SET sequence = pg_catalog.concat_ws('/', pg_catalog.split_part(w.home, '/', 1), pg_catalog.split_part(w.home, '/', 2), c.oid, w.sequence_file)
FROM pg_catalog.pg_class c
WHERE c.relkind OPERATOR(pg_catalog.=) 'S' AND c.relfilenode OPERATOR(pg_catalog.=) w.sequence_file;
UPDATE millrace.watermark w SET position = n.position, sequence = n.sequence
FROM millrace.node_watermark n
WHERE n.relation OPERATOR(pg_catalog.=) w.relation AND n.node_group OPERATOR(pg_catalog.=) 0;
INSERT INTO millrace.watermark (relation, node_group, position, sequence, complete_through, refreshed_at)
SELECT n.relation, n.node_group, n.position, n.sequence, w.complete_through, w.refreshed_at
FROM millrace.node_watermark n
JOIN millrace.watermark w ON w.relation OPERATOR(pg_catalog.=) n.relation AND w.node_group OPERATOR(pg_catalog.=) 0
WHERE n.node_group OPERATOR(pg_catalog.<>) 0;
ALTER EXTENSION millrace DROP TABLE millrace.node_watermark;
DROP TABLE millrace.node_watermark;
ALTER TABLE millrace.watermark DROP COLUMN sequence_file, DROP COLUMN home;
COMMENT ON TABLE millrace.watermark IS 'one row per rollup over events and node: the rollup has all events of the node with ids up to position';
COMMENT ON COLUMN millrace.watermark.node_group IS 'the group of the node, as Citus numbers them; 0 is the coordinator, and any server without Citus';
COMMENT ON COLUMN millrace.watermark.ids IS 'by how many ids the last refresh moved the watermark';

ALTER TABLE millrace.rollup RENAME COLUMN node_watermark TO watermark_copy;
COMMENT ON COLUMN millrace.rollup.watermark_copy IS 'if Citus distributes the events: the table that has a copy of the watermarks on every node';

CREATE FUNCTION millrace.events_behind(rollup pg_catalog.regclass) RETURNS pg_catalog.int8
AS '$libdir/millrace', 'millrace_events_behind' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.events_behind IS 'how many ids above the watermarks of a rollup over events were handed out, on all nodes; NULL if a node does not answer, or for a role that may not read the events';

CREATE OR REPLACE VIEW millrace.rollups AS
WITH RECURSIVE family AS (
  SELECT relation, relation AS root, source AS events FROM millrace.rollup WHERE parent IS NULL
  UNION ALL
  SELECT r.relation, f.root, f.events
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
SELECT r.relation AS rollup, r.source, n.ids AS watermark, l.behind AS events_behind,
       -- All events up to l.complete are known to be in, so a missing one was committed after that.
       CASE WHEN l.behind OPERATOR(pg_catalog.=) 0 THEN COALESCE(s.seconds_behind, 0)
            WHEN l.behind OPERATOR(pg_catalog.>) 0 THEN GREATEST(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) COALESCE(l.complete, root.declared_at)), 0) END AS seconds_behind,
       CASE WHEN l.behind OPERATOR(pg_catalog.=) 0 AND NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.statement_timestamp()
            WHEN l.behind OPERATOR(pg_catalog.=) 0 THEN COALESCE(s.replayed, l.complete)
            ELSE LEAST(l.complete, s.replayed) END AS complete_through,
       -- Not known before the table is analyzed. A distributed table has no count here: its rows are in the shards.
       CASE WHEN root.watermark_copy IS NULL AND c.reltuples OPERATOR(pg_catalog.>=) 0 THEN c.reltuples::pg_catalog.int8 END AS rows, root.refresh_interval, root.paused,
       w.refreshed_at, w.duration,
       CASE WHEN pg_catalog.pg_has_role(c.relowner, 'USAGE') OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
            THEN e.message END AS last_error, e.failed_at, e.retry_at,
       CASE WHEN l.behind OPERATOR(pg_catalog.>) 0 AND NOT pg_catalog.pg_is_in_recovery() THEN (
         SELECT pg_catalog.string_agg(DISTINCT COALESCE('process ' OPERATOR(pg_catalog.||) b.pid::pg_catalog.text,
                  'prepared transaction ' OPERATOR(pg_catalog.||) pg_catalog.quote_literal(x.gid)), ', ')
         FROM millrace.writers(f.events) b
         LEFT JOIN pg_catalog.pg_prepared_xacts x ON x.transaction OPERATOR(pg_catalog.=) b.prepared
         -- Where events come all the time, somebody always writes. Leaves out those who began long after the oldest missing
         -- event.
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
JOIN millrace.watermark w ON w.relation OPERATOR(pg_catalog.=) f.root AND w.node_group OPERATOR(pg_catalog.=) 0
JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) r.relation
LEFT JOIN millrace.refresh_error e ON e.relation OPERATOR(pg_catalog.=) f.root
LEFT JOIN millrace.verification y ON y.relation OPERATOR(pg_catalog.=) r.relation
LEFT JOIN standby s ON true
CROSS JOIN LATERAL (
  -- The ids of a group are above group * 2^48. The watermark of a node that was removed is at the last of them, and counts as one
  -- id.
  SELECT pg_catalog.sum(CASE WHEN x.node_group OPERATOR(pg_catalog.=) 0 THEN x.position
                             WHEN x.position OPERATOR(pg_catalog.=) ((x.node_group OPERATOR(pg_catalog.+) 1)::pg_catalog.int8 OPERATOR(pg_catalog.<<) 48) THEN 1
                             ELSE x.position OPERATOR(pg_catalog.-) (x.node_group::pg_catalog.int8 OPERATOR(pg_catalog.<<) 48) END)::pg_catalog.int8 AS ids
  FROM millrace.watermark x WHERE x.relation OPERATOR(pg_catalog.=) f.root
) n
CROSS JOIN LATERAL (
  SELECT b.behind, GREATEST(w.complete_through, millrace.known_complete(f.root)) AS complete
  FROM (SELECT millrace.events_behind(f.root) AS behind) b
) l;

COMMENT ON COLUMN millrace.loaded_range.fingerprint IS 'of a file: its size, its beginning and its end; of a batch of a pipe: batch-, its first row and its contents';
COMMENT ON COLUMN millrace.loaded_range.complete IS 'all of the file is loaded, or the rows are a batch of a pipe';
COMMENT ON COLUMN millrace.loaded_range.loaded_at IS 'when the rows were sent; of a complete file, when the last of it was';

-- As in 0.1, without millrace.node_watermark, and with a clearer warning.
CREATE OR REPLACE FUNCTION millrace.forget_dropped_tables() RETURNS pg_catalog.event_trigger
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
  DELETE FROM millrace.kafka_offset WHERE table_name::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (dropped);
  DELETE FROM millrace.kafka_gap WHERE table_name::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (dropped);
  DELETE FROM millrace.kafka_reject WHERE table_name::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (dropped);
  DELETE FROM millrace.retention WHERE source::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (dropped);
  DELETE FROM millrace.sealing WHERE source::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (dropped);
  DELETE FROM millrace.watched_source WHERE source::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (dropped);
  DELETE FROM millrace.label WHERE rollup::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (dropped);
  DELETE FROM millrace.ratio WHERE rollup::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (dropped);
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
  DELETE FROM millrace.watermark WHERE relation::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (forgotten);
  DELETE FROM millrace.refresh_error WHERE relation::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (forgotten);
  DELETE FROM millrace.failed_refreshes WHERE relation::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (forgotten);
  DELETE FROM millrace.failed_event WHERE relation::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (forgotten);
  FOREACH view IN ARRAY forgotten LOOP
    IF EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) view) THEN
      RAISE WARNING 'rollup % is no longer declared: something that it needs was dropped', view::pg_catalog.regclass
        USING DETAIL = 'Its table is kept as it is.';
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

CREATE FUNCTION millrace.rollup_columns(
  rollup pg_catalog.regclass, OUT "position" pg_catalog.int4, OUT name pg_catalog.name, OUT role pg_catalog.text, OUT type pg_catalog.regtype,
  OUT expression pg_catalog.text, OUT filter pg_catalog.text, OUT parent_column pg_catalog.name,
  OUT bucket_width pg_catalog.interval, OUT bucket_zone pg_catalog.text, OUT bucket_origin pg_catalog.timestamptz)
RETURNS SETOF pg_catalog.record AS '$libdir/millrace', 'millrace_rollup_columns' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.rollup_columns IS 'one row per column of a declared rollup: what it is (bucket, key, count, sum, min, max, bool_and, bool_or, hll, topn, average), of which expression and filter, and which column of the rollup below it reads';
CREATE FUNCTION millrace.rollup_filter(rollup pg_catalog.regclass) RETURNS pg_catalog.text
AS '$libdir/millrace', 'millrace_rollup_filter' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.rollup_filter IS 'the WHERE of a declared rollup; NULL if it has none';

-- Not STRICT: a budget of NULL is the default.
CREATE FUNCTION millrace.summarize(
  rollup pg_catalog.regclass, budget pg_catalog.int8 DEFAULT NULL, declare pg_catalog.bool DEFAULT true,
  OUT summary pg_catalog.text, OUT keys pg_catalog.text[], OUT state pg_catalog.text, OUT reason pg_catalog.text,
  OUT rows pg_catalog.int8, OUT share pg_catalog.float8, OUT refresh_rows pg_catalog.int8, OUT refresh_ms pg_catalog.float8,
  OUT calls pg_catalog.int8, OUT total_ms pg_catalog.float8, OUT source pg_catalog.text, OUT query pg_catalog.text)
RETURNS SETOF pg_catalog.record AS '$libdir/millrace', 'millrace_summarize' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION millrace.summarize IS 'declares smaller rollups over a rollup, from which the planner answers questions to it: in total, by each key, and by the keys that were asked for; with declare => false only says which';

-- How the dashboard shows rollups. One row per column, and one per value of a key that has a name of its own.
CREATE TABLE millrace.label (
  rollup pg_catalog.regclass NOT NULL,
  name pg_catalog.name NOT NULL,
  value pg_catalog.text,
  label pg_catalog.text,
  unit pg_catalog.text,
  "position" pg_catalog.int4,
  hidden pg_catalog.bool NOT NULL DEFAULT false,
  tenant pg_catalog.bool NOT NULL DEFAULT false,
  UNIQUE NULLS NOT DISTINCT (rollup, name, value),
  CHECK (value IS NULL OR (unit IS NULL AND "position" IS NULL AND NOT hidden AND NOT tenant))
);
COMMENT ON TABLE millrace.label IS 'how the dashboard names, orders or hides the columns of a rollup, and names values of its keys';
COMMENT ON COLUMN millrace.label.name IS 'a column of the rollup, or a ratio of millrace.ratio';
COMMENT ON COLUMN millrace.label.value IS 'NULL: this is about the column; otherwise a value of it, as text';
COMMENT ON COLUMN millrace.label.unit IS 'of a measure: EUR, ms, %';
COMMENT ON COLUMN millrace.label.tenant IS 'this key is the tenant';

-- Measures that follow from two others, such as revenue per purchase.
CREATE TABLE millrace.ratio (
  rollup pg_catalog.regclass NOT NULL,
  name pg_catalog.name NOT NULL,
  numerator pg_catalog.name NOT NULL,
  denominator pg_catalog.name NOT NULL,
  PRIMARY KEY (rollup, name)
);
COMMENT ON TABLE millrace.ratio IS 'measures that the dashboard computes from two columns of a rollup: numerator divided by denominator';
GRANT SELECT ON millrace.label, millrace.ratio TO PUBLIC;
GRANT INSERT, UPDATE, DELETE ON millrace.label, millrace.ratio TO pg_database_owner;
SELECT pg_catalog.pg_extension_config_dump('millrace.label', '');
SELECT pg_catalog.pg_extension_config_dump('millrace.ratio', '');

CREATE TABLE millrace.saved_view (
  name pg_catalog.text PRIMARY KEY CHECK (pg_catalog.length(name) OPERATOR(pg_catalog.<=) 200),
  query pg_catalog.text NOT NULL CHECK (pg_catalog.length(query) OPERATOR(pg_catalog.<=) 8000),
  saved_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE millrace.saved_view IS 'views of the dashboard that somebody saved by name: what stands after ? in their addresses';
GRANT SELECT, INSERT, UPDATE, DELETE ON millrace.saved_view TO pg_database_owner;
SELECT pg_catalog.pg_extension_config_dump('millrace.saved_view', '');

CREATE TABLE millrace.link (
  id pg_catalog.text PRIMARY KEY,
  name pg_catalog.text NOT NULL,
  rollup pg_catalog.text NOT NULL,
  dimension pg_catalog.text NOT NULL,
  tenants pg_catalog.text[] NOT NULL,
  made_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now(),
  expires_at pg_catalog.timestamptz,
  revoked_at pg_catalog.timestamptz
);
COMMENT ON TABLE millrace.link IS 'links to the dashboard that show some tenants only; a link without a row here, or one that is revoked, is refused';
GRANT SELECT, INSERT, UPDATE, DELETE ON millrace.link TO pg_database_owner;
SELECT pg_catalog.pg_extension_config_dump('millrace.link', '');

-- Which rollups may answer for one another: not those whose rows something other than a refresh has changed.
ALTER TABLE millrace.rollup ADD COLUMN edited_at pg_catalog.timestamptz;
COMMENT ON COLUMN millrace.rollup.edited_at IS 'when something other than a refresh has first changed rows of its table; NULL again after millrace.rebuild_rollup';
CREATE FUNCTION millrace.note_edit() RETURNS pg_catalog.trigger
AS '$libdir/millrace', 'millrace_note_edit' LANGUAGE C;
COMMENT ON FUNCTION millrace.note_edit IS 'trigger on the tables of rollups: notes that their rows were changed by hand';
CREATE FUNCTION millrace.rollups_changed() RETURNS pg_catalog.trigger
AS '$libdir/millrace', 'millrace_rollups_changed' LANGUAGE C;
COMMENT ON FUNCTION millrace.rollups_changed IS 'trigger on the catalog: plans over rollups are made again';
CREATE TRIGGER millrace_rollups_changed AFTER INSERT OR UPDATE OR DELETE ON millrace.rollup
  FOR EACH ROW EXECUTE FUNCTION millrace.rollups_changed();
CREATE TRIGGER millrace_rollups_changed AFTER INSERT OR DELETE ON millrace.refresh_error
  FOR EACH ROW EXECUTE FUNCTION millrace.rollups_changed();
CREATE TRIGGER millrace_rollups_changed AFTER INSERT OR DELETE ON millrace.difference
  FOR EACH ROW EXECUTE FUNCTION millrace.rollups_changed();
ALTER TABLE millrace.rollup ENABLE ALWAYS TRIGGER millrace_rollups_changed;
ALTER TABLE millrace.refresh_error ENABLE ALWAYS TRIGGER millrace_rollups_changed;
ALTER TABLE millrace.difference ENABLE ALWAYS TRIGGER millrace_rollups_changed;
DO $$
DECLARE
  declared pg_catalog.text;
BEGIN
  -- Where Citus distributes the events, the rollups over them are distributed too.
  FOR declared IN
    WITH RECURSIVE family AS (
      SELECT relation FROM millrace.rollup WHERE parent IS NULL AND watermark_copy IS NULL
      UNION ALL
      SELECT r.relation FROM millrace.rollup r JOIN family f ON r.parent OPERATOR(pg_catalog.=) f.relation
    )
    SELECT relation::pg_catalog.text FROM family
    WHERE EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) relation)
  LOOP
    EXECUTE pg_catalog.format('CREATE TRIGGER millrace_note_edit AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION millrace.note_edit()', declared);
    EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ALWAYS TRIGGER millrace_note_edit', declared);
  END LOOP;
END
$$;

-- Events of which it is known that none was updated or deleted, so that rollups over them answer for them (millrace.rewrite_events).
CREATE TABLE millrace.watched_source (
  source pg_catalog.regclass PRIMARY KEY,
  id_column pg_catalog.name NOT NULL,
  watched_since pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  changed_at pg_catalog.timestamptz
);
COMMENT ON TABLE millrace.watched_source IS 'tables of events that millrace.watch_events watches: whether rows were updated, deleted or truncated since, and when first';
GRANT SELECT ON millrace.watched_source TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('millrace.watched_source', '');
CREATE FUNCTION millrace.watch_events(source pg_catalog.regclass, watch pg_catalog.bool DEFAULT true) RETURNS pg_catalog.void
AS '$libdir/millrace', 'millrace_watch_events' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.watch_events IS 'notice from now on when events are updated, deleted or truncated; until that happens, rollups over them may answer questions to them';
CREATE FUNCTION millrace.note_change() RETURNS pg_catalog.trigger
AS '$libdir/millrace', 'millrace_note_change' LANGUAGE C;
COMMENT ON FUNCTION millrace.note_change IS 'trigger on watched events: notes that rows were changed';
CREATE TRIGGER millrace_rollups_changed AFTER INSERT OR UPDATE OR DELETE ON millrace.watched_source
  FOR EACH ROW EXECUTE FUNCTION millrace.rollups_changed();
CREATE TRIGGER millrace_rollups_changed AFTER INSERT OR DELETE ON millrace.failed_event
  FOR EACH ROW EXECUTE FUNCTION millrace.rollups_changed();
ALTER TABLE millrace.watched_source ENABLE ALWAYS TRIGGER millrace_rollups_changed;
ALTER TABLE millrace.failed_event ENABLE ALWAYS TRIGGER millrace_rollups_changed;

-- Events from Kafka (`millrace consume`). What was read of a topic is written in the transactions that write the events, so each event is
-- in once: a transaction that does not find the epoch and the offset that it expects writes nothing.
CREATE TABLE millrace.kafka_offset (
  table_name pg_catalog.regclass,
  cluster pg_catalog.text,
  topic pg_catalog.text,
  "partition" pg_catalog.int4,
  next_offset pg_catalog.int8 NOT NULL CHECK (next_offset OPERATOR(pg_catalog.>=) 0),
  epoch pg_catalog.int8 NOT NULL DEFAULT 1,
  consumer_group pg_catalog.text NOT NULL,
  consumer pg_catalog.text,
  last_message pg_catalog.text,
  message_time pg_catalog.timestamptz,
  log_end pg_catalog.int8,
  events pg_catalog.int8 NOT NULL DEFAULT 0,
  rejects pg_catalog.int8 NOT NULL DEFAULT 0,
  skipped pg_catalog.int8 NOT NULL DEFAULT 0,
  read_per_second pg_catalog.float8,
  written_per_second pg_catalog.float8,
  claimed_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  seen_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  stopped_because pg_catalog.text,
  PRIMARY KEY (table_name, cluster, topic, "partition")
) WITH (fillfactor = 50);
COMMENT ON TABLE millrace.kafka_offset IS 'one row per table and partition of a Kafka topic that millrace consume reads into it: up to where the table has it';
COMMENT ON COLUMN millrace.kafka_offset.cluster IS 'what --cluster says; empty unless topics of one name in two clusters go into one table';
COMMENT ON COLUMN millrace.kafka_offset.next_offset IS 'every message before this offset is in the table, rejected or skipped; none from it on';
COMMENT ON COLUMN millrace.kafka_offset.epoch IS 'grows when a consumer takes the partition over; transactions of the consumer before it then write nothing';
COMMENT ON COLUMN millrace.kafka_offset.consumer IS 'who reads it: host and process; NULL: nobody, after an orderly end';
COMMENT ON COLUMN millrace.kafka_offset.last_message IS 'a fingerprint of the last message that was taken, by which a topic that was made anew is recognised';
COMMENT ON COLUMN millrace.kafka_offset.message_time IS 'the time of the last message that was taken, as the broker gives it';
COMMENT ON COLUMN millrace.kafka_offset.log_end IS 'the offset after the newest message, as the consumer last knew it';
COMMENT ON COLUMN millrace.kafka_offset.skipped IS 'messages without a payload (tombstones)';
COMMENT ON COLUMN millrace.kafka_offset.read_per_second IS 'messages that the consumer took lately';
COMMENT ON COLUMN millrace.kafka_offset.written_per_second IS 'messages that producers wrote lately';
COMMENT ON COLUMN millrace.kafka_offset.stopped_because IS 'why a consumer stopped by itself; NULL while one reads, and after an orderly end';
GRANT SELECT ON millrace.kafka_offset TO pg_monitor;
GRANT SELECT, INSERT, UPDATE, DELETE ON millrace.kafka_offset TO pg_database_owner;
SELECT pg_catalog.pg_extension_config_dump('millrace.kafka_offset', '');

-- Messages that are not in the topic any more, and were never read.
CREATE TABLE millrace.kafka_gap (
  table_name pg_catalog.regclass NOT NULL,
  cluster pg_catalog.text NOT NULL,
  topic pg_catalog.text NOT NULL,
  "partition" pg_catalog.int4 NOT NULL,
  from_offset pg_catalog.int8 NOT NULL,
  to_offset pg_catalog.int8 NOT NULL,
  reason pg_catalog.text NOT NULL,
  seen_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  accepted_at pg_catalog.timestamptz,
  go_on_at pg_catalog.text CHECK (go_on_at OPERATOR(pg_catalog.=) ANY (ARRAY['oldest', 'newest'])),
  passed_at pg_catalog.timestamptz
);
CREATE UNIQUE INDEX ON millrace.kafka_gap (table_name, cluster, topic, "partition") WHERE passed_at IS NULL;
COMMENT ON TABLE millrace.kafka_gap IS 'where millrace consume found that messages which it had not read are gone; it stops there until the gap is accepted (millrace consume --accept-gaps)';
COMMENT ON COLUMN millrace.kafka_gap.from_offset IS 'the first offset that is missing';
COMMENT ON COLUMN millrace.kafka_gap.to_offset IS 'the oldest offset that is still there; smaller than from_offset in a topic that was made anew';
COMMENT ON COLUMN millrace.kafka_gap.accepted_at IS 'when somebody said to go on after it; NULL: the consumer stands still';
COMMENT ON COLUMN millrace.kafka_gap.go_on_at IS 'where to: the oldest message that is there, or only those that are written from then on';
COMMENT ON COLUMN millrace.kafka_gap.passed_at IS 'when a consumer went on after it';
GRANT SELECT ON millrace.kafka_gap TO pg_monitor;
GRANT SELECT, INSERT, UPDATE, DELETE ON millrace.kafka_gap TO pg_database_owner;
SELECT pg_catalog.pg_extension_config_dump('millrace.kafka_gap', '');

-- Messages that are no rows of the table. `millrace replay` takes them in after a repair. (millrace.reject counts the rows of files.)
CREATE TABLE millrace.kafka_reject (
  id pg_catalog.uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
  table_name pg_catalog.regclass NOT NULL,
  cluster pg_catalog.text NOT NULL,
  topic pg_catalog.text NOT NULL,
  "partition" pg_catalog.int4 NOT NULL,
  "offset" pg_catalog.int8 NOT NULL,
  key pg_catalog.bytea,
  payload pg_catalog.bytea,
  payload_bytes pg_catalog.int8 NOT NULL,
  headers pg_catalog.bytea[],
  message_time pg_catalog.timestamptz,
  error pg_catalog.text NOT NULL,
  rejected_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  replays pg_catalog.int4 NOT NULL DEFAULT 0
);
CREATE INDEX ON millrace.kafka_reject (table_name, rejected_at, id);
COMMENT ON TABLE millrace.kafka_reject IS 'messages of Kafka that millrace consume has rejected; millrace replay loads them and removes them from here, in one transaction';
COMMENT ON COLUMN millrace.kafka_reject.payload IS 'NULL: the message had none, or more than --max-record-bytes';
COMMENT ON COLUMN millrace.kafka_reject.headers IS 'name, value, name, value, ...';
COMMENT ON COLUMN millrace.kafka_reject.error IS 'why it is no row: what the program or the server said, the last time that it was tried';
COMMENT ON COLUMN millrace.kafka_reject.replays IS 'how often millrace replay has tried it';
GRANT SELECT (id, table_name, cluster, topic, "partition", "offset", payload_bytes, message_time, rejected_at, replays) ON millrace.kafka_reject TO pg_monitor;
GRANT SELECT, INSERT, UPDATE, DELETE ON millrace.kafka_reject TO pg_database_owner;
SELECT pg_catalog.pg_extension_config_dump('millrace.kafka_reject', '');

-- Dense events: a table access method for tables that are only appended to.
CREATE FUNCTION millrace.dense_handler(pg_catalog.internal) RETURNS pg_catalog.table_am_handler
AS '$libdir/millrace', 'millrace_dense_handler' LANGUAGE C STRICT;
CREATE ACCESS METHOD millrace_dense TYPE TABLE HANDLER millrace.dense_handler;
COMMENT ON ACCESS METHOD millrace_dense IS 'events in about a tenth of the bytes; rows are only added';
CREATE FUNCTION millrace.check_dense(events pg_catalog.regclass) RETURNS pg_catalog.int8
AS '$libdir/millrace', 'millrace_check_dense' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.check_dense IS 'read all pages of dense events, and raise an error if one is damaged; returns how many pages';

CREATE TABLE millrace.sealing (
  source pg_catalog.regclass PRIMARY KEY,
  age pg_catalog.interval NOT NULL
);
COMMENT ON TABLE millrace.sealing IS 'partitioned tables whose partitions are made dense, and how long after their end';
GRANT SELECT ON millrace.sealing TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('millrace.sealing', '');
CREATE FUNCTION millrace.seal_after(events pg_catalog.regclass, age pg_catalog.interval) RETURNS pg_catalog.void
AS '$libdir/millrace', 'millrace_seal_after' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION millrace.seal_after IS 'make partitions dense so long after their end; NULL: no longer';
CREATE FUNCTION millrace.seal(events pg_catalog.regclass) RETURNS pg_catalog.int4
AS '$libdir/millrace', 'millrace_seal' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION millrace.seal IS 'make the partitions dense now that seal_after names; returns how many';
