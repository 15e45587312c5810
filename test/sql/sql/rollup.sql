-- Declared rollups: what is kept, what is refused, and how they are managed. Each is paused in the statement that declares
-- it, so that the worker does not come in between.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS hll;
CREATE EXTENSION IF NOT EXISTS topn;
CREATE EXTENSION IF NOT EXISTS millrace;
SET timezone = 'UTC';
CREATE FUNCTION declare_rollup(name text, query text) RETURNS regclass LANGUAGE plpgsql AS $$
DECLARE
  r regclass := millrace.create_rollup(name, query, refresh_interval => '1 hour');
BEGIN
  IF (SELECT parent IS NULL FROM millrace.rollup WHERE relation = r) THEN PERFORM millrace.pause_rollup(r); END IF;
  RETURN r;
END $$;
CREATE TABLE clicks (id bigserial, at timestamptz NOT NULL, tenant bigint, kind text, country varchar(10), device bigint, session int,
  small smallint, price numeric, share float8, ratio float4, day date, flag boolean, key uuid, took interval, cost money, note text);
CREATE FUNCTION add(first int, last int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO clicks (at, tenant, kind, country, device, session, small, price, share, ratio, day, flag, key, took, cost, note)
  SELECT timestamptz '2026-03-29' + i * interval '37 seconds', i % 5, CASE WHEN i % 7 > 0 THEN 'k' || i % 3 END, (ARRAY['DE', 'FR'])[1 + i % 2],
    CASE WHEN i % 11 > 0 THEN i * 7919 % 300 END, i % 400, CASE WHEN i % 13 > 0 THEN i % 100 END, CASE WHEN i % 9 > 0 THEN i / 8.0 END,
    CASE WHEN i % 9 > 0 THEN i / 8.0 END, i % 16, date '2026-01-01' + i % 3, CASE WHEN i % 6 > 0 THEN i % 5 > 0 END, md5((i % 4)::text)::uuid,
    i * interval '1 second', (i % 50)::money, 'n' || i % 20
  FROM generate_series(first, last) i $$;
SELECT add(1, 1000);

-- every aggregate that merges
SELECT declare_rollup('every', $$
  SELECT tenant, kind, date_bin('1 hour', at, 'epoch') AS hour, count(*) AS n, count(device) AS devices_known, sum(device) AS sum_big, sum(session) AS sum_int,
    sum(small) AS sum_small, sum(price) AS sum_numeric, sum(share) AS sum_float, sum(ratio) AS sum_real, sum(took) AS sum_interval, sum(cost) AS sum_money,
    min(device) AS min_big, max(at) AS max_at, min(note) AS min_text, max(price) AS max_numeric, min(day) AS min_day, min(took) AS min_took,
    avg(device) AS avg_big, avg(small) AS avg_small, avg(price) AS avg_numeric, avg(share) AS avg_float, avg(took) AS avg_took,
    bool_and(flag) AS all_flags, bool_or(flag) AS any_flag, every(flag) AS every_flag,
    hll_add_agg(hll_hash_bigint(device)) AS h, hll_add_agg(hll_hash_text(note), 10) AS h10, hll_add_agg(hll_hash_any(key)) AS hany,
    topn_add_agg(device::text) AS t, count(*) FILTER (WHERE flag) AS flagged, sum(device) FILTER (WHERE small > 5)::bigint AS some
  FROM clicks GROUP BY tenant, kind, hour $$);
-- keys of every type, expressions among them, in another order than they are grouped by; a filter; nothing but keys
SELECT declare_rollup('keys', $$
  SELECT count(*) AS n, upper(country) AS country, key, day, flag, at AT TIME ZONE 'Europe/Berlin' > '2026-03-29 03:00' AS summer, price IS NULL AS free, small / 10 AS decade
  FROM clicks WHERE tenant <> 3 AND kind IS NOT NULL GROUP BY decade, free, summer, key, day, flag, upper(country) $$);
SELECT declare_rollup('only_keys', 'SELECT DISTINCT_ FROM (SELECT 1) x');
SELECT declare_rollup('only_keys', 'SELECT tenant, kind FROM clicks GROUP BY tenant, kind; -- a comment');
-- by the hour, by the day: over one another
SELECT declare_rollup('days', $$
  SELECT tenant, date_trunc('day', hour, 'UTC') AS day, sum(n)::bigint AS n, sum(sum_numeric) AS total, min(min_big) AS low, max(max_at) AS latest, sum(avg_float_sum) AS s,
    sum(avg_float_count)::bigint AS c, bool_and(all_flags) AS all_flags, hll_union_agg(h) AS h, topn_union_agg(t) AS t, max(hour) AS last_hour, hll_add_agg(hll_hash_text(kind)) AS kinds
  FROM every GROUP BY 1, 2 $$);
SELECT declare_rollup('months', $$ SELECT date_trunc('month', day, 'UTC') AS month, sum(n) AS n, hll_union_agg(h) AS h, max(latest) AS latest FROM days GROUP BY 1 $$);

-- Against the query over all events, three refreshes on; the live views before each.
CREATE FUNCTION differences() RETURNS TABLE (rollup text, verified bigint, rows_apart bigint, live_apart bigint) LANGUAGE plpgsql AS $$
DECLARE
  stored text;
BEGIN
  FOR rollup IN SELECT relation::text FROM millrace.rollup ORDER BY 1 LOOP
    EXECUTE format('SELECT count(*) FROM millrace.verify_rollup(%L)', rollup) INTO verified;
    EXECUTE format('SELECT count(*) FROM ((SELECT d::text FROM %1$s_definition d EXCEPT ALL SELECT l::text FROM (SELECT %2$s FROM %1$s) l) UNION ALL (SELECT l::text FROM (SELECT %2$s FROM %1$s) l EXCEPT ALL SELECT d::text FROM %1$s_definition d)) x',
      rollup, (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = (rollup || '_definition')::regclass AND attnum > 0)) INTO rows_apart;
    EXECUTE format('SELECT count(*) FROM ((SELECT d::text FROM %1$s_definition d EXCEPT ALL SELECT l::text FROM (SELECT %2$s FROM %1$s_live) l) UNION ALL (SELECT l::text FROM (SELECT %2$s FROM %1$s_live) l EXCEPT ALL SELECT d::text FROM %1$s_definition d)) x',
      rollup, (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = (rollup || '_definition')::regclass AND attnum > 0)) INTO live_apart;
    RETURN NEXT;
  END LOOP;
END $$;
SELECT * FROM differences();
SELECT add(500, 1700);
SELECT rollup, live_apart FROM differences() WHERE rollup NOT IN ('days', 'months');
SELECT millrace.refresh_rollup('every'), millrace.refresh_rollup('keys'), millrace.refresh_rollup('only_keys'), millrace.refresh_rollup('months');
INSERT INTO clicks (at) VALUES ('2026-03-29 01:00'), ('2026-03-29 01:00');
SELECT add(1, 30);
SELECT millrace.refresh_rollup('days'), millrace.refresh_rollup('keys'), millrace.refresh_rollup('only_keys');
SELECT * FROM differences();
SELECT sum(n) FROM months;
SELECT sum(n) AS n, max(latest) AS latest FROM months_live;
SELECT count(*), bool_and(avg_float = avg_float_sum / avg_float_count) FROM every WHERE avg_float_count > 0;
\d keys
SELECT rollup, source, events_behind, seconds_behind, paused, refresh_interval, last_error, waits_for FROM millrace.rollups ORDER BY rollup::text;
SELECT * FROM millrace.refresh_progress;

-- what is refused, and the way out
SELECT declare_rollup('no', 'SELECT tenant FROM clicks');
SELECT declare_rollup('no', 'SELECT tenant, count(*) AS n FROM clicks GROUP BY 1 HAVING count(*) > 1');
SELECT declare_rollup('no', 'SELECT DISTINCT tenant, count(*) AS n FROM clicks GROUP BY 1');
SELECT declare_rollup('no', 'SELECT tenant, count(*) AS n FROM clicks GROUP BY 1 ORDER BY 1');
SELECT declare_rollup('no', 'SELECT tenant, count(*) AS n FROM clicks GROUP BY 1 LIMIT 5');
SELECT declare_rollup('no', 'SELECT tenant, count(*) AS n, rank() OVER (ORDER BY count(*)) AS r FROM clicks GROUP BY 1');
SELECT declare_rollup('no', 'SELECT tenant, count(*) AS n FROM clicks WHERE device IN (SELECT 1) GROUP BY 1');
SELECT declare_rollup('no', 'SELECT a.tenant, count(*) AS n FROM clicks a JOIN clicks b USING (id) GROUP BY 1');
SELECT declare_rollup('no', 'WITH w AS (SELECT 1) SELECT tenant, count(*) AS n FROM clicks GROUP BY 1');
SELECT declare_rollup('no', 'SELECT tenant, count(*) AS n FROM clicks GROUP BY 1 UNION SELECT 1, 2');
SELECT declare_rollup('no', 'SELECT tenant, count(*) AS n FROM clicks GROUP BY ROLLUP (tenant)');
SELECT declare_rollup('no', 'SELECT count(*) AS n FROM clicks GROUP BY tenant');
SELECT declare_rollup('no', 'SELECT tenant, count(*) FROM clicks GROUP BY 1, tenant + 1');
SELECT declare_rollup('no', 'SELECT tenant + 1, count(*) FROM clicks GROUP BY 1');
SELECT declare_rollup('no', 'SELECT tenant, count(*), count(device) FROM clicks GROUP BY 1');
SELECT declare_rollup('no', 'SELECT tenant, count(DISTINCT device) AS n FROM clicks GROUP BY 1');
SELECT declare_rollup('no', $$SELECT tenant, string_agg(kind, ',') AS n FROM clicks GROUP BY 1$$);
SELECT declare_rollup('no', 'SELECT tenant, sum(device) / count(*) AS n FROM clicks GROUP BY 1');
SELECT declare_rollup('no', $$SELECT date_trunc('hour', at) AS hour, count(*) AS n FROM clicks GROUP BY 1$$);
SELECT declare_rollup('no', 'SELECT at::date AS day, count(*) AS n FROM clicks GROUP BY 1');
SELECT declare_rollup('no', 'SELECT tenant, count(*) AS n FROM clicks WHERE at < now() GROUP BY 1');
SELECT declare_rollup('no', 'SELECT tenant, sum(device * random()) AS n FROM clicks GROUP BY 1');
SELECT declare_rollup('no', 'SELECT tenant, count(*) AS n FROM every_live GROUP BY 1');
SELECT declare_rollup('no', 'SELECT tenant, count(*) AS n FROM (VALUES (1)) v (tenant) GROUP BY 1');
SELECT declare_rollup('no', 'SELECT tenant, count(*) AS n FROM clicks TABLESAMPLE SYSTEM (1) GROUP BY 1');
SELECT declare_rollup('no', 'SELECT tenant FROM clicks GROUP BY 1; SELECT 1');
SELECT declare_rollup('no', 'DELETE FROM clicks');
SELECT declare_rollup('no', 'SELECT FROM WHERE');
SELECT declare_rollup(NULL, 'SELECT 1'), 1;
SELECT declare_rollup('no', NULL);
SELECT millrace.create_rollup('no', 'SELECT tenant, count(*) AS n FROM clicks GROUP BY 1', refresh_interval => '-1 second');
SELECT declare_rollup(repeat('x', 60), 'SELECT tenant, count(*) AS n FROM clicks GROUP BY 1');
SELECT declare_rollup('no', 'SELECT tenant, sum(share)::int AS n FROM clicks GROUP BY 1');
SELECT declare_rollup('no', 'SELECT tenant, sum(price)::numeric(10,0) AS n FROM clicks GROUP BY 1');
SELECT declare_rollup('no', 'SELECT tenant, bool_and(flag)::int AS n FROM clicks GROUP BY 1');
SELECT declare_rollup('clicks', 'SELECT tenant, count(*) AS n FROM clicks GROUP BY 1');
-- over a rollup
SELECT declare_rollup('no', 'SELECT tenant, count(*) AS n FROM every GROUP BY 1');
SELECT declare_rollup('no', 'SELECT tenant, avg(n) AS n FROM every GROUP BY 1');
SELECT declare_rollup('no', 'SELECT tenant, max(n) AS n FROM every GROUP BY 1');
SELECT declare_rollup('no', 'SELECT tenant, topn_add_agg(kind) AS n FROM every GROUP BY 1');
SELECT declare_rollup('no', 'SELECT tenant, sum(n) AS n FROM every WHERE n > 5 GROUP BY 1');
SELECT declare_rollup('no', 'SELECT n, sum(sum_int) AS s FROM every GROUP BY 1');
SELECT declare_rollup('no', 'SELECT tenant, sum(tenant) AS s FROM every GROUP BY 1');

-- where the ids come from
CREATE TABLE ids_none (a int, b int);
CREATE TABLE ids_two (a bigserial, b bigint GENERATED ALWAYS AS IDENTITY, c int);
CREATE TABLE ids_null (a int DEFAULT nextval('ids_two_a_seq'), c int);
CREATE TABLE ids_small (a smallint GENERATED BY DEFAULT AS IDENTITY, c int);
CREATE TABLE ids_cached (a bigint GENERATED ALWAYS AS IDENTITY (CACHE 10), c int);
CREATE TABLE ids_down (a bigint GENERATED ALWAYS AS IDENTITY (INCREMENT -1), c int);
CREATE TEMP TABLE ids_temporary (a bigserial, c int);
CREATE UNLOGGED TABLE ids_unlogged (a bigserial, c int);
CREATE TABLE ids_low (a bigint GENERATED ALWAYS AS IDENTITY (MINVALUE 0 START 0), c int);
SELECT declare_rollup('ids', 'SELECT b, count(*) AS n FROM ids_none GROUP BY 1');
SELECT declare_rollup('ids', 'SELECT c, count(*) AS n FROM ids_two GROUP BY 1');
SELECT millrace.create_rollup('ids', 'SELECT c, count(*) AS n FROM ids_two GROUP BY 1', id_column => 'c');
SELECT declare_rollup('ids', 'SELECT c, count(*) AS n FROM ids_null GROUP BY 1');
SELECT declare_rollup('ids', 'SELECT c, count(*) AS n FROM ids_cached GROUP BY 1');
SELECT declare_rollup('ids', 'SELECT c, count(*) AS n FROM ids_down GROUP BY 1');
SELECT declare_rollup('ids', 'SELECT c, count(*) AS n FROM ids_temporary GROUP BY 1');
SELECT declare_rollup('ids', 'SELECT c, count(*) AS n FROM ids_unlogged GROUP BY 1');
SELECT declare_rollup('ids', 'SELECT c, count(*) AS n FROM ids_low GROUP BY 1');
DROP TABLE ids_unlogged, ids_low;
INSERT INTO ids_small (c) VALUES (1), (1), (2);
SELECT declare_rollup('ids', 'SELECT c, count(*) AS n FROM ids_small GROUP BY 1');
TABLE ids ORDER BY c;
SELECT millrace.drop_rollup('ids');
SELECT millrace.create_rollup('ids', 'SELECT c, count(*) AS n FROM ids_two GROUP BY 1', id_column => 'b');
SELECT millrace.pause_rollup('ids');
INSERT INTO ids_two (c) VALUES (5);
SELECT count(millrace.refresh_rollup('ids')) FROM generate_series(1, 2);
TABLE ids;
SELECT millrace.drop_rollup('ids');
DROP TABLE ids_none, ids_null, ids_two, ids_small, ids_cached, ids_down;

-- a table that is there
CREATE TABLE adopted (tenant bigint, n int);
SELECT declare_rollup('adopted', 'SELECT tenant, count(*) AS n, sum(device) AS s FROM clicks GROUP BY 1');
ALTER TABLE adopted ADD COLUMN s numeric;
SELECT declare_rollup('adopted', 'SELECT tenant, count(*) AS n, sum(device) AS s FROM clicks GROUP BY 1');
ALTER TABLE adopted ALTER COLUMN n TYPE bigint;
CREATE UNIQUE INDEX ON adopted (tenant);
SELECT declare_rollup('adopted', 'SELECT tenant, count(*) AS n, sum(device) AS s FROM clicks GROUP BY 1');
CREATE UNIQUE INDEX ON adopted (tenant) NULLS NOT DISTINCT;
INSERT INTO adopted SELECT tenant, count(*), sum(device) FROM clicks WHERE id <= 1000 GROUP BY 1;
SELECT declare_rollup('adopted', 'SELECT tenant, count(*) AS n, sum(device) AS s FROM clicks GROUP BY 1');
SELECT millrace.create_rollup('adopted', 'SELECT tenant, count(*) AS n, sum(device) AS s FROM clicks GROUP BY 1', start_after => 1000000);
SELECT millrace.create_rollup('adopted', 'SELECT tenant, count(*) AS n, sum(device) AS s FROM clicks GROUP BY 1', start_after => 1000);
SELECT millrace.pause_rollup('adopted');
SELECT count(*) FROM millrace.verify_rollup('adopted');
SELECT declare_rollup('adopted', 'SELECT tenant, count(*) AS n, sum(device) AS s FROM clicks GROUP BY 1');
SELECT millrace.drop_rollup('adopted', keep_table => true);
SELECT sum(n) = (SELECT count(*) FROM clicks) AS kept FROM adopted;
SELECT millrace.refresh_rollup('adopted');
DROP TABLE adopted;

-- verify finds what is wrong, rebuild mends it
UPDATE every SET n = n + 1 WHERE tenant = 1 AND kind = 'k1' AND hour = '2026-03-29 02:00';
DELETE FROM every WHERE tenant = 2 AND kind = 'k2' AND hour = '2026-03-29 03:00';
INSERT INTO every (tenant, kind, hour, n) VALUES (77, 'none', '2026-03-29 04:00', 1);
UPDATE every SET h = hll_empty() WHERE tenant = 3 AND kind = 'k0' AND hour = '2026-03-29 05:00';
SELECT keys, column_name, left(expected, 20) AS expected, left(actual, 20) AS actual FROM millrace.verify_rollup('every') ORDER BY 1, 2;
SELECT count(*) FROM millrace.verify_rollup('every', '2026-03-29 04:00', '2026-03-29 05:00');
SELECT millrace.rebuild_rollup('every', '2026-03-29 04:00', '2026-03-29 05:00') > 0 AS rebuilt;
SELECT count(*) FROM millrace.verify_rollup('every');
SELECT millrace.rebuild_rollup('every') > 0 AS rebuilt;
SELECT * FROM differences();
UPDATE days SET n = 0;
SELECT count(*) > 0 AS found FROM millrace.verify_rollup('days');
SELECT millrace.rebuild_rollup('days', '2026-03-29', '2026-03-30') > 0 AS rebuilt;
SELECT * FROM differences() WHERE rollup IN ('days', 'months');
DELETE FROM clicks WHERE at < '2026-03-29 02:00';
SELECT millrace.rebuild_rollup('every', until => '2026-03-29 02:00');
SELECT * FROM differences() WHERE rollup IN ('every', 'days', 'months');
SELECT millrace.rebuild_rollup('keys', '2026-01-01');
SELECT millrace.rebuild_rollup('only_keys', '2026-01-01');

-- managing
SELECT millrace.pause_rollup('days');
SELECT millrace.drop_rollup('every');
SELECT millrace.refresh_rollup('clicks');
SELECT millrace.refresh_rollup(NULL);
SELECT millrace.set_retention('clicks', '1 day');
SELECT millrace.drop_rollup('months'), millrace.drop_rollup('days'), millrace.drop_rollup('every'), millrace.drop_rollup('keys'), millrace.drop_rollup('only_keys');
SELECT count(*) FROM millrace.rollup;
SELECT count(*) FROM millrace.watermark;
SELECT to_regclass('every'), to_regclass('every_live'), to_regclass('every_definition');
DROP TABLE clicks;
DROP FUNCTION add, differences, declare_rollup;
