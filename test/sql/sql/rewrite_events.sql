-- Questions to events, answered from rollups over them: the same answers as without, and only where that is sure.
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE EXTENSION IF NOT EXISTS hll;
CREATE EXTENSION IF NOT EXISTS topn;
CREATE EXTENSION IF NOT EXISTS millrace;
CREATE SCHEMA rewrite_events;
SET search_path = rewrite_events, public;
CREATE TABLE visit (id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL, site int, country text, device bigint, price numeric(10,2), clicks int)
  PARTITION BY RANGE (at);
SELECT format('CREATE TABLE visit_%s PARTITION OF visit FOR VALUES FROM (%L) TO (%L)', i, timestamptz '2026-03-01' + i * interval '6 hours',
              timestamptz '2026-03-01' + (i + 1) * interval '6 hours') FROM generate_series(0, 11) i \gexec
INSERT INTO visit (at, site, country, device, price, clicks)
SELECT timestamptz '2026-03-01' + i * interval '11 seconds', i % 3, (ARRAY['DE', 'FR', NULL])[1 + i % 3], i % 997, (i % 100) / 4.0, i % 7
FROM generate_series(0, 23000) i;
SELECT millrace.create_rollup('visit_hour', $$SELECT site, country, date_trunc('hour', at, 'UTC') AS hour, count(*) AS n, count(country) AS known,
  sum(price) AS price, sum(clicks) AS clicks, min(price) AS cheapest, max(at) AS last, hll_add_agg(hll_hash_bigint(device)) AS devices,
  count(*) FILTER (WHERE price > 20) AS dear FROM visit GROUP BY 1, 2, 3$$, refresh_interval => '1 day');
SELECT millrace.create_rollup('visit_day', $$SELECT country, date_trunc('day', hour, 'UTC') AS day, sum(n) AS n, sum(price) AS price,
  sum(dear)::bigint AS dear FROM visit_hour GROUP BY 1, 2$$);
SELECT millrace.pause_rollup('visit_hour');
SELECT millrace.resume_rollup('visit_hour');
-- Not in the rollup yet, some of them late.
INSERT INTO visit (at, site, country, device, price, clicks)
SELECT timestamptz '2026-03-01 01:00' + i * interval '7 minutes', 1, 'XX', 5000 + i, 99, 1 FROM generate_series(0, 300) i;
ANALYZE visit, visit_hour, visit_day;

-- Whether a question is answered from a rollup, and whether the answer is the same.
CREATE FUNCTION asked(question text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; plan text := ''; with_it text; without text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || question LOOP plan := plan || line || E'\n'; END LOOP;
  EXECUTE 'SELECT array_agg(q::text ORDER BY q::text)::text FROM (' || question || ') q' INTO with_it;
  SET LOCAL millrace.rewrite_events = off;
  EXECUTE 'SELECT array_agg(q::text ORDER BY q::text)::text FROM (' || question || ') q' INTO without;
  RETURN (SELECT coalesce(string_agg(DISTINCT used[1], ', '), 'events') FROM regexp_matches(plan, 'visit_hour|visit_day', 'g') used)
    || CASE WHEN with_it IS NOT DISTINCT FROM without THEN ': same' ELSE format(E': DIFFERS\n%s\n%s', with_it, without) END;
END $$;
-- Off unless it is asked for, and never before the events are watched.
SELECT asked('SELECT count(*) FROM visit');
SET millrace.rewrite_events = exact;
SELECT asked('SELECT count(*) FROM visit');
SELECT millrace.watch_events('visit');
CREATE FUNCTION ask_all() RETURNS TABLE (question text, answer text) LANGUAGE plpgsql AS $$
BEGIN
  FOREACH question IN ARRAY ARRAY[
    'SELECT count(*), count(1), count(country), sum(price), sum(clicks), min(price), max(at) FROM visit',
    'SELECT country, count(*), count(*) FILTER (WHERE price > 20), sum(price) FROM visit GROUP BY country',
    'SELECT count(*) FROM visit WHERE at >= ''2026-03-01 00:30'' AND at < ''2026-03-03 11:10''',
    'SELECT count(*) FROM visit WHERE at > ''2026-03-01 03:00'' AND at <= ''2026-03-03 12:00''',
    'SELECT country, sum(price) FROM visit WHERE at BETWEEN ''2026-03-01 00:30'' AND ''2026-03-03 11:10'' AND site = 1 GROUP BY country HAVING count(*) > 5',
    'SELECT date_trunc(''day'', at, ''UTC'') AS d, count(*) FROM visit WHERE at >= ''2026-03-01 12:00'' GROUP BY 1',
    'SELECT date_trunc(''hour'', at, ''UTC'') AS h, count(*), sum(clicks) FROM visit GROUP BY 1',
    'SELECT date_bin(''30 minutes'', at, ''2000-01-01'') AS h, count(*) FROM visit GROUP BY 1',
    'SELECT d.name, count(*), sum(v.price) FROM visit v JOIN (VALUES (1, ''one''), (2, ''two''), (2, ''zwei'')) d(site, name) USING (site) GROUP BY 1',
    'SELECT d.name, count(*), count(v.country) FROM (VALUES (1, ''one''), (9, ''nine'')) d(site, name) LEFT JOIN visit v ON v.site = d.site GROUP BY 1',
    'SELECT count(*) FROM visit WHERE at < ''-infinity''', 'SELECT sum(price), count(*) FROM visit WHERE at >= NULL',
    'SELECT count(*) FROM visit WHERE site = 77', 'SELECT country, count(*) FROM visit WHERE site = 77 GROUP BY 1',
    'SELECT count(*) FROM visit WHERE at >= ''2026-03-01 02:59:59'' AND at < ''2026-03-01 03:00:01''',
    'SELECT DISTINCT country FROM visit', 'SELECT count(*) FROM visit WHERE country IS NULL',
    -- Not from a rollup: it lacks what is asked for.
    'SELECT count(DISTINCT device) FROM visit', 'SELECT count(device) FROM visit', 'SELECT sum(device) FROM visit', 'SELECT avg(price) FROM visit',
    'SELECT max(price) FROM visit', 'SELECT count(*) FROM visit WHERE price > 20', 'SELECT device, count(*) FROM visit GROUP BY 1',
    'SELECT sum(price) FILTER (WHERE price > 20) FROM visit', 'SELECT count(DISTINCT country) FROM visit', 'SELECT count(*) FROM ONLY visit',
    'SELECT count(*) FROM visit v WHERE EXISTS (SELECT FROM pg_class c WHERE c.oid = v.site)', 'SELECT count(*) FROM visit WHERE random() < 2',
    'SELECT count(*) FROM visit TABLESAMPLE SYSTEM (100)'] LOOP
    answer := asked(question);
    RETURN NEXT;
    SET LOCAL millrace.rewrite_events = exact;
  END LOOP;
END $$;
SELECT answer, question FROM ask_all();
-- count(DISTINCT) by the sketch: within its error.
SET millrace.rewrite_events = approximate;
SELECT abs(count(DISTINCT device) - 1298) < 100 AS near FROM visit;
SELECT count(DISTINCT device) AS none FROM visit WHERE site = 77;
SET millrace.rewrite_events = exact;
-- Prepared, with parameters: the same plan for any.
PREPARE span AS SELECT count(*) FROM visit WHERE at >= $1 AND at < $2;
SET plan_cache_mode = force_generic_plan;
EXECUTE span('2026-03-01 00:30', '2026-03-03 11:10');
EXECUTE span('2026-03-01 03:00', '2026-03-01 03:00:30');
EXECUTE span('2026-03-03', '2026-03-01');
RESET plan_cache_mode;
SET millrace.rewrite_events = off;
SELECT count(*) FROM visit WHERE at >= '2026-03-01 00:30' AND at < '2026-03-03 11:10';
SELECT count(*) FROM visit WHERE at >= '2026-03-01 03:00' AND at < '2026-03-01 03:00:30';
SET millrace.rewrite_events = exact;
-- Own events that are not committed.
BEGIN;
INSERT INTO visit (at, site, country, price) VALUES ('2026-03-02', 1, 'DE', 1);
SELECT asked('SELECT count(*), sum(price) FROM visit');
ROLLBACK;
-- Who may read what: asked of the events.
CREATE ROLE rewrite_events_reader;
GRANT USAGE ON SCHEMA rewrite_events TO rewrite_events_reader;
GRANT SELECT ON visit_hour TO rewrite_events_reader;
SET ROLE rewrite_events_reader;
SELECT count(*) FROM visit;
RESET ROLE;
GRANT SELECT (site, at) ON visit TO rewrite_events_reader;
REVOKE ALL ON visit_hour FROM rewrite_events_reader;
SET ROLE rewrite_events_reader;
SELECT count(*) FROM visit WHERE site = 1;
SELECT sum(price) FROM visit;
RESET ROLE;
GRANT SELECT ON visit TO rewrite_events_reader;
CREATE POLICY own ON visit FOR SELECT TO rewrite_events_reader USING (site = 2);
ALTER TABLE visit ENABLE ROW LEVEL SECURITY;
SET ROLE rewrite_events_reader;
SELECT asked('SELECT count(*), sum(price) FROM visit');
SELECT asked('SELECT country, count(*) FROM visit GROUP BY 1');
SELECT count(*) FROM visit;
RESET ROLE;
ALTER TABLE visit DISABLE ROW LEVEL SECURITY;
DROP POLICY own ON visit;
-- Partitions that are gone: only spans that are there altogether.
SELECT millrace.refresh_rollup('visit_hour') IS NOT NULL AS current;
ALTER TABLE visit DETACH PARTITION visit_0;
SELECT asked('SELECT count(*) FROM visit');
SELECT asked('SELECT count(*) FROM visit WHERE at >= ''2026-03-01 10:00'' AND at < ''2026-03-03 11:10''');
SET millrace.rewrite_dropped_events = on;
SELECT count(*) FROM visit;
RESET millrace.rewrite_dropped_events;
ALTER TABLE visit ATTACH PARTITION visit_0 FOR VALUES FROM ('2026-03-01 00:00+00') TO ('2026-03-01 06:00+00');
SELECT asked('SELECT count(*) FROM visit');
ALTER TABLE visit DETACH PARTITION visit_4;
SELECT asked('SELECT count(*) FROM visit');
ALTER TABLE visit ATTACH PARTITION visit_4 FOR VALUES FROM ('2026-03-02 00:00+00') TO ('2026-03-02 06:00+00');
-- Rows that are changed: read themselves from then on. Also in a savepoint, and through a partition.
BEGIN;
SAVEPOINT s;
DELETE FROM visit_3 WHERE id = (SELECT min(id) FROM visit_3);
SELECT asked('SELECT count(*) FROM visit');
ROLLBACK TO s;
SELECT asked('SELECT count(*) FROM visit');
UPDATE visit SET price = 0 WHERE id = (SELECT min(id) FROM visit_5);
SELECT asked('SELECT count(*), sum(price) FROM visit');
ROLLBACK;
SELECT asked('SELECT count(*) FROM visit');
BEGIN;
TRUNCATE visit_3;
SELECT asked('SELECT count(*) FROM visit');
ROLLBACK;
SELECT asked('SELECT count(*) FROM visit');
EXECUTE span('2026-03-01 00:30', '2026-03-03 11:10');
DELETE FROM visit WHERE id = (SELECT min(id) FROM visit_5);
EXECUTE span('2026-03-01 00:30', '2026-03-03 11:10');
SELECT changed_at IS NOT NULL AS changed FROM millrace.watched_source;
SELECT asked('SELECT count(*) FROM visit');
SELECT millrace.rebuild_rollup('visit_hour') > 0 AS rebuilt;
SELECT millrace.watch_events('visit');
SELECT asked('SELECT count(*) FROM visit');
-- A rollup that lacks events.
ALTER TABLE visit ADD COLUMN note text;
SELECT millrace.create_rollup('noted', $$SELECT date_trunc('hour', at, 'UTC') AS hour, sum(coalesce(note, '0')::int) AS noted FROM visit GROUP BY 1$$);
SELECT asked('SELECT sum(coalesce(note, ''0'')::int) FROM visit');
INSERT INTO visit (at, note) VALUES ('2026-03-02', 'x');
SELECT millrace.refresh_rollup('noted') > 0 AS refreshed;
SELECT failed_events FROM millrace.rollups WHERE rollup = 'noted'::regclass;
SELECT sum(coalesce(note, '0')::int) FROM visit;
-- The definition of a rollup is read from the events by a refresh and a verification, whatever the settings.
SELECT count(*) FROM millrace.verify_rollup('visit_hour');
-- Not for tables that nobody rolls up; and its end.
CREATE TABLE plain (id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz);
SELECT millrace.watch_events('plain');
SET ROLE rewrite_events_reader;
SELECT millrace.watch_events('visit', false);
RESET ROLE;
SELECT millrace.watch_events('visit', false);
SELECT asked('SELECT count(*) FROM visit');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'visit'::regclass;
DROP SCHEMA rewrite_events CASCADE;
SELECT count(*) FROM millrace.watched_source;
DROP ROLE rewrite_events_reader;
