-- The engine below nested loops and subqueries: run again and again, with parameters that change. And what PostgreSQL computes
-- for the first row that asks, or never: the engine neither. The functions same and same_in_zones are vector_agg's.
LOAD 'millrace';
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SET jit = off;

-- partitions pruned as the query runs
CREATE TABLE ev (t timestamptz, k int) PARTITION BY RANGE (t);
DO $$ BEGIN
  FOR i IN 0 .. 99 LOOP
    EXECUTE format('CREATE TABLE ev_%s PARTITION OF ev FOR VALUES FROM (%L) TO (%L)', i, timestamptz '2026-01-01' + i * interval '5 min', timestamptz '2026-01-01' + (i + 1) * interval '5 min');
  END LOOP;
END $$;
INSERT INTO ev SELECT timestamptz '2026-01-01' + i * interval '13 s', i % 7 FROM generate_series(1, 2000) i;
CREATE TABLE b AS SELECT i, timestamptz '2026-01-01' + (i * 7 % 100) * interval '5 min' AS t FROM generate_series(1, 100) i;
CREATE INDEX ev_k ON ev (k);
ANALYZE ev, b;
-- 2000 / 7 weeks of 21 and a rest of 15
SELECT sum(n) FROM (SELECT b.t, (SELECT sum(k) FROM ev WHERE ev.t >= b.t AND ev.t < b.t + interval '5 min') AS n FROM b) x;
SELECT sum(n) FROM (SELECT b.t, (SELECT sum(k) FROM ev WHERE ev.t >= b.t AND ev.t < b.t + interval '5 min') AS n FROM b) x;
SELECT sum(n) FROM b, LATERAL (SELECT k, sum(k) AS n FROM ev WHERE ev.t >= b.t AND ev.t < b.t + interval '5 min' GROUP BY k) x;
SELECT sum(n) FROM (SELECT b.t, (SELECT sum(k) FROM ev WHERE ev.t >= b.t AND ev.t < b.t + interval '5 min' AND ev.k >= (SELECT min(i) FROM b)) AS n FROM b) x;
SELECT same('SELECT b.t, (SELECT hll_add_agg(hll_hash_integer(k)) FROM ev WHERE ev.t >= b.t AND ev.t < b.t + interval ''5 min'') FROM b');
SELECT same('SELECT b.i, x.* FROM b, LATERAL (SELECT date_bin(b.i * interval ''1 s'', t, ''2026-01-01''), count(*) FROM ev WHERE k < b.i AND ev.t < b.t GROUP BY 1) x');
SELECT same('SELECT b.i, c.i, (SELECT count(*) FROM ev WHERE k = b.i AND t > c.t) FROM b, b c WHERE b.i < 9 AND c.i < 9');
SELECT same('SELECT a.i, (SELECT max(n) FROM (SELECT c.i, (SELECT count(*) FROM ev WHERE k = a.i AND t > c.t) n FROM b c WHERE c.i < 5) x) FROM b a WHERE a.i < 9');
SET plan_cache_mode = force_generic_plan;
PREPARE windows (interval, int) AS SELECT sum(n), count(*) FROM (SELECT b.t, (SELECT sum(k) FROM ev WHERE ev.t >= b.t AND ev.t < b.t + $1 AND ev.k > $2) AS n FROM b) x;
EXECUTE windows ('5 min', -1);
EXECUTE windows ('5 min', 5);
EXECUTE windows ('1 day', -1);
EXECUTE windows (NULL, 1);
EXECUTE windows ('5 min', -1);
RESET plan_cache_mode;
CREATE FUNCTION summed(width interval) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  total bigint := 0;
  x record;
BEGIN
  FOR x IN SELECT b.t FROM b LOOP
    total := total + (SELECT coalesce(sum(n), 0) FROM (SELECT (SELECT sum(k) FROM ev WHERE ev.t >= c.t AND ev.t < c.t + width) n FROM b c WHERE c.t = x.t) y);
  END LOOP;
  RETURN total;
END $$;
SELECT summed('5 min') FROM generate_series(1, 3);
-- bitmap scans, index scans and sorts below; Memoize and Materialize above
SET enable_seqscan = off;
SET enable_indexscan = off;
SET enable_indexonlyscan = off;
SELECT sum(n) FROM (SELECT b.t, (SELECT sum(k) FROM ev WHERE ev.k = b.i % 7) AS n FROM b) x;
SELECT sum(n) FROM (SELECT b.t, (SELECT sum(k) FROM ev WHERE ev.k > 0 AND ev.t >= b.t AND ev.t < b.t + interval '5 min') AS n FROM b) x;
SELECT same('SELECT b.i, x.* FROM b, LATERAL (SELECT k, count(*), topn_add_agg(k::text) FROM ev WHERE k < b.i AND k > b.i - 3 GROUP BY k) x');
RESET enable_seqscan;
SET enable_memoize = off;
SELECT same('SELECT b.i, x.* FROM b, LATERAL (SELECT k, count(*) FROM ev WHERE k = b.i % 5 GROUP BY k) x');
RESET enable_memoize;
SELECT same('SELECT b.i, x.* FROM b, LATERAL (SELECT k, count(*) FROM ev WHERE k = b.i % 5 GROUP BY k) x');
SELECT same('SELECT b.i, x.* FROM b LEFT JOIN (SELECT k, count(*) n FROM ev GROUP BY k) x ON x.k > b.i % 9');
RESET enable_indexscan;
RESET enable_indexonlyscan;
-- spilled groups, left half-way and run again
SET work_mem = '64kB';
CREATE TABLE many AS SELECT i % 3000 AS k, i AS n, md5(i::text) AS x FROM generate_series(1, 6000) i;
ANALYZE many;
SELECT same('SELECT v, x.* FROM generate_series(1, 4) v, LATERAL (SELECT k, count(*), hll_add_agg(hll_hash_integer(n)) h FROM many WHERE n > v GROUP BY k) x');
SELECT v, (SELECT count(*) FROM (SELECT x, count(*) FROM many WHERE n > v * 1000 GROUP BY x LIMIT 100 + v) y) FROM generate_series(1, 4) v;
RESET work_mem;
-- a rescan leaves nothing behind until the query's end
CREATE FUNCTION used() RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT sum(used_bytes)::bigint FROM pg_backend_memory_contexts $$;
SET enable_memoize = off;
SET enable_seqscan = off;
SELECT count(n), max(u) - min(u) < 30000 AS level FROM (SELECT v, n, CASE WHEN v IN (2000, 20000) THEN used() END AS u FROM generate_series(1, 20000) v
  LEFT JOIN LATERAL (SELECT sum(k) AS n FROM many WHERE k = v % 7 AND n > v % 3) x ON true OFFSET 0) y;
CREATE INDEX many_k ON many (k);
SELECT count(n), max(u) - min(u) < 30000 AS level FROM (SELECT v, n, CASE WHEN v IN (2000, 20000) THEN used() END AS u FROM generate_series(1, 20000) v
  LEFT JOIN LATERAL (SELECT count(*) AS n, topn_add_agg(x) FROM many WHERE k = v % 7 AND n > v % 3) x ON true OFFSET 0) y;
SELECT count(n), max(u) - min(u) < 30000 AS level FROM (SELECT v, n, CASE WHEN v IN (2000, 20000) THEN used() END AS u FROM generate_series(1, 20000) v
  LEFT JOIN LATERAL (SELECT sum(k) AS n FROM ev WHERE t = timestamptz '2026-01-01' + (v % 1900) * interval '13 s' AND k > v % 3 GROUP BY date_bin(v * interval '1 s', t, 'epoch')) x ON true OFFSET 0) y;
RESET enable_memoize;
RESET enable_seqscan;
-- in parallel, the workers started again and again
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET enable_material = off;
CREATE FUNCTION same_as_off(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  line text;
  plan text := '';
  with_engine text[];
  without text[];
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP plan := plan || line; END LOOP;
  EXECUTE format('SELECT array_agg(x::text ORDER BY x::text) FROM (%s) x', query) INTO with_engine;
  SET LOCAL millrace.enable_vector_agg = off;
  SET LOCAL max_parallel_workers_per_gather = 0;
  EXECUTE format('SELECT array_agg(x::text ORDER BY x::text) FROM (%s) x', query) INTO without;
  RETURN format('%s, %s rows, %s', CASE WHEN with_engine = without THEN 'same' ELSE 'DIFFERENT' END, cardinality(with_engine),
                CASE WHEN plan LIKE '%Nested Loop%Gather%MillraceAggregate%' THEN 'in a loop, in parallel' ELSE plan END);
END $$;
CREATE TABLE few AS SELECT i % 5 AS k, i AS n FROM generate_series(1, 20000) i;
ANALYZE few;
SELECT same_as_off('SELECT v.v, x.* FROM (VALUES (1), (2), (3), (4), (5)) v (v) LEFT JOIN (SELECT k, count(*), sum(n), hll_add_agg(hll_hash_integer(n)) FROM few WHERE n > 10 GROUP BY k) x ON x.k < v.v');
-- groups are handed out again as they are, whatever is volatile below; sketches too
SET max_parallel_workers_per_gather = 0;
SELECT same('SELECT v, x.* FROM generate_series(1, 3) v LEFT JOIN (SELECT k, count(*), hll_add_agg(hll_hash_integer(n)), topn_add_agg(n::text) FROM (SELECT k, n FROM few OFFSET 0) y GROUP BY k) x ON x.k < v');
SELECT same('SELECT v, x.* FROM generate_series(1, 3) v LEFT JOIN (SELECT k, count(*), hll_add_agg(hll_hash_integer(n)), topn_add_agg(n::text) FROM few GROUP BY k) x ON x.k < v');
SELECT same('SELECT v, x.* FROM generate_series(1, 3) v LEFT JOIN (SELECT k, sum(n), hll_union_agg(h), topn_union_agg(t) FROM (SELECT k, n, hll_add(hll_empty(), hll_hash_integer(n)) h, jsonb_build_object(n % 50, 1) t FROM few OFFSET 0) y GROUP BY k) x ON x.k < v');
SET work_mem = '64kB';
SELECT same('SELECT v, x.* FROM generate_series(1, 3) v LEFT JOIN (SELECT k, count(*), hll_add_agg(hll_hash_integer(n)), topn_add_agg(n::text) FROM few GROUP BY k) x ON x.k < v');
RESET work_mem;
SELECT count(s), count(DISTINCT s) FROM generate_series(1, 20) v LEFT JOIN (SELECT k, sum(n) AS s FROM few WHERE random() < 0.5 GROUP BY k) x ON x.k < v AND x.k = 0;
SELECT count(s), count(DISTINCT s) FROM generate_series(1, 20) v LEFT JOIN (SELECT k, topn_add_agg(n::text) AS s FROM few WHERE random() < 0.5 GROUP BY k HAVING count(*) > 0) x ON x.k < v AND x.k = 0;
SELECT v, (SELECT string_agg(k::text, ' ' ORDER BY k) FROM (SELECT k, count(*) FROM few GROUP BY k HAVING k >= v) y) FROM generate_series(1, 5) v;
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET enable_material;
SET max_parallel_workers_per_gather = 0;

-- what no row asks for is not computed: errors, sequences
SET plan_cache_mode = force_generic_plan;
CREATE SEQUENCE sq;
CREATE TABLE e (k int, b int, t timestamptz, l timestamp);
PREPARE divided (int) AS SELECT count(*) FROM e WHERE k = 17 AND b < 10 / $1;
PREPARE binned (interval) AS SELECT date_bin($1, t, 'epoch'), count(*) FROM e WHERE k > 7 AND b < 30 GROUP BY 1;
PREPARE binned_from (timestamptz, int) AS SELECT date_bin('1 hour', t, $1 + interval '1 day' / $2), count(*) FROM e WHERE b < 30 GROUP BY 1;
PREPARE truncated (text) AS SELECT date_trunc($1, t), date_trunc($1, l), count(*) FROM e WHERE k > 7 AND b < 30 GROUP BY 1, 2;
EXPLAIN (COSTS OFF) EXECUTE divided (0);
EXECUTE divided (0);
SELECT count(*) FROM e WHERE k > (SELECT nextval('sq'));
EXECUTE binned ('0');
EXECUTE truncated ('nonsense');
EXECUTE binned_from ('infinity', 0);
SELECT k, hll_add_agg(hll_hash_integer(b), 40) FROM e GROUP BY k;
SELECT hll_add_agg(hll_hash_integer(b), 40) FROM e;
INSERT INTO e SELECT i % 10, i, timestamptz '2026-01-01' + i * interval '1 min', timestamp '2026-01-01' + i * interval '1 min' FROM generate_series(1, 1000) i;
EXECUTE divided (0);
SELECT count(*) FROM e WHERE k > 10 AND b > (SELECT nextval('sq'));
SELECT nextval('sq') AS nobody_had_one_before;
SELECT count(*) FROM e WHERE b > (SELECT nextval('sq')) AND k > (SELECT nextval('sq'));
SELECT nextval('sq') AS two_had_one;
EXECUTE binned ('0');
EXECUTE binned ('1 month');
EXECUTE binned (NULL);
EXECUTE binned ('2 hours');
EXECUTE truncated ('nonsense');
EXECUTE truncated ('week');
EXECUTE truncated ('hour');
EXECUTE truncated (NULL);
EXECUTE binned_from ('infinity', 1);
EXECUTE binned_from ('infinity', 0);
EXECUTE binned_from ('2001-01-01', 24);
EXECUTE binned_from (NULL, 24);
SELECT hll_add_agg(hll_hash_integer(b), 40) FROM e WHERE k > 10;
SELECT hll_add_agg(hll_hash_integer(b), 40) FROM e WHERE k = 3;
SELECT k, hll_add_agg(hll_hash_integer(b), 11, 5, 7) FROM e WHERE k = 3 GROUP BY k;
-- the qualifications one by one, not in the order of the columns; a NULL asks too
PREPARE ordered (int, int) AS SELECT count(*) FROM e WHERE b < 10 / $1 AND k = 10 / $2;
EXECUTE ordered (1, 1);
EXECUTE ordered (0, 1);
EXECUTE ordered (1, 0);
EXECUTE ordered (-1, 0);
TRUNCATE e;
INSERT INTO e DEFAULT VALUES;
EXECUTE divided (0);
EXECUTE ordered (0, 0);
EXECUTE ordered (1, 0);
EXECUTE truncated ('nonsense');
SELECT date_bin(interval '1 hour' * (SELECT 0), t, 'epoch'), count(*) FROM e GROUP BY 1;
SELECT hll_add_agg(hll_hash_integer(b), 40) FROM e;
RESET plan_cache_mode;

-- times near the ends of what there is
CREATE TABLE far AS SELECT t::timestamptz AS t, t::timestamptz AT TIME ZONE 'UTC' AS l FROM unnest(ARRAY['294276-12-31 23:59:59.999999+00', '294276-12-31 00:00:00+00', '4714-11-24 00:00:00+00 BC',
  '4714-11-24 00:00:00.000001+00 BC', '4713-01-01 00:00+00 BC', '0001-01-01 00:00+00', '2026-01-01 00:00+00', '-infinity', 'infinity', NULL]) t;
CREATE FUNCTION result_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  got text;
BEGIN
  EXECUTE format('SELECT string_agg(x::text, '' '' ORDER BY x::text) FROM (%s) x', query) INTO got;
  RETURN coalesce(got, 'nothing');
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
-- Each time alone, with the engine and without. Which of them are errors depends on the minor version.
CREATE TABLE comparisons (expression text, t timestamptz, with_engine text, without text);
CREATE FUNCTION compare(expression text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  x far;
  query text := 'SELECT ' || expression || ', count(*) FROM one GROUP BY 1';
BEGIN
  CREATE TEMP TABLE one AS SELECT * FROM far LIMIT 0;
  FOR x IN SELECT * FROM far LOOP
    TRUNCATE one;
    INSERT INTO one VALUES (x.*);
    SET LOCAL millrace.enable_vector_agg = on;
    INSERT INTO comparisons VALUES (expression, x.t, result_of(query));
    SET LOCAL millrace.enable_vector_agg = off;
    UPDATE comparisons SET without = result_of(query) WHERE without IS NULL;
  END LOOP;
  DROP TABLE one;
END $$;
\o /dev/null
SELECT compare(format('date_bin(%L, t, %L)', width, origin)) FROM unnest(ARRAY['5 min', '1 microsecond', '100000 days', '40000000 days']) width, unnest(ARRAY['4000-01-01 BC', '294276-12-31', '2000-01-01', 'epoch']) origin;
SELECT compare(format('date_bin(%L, l, %L)', width, origin)) FROM unnest(ARRAY['5 min', '100000 days']) width, unnest(ARRAY['4000-01-01 BC', '294276-12-31', '2000-01-01']) origin;
SELECT compare(format('date_trunc(%L, %s)', unit, c)) FROM unnest(ARRAY['second', 'minute', 'hour', 'day', 'Day', 'days', 'week', 'century', 'millennium']) unit, unnest(ARRAY['t', 'l']) c;
SET TimeZone = 'Asia/Kolkata';
SELECT compare(format('date_trunc(%L, t)', unit)) FROM unnest(ARRAY['second', 'hour', 'day']) unit;
SET TimeZone = 'America/St_Johns';
SELECT compare(format('date_trunc(%L, t)', unit)) FROM unnest(ARRAY['second', 'hour', 'day']) unit;
RESET TimeZone;
SELECT compare(format('date_trunc(%L, (t - TIMESTAMP %L) / %s) * %s + TIMESTAMP %L', unit, zero, divisor, factor, origin)) FROM unnest(ARRAY['seconds', 'minutes', 'nonsense']) unit, unnest(ARRAY['epoch', '4714-11-24 BC', '294276-12-31']) zero,
  (VALUES (300, 300), (3600, 60), (0, 300), (86400, 86400)) v (divisor, factor), unnest(ARRAY['epoch', '294276-12-31', '4714-11-24 BC', 'infinity']) origin WHERE unit = 'seconds' OR divisor = 300 AND zero = 'epoch';
\o
SELECT * FROM comparisons WHERE with_engine IS DISTINCT FROM without;
SELECT count(*) AS compared, count(*) FILTER (WHERE without LIKE '22%') > 100 AS with_errors FROM comparisons;
DROP TABLE ev, b, many, few, e, far, comparisons;
DROP SEQUENCE sq;
DROP FUNCTION summed, used, same_as_off, result_of, compare;
