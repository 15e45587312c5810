-- Types that look like others: domains, and casts that leave the bits as they are. The function same is vector_agg's.
LOAD 'millrace';
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;

-- domains over every type that is read, and domains over domains
CREATE DOMAIN d_real AS real;
CREATE DOMAIN d_real_twice AS d_real CHECK (VALUE < 1e30);
CREATE DOMAIN d_double AS float8;
CREATE DOMAIN d_small AS smallint;
CREATE DOMAIN d_int AS int;
CREATE DOMAIN d_int_twice AS d_int CHECK (VALUE <> 77);
CREATE DOMAIN d_big AS bigint;
CREATE DOMAIN d_bool AS boolean;
CREATE DOMAIN d_date AS date;
CREATE DOMAIN d_time AS timestamp;
CREATE DOMAIN d_zoned AS timestamptz NOT NULL;
CREATE DOMAIN d_text AS text;
CREATE DOMAIN d_varchar AS varchar(20);
CREATE DOMAIN d_text_twice AS d_text;
CREATE DOMAIN d_uuid AS uuid;
CREATE DOMAIN d_bytea AS bytea;
CREATE DOMAIN d_hll AS hll;
CREATE DOMAIN d_hash AS hll_hashval;
CREATE DOMAIN d_jsonb AS jsonb;
CREATE TABLE d (k int, r d_real, rr d_real_twice, f d_double, s d_small, i d_int, ii d_int_twice, b d_big, o d_bool, da d_date, ti d_time, zo d_zoned,
  te d_text, tt d_text_twice, va d_varchar, u d_uuid, y d_bytea, h d_hll, ha d_hash, j d_jsonb);
INSERT INTO d SELECT n % 5, -n / 7.0, n / 3.0, n / 9.0, n % 300 - 150, n * 7919 % 1000 - 500, -(n % 70), n * 1000000007::bigint, n % 2 = 0, date '2026-01-01' + n % 9,
  timestamp '2026-01-01' - n * interval '1 hour', timestamptz '2026-01-01' + n * interval '1 min', 'text ' || n % 30, 'twice ' || n % 20, 'v' || n % 11, md5((n % 13)::text)::uuid,
  decode(md5((n % 17)::text), 'hex'), hll_add(hll_empty(), hll_hash_integer(n)), hll_hash_integer(n), jsonb_build_object(n % 10, 1) FROM generate_series(1, 3000) n;
INSERT INTO d (k, zo) VALUES (1, '2026-01-01');
ANALYZE d;
SELECT same('SELECT k, sum(r), avg(r), min(r), max(r), count(r), sum(rr), min(rr), sum(f), avg(f), max(f) FROM d GROUP BY k');
SELECT same('SELECT k, sum(s), avg(s), min(s), sum(i), avg(i), max(i), sum(ii), min(ii), sum(b), avg(b), min(b), max(b) FROM d GROUP BY k');
SELECT same('SELECT k, count(o), min(da), max(ti), min(zo), max(zo), count(te), count(va), count(u), count(y), count(ii) FROM d GROUP BY k');
SELECT same('SELECT k, hll_add_agg(hll_hash_smallint(s)), hll_add_agg(hll_hash_integer(i)), hll_add_agg(hll_hash_integer(ii)), hll_add_agg(hll_hash_bigint(b)), hll_add_agg(hll_hash_boolean(o)) FROM d GROUP BY k');
SELECT same('SELECT k, hll_add_agg(hll_hash_text(te)), hll_add_agg(hll_hash_text(tt)), hll_add_agg(hll_hash_text(va)), hll_add_agg(hll_hash_bytea(y)), hll_add_agg(ha) FROM d GROUP BY k');
SELECT same('SELECT k, hll_add_agg(hll_hash_any(s)), hll_add_agg(hll_hash_any(ii)), hll_add_agg(hll_hash_any(b)), hll_add_agg(hll_hash_any(o)), hll_add_agg(hll_hash_any(da)), hll_add_agg(hll_hash_any(zo)), hll_add_agg(hll_hash_any(tt)), hll_add_agg(hll_hash_any(u)), hll_add_agg(hll_hash_any(y)) FROM d GROUP BY k');
SELECT same('SELECT k, hll_add_agg(hll_hash_any(r)), hll_add_agg(hll_hash_any(f)), hll_add_agg(hll_hash_any(j)) FROM d GROUP BY k');
SELECT same('SELECT k, topn_add_agg(te), topn_add_agg(tt), topn_add_agg(va), topn_add_agg(i::text), topn_add_agg(ii::text), topn_add_agg(b::text) FROM d GROUP BY k');
SELECT same('SELECT k, hll_union_agg(h), topn_union_agg(j) FROM d WHERE h IS NOT NULL GROUP BY k');
SELECT same('SELECT s, count(*) FROM d GROUP BY s');
SELECT same('SELECT ii, o, da, count(*) FROM d GROUP BY 1, 2, 3');
SELECT same('SELECT b, ti, u, count(*) FROM d GROUP BY 1, 2, 3');
SELECT same('SELECT zo, te, count(*) FROM d GROUP BY 1, 2');
SELECT same('SELECT tt, va, sum(ii) FROM d GROUP BY 1, 2');
SELECT same('SELECT DISTINCT te, va, o FROM d');
SELECT same('SELECT date_trunc(''hour'', zo), date_bin(''7 min'', ti, ''2001-01-01''), count(*), sum(r) FROM d GROUP BY 1, 2');
SELECT same('SELECT k, sum(i) FROM d WHERE ii > -20 AND b > 5 AND da <= ''2026-01-05'' AND zo > ''2026-01-01'' GROUP BY k');
SELECT same('SELECT te::text, va::text, ii::int, count(*) FROM d GROUP BY 1, 2, 3');
SET work_mem = '64kB';
SELECT same('SELECT te, u, ii, sum(r), count(y), hll_add_agg(hll_hash_text(tt)), topn_add_agg(va) FROM d GROUP BY te, u, ii');
RESET work_mem;
INSERT INTO d (k, zo) SELECT 2, '2026-01-01' FROM generate_series(1, 3);
CREATE TABLE into_domains (te d_text, ii d_int_twice, n bigint);
INSERT INTO into_domains SELECT te, ii, count(*) FROM d GROUP BY te, ii;
SELECT same('SELECT te, ii, sum(n) FROM into_domains GROUP BY 1, 2');

-- whole rows, columns of the system, generated and dropped ones
CREATE TABLE odd (k int, gone text, n int, twice int GENERATED ALWAYS AS (n * 2) STORED);
INSERT INTO odd (k, gone, n) SELECT i % 3, 'gone', i FROM generate_series(1, 500) i;
ALTER TABLE odd DROP gone;
ALTER TABLE odd ADD late bigint GENERATED ALWAYS AS (n::bigint * 3) STORED, ADD plain int DEFAULT 7;
SELECT same('SELECT k, count(odd), count(odd.*), sum(twice), sum(late), sum(plain), count(tableoid), count(ctid), count(xmin) FROM odd GROUP BY k');
SELECT same('SELECT tableoid, twice % 5, count(*) FROM odd GROUP BY 1, 2');
SELECT same('SELECT k, sum(twice) FROM odd WHERE tableoid = ''odd''::regclass AND ctid > ''(0,5)'' GROUP BY k');
SELECT same('SELECT k, late, sum(plain) FROM odd WHERE twice > 100 AND late < 900 GROUP BY k, late');
DROP TABLE odd;

-- an oid is no integer, though the cast costs nothing
CREATE TABLE o (k int, x oid, c "char", r regclass);
INSERT INTO o SELECT i % 3, (2147483000::bigint + i)::oid, (65 + i % 20)::"char", 'pg_class' FROM generate_series(1, 2000) i;
ANALYZE o;
SELECT same('SELECT k, sum(x::int4), min(x::int4), max(x::int4), avg(x::int4), count(x::int4) FROM o GROUP BY k');
SELECT same('SELECT k, hll_add_agg(hll_hash_integer(x::int4)), hll_add_agg(hll_hash_any(x::int4)), topn_add_agg(x::int4::text) FROM o GROUP BY k');
SELECT same('SELECT sum(y::int4), hll_add_agg(hll_hash_integer(y::int4)), hll_add_agg(hll_hash_integer(r::int4)) FROM (SELECT (x::bigint + 1)::oid AS y, r FROM o OFFSET 0) z');
SELECT same('SELECT x::int4, count(*) FROM o GROUP BY 1');
SELECT same('SELECT y::int4, count(*) FROM (SELECT (x::bigint + 1)::oid AS y FROM o OFFSET 0) z GROUP BY 1');
SELECT same('SELECT r::int4, c::text, count(*) FROM o GROUP BY 1, 2');
SELECT sum(y::int4) FROM (SELECT 4294967295::oid AS y FROM o OFFSET 0) z;

-- types of somebody's own whose casts do nothing
CREATE TYPE worded;
CREATE FUNCTION worded_in(cstring) RETURNS worded AS 'textin' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION worded_out(worded) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE worded (INPUT = worded_in, OUTPUT = worded_out, LIKE = text);
CREATE CAST (worded AS text) WITHOUT FUNCTION;
CREATE CAST (text AS worded) WITHOUT FUNCTION;
CREATE TYPE number;
CREATE FUNCTION number_in(cstring) RETURNS number AS 'int8in' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION number_out(number) RETURNS cstring AS 'timestamptz_out' LANGUAGE internal STABLE STRICT;
CREATE TYPE number (INPUT = number_in, OUTPUT = number_out, LIKE = bigint);
CREATE CAST (number AS bigint) WITHOUT FUNCTION;
CREATE CAST (bigint AS number) WITHOUT FUNCTION;
CREATE CAST (number AS timestamptz) WITHOUT FUNCTION;
CREATE CAST (date AS int) WITHOUT FUNCTION;
CREATE CAST (int AS date) WITHOUT FUNCTION;
CREATE TYPE short;
CREATE FUNCTION short_in(cstring) RETURNS short AS 'int4in' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION short_out(short) RETURNS cstring AS 'int4out' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE short (INPUT = short_in, OUTPUT = short_out, INTERNALLENGTH = 4, PASSEDBYVALUE, ALIGNMENT = int4);
CREATE CAST (short AS int) WITHOUT FUNCTION;
CREATE TABLE own (k int, w worded, n number, da date, i int, b bigint, t text, s short, f float4);
INSERT INTO own SELECT i % 4, ('w' || i % 9)::text::worded, (i * 1000000)::bigint::number, date '2026-01-01' + i % 40, i % 50, i, 't' || i % 8, (i % 60)::text::short, i / 3.0 FROM generate_series(1, 2000) i;
ANALYZE own;
SELECT same('SELECT k, hll_add_agg(hll_hash_text(w::text)), topn_add_agg(w::text), count(w), count(w::text) FROM own GROUP BY k');
SELECT same('SELECT k, sum(n::bigint), min(n::bigint), count(n), hll_add_agg(hll_hash_bigint(n::bigint)), hll_add_agg(hll_hash_any(n)), topn_add_agg(n::text), topn_add_agg((b::number)::text), max(n::timestamptz) FROM own GROUP BY k');
SELECT same('SELECT k, sum(da::int), avg(da::int), hll_add_agg(hll_hash_integer(da::int)), topn_add_agg(da::int::text), topn_add_agg(i::date::text), min(i::date) FROM own GROUP BY k');
SELECT same('SELECT k, sum(s::int), sum(f::int), hll_add_agg(hll_hash_integer(f::int)), hll_add_agg(hll_hash_any(s)), hll_add_agg(hll_hash_any(t::worded)) FROM own GROUP BY k');
SELECT same('SELECT w::text, da::int, i::date, count(*) FROM own GROUP BY 1, 2, 3');
SELECT same('SELECT n::bigint, s::int, f::int, count(*) FROM own GROUP BY 1, 2, 3');
SELECT same('SELECT date_trunc(''hour'', n::timestamptz), count(*) FROM own GROUP BY 1');
SELECT same('SELECT k, count(*) FROM own WHERE da::int > 5 AND n::bigint > 70 AND s::int < 40 GROUP BY k');
SELECT same('SELECT k, hll_union_agg(y), topn_union_agg(j) FROM (SELECT k, hll_add(hll_empty(), hll_hash_integer(i))::bytea::hll AS y, jsonb_build_object(t, 1) j FROM own OFFSET 0) x GROUP BY k');

-- zeros and NaN: the last of equals, as float8smaller and float8larger have it
CREATE TABLE zeros (k int, d float8, s float4);
INSERT INTO zeros VALUES (1, 0, 0), (1, '-0', '-0'), (2, '-0', '-0'), (2, 0, 0), (3, 'NaN', 'NaN'), (3, 'NaN', 'NaN'), (3, 1, 1), (4, NULL, '-0'), (4, '-0', NULL);
SELECT same('SELECT k, min(d), max(d), min(s), max(s) FROM zeros GROUP BY k');
SELECT k, min(d), max(d), min(s), max(s) FROM zeros GROUP BY k ORDER BY k;
SET millrace.enable_vector_agg = off;
SELECT k, min(d), max(d), min(s), max(s) FROM zeros GROUP BY k ORDER BY k;
RESET millrace.enable_vector_agg;

DROP TABLE d, into_domains, o, own, zeros;
DROP DOMAIN d_real_twice, d_real, d_double, d_small, d_int_twice, d_int, d_big, d_bool, d_date, d_time, d_zoned, d_text_twice, d_text, d_varchar, d_uuid, d_bytea, d_hll, d_hash, d_jsonb;
DROP CAST (date AS int);
DROP CAST (int AS date);
DROP TYPE worded, number, short CASCADE;
