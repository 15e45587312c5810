-- The engine against PostgreSQL's own plans: same rows, byte for byte.
CREATE EXTENSION IF NOT EXISTS hll;
CREATE EXTENSION IF NOT EXISTS topn;
LOAD 'millrace';
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;

-- Runs a query with the engine on and off and compares the rows as text. Says whether the engine was used.
CREATE FUNCTION same(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  line text;
  engine boolean := false;
  n bigint;
  differing bigint;
BEGIN
  PERFORM set_config('millrace.enable_vector_agg', 'on', true);
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
    engine := engine OR line LIKE '%MillraceAggregate%';
  END LOOP;
  EXECUTE 'CREATE TEMP TABLE r_on AS SELECT x::text AS r FROM (' || query || ') x';
  PERFORM set_config('millrace.enable_vector_agg', 'off', true);
  EXECUTE 'CREATE TEMP TABLE r_off AS SELECT x::text AS r FROM (' || query || ') x';
  PERFORM set_config('millrace.enable_vector_agg', 'on', true);
  SELECT count(*) INTO n FROM r_on;
  SELECT count(*) INTO differing
  FROM ((TABLE r_on EXCEPT ALL TABLE r_off) UNION ALL (TABLE r_off EXCEPT ALL TABLE r_on)) x;
  DROP TABLE r_on, r_off;
  RETURN format('%s, %s rows, %s', CASE WHEN differing = 0 THEN 'same' ELSE 'DIFFERENT' END, n,
                CASE WHEN engine THEN 'engine' ELSE 'stock plan' END);
END $$;

-- The same of a query that is an error in some versions of PostgreSQL: then it is to be the same error.
CREATE FUNCTION outcome(engine text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  rows text;
BEGIN
  PERFORM set_config('millrace.enable_vector_agg', engine, true);
  EXECUTE 'SELECT string_agg(x::text, E''\n'' ORDER BY x::text) FROM (' || query || ') x' INTO rows;
  RETURN rows;
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE TABLE clicks (
  id bigserial, at timestamptz, tenant bigint, kind text, country varchar(10), device bigint, session int,
  small smallint, day date, flag boolean, local timestamp, key uuid, price float8, note text);
INSERT INTO clicks (at, tenant, kind, country, device, session, small, day, flag, local, key, price, note)
SELECT CASE WHEN i % 97 = 0 THEN NULL ELSE timestamptz '2026-03-29 00:00+00' + i * interval '3.7 seconds' END,
       CASE WHEN i % 53 = 0 THEN NULL ELSE i % 40 - 10 END,
       CASE WHEN i % 31 = 0 THEN NULL ELSE (ARRAY['click', 'view', 'Kauf', ''])[1 + i % 4] END,
       (ARRAY['DE', 'FR', 'ÅX'])[1 + i % 3],
       CASE WHEN i % 41 = 0 THEN NULL ELSE i * 7919 % 500 - 50 END, i * 104729 % 3000, i % 9, date '2026-01-01' + i % 5,
       CASE WHEN i % 7 = 0 THEN NULL ELSE i % 2 = 0 END, timestamp '2026-01-01' + i * interval '7 minutes',
       md5((i % 20)::text)::uuid, CASE WHEN i % 1001 = 0 THEN 'NaN' WHEN i % 503 = 0 THEN NULL ELSE (i % 1000) / 7.0 END,
       repeat('long text ', i % 300)
FROM generate_series(1, 20000) i;
-- a column that old rows do not have
ALTER TABLE clicks ADD COLUMN added int DEFAULT 7;
INSERT INTO clicks (at, tenant, kind, added) SELECT '2026-03-29 00:00+00', 1, 'click', NULL FROM generate_series(1, 5);
ALTER TABLE clicks DROP COLUMN flag;
ANALYZE clicks;

-- every aggregate, over groups of many sizes
SELECT same('SELECT tenant, count(*), count(device), sum(device), avg(device), sum(session), avg(session), sum(small), avg(small),
  min(device), max(device), min(session), max(small), min(at), max(at), min(local), max(day), sum(price), min(price), max(price) FROM clicks GROUP BY tenant');
SELECT same('SELECT tenant, hll_add_agg(hll_hash_bigint(device)), hll_add_agg(hll_hash_integer(session)), hll_add_agg(hll_hash_smallint(small)),
  hll_add_agg(hll_hash_text(kind)), topn_add_agg(device::text), topn_add_agg(session::text), topn_add_agg(kind), topn_add_agg(note) FROM clicks GROUP BY tenant');
SELECT same('SELECT kind, hll_add_agg(hll_hash_bigint(device), 12), hll_add_agg(hll_hash_bigint(device), 10, 4), hll_add_agg(hll_hash_bigint(device), 10, 5, 0), hll_add_agg(hll_hash_bigint(device), 10, 5, 64, 0) FROM clicks GROUP BY kind');
SELECT same('SELECT count(*), hll_add_agg(hll_hash_bigint(id)), topn_add_agg(id::text), topn_add_agg(note) FROM clicks');
-- floats of both sizes, added as PostgreSQL adds them; what is too large is an error, not infinity
CREATE TABLE floats AS SELECT i % 7 AS g, CASE WHEN i % 11 = 0 THEN NULL WHEN i = 1000 THEN 'NaN' WHEN i = 2001 THEN 'Infinity' ELSE sin(i) * 10 ^ (i % 9) END::float8 AS d,
  CASE WHEN i % 13 = 0 THEN NULL WHEN i = 1002 THEN '-Infinity' ELSE cos(i) * 10 ^ (i % 5) END::float4 AS s, decode(md5((i % 50)::text), 'hex') AS b
FROM generate_series(1, 5000) i;
SELECT same('SELECT g, sum(d), avg(d), min(d), max(d), count(d), sum(s), avg(s), min(s), max(s), count(s), count(b) FROM floats GROUP BY g');
SELECT same('SELECT sum(s), avg(s), avg(d), hll_add_agg(hll_hash_bytea(b)), hll_add_agg(hll_hash_any(b)) FROM floats WHERE g < 0');
SELECT sum(x) FROM (VALUES (1e308::float8), (1e308)) v (x);
INSERT INTO floats VALUES (10, 1e308, 1e38), (10, 1e308, 3e38), (11, 1e200, 1), (11, -1e200, 2);
SELECT sum(d) FROM floats WHERE g = 10;
SELECT sum(s) FROM floats WHERE g = 10;
SELECT avg(d) FROM floats WHERE g = 11;
SELECT same('SELECT hll_add_agg(hll_hash_any(tenant)), hll_add_agg(hll_hash_any(session)), hll_add_agg(hll_hash_any(small)), hll_add_agg(hll_hash_any(day)), hll_add_agg(hll_hash_any(at)), hll_add_agg(hll_hash_any(local)), hll_add_agg(hll_hash_any(key)), hll_add_agg(hll_hash_any(kind)), hll_add_agg(hll_hash_any(country)), count(key) FROM clicks');
SELECT same('SELECT g, hll_add_agg(hll_hash_bytea(b)), hll_add_agg(hll_hash_any(b)) FROM floats GROUP BY g');
DROP TABLE floats;
-- no rows, with and without keys; one row; every row a group
SELECT same('SELECT count(*), sum(device), min(at), hll_add_agg(hll_hash_bigint(id)), topn_add_agg(kind) FROM clicks WHERE id < 0');
SELECT same('SELECT tenant, count(*) FROM clicks WHERE id < 0 GROUP BY tenant');
SELECT same('SELECT tenant, count(*), hll_add_agg(hll_hash_bigint(device)), topn_add_agg(kind) FROM clicks WHERE id = 5 GROUP BY tenant');
SELECT same('SELECT id, count(*), hll_add_agg(hll_hash_bigint(device)), topn_add_agg(device::text) FROM clicks GROUP BY id');
-- keys of every type, NULLs among them
SELECT same('SELECT kind, country, tenant, day, key, count(*) FROM clicks GROUP BY 1, 2, 3, 4, 5');
SELECT same('SELECT note, small, local, added, count(*) FROM clicks GROUP BY 1, 2, 3, 4');
SELECT same('SELECT DISTINCT kind, country FROM clicks');
-- expressions over keys and aggregates, HAVING, order, limits, subqueries
SELECT same('SELECT kind || ''!'', ceil(hll_cardinality(hll_add_agg(hll_hash_bigint(device)))) / count(*), count(*) FROM clicks GROUP BY kind HAVING count(*) > 100 AND max(device) > 5 ORDER BY 3 DESC');
SELECT same('SELECT (topn(topn_add_agg(device::text), 5)).* FROM clicks WHERE tenant = 3');
SELECT same('SELECT * FROM (SELECT kind, count(*) n FROM clicks GROUP BY kind) a JOIN (SELECT country, count(*) n FROM clicks GROUP BY country) b ON a.n > b.n');
SELECT same('SELECT k.kind, (SELECT count(*) FROM clicks c WHERE c.tenant = k.tenant) FROM (VALUES (''a'', 1), (''b'', 2), (''c'', NULL)) k (kind, tenant)');
SELECT same('SELECT kind, count(*), rank() OVER (ORDER BY count(*)) FROM clicks GROUP BY kind');
-- buckets, in several time zones, around the changes of the clock
CREATE FUNCTION same_in_zones(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  zone text;
BEGIN
  FOREACH zone IN ARRAY ARRAY['UTC', 'Europe/Berlin', 'Asia/Kolkata', 'America/St_Johns', 'Australia/Lord_Howe', 'Pacific/Apia'] LOOP
    PERFORM set_config('TimeZone', zone, true);
    RETURN NEXT zone || ': ' || same(query);
  END LOOP;
END $$;
SELECT same_in_zones('SELECT date_trunc(''hour'', at), date_trunc(''minute'', at), date_trunc(''hour'', local), date_bin(''15 minutes'', at, ''2001-01-01''), count(*) FROM clicks GROUP BY 1, 2, 3, 4');
SELECT same_in_zones('SELECT date_trunc(''day'', at), date_trunc(''day'', local), count(*) FROM clicks GROUP BY 1, 2');
SELECT same_in_zones('SELECT date_trunc(''seconds'', (at - TIMESTAMP ''epoch'') / 300) * 300 + TIMESTAMP ''epoch'', count(*) FROM clicks GROUP BY 1');
-- times before the epoch and the origin, just before a bucket's end, and years of them
CREATE TABLE times AS
  SELECT timestamptz '1960-01-01 00:00+00' + i * interval '17 days 3 hours 17 seconds' AS at FROM generate_series(1, 2500) i
  UNION ALL SELECT timestamptz '2026-01-01 00:05+00' + i * interval '1 microsecond' FROM generate_series(-200, 200) i
  UNION ALL SELECT timestamptz '1969-12-31 23:55+00' + i * interval '1 microsecond' FROM generate_series(-200, 200) i;
SELECT same_in_zones('SELECT at, date_trunc(''seconds'', (at - TIMESTAMP ''epoch'') / 300) * 300 + TIMESTAMP ''epoch'', date_trunc(''hour'', at), date_bin(''5 minutes'', at, ''epoch''), date_bin(''7 days'', at, ''2020-01-01''), date_trunc(''seconds'', (at - TIMESTAMP ''epoch'') / 3600) * 3600 + TIMESTAMP ''epoch'', count(*) FROM times GROUP BY 1, 2, 3, 4, 5, 6');
INSERT INTO times VALUES ('infinity'), ('-infinity');
SELECT same('SELECT date_bin(''5 minutes'', at, ''epoch''), date_trunc(''day'', at), count(*) FROM times GROUP BY 1, 2');
SELECT outcome('on', query) = outcome('off', query) AS same FROM (VALUES ('SELECT date_trunc(''seconds'', (at - TIMESTAMP ''epoch'') / 300) * 300 + TIMESTAMP ''epoch'', count(*) FROM times GROUP BY 1')) v (query);
-- expressions that PostgreSQL evaluates, filters of every kind, other scans
SELECT same('SELECT lower(kind), tenant % 3, date_trunc(''week'', at), count(*), hll_add_agg(hll_hash_bigint(device)) FROM clicks GROUP BY 1, 2, 3');
SELECT same('SELECT kind, count(*), topn_add_agg(device::text) FROM clicks WHERE kind <> ''view'' AND note LIKE ''long%'' AND tenant IN (1, 2, 3) GROUP BY kind');
SELECT same('SELECT kind, count(*) FROM clicks WHERE id >= 100 AND id < 200 AND at > ''2026-03-29'' AND day <= ''2026-01-03'' AND session = session GROUP BY kind');
SELECT same('SELECT kind, count(*) FROM clicks WHERE tenant > NULL GROUP BY kind');
CREATE INDEX clicks_id ON clicks (id);
CREATE INDEX clicks_brin ON clicks USING brin (id);
SET enable_seqscan = off;
SELECT same('SELECT kind, count(*), hll_add_agg(hll_hash_bigint(device)), topn_add_agg(note) FROM clicks WHERE id BETWEEN 500 AND 900 GROUP BY kind');
SET enable_indexscan = off;
SELECT same('SELECT kind, count(*), hll_add_agg(hll_hash_bigint(device)), topn_add_agg(note) FROM clicks WHERE id BETWEEN 500 AND 900 GROUP BY kind');
RESET enable_seqscan;
RESET enable_indexscan;
-- stored sketches
CREATE TABLE stored AS SELECT tenant, kind, sum(device)::bigint total, hll_add_agg(hll_hash_bigint(device)) d, hll_add_agg(hll_hash_integer(session)) s, topn_add_agg(device::text) t FROM clicks GROUP BY 1, 2;
INSERT INTO stored VALUES (1, 'null', NULL, NULL, NULL, NULL), (99, 'null', NULL, NULL, NULL, NULL), (98, 'undefined', 1, '\x108b7f', '\x118b7f', '{}');
SELECT same('SELECT tenant, sum(total), hll_union_agg(d), hll_union_agg(s), topn_union_agg(t) FROM stored GROUP BY tenant');
SELECT same('SELECT sum(total) num_events, ceil(hll_cardinality(hll_union_agg(s))) distinct_devices FROM stored WHERE tenant <> 98');
SELECT same('SELECT kind, hll_union_agg(d), topn_union_agg(t) FROM stored WHERE tenant < 5 AND kind LIKE ''%i%'' GROUP BY kind');
SELECT hll_union_agg(s) FROM (SELECT hll_empty(10) AS s UNION ALL SELECT hll_empty(11)) x;
CREATE TABLE unlike (g int, s hll, t jsonb);
INSERT INTO unlike VALUES (1, hll_empty(10), '{"a": 1}'), (1, hll_empty(11), '{"a": "b"}');
SELECT g, hll_union_agg(s) FROM unlike GROUP BY g;
SELECT g, topn_union_agg(t) FROM unlike GROUP BY g;

-- in parallel: workers hand over states that PostgreSQL's combine functions take
CREATE FUNCTION same_in_parallel(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  line text;
  plan text := '';
  differing bigint;
BEGIN
  PERFORM set_config('max_parallel_workers_per_gather', '2', true);
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
    plan := plan || line;
  END LOOP;
  EXECUTE 'CREATE TEMP TABLE r_on AS SELECT x::text AS r FROM (' || query || ') x';
  PERFORM set_config('millrace.enable_vector_agg', 'off', true);
  PERFORM set_config('max_parallel_workers_per_gather', '0', true);
  EXECUTE 'CREATE TEMP TABLE r_off AS SELECT x::text AS r FROM (' || query || ') x';
  PERFORM set_config('millrace.enable_vector_agg', 'on', true);
  SELECT count(*) INTO differing
  FROM ((TABLE r_on EXCEPT ALL TABLE r_off) UNION ALL (TABLE r_off EXCEPT ALL TABLE r_on)) x;
  DROP TABLE r_on, r_off;
  RETURN format('%s, %s', CASE WHEN differing = 0 THEN 'same' ELSE 'DIFFERENT' END,
                CASE WHEN plan LIKE '%Finalize%Gather%MillraceAggregate%' THEN 'in parallel' ELSE 'not in parallel' END);
END $$;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT same_in_parallel('SELECT count(*), count(device), sum(device), avg(device), sum(session), avg(session), sum(small), avg(small), min(at), max(device), min(day), max(local), max(price) FROM clicks');
SELECT same_in_parallel('SELECT hll_add_agg(hll_hash_bigint(device)), hll_add_agg(hll_hash_text(kind)), topn_add_agg(session::text), topn_add_agg(kind) FROM clicks');
SELECT same_in_parallel('SELECT kind, count(*), sum(-device), sum(device), avg(small), hll_add_agg(hll_hash_bigint(device)), topn_add_agg(device::text) FROM clicks GROUP BY kind');
SELECT same_in_parallel('SELECT kind, count(*), sum(device), avg(small), hll_add_agg(hll_hash_bigint(device)), topn_add_agg(device::text) FROM clicks GROUP BY kind HAVING count(*) > 100');
-- a key that the condition makes the same for all rows
SELECT same_in_parallel('SELECT added, kind, count(*), sum(device) FROM clicks WHERE added = 7 GROUP BY added, kind');
SELECT same_in_parallel('SELECT country, sum(device), avg(device), hll_add_agg(hll_hash_bigint(device)), topn_add_agg(device::text) FROM clicks WHERE id > 0 AND tenant IS NOT NULL AND device + 0 < -40 GROUP BY country');
SELECT same_in_parallel('SELECT count(*), sum(device), avg(device), avg(small), min(at), hll_add_agg(hll_hash_bigint(id)), topn_add_agg(kind) FROM clicks WHERE id + 0 < 0');
CREATE TABLE more AS SELECT s.* FROM stored s, generate_series(1, 50) WHERE s.tenant <> 98;
ANALYZE more;
SELECT same_in_parallel('SELECT kind, sum(total), hll_union_agg(d), topn_union_agg(t) FROM more GROUP BY kind');
SELECT same_in_parallel('SELECT sum(total), hll_union_agg(d), topn_union_agg(t) FROM more WHERE tenant + 0 > 1000');
DROP TABLE more;
CREATE TABLE wide (n bigint);
INSERT INTO wide SELECT sign * (9223372036854775807 - i % 3) FROM generate_series(1, 5000) i, (VALUES (1), (-1), (1)) v (sign);
ANALYZE wide;
SELECT same_in_parallel('SELECT sum(n), avg(n), min(n) FROM wide');
SELECT same_in_parallel('SELECT sum(n), avg(n) FROM wide WHERE n < 0');
DROP TABLE wide;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- partitions, one of them with its columns in another order
CREATE TABLE parted (id int, at timestamptz, tenant bigint, kind text, device bigint) PARTITION BY RANGE (at);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2026-01-02');
CREATE TABLE parted_2 (device bigint, kind text, dropped int, tenant bigint, at timestamptz, id int);
ALTER TABLE parted_2 DROP COLUMN dropped;
ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES FROM ('2026-01-02') TO ('2026-01-03');
CREATE TABLE parted_default PARTITION OF parted DEFAULT;
INSERT INTO parted SELECT i, timestamptz '2026-01-01' + i * interval '1 minute', i % 5, 'k' || i % 3, i % 100 FROM generate_series(1, 4000) i;
SELECT same('SELECT tenant, kind, date_bin(''5 minutes'', at, ''epoch''), count(*), hll_add_agg(hll_hash_bigint(device)), topn_add_agg(device::text) FROM parted GROUP BY 1, 2, 3');
SELECT same('SELECT tenant, count(*) FROM parted WHERE id BETWEEN 10 AND 2000 AND at >= ''2026-01-02'' GROUP BY 1');
-- prepared statements: generic plans, pruning at the start and while running
SET plan_cache_mode = force_generic_plan;
PREPARE counted (timestamptz, int) AS SELECT kind, count(*), sum(device) FROM parted WHERE at >= $1 AND id > $2 GROUP BY kind ORDER BY kind;
EXPLAIN (COSTS OFF) EXECUTE counted ('2026-01-02', 5);
EXECUTE counted ('2026-01-02', 1500);
EXECUTE counted ('2026-01-03', 1500);
EXECUTE counted (NULL, 1500);
RESET plan_cache_mode;
SELECT d, (SELECT count(*) FROM parted WHERE at >= d AND at < d + interval '1 day') FROM unnest(ARRAY['2026-01-01', '2026-01-02', '2026-01-03']::timestamptz[]) d;

-- a bitmap scan, again for each row outside, by a parameter that changes
CREATE INDEX parted_id ON parted (id);
SET enable_seqscan = off;
SET enable_indexscan = off;
SET enable_indexonlyscan = off;
EXPLAIN (COSTS OFF) SELECT * FROM generate_series(1, 6) v, LATERAL (SELECT kind, count(*) FROM parted WHERE id < v * 400 GROUP BY kind) x;
SELECT same('SELECT * FROM generate_series(1, 6) v, LATERAL (SELECT kind, count(*) FROM parted WHERE id < v * 400 GROUP BY kind) x');
SELECT same('SELECT * FROM generate_series(6, 1, -1) v, LATERAL (SELECT kind, count(*), hll_add_agg(hll_hash_bigint(device)) FROM parted_1 WHERE id < v * 100 AND id > v * 20 GROUP BY kind) x');
RESET enable_seqscan;
RESET enable_indexscan;
RESET enable_indexonlyscan;
-- texts that are new when no more groups are added; values of rows that a filter refuses
CREATE TABLE late AS SELECT i % 2000 AS g, CASE WHEN i <= 6000 THEN 'a' ELSE 'new' || i END AS x FROM generate_series(1, 20000) i;
CREATE TABLE refused (t jsonb, at timestamptz, id int);
INSERT INTO refused VALUES ('{"a": [1]}', 'infinity', 1), ('{"a": 1}', '2026-01-01', 2);
SELECT topn_union_agg(t) FROM refused WHERE id = 2;
SELECT date_trunc('seconds', (at - TIMESTAMP 'epoch') / 300) * 300 + TIMESTAMP 'epoch' AS minute, count(*) FROM refused WHERE id = 2 GROUP BY 1;
SET work_mem = '64kB';
SET hash_mem_multiplier = 1;
SELECT same('SELECT g, topn_add_agg(x), hll_add_agg(hll_hash_text(x)) FROM late GROUP BY g');
RESET work_mem;
RESET hash_mem_multiplier;
DROP TABLE late, refused;

-- what is left to PostgreSQL
SELECT same('SELECT kind, count(*) FILTER (WHERE tenant > 3) FROM clicks GROUP BY kind');
SELECT same('SELECT kind, count(DISTINCT device) FROM clicks GROUP BY kind');
SELECT same('SELECT kind, country, count(*) FROM clicks GROUP BY ROLLUP (kind, country)');
SELECT same('SELECT kind, string_agg(country, '','' ORDER BY id) FROM clicks GROUP BY kind');
SELECT same('SELECT price, count(*) FROM clicks GROUP BY price');
SELECT same('SELECT a.kind, count(*) FROM clicks a JOIN stored b USING (tenant) WHERE a.id < 100 GROUP BY a.kind');
SELECT same('SELECT kind, sum(device * 2) FROM clicks GROUP BY kind');

-- little memory: rows are folded and spilled, results stay
SET work_mem = '64kB';
SELECT same('SELECT id, count(*), hll_add_agg(hll_hash_bigint(device)), topn_add_agg(kind) FROM clicks GROUP BY id');
SELECT same('SELECT note, kind, count(*), topn_add_agg(note), hll_add_agg(hll_hash_text(note)) FROM clicks GROUP BY note, kind');
SELECT same('SELECT tenant, kind, hll_union_agg(d), topn_union_agg(t), sum(total) FROM stored GROUP BY tenant, kind');
SELECT same('SELECT session, key, hll_add_agg(hll_hash_bigint(id)), topn_add_agg(id::text), sum(price) FROM clicks GROUP BY session, key');
SELECT same('SELECT lower(note), count(*), hll_add_agg(hll_hash_bigint(device)) FROM clicks GROUP BY 1');
RESET work_mem;
-- past the capacity of a topn summary the order of rows matters, and is kept
SET topn.number_of_counters = 5;
SELECT same('SELECT tenant, topn_add_agg(device::text), topn_add_agg(session::text) FROM clicks GROUP BY tenant');
SET work_mem = '64kB';
SELECT same('SELECT tenant, topn_add_agg(device::text), topn_add_agg(session::text) FROM clicks GROUP BY tenant');
RESET work_mem;
RESET topn.number_of_counters;

-- upserts, inside plpgsql, with the rows in the order of the index
CREATE TABLE merged (tenant bigint, kind text, minute timestamptz, n bigint, d hll, t jsonb);
CREATE UNIQUE INDEX merged_idx ON merged (tenant, kind, minute) NULLS NOT DISTINCT;
CREATE FUNCTION merge(first bigint, last bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO merged
    SELECT tenant, kind, date_bin('5 minutes', at, 'epoch') AS minute, count(*), hll_add_agg(hll_hash_bigint(device)), topn_add_agg(device::text)
    FROM clicks WHERE id BETWEEN first AND last GROUP BY tenant, kind, minute
    ON CONFLICT (tenant, kind, minute) DO UPDATE SET n = merged.n + excluded.n, d = hll_union(merged.d, excluded.d), t = topn_union(merged.t, excluded.t);
END $$;
SELECT merge(1, 7000);
SELECT merge(7001, 100000);
CREATE TABLE merged_by_engine AS TABLE merged;
TRUNCATE merged;
SET millrace.enable_vector_agg = off;
SELECT merge(1, 7000);
SELECT merge(7001, 100000);
RESET millrace.enable_vector_agg;
SELECT count(*) AS differing FROM (SELECT m::text AS r FROM merged m) a FULL JOIN (SELECT m::text AS r FROM merged_by_engine m) b USING (r) WHERE a.r IS NULL OR b.r IS NULL;
SELECT count(*) > 0 AS rows, sum(n) FROM merged;

-- row security and column privileges
CREATE ROLE regress_vector_reader;
GRANT SELECT (id, tenant, kind, device) ON clicks TO regress_vector_reader;
GRANT SELECT ON stored TO regress_vector_reader;
ALTER TABLE clicks ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON clicks FOR SELECT TO regress_vector_reader USING (tenant = 3);
CREATE POLICY cheap ON clicks FOR SELECT TO regress_vector_reader USING (length(kind) = 4);
SET ROLE regress_vector_reader;
SELECT tenant, kind, count(*), max(device) FROM clicks GROUP BY tenant, kind ORDER BY 1, 2 LIMIT 4;
SELECT same('SELECT tenant, kind, count(*), topn_add_agg(device::text) FROM clicks GROUP BY tenant, kind');
SELECT country, count(*) FROM clicks GROUP BY country;
RESET ROLE;
DROP POLICY few ON clicks;
DROP POLICY cheap ON clicks;
ALTER TABLE clicks DISABLE ROW LEVEL SECURITY;
REVOKE ALL ON clicks, stored FROM regress_vector_reader;
DROP ROLE regress_vector_reader;

-- cursors and rescans; a query that is stopped half-way
BEGIN;
DECLARE c CURSOR FOR SELECT tenant, count(*) FROM clicks GROUP BY tenant ORDER BY tenant;
FETCH 2 FROM c;
FETCH 1 FROM c;
CLOSE c;
COMMIT;
SELECT kind, count(*) FROM clicks GROUP BY kind ORDER BY kind LIMIT 1;
SELECT x, (SELECT count(*) FROM clicks WHERE tenant = x) FROM generate_series(1, 3) x;
DROP TABLE clicks, times, stored, unlike, parted, merged, merged_by_engine;
