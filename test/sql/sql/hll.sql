-- The SQL surface of hll, with values that the published extension gives.
CREATE EXTENSION hll;

SELECT hll_empty(), hll_empty(12), hll_empty(12, 6), hll_empty(12, 6, 64), hll_empty(12, 6, 0, 0);
SELECT hll_hash_boolean(true), hll_hash_smallint(1::smallint), hll_hash_integer(1), hll_hash_bigint(1),
       hll_hash_bytea('\x01'), hll_hash_text('abc'), hll_hash_bigint(0);
SELECT hll_hash_bigint(1, 7), hll_hash_text('abc', 7), hll_hash_integer(1, 7);
SELECT hll_hash_bigint(1, -5);
SELECT hll_hash_any(1) = hll_hash_integer(1) AS int4, hll_hash_any(1::bigint) = hll_hash_bigint(1) AS int8,
       hll_hash_any(1::smallint) = hll_hash_smallint(1::smallint) AS int2,
       hll_hash_any(true) = hll_hash_boolean(true) AS bool,
       hll_hash_any('abc'::text) = hll_hash_text('abc') AS text,
       hll_hash_any('abc'::text, 7) = hll_hash_text('abc', 7) AS seeded;
-- fixed lengths that are no integer, by reference, and cstring
SELECT hll_hash_any('00000000-0000-0000-0000-000000000001'::uuid) = hll_hash_bytea('\x00000000000000000000000000000001') AS uuid,
       hll_hash_any('08:00:2b:01:02:03:04:05'::macaddr8) = hll_hash_bytea('\x08002b0102030405') AS macaddr8,
       hll_hash_any('abc'::cstring) = hll_hash_text('abc') AS cstring,
       hll_hash_any(interval '1 day') = hll_hash_any(interval '1 day') AS interval;

-- the values of the documentation of the format
SELECT hll_cardinality(s), md5(hll_send(s)) FROM (SELECT hll_add_agg(hll_hash_bigint(i)) s FROM generate_series(1, 1000) i) x;
SELECT hll_cardinality(s), md5(hll_send(s)) FROM (SELECT hll_add_agg(hll_hash_bigint(i)) s FROM generate_series(1, 100000) i) x;

-- add, union, operators
SELECT hll_add(hll_empty(), hll_hash_bigint(1)), hll_add_rev(hll_hash_bigint(1), hll_empty()) = hll_empty() || hll_hash_bigint(1) AS same;
SELECT #(hll_empty() || hll_hash_integer(1) || hll_hash_integer(2) || hll_hash_integer(1));
SELECT hll_hash_integer(3) || hll_empty() = hll_add(hll_empty(), hll_hash_integer(3)) AS reversed;
SELECT hll_cardinality(a || b), a = b AS eq, a <> b AS ne, hll_eq(a, a), hll_ne(a, a), hll_union(a, b) = hll_union(b, a) AS commutes
FROM (SELECT hll_add_agg(hll_hash_integer(i)) FILTER (WHERE i <= 100) a, hll_add_agg(hll_hash_integer(i)) FILTER (WHERE i > 50) b
      FROM generate_series(1, 150) i) x;
-- 80 and 81 values make 161: the union of two explicit values is promoted
SELECT hll_type(a), hll_type(b), hll_type(a || b), (a || b) = c AS as_if_added
FROM (SELECT hll_add_agg(hll_hash_integer(i)) FILTER (WHERE i <= 80) a, hll_add_agg(hll_hash_integer(i)) FILTER (WHERE i > 80) b,
             hll_add_agg(hll_hash_integer(i)) c
      FROM generate_series(1, 161) i) x;

-- accessors
SELECT hll_schema_version(s), hll_type(s), hll_log2m(s), hll_regwidth(s), (hll_expthresh(s)).*, hll_sparseon(s)
FROM (VALUES (hll_empty()), (hll_empty(12, 6, 64, 0))) x (s);
SELECT hll_print(hll_empty());
SELECT hll_print(hll_empty() || hll_hash_bigint(1) || hll_hash_bigint(2));
SELECT hll_print(hll_empty(5, 5, 0) || 33::hll_hashval || 96::hll_hashval);
SELECT hll_print('\x108b7f'), hll_cardinality('\x108b7f'), hll_type('\x108b7f' || hll_hash_bigint(1));

-- aggregates
SELECT hll_add_agg(hll_hash_bigint(1)) IS NULL AS no_rows FROM generate_series(1, 0);
SELECT hll_add_agg(NULL) AS only_nulls FROM generate_series(1, 3);
SELECT hll_union_agg(NULL) IS NULL AS only_nulls FROM generate_series(1, 3);
SELECT hll_add_agg(h, 12), hll_add_agg(h, 12, 6), hll_add_agg(h, 12, 6, 0), octet_length(hll_add_agg(h, 12, 6, 0, 0)::bytea) AS full_length
FROM (SELECT hll_hash_bigint(1) h) x;
SELECT hll_add_agg(hll_hash_integer(i), 10 + i) FROM generate_series(1, 2) i;
SELECT hll_add_agg(hll_hash_integer(1), NULL);
SELECT hll_union_agg(s) FROM (VALUES (hll_empty(11)), (hll_empty(12))) x (s);
SELECT hll_union_agg(s) = hll_add_agg(h) AS same_as_adding
FROM (SELECT hll_hash_integer(i) h, hll_empty() || hll_hash_integer(i) s FROM generate_series(1, 3000) i) x;
SELECT hll_union_agg(s) FROM (VALUES ('\x108b7f'::hll), (hll_empty() || hll_hash_bigint(1))) x (s);
-- as a window: the final function runs again and again
SELECT i, #hll_add_agg(hll_hash_integer(i % 3)) OVER (ORDER BY i) FROM generate_series(1, 5) i;

-- parameters of the session, undone by a rollback
BEGIN;
SELECT hll_set_defaults(12, 6, 64, 0);
SELECT hll_empty(), hll_add_agg(hll_hash_bigint(1)) FROM generate_series(1, 1);
ROLLBACK;
SELECT hll_empty();
SELECT hll_set_defaults(11, 5, 3, 1);
SELECT hll_set_defaults(18, 5, -1, 1);
SELECT hll_set_max_sparse(0), hll_set_output_version(1);
SELECT hll_type(hll_add_agg(hll_hash_integer(i))) FROM generate_series(1, 161) i;
SELECT hll_set_max_sparse(-1);
SELECT hll_type(hll_add_agg(hll_hash_integer(i))) FROM generate_series(1, 161) i;
SELECT hll_set_max_sparse(-2);
SELECT hll_set_output_version(2);

-- type modifiers
CREATE TABLE typed (id int, s hll(12, 5, -1, 1));
\d typed
INSERT INTO typed VALUES (1, hll_empty(12)), (2, '\x118c7f');
INSERT INTO typed VALUES (3, hll_empty(11));
INSERT INTO typed VALUES (3, '\x118b7f');
SELECT * FROM typed ORDER BY id;
COPY typed FROM stdin;
4	\\x118b7f
\.
CREATE TABLE bad (s hll(18));
CREATE TABLE bad (s hll(11, 8));
CREATE TABLE bad (s hll(11, 5, 3));
CREATE TABLE bad (s hll(11, 5, -1, 2));
CREATE TABLE bad (s hll(11, 5, -1, 1, 1));
CREATE TABLE bad (s hll(x));
DROP TABLE typed;

-- casts
SELECT '\x118b7f'::bytea::hll, hll_empty()::bytea, 5::hll_hashval = 5::bigint::hll_hashval AS eq, 5::hll_hashval <> 6::hll_hashval AS ne;

SET millrace.enable_vector_agg = off;
-- parallel: partial states of every kind meet
CREATE TABLE many AS SELECT i, i % 7 AS g FROM generate_series(1, 200000) i;
ANALYZE many;
CREATE TABLE serial_result AS
  SELECT g, hll_add_agg(hll_hash_integer(i)) s, hll_add_agg(hll_hash_integer(i)) FILTER (WHERE i < 500) few FROM many GROUP BY g;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF)
  SELECT g, hll_add_agg(hll_hash_integer(i)) s, hll_add_agg(hll_hash_integer(i)) FILTER (WHERE i < 500) few FROM many GROUP BY g;
SELECT count(*) AS differing FROM
  (SELECT g, hll_add_agg(hll_hash_integer(i)) s, hll_add_agg(hll_hash_integer(i)) FILTER (WHERE i < 500) few FROM many GROUP BY g) p
  JOIN serial_result r USING (g) WHERE p.s <> r.s OR p.few <> r.few;
RESET ALL;
DROP TABLE many, serial_result;

-- explicit thresholds that no sketch is made with any more, as text, binary and bytea, and in each function
SELECT '\x138b4f0061'::hll;
SELECT hll_cardinality('\x138b4f0061'::bytea::hll), left(hll_print('\x138b4f0061')::text, 70);
SELECT (hll_expthresh('\x118b7e')).*, hll_add('\x118b7e', hll_hash_integer(1)), hll_union('\x118b60', '\x128b600000000000000001');
CREATE TEMP TABLE thresholds (s hll);
\copy (SELECT '\x138b4f0061'::bytea) TO 'thresholds.bin' (FORMAT binary)
\copy thresholds FROM 'thresholds.bin' (FORMAT binary)
SELECT s, (hll_expthresh(s)).*, (SELECT hll_union_agg(s) FROM thresholds) = s AS own_union FROM thresholds;
SELECT hll_empty(11, 5, 16384);
-- what does not fit is named with both values
SELECT hll_union(hll_empty(11, 5, -1, 1), hll_empty(10, 5, -1, 1));
SELECT hll_union(hll_empty(11, 5, -1, 1), hll_empty(11, 4, -1, 1));
SELECT hll_union(hll_empty(11, 5, -1, 1), hll_empty(11, 5, 16, 1));
SELECT hll_union(hll_empty(11, 5, 16, 1), '\x118b7e');
SELECT hll_union(hll_empty(11, 5, -1, 1), hll_empty(11, 5, -1, 0));
SELECT hll_empty(12)::hll(11);
