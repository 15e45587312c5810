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
SELECT declare_rollup('adopted', 'SELECT tenant, sum(device) AS s, count(*) AS n FROM clicks GROUP BY 1');
ALTER TABLE adopted ADD COLUMN s numeric;
SELECT declare_rollup('adopted', 'SELECT tenant, count(*) AS n, sum(device) AS s FROM clicks GROUP BY 1');
ALTER TABLE adopted ALTER COLUMN n TYPE bigint;
CREATE UNIQUE INDEX ON adopted (tenant);
SELECT declare_rollup('adopted', 'SELECT tenant, count(*) AS n, sum(device) AS s FROM clicks GROUP BY 1');
CREATE UNIQUE INDEX ON adopted (tenant) NULLS NOT DISTINCT;
INSERT INTO adopted SELECT tenant, count(*), sum(device) FROM clicks WHERE id <= 1000 GROUP BY 1;
SELECT declare_rollup('adopted', 'SELECT tenant, count(*) AS n, sum(device) AS s FROM clicks GROUP BY 1');
SELECT millrace.create_rollup('adopted', 'SELECT tenant, count(*) AS n, sum(device) AS s FROM clicks GROUP BY 1', start_after => 1000000);
SET client_min_messages = notice;
SELECT millrace.create_rollup('adopted', 'SELECT tenant, count(*) AS n, sum(device) AS s FROM clicks GROUP BY 1', start_after => 1000);
SET client_min_messages = warning;
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

-- the other arguments that the aggregates take, over the events themselves; NULLs in values and keys
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE TYPE mood AS enum ('low', 'high');
CREATE TABLE facts (id int GENERATED BY DEFAULT AS IDENTITY, at timestamptz, name text, code varchar(8) COLLATE "C", i int, s smallint, b bigint, n numeric, f float8,
  r real, o boolean, u uuid, bytes bytea, day date, took interval, m mood, p positive, j jsonb, list int[], ip inet, h hll, top jsonb);
CREATE FUNCTION add_facts(first int, last int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO facts (at, name, code, i, s, b, n, f, r, o, u, bytes, day, took, m, p, j, list, ip, h, top)
  SELECT CASE WHEN x % 17 > 0 THEN timestamptz '2026-10-24 20:00Z' + x * interval '7 minutes' END, CASE WHEN x % 5 > 0 THEN 'Näme ' || x % 4 END, chr(64 + x % 30), CASE WHEN x % 3 > 0 THEN x END, x % 9, x * bigint '1000000007',
    x / 4.0, x / 4.0, x % 32 / 4.0, x % 3 = 0, md5((x % 9)::text)::uuid, decode(md5(x::text), 'hex'), CASE WHEN x % 8 > 0 THEN date '2026-02-27' + x % 5 END, x * interval '61 seconds',
    (ARRAY['low', 'high', NULL]::mood[])[1 + x % 3], 1 + x % 7, jsonb_build_object('a', x % 2), ARRAY[x % 2, NULL], '10.0.0.1'::inet + x % 2,
    CASE WHEN x % 4 > 0 THEN hll_add(hll_empty(), hll_hash_integer(x % 70)) END, CASE WHEN x % 4 > 0 THEN topn_add('{}', (x % 12)::text) END
  FROM generate_series(first, last) x $$;
SELECT add_facts(1, 400);
SELECT declare_rollup('measures', $$
  SELECT name, code, avg(i) AS avg_int, avg(n) AS avg_numeric, avg(took) AS avg_took, sum(i)::bigint AS sum_cast, sum(b)::numeric AS sum_wide, count(*)::int AS n, min(n) AS min_numeric, max(n)::float8 AS max_cast,
    min(at) AS min_at, max(day) AS max_day, max(name) AS max_text, min(name COLLATE "C") AS min_c, max(code) AS max_code, min(m) AS min_mood, max(ip) AS max_ip, min(took) AS min_took, max(i) AS max_int,
    hll_add_agg(hll_hash_integer(i)) AS h_int, hll_add_agg(hll_hash_smallint(s), 12) AS h_small, hll_add_agg(hll_hash_bigint(b), 12, 4) AS h_big, hll_add_agg(hll_hash_text(name), 11, 5, 256) AS h_text,
    hll_add_agg(hll_hash_bytea(bytes), 11, 5, -1, 0) AS h_bytes, hll_add_agg(hll_hash_boolean(o)) AS h_bool, hll_add_agg(hll_hash_any(u)) AS h_any, hll_union_agg(h) AS h, topn_union_agg(top) AS top,
    topn_add_agg(code) FILTER (WHERE o) AS top_codes, hll_add_agg(hll_hash_text(code)) FILTER (WHERE i > 100) AS h_some, max(at) FILTER (WHERE NOT o) AS latest_not, avg(i) FILTER (WHERE o) AS avg_some,
    bool_and(i > 5) AS every_i, bool_or(i > 390) AS some_i
  FROM facts GROUP BY code, name $$);
SELECT declare_rollup('typed_keys', $$
  SELECT max(n) AS n, name COLLATE "C" AS c_name, code, u, day, o, s, n > 50 AS much, m, p, j, list, ip, took > '1 hour' AS long, COALESCE(name, 'none') || '/' || code AS path, 'literal' AS what, length(bytes)
  FROM facts WHERE i % 2 = 0 OR at IS NULL GROUP BY 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2 $$);
-- five minutes, hours, days: averages are summed on the way
SELECT declare_rollup('five', $$ SELECT date_bin('5 minutes', at, 'epoch') AS minute, o, count(*) AS n, avg(i) AS v, avg(f) AS w, avg(took) AS t FROM facts GROUP BY o, 1 $$);
SELECT declare_rollup('hours', $$ SELECT date_trunc('hour', minute, 'UTC') AS hour, o, sum(n)::bigint AS n, sum(v_sum)::bigint AS v_sum, sum(v_count)::bigint AS v_count, sum(w_sum) AS w_sum, sum(t_sum) AS t_sum FROM five GROUP BY 1, 2 $$);
SELECT declare_rollup('berlin_days', $$ SELECT (hour AT TIME ZONE 'Europe/Berlin')::date AS day, sum(n)::bigint AS n, sum(v_sum) AS v_sum, sum(v_count) AS v_count, sum(w_sum) AS w_sum, sum(t_sum) AS t_sum FROM hours GROUP BY 1 $$);
SELECT add_facts(150, 700);
SELECT rollup, live_apart FROM differences() WHERE rollup IN ('measures', 'typed_keys', 'five');
-- A rollup over another is compared with the same over all events.
CREATE FUNCTION days_apart(view text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  apart bigint;
BEGIN
  EXECUTE format('WITH e AS (SELECT (at AT TIME ZONE ''Europe/Berlin'')::date AS day, count(*), sum(i), count(i), sum(f), sum(took) FROM facts GROUP BY 1), r AS (SELECT day, n, v_sum, v_count, w_sum, t_sum FROM %s)
    SELECT count(*) FROM ((TABLE e EXCEPT ALL TABLE r) UNION ALL (TABLE r EXCEPT ALL TABLE e)) x', view) INTO apart;
  RETURN apart;
END $$;
SELECT days_apart('berlin_days_live');
SELECT millrace.refresh_rollup('measures'), millrace.refresh_rollup('typed_keys'), millrace.refresh_rollup('hours');
INSERT INTO facts DEFAULT VALUES;
SELECT add_facts(1, 9);
SELECT millrace.refresh_rollup('measures'), millrace.refresh_rollup('typed_keys'), millrace.refresh_rollup('berlin_days'), millrace.refresh_rollup('berlin_days');
SELECT * FROM differences();
SELECT days_apart('berlin_days');
SELECT sum(n) FROM berlin_days;
SELECT bool_and(v IS NOT DISTINCT FROM v_sum::numeric / nullif(v_count, 0)) FROM five;
\d hours
SELECT relation, parent, refresh_interval, id_column FROM millrace.rollup ORDER BY relation::text;

-- what reads no plain table, what is no query, and what else is refused
CREATE MATERIALIZED VIEW seen AS SELECT * FROM facts;
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE elsewhere (id bigint, name text) SERVER nowhere;
SELECT declare_rollup('no', 'SELECT name, count(*) AS n FROM seen GROUP BY 1');
SELECT declare_rollup('no', 'SELECT name, count(*) AS n FROM elsewhere GROUP BY 1');
SELECT declare_rollup('no', 'SELECT x, count(*) AS n FROM generate_series(1, 3) x GROUP BY 1');
SELECT declare_rollup('no', 'SELECT name, count(*) AS n FROM facts, generate_series(1, 3) GROUP BY 1');
SELECT declare_rollup('no', 'SELECT name, (SELECT 1) AS one, count(*) AS n FROM facts GROUP BY 1');
SELECT declare_rollup('no', 'SELECT name, generate_series(1, 2) AS g, count(*) AS n FROM facts GROUP BY 1, 2');
SELECT declare_rollup('no', 'SELECT name, count(*) AS n FROM facts GROUP BY GROUPING SETS ((name), ())');
SELECT declare_rollup('no', 'SELECT name, 5 AS five, count(*) AS n FROM facts GROUP BY name');
SELECT declare_rollup('no', 'SELECT name, count(*) + 1 AS n FROM facts GROUP BY name');
SELECT declare_rollup('no', 'SELECT name, COALESCE(sum(i), 0) AS n FROM facts GROUP BY name');
SELECT declare_rollup('no', 'SELECT name, min(i ORDER BY i) AS n FROM facts GROUP BY name');
SELECT declare_rollup('no', 'SELECT name, avg(i)::int AS n FROM facts GROUP BY name');
SELECT declare_rollup('no', 'SELECT name, stddev(i) AS n FROM facts GROUP BY name');
SELECT declare_rollup('no', 'SELECT name, avg(i) AS v, sum(i) AS v_sum FROM facts GROUP BY name');
SELECT declare_rollup('no', 'SELECT at::timestamp AS t, count(*) AS n FROM facts GROUP BY 1');
SELECT declare_rollup('no', $$SELECT to_char(at, 'YYYY') AS year, count(*) AS n FROM facts GROUP BY 1$$);
SELECT declare_rollup('no', $$SELECT date_trunc('day', at, current_setting('timezone')) AS day, count(*) AS n FROM facts GROUP BY 1$$);
SELECT declare_rollup('no', 'SELECT name, sum(i) FILTER (WHERE at > now()) AS n FROM facts GROUP BY 1');
SELECT declare_rollup('no', 'SELECT current_user AS u, count(*) AS n FROM facts GROUP BY 1');
SELECT declare_rollup('no', 'EXPLAIN SELECT 1');
SELECT declare_rollup('no', 'SELECT name, count(*) AS n INTO other FROM facts GROUP BY 1');
SELECT declare_rollup('no', '');
SELECT declare_rollup('no', '-- nothing');
SELECT declare_rollup('no', 'TABLE facts');
SELECT declare_rollup('no', 'SELECT name, count(*) AS n FROM facts WHERE $1 = 1 GROUP BY 1');
SELECT declare_rollup('no', 'SELECT name, count(*) AS n FROM nothing GROUP BY 1');
SELECT declare_rollup('no', 'SELECT o, hll_add_agg(hll_hash_bigint(n)) AS n FROM five GROUP BY 1');
SELECT declare_rollup('no', 'SELECT o, sum(v) AS v FROM five GROUP BY 1');
SELECT declare_rollup('no', 'SELECT o, sum(n) FILTER (WHERE n > 1) AS n FROM five GROUP BY 1');
SELECT millrace.create_rollup('no', 'SELECT o, sum(n) AS n FROM five GROUP BY 1', start_after => 5);
SELECT millrace.create_rollup('no', 'SELECT o, count(*) AS n FROM facts GROUP BY 1', refresh_interval => '0');
SELECT millrace.create_rollup('no', 'SELECT o, count(*) AS n FROM facts GROUP BY 1', start_after => -1);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT millrace.create_rollup('no', 'SELECT o, count(*) AS n FROM facts GROUP BY 1');
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT millrace.refresh_rollup('five');
ROLLBACK;
SELECT to_regclass('no'), to_regclass('no_live'), to_regclass('no_definition'), to_regclass('other');
DROP MATERIALIZED VIEW seen;
DROP FOREIGN DATA WRAPPER nowhere CASCADE;

-- names
CREATE SCHEMA "Far; away";
CREATE VIEW taken AS SELECT 1 AS a;
CREATE VIEW half_live AS SELECT 1 AS a;
SELECT declare_rollup('taken', 'SELECT o, count(*) AS n FROM facts GROUP BY 1');
SELECT declare_rollup('taken.o', 'SELECT o, count(*) AS n FROM facts GROUP BY 1');
SELECT declare_rollup('a.b.c.d', 'SELECT o, count(*) AS n FROM facts GROUP BY 1');
SELECT declare_rollup('', 'SELECT o, count(*) AS n FROM facts GROUP BY 1');
SELECT declare_rollup(repeat('y', 53), 'SELECT o, count(*) AS n FROM facts GROUP BY 1');
SELECT declare_rollup(repeat('y', 52), 'SELECT o, count(*) AS n FROM facts GROUP BY 1');
-- the view's name is taken: nothing of the rollup stays
DO $$ BEGIN PERFORM millrace.create_rollup('half', 'SELECT o, count(*) AS n FROM facts GROUP BY 1'); EXCEPTION WHEN duplicate_table THEN RAISE WARNING '%', SQLERRM; END $$;
SELECT to_regclass('half'), to_regclass('half_definition');
SELECT declare_rollup('Folded', 'SELECT o, count(*) AS n FROM facts GROUP BY 1');
SELECT declare_rollup('"Quo""ted; DROP TABLE facts"', 'SELECT o, count(*) AS n FROM facts GROUP BY 1');
SELECT declare_rollup('"Far; away"."R"', 'SELECT o, count(*) AS n FROM facts GROUP BY 1');
SELECT (SELECT sum(n) FROM folded) = count(*) AS folded, (SELECT sum(n) FROM "Quo""ted; DROP TABLE facts_live") = count(*) AS quoted, (SELECT sum(n) FROM "Far; away"."R_live") = count(*) AS qualified FROM facts;
SELECT count(*) FROM millrace.verify_rollup('"Quo""ted; DROP TABLE facts"');
SELECT millrace.drop_rollup('folded'), millrace.drop_rollup('"Quo""ted; DROP TABLE facts"'), millrace.drop_rollup(repeat('y', 52)::regclass), millrace.drop_rollup('"Far; away"."R"');
DROP VIEW taken, half_live;

-- renamed afterwards: the source, its columns, the rollup's table, the schema
CREATE SCHEMA moving;
CREATE TABLE moving.events (id bigserial, at timestamptz, key text, i int);
INSERT INTO moving.events (at, key, i) SELECT timestamptz '2026-01-01 00:00Z' + x * interval '1 hour', 'k' || x % 3, x FROM generate_series(1, 50) x;
SELECT declare_rollup('moving.hours', $$ SELECT key, date_bin('1 hour', at, 'epoch') AS hour, count(*) AS n, avg(i) AS v FROM moving.events WHERE i > 0 GROUP BY 1, 2 $$);
SELECT declare_rollup('moving.days', $$ SELECT date_trunc('day', hour, 'UTC') AS day, sum(n)::bigint AS n, sum(v_sum)::bigint AS s FROM moving.hours GROUP BY 1 $$);
ALTER TABLE moving.events RENAME TO "Events;";
ALTER TABLE moving."Events;" RENAME key TO "new key";
ALTER TABLE moving."Events;" RENAME id TO "event id";
ALTER TABLE moving.hours RENAME TO "Hours'";
ALTER TABLE moving.days RENAME TO "select";
ALTER SCHEMA moving RENAME TO "Moved 1";
INSERT INTO "Moved 1"."Events;" (at, "new key", i) SELECT timestamptz '2026-01-01 12:00Z' + x * interval '1 hour', 'k' || x % 4, x FROM generate_series(1, 60) x;
SELECT (SELECT sum(n) FROM "Moved 1".hours_live) AS hours, (SELECT sum(n) FROM "Moved 1".days_live) AS days;
SELECT millrace.refresh_rollup('"Moved 1"."select"');
SELECT (SELECT count(*) FROM millrace.verify_rollup('"Moved 1"."Hours''"')) AS hours, (SELECT count(*) FROM millrace.verify_rollup('"Moved 1"."select"')) AS days;
SELECT sum(n), sum(s) = (SELECT sum(i) FROM "Moved 1"."Events;") AS same FROM "Moved 1"."select";
SELECT millrace.rebuild_rollup('"Moved 1"."Hours''"', '2026-01-02', '2026-01-03') > 0 AS some, millrace.rebuild_rollup('"Moved 1"."Hours''"') > 0 AS whole;
SELECT (SELECT count(*) FROM millrace.verify_rollup('"Moved 1"."Hours''"')) AS hours, (SELECT count(*) FROM millrace.verify_rollup('"Moved 1"."select"')) AS days;
-- what it reads is not dropped unnoticed; when it is, the tables of its rollups stay as ordinary ones
ALTER TABLE "Moved 1"."Events;" DROP "new key";
ALTER TABLE "Moved 1"."Events;" ALTER i TYPE bigint;
DROP TABLE "Moved 1"."Events;" CASCADE;
SELECT millrace.refresh_rollup('"Moved 1"."select"');
SELECT count(*) FROM millrace.rollup WHERE relation::text LIKE '"Moved%';
SELECT sum(n), to_regclass('"Moved 1".days_definition') AS definition FROM "Moved 1"."select";
DROP SCHEMA "Moved 1" CASCADE;

-- an existing table with its columns in another order, others among them, and one dropped; and a rollup over it
CREATE TABLE legacy (gone int, n bigint, o boolean, note text DEFAULT 'note', m mood);
ALTER TABLE legacy DROP gone;
CREATE UNIQUE INDEX ON legacy (o, m) NULLS NOT DISTINCT;
SELECT declare_rollup('legacy', 'SELECT m, o, count(*) AS n FROM facts GROUP BY 1, 2');
SELECT declare_rollup('over_legacy', 'SELECT o, sum(n)::bigint AS n, max(m) AS m FROM legacy GROUP BY 1');
SELECT add_facts(1, 30);
SELECT millrace.refresh_rollup('over_legacy');
SELECT * FROM differences() WHERE rollup LIKE '%legacy';
SELECT DISTINCT note FROM legacy;
SELECT millrace.drop_rollup('over_legacy'), millrace.drop_rollup('legacy');

-- children follow when the rollup below is mended; a changed sketch and a changed average are found
SELECT millrace.refresh_rollup('measures'), millrace.refresh_rollup('typed_keys'), millrace.refresh_rollup('five');
UPDATE five SET v_sum = 0, n = n + 1 WHERE minute >= '2026-10-25' AND minute < '2026-10-25 03:00';
UPDATE measures SET top = topn_add(top, 'falsified') WHERE name = 'Näme 1' AND code = 'A';
UPDATE measures SET h_small = NULL WHERE name = 'Näme 2' AND code = 'B';
SELECT DISTINCT column_name FROM millrace.verify_rollup('five') ORDER BY 1;
SELECT keys, column_name, left(actual, 20) AS actual FROM millrace.verify_rollup('measures') ORDER BY 1, 2;
SELECT millrace.rebuild_rollup('hours') > 0 AS from_what_is_wrong;
SELECT count(*) > 0 AS found FROM millrace.verify_rollup('hours');
SELECT millrace.rebuild_rollup('five', '2026-10-25', '2026-10-25 03:00') > 0 AS mended, millrace.rebuild_rollup('measures') > 0 AS whole;
SELECT * FROM differences();
SELECT days_apart('berlin_days');
DELETE FROM facts WHERE at < '2026-10-25 00:00' OR at IS NULL;
SELECT count(*) > 0 AS found FROM millrace.verify_rollup('five');
SELECT millrace.rebuild_rollup('five') > 0 AS whole;
SELECT * FROM differences() WHERE rollup IN ('five', 'hours', 'berlin_days');
SELECT days_apart('berlin_days');
SELECT millrace.drop_rollup('hours');
SELECT millrace.drop_rollup('berlin_days'), millrace.drop_rollup('hours'), millrace.drop_rollup('five'), millrace.drop_rollup('measures'), millrace.drop_rollup('typed_keys');

-- ids that do not start at one
CREATE TABLE ids_zero (a bigint GENERATED ALWAYS AS IDENTITY (MINVALUE 0 START 0), c int);
CREATE TABLE ids_negative (a int GENERATED BY DEFAULT AS IDENTITY (MINVALUE -100 START -5), c int);
CREATE TABLE ids_serial (a serial, c int);
INSERT INTO ids_serial (c) SELECT 1 FROM generate_series(1, 3);
SELECT declare_rollup('of_zero', 'SELECT c, count(*) AS n FROM ids_zero GROUP BY 1');
SELECT declare_rollup('of_negative', 'SELECT c, count(*) AS n FROM ids_negative GROUP BY 1');
SELECT declare_rollup('of_serial', 'SELECT c, count(*) AS n FROM ids_serial GROUP BY 1');
SELECT n AS serial FROM of_serial;
SELECT millrace.drop_rollup('of_serial');
DROP TABLE ids_zero, ids_negative, ids_serial;

-- What cannot be kept is refused; what is accepted is right, however the events are split into refreshes.
CREATE TABLE pieces (id bigserial, at timestamptz DEFAULT '2026-01-01 00:30Z', k text, f float8, r real, n numeric, b boolean, note text, took interval);
CREATE FUNCTION right_or_refused(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  r regclass;
  apart bigint;
  names text;
BEGIN
  TRUNCATE pieces;
  r := declare_rollup('tried', query);
  FOR x IN 1..30 LOOP
    INSERT INTO pieces (k, f, r, n, b, note, took) VALUES ('k', x + 0.125, x + 0.125, x + 0.125, x > 3, chr(64 + x) || x, x * interval '1 second' + '0.4 seconds');
    PERFORM millrace.refresh_rollup(r);
  END LOOP;
  SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO names FROM pg_attribute WHERE attrelid = 'tried_definition'::regclass AND attnum > 0;
  EXECUTE format('SELECT count(*) FROM (TABLE tried_definition EXCEPT ALL SELECT %s FROM tried) x', names) INTO apart;
  PERFORM millrace.drop_rollup(r);
  RETURN CASE apart WHEN 0 THEN 'right or refused' ELSE 'accepted and wrong' END;
EXCEPTION
  WHEN feature_not_supported THEN RETURN 'right or refused';
  WHEN OTHERS THEN RETURN 'error ' || SQLSTATE;
END $$;
SELECT expression, right_or_refused(format('SELECT k, %s AS x FROM pieces GROUP BY k', expression))
FROM unnest(ARRAY['sum(n)', 'sum(n)::float8', 'count(*)::int', 'max(n)::float8', 'sum(f)::int', 'sum(n)::bigint', 'sum(n)::numeric(10,0)', 'max(n)::int', 'bool_and(b)::int', 'bool_or(b)::text', 'max(note)::varchar(1)',
  'min(note)::char(1)', 'sum(took)::interval(0)', 'sum(n)::money']) expression;
-- the average of reals is computed in double precision, as PostgreSQL does
SELECT declare_rollup('reals', 'SELECT k, avg(r) AS v FROM pieces GROUP BY k');
INSERT INTO pieces (k, r) SELECT 'r', 0.1 FROM generate_series(1, 1000);
SELECT millrace.refresh_rollup('reals') > 0 AS refreshed;
SELECT abs(a.v - e.v) < 1e-9 AS same FROM reals a JOIN reals_definition e USING (k) WHERE k = 'r';
SELECT millrace.drop_rollup('reals');

-- verify sees every float, and takes equal values for equal
SELECT declare_rollup('floats', 'SELECT k, sum(f) AS s, min(f) AS low FROM pieces GROUP BY k');
INSERT INTO pieces (k, f) VALUES ('infinite', 'infinity'), ('nan', 'nan'), ('null', NULL), ('some', 1), ('other', 1), ('tiny', 1);
SELECT millrace.refresh_rollup('floats') > 0 AS refreshed;
SELECT count(*) FROM millrace.verify_rollup('floats');
UPDATE floats SET s = 5 WHERE k IN ('infinite', 'nan', 'null', 'other');
UPDATE floats SET s = NULL WHERE k = 'some';
UPDATE floats SET s = 1.0000000001 WHERE k = 'tiny';
SELECT * FROM millrace.verify_rollup('floats') ORDER BY 1;
SELECT millrace.drop_rollup('floats');
TRUNCATE pieces;
INSERT INTO pieces (k, n, took) VALUES ('k', 1.0, '1 day'), ('k', 1.00, '24:00');
SELECT declare_rollup('equals', 'SELECT n AS key, min(n) AS low, max(took) AS high, count(*) AS c FROM pieces GROUP BY n');
INSERT INTO pieces (k, n, took) VALUES ('k', 1.000, '24:00:00');
SELECT millrace.refresh_rollup('equals') > 0 AS refreshed;
UPDATE pieces SET k = 'moved to the end of the table' WHERE n::text = '1.0';
SELECT count(*) FROM millrace.verify_rollup('equals');
SELECT millrace.drop_rollup('equals');

-- what the session has set changes nothing: how dates and floats are written
TRUNCATE pieces;
INSERT INTO pieces (k, f, n) SELECT x::text, 0.1234567, x FROM generate_series(1, 3000) x;
SET DateStyle = 'SQL, DMY';
SET timezone = 'Asia/Kolkata';
SET extra_float_digits = -12;
SELECT declare_rollup('times', $$ SELECT date_bin('1 hour', at, '2025-12-01 00:15:00+00') AS hour, count(*) AS c FROM pieces WHERE at >= timestamptz '2026-01-01 00:00:00+00' GROUP BY 1 $$);
SELECT declare_rollup('digits', $$ SELECT f < float8 '0.1234568' AS less, count(*) AS c FROM pieces GROUP BY 1 $$);
RESET DateStyle;
SET timezone = 'UTC';
RESET extra_float_digits;
SELECT * FROM times;
SELECT * FROM digits;
SELECT millrace.drop_rollup('times'), millrace.drop_rollup('digits');
-- nor do the parameters of sketches: a rollup has (11, 5, -1, 1), in every statement, or those that its query gives
SELECT hll_set_defaults(13, 5, -1, 1);
SELECT declare_rollup('sketches', $$ SELECT n > 1500 AS more, hll_add_agg(hll_hash_text(k)) AS h, hll_add_agg(hll_hash_text(k), 12) AS h12 FROM pieces GROUP BY 1 $$);
SELECT count(*) AS by_others FROM millrace.verify_rollup('sketches');
SELECT millrace.rebuild_rollup('sketches') AS rebuilt;
INSERT INTO pieces (k, n) VALUES ('new', 1), ('new', 2000);
SELECT count(*) AS live_by_others FROM sketches_live WHERE hll_cardinality(h) > 0;
SELECT hll_set_defaults(11, 5, -1, 1);
SELECT count(*) AS by_defaults FROM millrace.verify_rollup('sketches');
SELECT count(*) AS live FROM sketches_live WHERE hll_cardinality(h) > 0;
SELECT millrace.refresh_rollup('sketches');
SELECT count(*) AS at_last FROM millrace.verify_rollup('sketches');
SELECT millrace.drop_rollup('sketches');

-- types of a temporary schema stand in front of all others
CREATE DOMAIN pg_temp.regclass AS int;
CREATE DOMAIN pg_temp.text AS int;
CREATE DOMAIN pg_temp.float8 AS int;
SELECT millrace.pause_rollup(millrace.create_rollup('temporary_types', 'SELECT n > 5 AS more, count(*) AS c, avg(took) AS v FROM pieces GROUP BY 1'));
SELECT count(*) FROM temporary_types_live;
SELECT count(*) FROM millrace.verify_rollup('temporary_types');
SELECT millrace.drop_rollup('temporary_types');
DROP DOMAIN pg_temp.regclass, pg_temp.text, pg_temp.float8;

-- tables that cannot be taken over: the rollup would read itself; nobody generates the average, rounds, tells keys apart
CREATE FUNCTION is_refused(name text, query text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM millrace.create_rollup(name, query, with_data => false);
  RAISE EXCEPTION USING ERRCODE = 'ZZZZZ';
EXCEPTION WHEN OTHERS THEN
  -- Nothing stays of one that was not. An internal error or a stack that overflows is no refusal.
  RETURN SQLSTATE NOT IN ('ZZZZZ', 'XX000', '54001');
END $$;
CREATE TABLE itself (id bigserial, k int, n bigint);
CREATE UNIQUE INDEX ON itself (k) NULLS NOT DISTINCT;
CREATE TABLE not_generated (k text, v_sum numeric, v_count bigint, v numeric);
CREATE UNIQUE INDEX ON not_generated (k) NULLS NOT DISTINCT;
CREATE TABLE rounds (k text, s numeric(10,0));
CREATE UNIQUE INDEX ON rounds (k) NULLS NOT DISTINCT;
CREATE COLLATION indifferent (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE tells_apart (k text, n bigint);
CREATE UNIQUE INDEX ON tells_apart (k) NULLS NOT DISTINCT;
SELECT is_refused('itself', 'SELECT k, count(*) AS n FROM itself GROUP BY k') AS itself, is_refused('not_generated', 'SELECT k, avg(n) AS v FROM pieces GROUP BY k') AS not_generated,
  is_refused('rounds', 'SELECT k, sum(n) AS s FROM pieces GROUP BY k') AS rounds, is_refused('tells_apart', 'SELECT k COLLATE indifferent AS k, count(*) AS n FROM pieces GROUP BY 1') AS tells_apart,
  is_refused('pg_temp.temporary', 'SELECT k, count(*) AS n FROM pieces GROUP BY k') AS temporary;
-- keys that are the same but not alike, where the table is the rollup's own
SELECT declare_rollup('indifferently', 'SELECT note COLLATE indifferent AS note, count(*) AS n FROM pieces GROUP BY 1');
INSERT INTO pieces (note) VALUES ('a');
SELECT millrace.refresh_rollup('indifferently') > 0 AS refreshed;
INSERT INTO pieces (note) VALUES ('A'), (NULL);
SELECT millrace.refresh_rollup('indifferently') > 0 AS refreshed;
SELECT * FROM differences() WHERE rollup = 'indifferently';
SELECT millrace.drop_rollup('indifferently');
-- columns with the names that the statements use
SELECT declare_rollup('millrace_delta', 'SELECT k AS millrace_key, count(*) AS e, sum(n) AS a, min(n) AS r, max(n) AS excluded, max(f) AS q, min(f) AS d, max(note) AS name, max(took) AS w, min(took) AS position FROM pieces GROUP BY 1');
SELECT declare_rollup('over_delta', 'SELECT upper(millrace_key) AS tail, sum(a) AS actual, min(r) AS expected, max(excluded) AS same FROM millrace_delta GROUP BY 1');
INSERT INTO pieces (k, n, f) VALUES ('1', 5, 5), ('x', 1, 1);
SELECT millrace.refresh_rollup('millrace_delta');
SELECT count(*) FROM millrace.verify_rollup('over_delta');
SELECT count(*) FROM millrace.verify_rollup('millrace_delta');
SELECT millrace.drop_rollup('over_delta'), millrace.drop_rollup('millrace_delta');

-- events before the start are left out, in what verify expects and what rebuild makes too; ids that start anew end that
CREATE TABLE starts (id bigserial, k int);
INSERT INTO starts (k) SELECT x % 2 FROM generate_series(1, 10) x;
SELECT millrace.pause_rollup(millrace.create_rollup('started', 'SELECT k, count(*) AS n FROM starts GROUP BY 1', start_after => 4));
SELECT sum(n) AS first, (SELECT count(*) FROM millrace.verify_rollup('started')) AS differences, millrace.rebuild_rollup('started') AS groups FROM started;
SELECT sum(n) AS again FROM started;
TRUNCATE starts RESTART IDENTITY;
INSERT INTO starts (k) VALUES (7), (7);
SELECT millrace.rebuild_rollup('started') AS groups;
SELECT sum(n) AS anew, (SELECT count(*) FROM millrace.verify_rollup('started')) AS differences FROM started;
-- the definition or the table changed behind its back
ALTER TABLE started RENAME n TO m;
SELECT millrace.refresh_rollup('started');
ALTER TABLE started RENAME m TO n;
CREATE OR REPLACE VIEW started_definition AS SELECT i AS k, count(*) AS n FROM facts GROUP BY 1;
SELECT millrace.verify_rollup('started');
CREATE OR REPLACE VIEW started_definition AS SELECT k, count(*) AS n FROM starts GROUP BY 1;
SELECT millrace.verify_rollup('started');
-- dropped without drop_rollup: nothing is left that is in the way of declaring it again
SELECT millrace.create_rollup('over_started', 'SELECT k > 1 AS k, sum(n)::bigint AS n FROM started GROUP BY 1');
DROP VIEW over_started_definition;
DROP TABLE started CASCADE;
SELECT to_regclass('started_definition'), to_regclass('started_live'), to_regclass('over_started_live'), (SELECT count(*) FROM millrace.rollup) AS declared, (SELECT count(*) FROM millrace.watermark) AS watermarks;
DROP TABLE over_started;
SELECT millrace.pause_rollup(millrace.create_rollup('started', 'SELECT k, count(*) AS n FROM starts GROUP BY 1'));
SELECT millrace.drop_rollup('started');
SELECT declare_rollup('long', format('SELECT k, avg(n) AS %I FROM pieces GROUP BY 1', repeat('v', 58)));
SELECT declare_rollup('only', 'SELECT k, count(*) AS n FROM ONLY pieces GROUP BY 1');

SET client_min_messages = error;
DROP TABLE clicks, starts, facts, pieces, itself, not_generated, rounds, tells_apart CASCADE;
DROP SCHEMA "Far; away";
DROP FUNCTION add, add_facts, days_apart, differences, declare_rollup, right_or_refused, is_refused;
DROP COLLATION indifferent;
DROP TYPE mood;
DROP DOMAIN positive;
SELECT count(*) FROM millrace.rollup WHERE relation IN (SELECT oid FROM pg_class);
