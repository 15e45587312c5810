-- The SQL surface of topn.
CREATE EXTENSION topn;

SELECT topn_add_agg((i % 3)::text) FROM generate_series(1, 10) i;
SELECT topn_add_agg(x) FROM (VALUES ('a'), (NULL), ('a'), (NULL)) v (x);
SELECT topn_add_agg(NULL) FROM generate_series(1, 3);
SELECT topn_add_agg('x') FROM generate_series(1, 0);
SELECT topn_union_agg(j) FROM (VALUES ('{"a": 1, "b": 2}'::jsonb), (NULL), ('{"b": 3, "cc": 4}')) v (j);
SELECT topn_union_agg(NULL) FROM generate_series(1, 3);
SELECT topn_union('{"a": 1}', '{"a": 2, "b": 1}'), '{"a": 1}'::jsonb + '{"b": 1}'::jsonb AS operator, topn_union(NULL, '{}') IS NULL AS strict;
SELECT topn_add('{"a": 1}', 'a'), topn_add('{"a": 1}', 'b'), topn_add(NULL, 'a'), topn_add('{"a": 1}', NULL), topn_add(NULL, NULL);
SELECT * FROM topn('{"a": 5, "b": 7, "c": 5, "d": 1}', 3);
SELECT * FROM topn('{"a": 5}', 0);
SELECT * FROM topn('{}', 10);
SELECT * FROM topn(NULL, 10);
SELECT (topn('{"a": 5, "b": 7}', 10)).item;
SELECT * FROM topn('{"a": 5}', 1001);
SELECT * FROM topn('{"a": 5}', -1);

-- the bytes of the jsonb are PostgreSQL's own: counts of every length, more entries than one stride
CREATE FUNCTION same_bytes(j jsonb) RETURNS boolean LANGUAGE sql AS $$
  SELECT jsonb_send(j) = jsonb_send(p) AND pg_column_size(j) = pg_column_size(p) AND j = p
  FROM (SELECT j::text::jsonb AS p) x $$;
SELECT count(*) FILTER (WHERE same_bytes(topn_union(jsonb_build_object('k' || n, c), '{}'))) AS same, count(*)
FROM (SELECT n, (10::numeric ^ n)::bigint + d AS c FROM generate_series(0, 18) n, unnest(ARRAY[-1, 0, 1]) d) x;
SELECT topn_union('{"zero": 0, "max": 9223372036854775807, "e": 10000, "f": 99990000}', '{}');
CREATE TABLE keys AS SELECT repeat(chr(97 + i % 26), i % 40) || i AS k, i FROM generate_series(1, 900) i;
SELECT same_bytes(topn_add_agg(k)), topn_add_agg(k) = (SELECT jsonb_object_agg(k, 1) FROM keys) AS equal FROM keys;
SELECT (SELECT topn_union_agg(j) FROM (SELECT topn_add_agg(k) j FROM keys GROUP BY i % 10) x) = (SELECT topn_add_agg(k) FROM keys) AS union_equals_adding;
DROP TABLE keys;

-- keys are clipped to 255 bytes at a character boundary
SELECT octet_length(item), length(item) FROM topn((SELECT topn_add_agg(repeat('x', 300))), 1);
SELECT octet_length(item), length(item) FROM topn((SELECT topn_add_agg(repeat('ü', 300))), 1);
SELECT topn_add_agg(x) FROM (VALUES (''), ('"'), (E'\\'), (E'\n')) v (x);

-- beyond the capacity: what occurs more often than n / N is there, and no count is off by more
SET topn.number_of_counters = 100;
CREATE TABLE skewed AS SELECT (1000 / (1 + i % 997))::text AS k FROM generate_series(1, 200000) i;
INSERT INTO skewed SELECT 'rare' || i FROM generate_series(1, 20000) i;
CREATE TABLE truth AS SELECT k, count(*) AS f FROM skewed GROUP BY k;
CREATE FUNCTION check_bound(summary jsonb) RETURNS TABLE (size bigint, missing bigint, too_low bigint, too_high bigint) LANGUAGE sql AS $$
  SELECT (SELECT count(*) FROM jsonb_object_keys(summary)),
         count(*) FILTER (WHERE c IS NULL AND f > n / 100),
         count(*) FILTER (WHERE c < f),
         count(*) FILTER (WHERE c > f + n / 100)
  FROM (SELECT f, (summary ->> k)::bigint c, sum(f) OVER () AS n FROM truth) x $$;
SELECT * FROM check_bound((SELECT topn_add_agg(k) FROM skewed));
SELECT * FROM check_bound((SELECT topn_union_agg(j) FROM (SELECT topn_add_agg(k) j FROM (SELECT k, row_number() OVER () % 13 g FROM skewed) x GROUP BY g) y));
DROP TABLE skewed, truth;
RESET topn.number_of_counters;
SET topn.number_of_counters = 0;
SET topn.number_of_counters = 14913081;

-- counts stop at the largest bigint
SELECT topn_union('{"a": 9223372036854775807}', '{"a": 1}');
SELECT topn_union_agg(j) FROM (VALUES ('{"a": 9223372036854775807}'::jsonb), ('{"a": 9223372036854775807}')) v (j);

SET millrace.enable_vector_agg = off;
-- parallel
CREATE TABLE many AS SELECT i, i % 7 AS g FROM generate_series(1, 100000) i;
ANALYZE many;
CREATE TABLE serial_result AS SELECT g, topn_add_agg((i % 900)::text) t FROM many GROUP BY g;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT g, topn_add_agg((i % 900)::text) t FROM many GROUP BY g;
SELECT count(*) AS differing FROM (SELECT g, topn_add_agg((i % 900)::text) t FROM many GROUP BY g) p JOIN serial_result r USING (g) WHERE p.t <> r.t;
RESET ALL;
DROP TABLE many, serial_result;

-- forged values: each an error, SQLSTATE 22023
CREATE FUNCTION outcome(j jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  detail text;
BEGIN
  RETURN topn_union(j, '{}');
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  RETURN SQLSTATE || ' ' || SQLERRM || ': ' || detail;
END $$;
SELECT left(j::text, 30) AS value, outcome(j)
FROM unnest(ARRAY['{"a": {"b": 1}}', '{"a": [1]}', '[1, 2]', '"a"', '1', 'null', '{"a": "1"}', '{"a": null}', '{"a": true}', '{"a": 1.5}',
                  '{"a": -1}', '{"a": 1e40}', '{"a": 9223372036854775808}', '{"a": 18446744073709551617}', '{"a": 99999999999999999999}',
                  '{"a": 5.0}', '{"a": 0}', '{"a": 1e3}']::jsonb[]) WITH ORDINALITY v (j, n) ORDER BY n;
SELECT outcome(jsonb_build_object(repeat('x', 256), 1)), outcome(jsonb_build_object(repeat('x', 255), 1)) LIKE '{"xxx%' AS longest;
SELECT topn_union_agg(j) FROM (VALUES ('{"a": {"b": 1}}'::jsonb)) v (j);
SELECT * FROM topn('{"a": "b"}', 3);
SELECT topn_add('[]', 'a');

-- the setting is known before a function is called, and reaches parallel workers
\c
SET topn.number_of_counters = 0;
SHOW topn.number_of_counters;
CREATE TABLE items AS SELECT i % 50000 AS item FROM generate_series(1, 60000) i;
ANALYZE items;
SET topn.number_of_counters = 60000;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT topn_add_agg(item::text) FROM items;
SELECT count(*), sum(value::int) FROM (SELECT (jsonb_each_text(topn_add_agg(item::text))).value FROM items) x;
SET millrace.enable_vector_agg = off;
EXPLAIN (COSTS OFF) SELECT topn_add_agg(item::text) FROM items;
SELECT count(*), sum(value::int) FROM (SELECT (jsonb_each_text(topn_add_agg(item::text))).value FROM items) x;
DROP TABLE items;
