-- millrace.summarize: smaller rollups over a rollup, from which questions to it are answered.
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA shop;
SET search_path = shop, public;
CREATE TABLE sales (id bigserial, at timestamptz NOT NULL, customer int, country text, "Kind" text, price numeric, device bigint, paid boolean);
-- 48 hours; 40 customers, of whom each country has some; one country is NULL.
INSERT INTO sales (at, customer, country, "Kind", price, device, paid)
SELECT timestamptz '2026-01-01' + (i % 48) * interval '1 hour', i / 48 % 40, CASE i / 48 % 5 WHEN 0 THEN NULL ELSE 'country ' || i / 48 % 5 END,
  CASE i / 1920 % 3 WHEN 0 THEN 'view' WHEN 1 THEN 'buy' ELSE 'return' END, i % 100, i % 1000, i % 7 <> 0
FROM generate_series(0, 11519) i;
SELECT millrace.create_rollup('sales_1hr', $$
  SELECT customer, country, "Kind", date_trunc('hour', at, 'UTC') AS hour, count(*) AS n, count(*) FILTER (WHERE paid) AS "Paid", sum(price) AS revenue,
    avg(price) AS price, min(price) AS least, max(at) AS latest, bool_and(paid) AS all_paid, bool_or(paid) AS any_paid,
    hll_add_agg(hll_hash_bigint(device)) AS devices, topn_add_agg(device::text) AS top
  FROM sales GROUP BY 1, 2, 3, 4 $$, refresh_interval => '10 minutes');
SELECT millrace.pause_rollup('sales_1hr');
ALTER TABLE sales_1hr SET (autovacuum_enabled = off);
-- A table is analyzed if it never was. Nothing is declared yet; the budget is a tenth of the rows.
SET client_min_messages = notice;
SELECT summary, keys, state, reason, rows, round(share::numeric, 4) AS share, refresh_rows, refresh_ms, calls, total_ms, source
FROM millrace.summarize('sales_1hr', declare => false);
SET client_min_messages = warning;
SELECT count(*) FROM millrace.rollup;
SELECT query FROM millrace.summarize('sales_1hr', declare => false) \g (format=unaligned tuples_only=on)
-- Within a budget. The total is made from the smallest that was declared before.
SELECT summary, state, rows, refresh_rows, refresh_ms >= 0 AS measured, source FROM millrace.summarize('sales_1hr', 700);
SELECT relation, parent FROM millrace.rollup ORDER BY relation::text COLLATE "C";
-- They have what the rollup has.
CREATE FUNCTION differs(summary text, keys text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  n bigint;
BEGIN
  EXECUTE format('WITH a AS (SELECT %1$s, sum(n) AS n, sum("Paid") AS paid, sum(revenue) AS revenue, sum(price_sum) AS price_sum, sum(price_count) AS price_count, min(least) AS least,
      max(latest) AS latest, bool_and(all_paid) AS all_paid, bool_or(any_paid) AS any_paid, hll_union_agg(devices)::text AS devices FROM sales_1hr GROUP BY %1$s),
    b AS (SELECT %1$s, n, "Paid", revenue, price_sum, price_count, least, latest, all_paid, any_paid, devices::text FROM %2$s)
    SELECT count(*) FROM ((TABLE a EXCEPT ALL TABLE b) UNION ALL (TABLE b EXCEPT ALL TABLE a)) d', keys, summary) INTO n;
  RETURN n;
END $$;
SET millrace.enable_rewrite = off;
SELECT differs('sales_1hr_total', 'hour') AS total, differs('"sales_1hr_by_Kind"', '"Kind", hour') AS by_kind, differs('sales_1hr_by_country', 'country, hour') AS by_country;
RESET millrace.enable_rewrite;
-- A second call declares nothing. A larger budget declares the rest.
SELECT summary, state, rows, query FROM millrace.summarize('sales_1hr', 700) WHERE state <> 'over budget';
SELECT summary, state FROM millrace.summarize('sales_1hr', 3000);
SELECT summary, state FROM millrace.summarize('sales_1hr', 3000);
-- Questions are answered from them.
CREATE FUNCTION answered_by(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
  RETURN (SELECT string_agg(DISTINCT t #>> '{}', ', ') FROM jsonb_path_query(plan::jsonb, '$.**."Relation Name"') t);
END $$;
SELECT millrace.resume_rollup('sales_1hr');
SELECT q, answered_by(q) FROM unnest(ARRAY[
  'SELECT sum(n), min(least) FROM sales_1hr',
  'SELECT hour, sum(n), sum(price_sum) / sum(price_count) FROM sales_1hr GROUP BY 1',
  'SELECT country, sum(revenue) FROM sales_1hr GROUP BY 1',
  'SELECT date_trunc(''day'', hour, ''UTC''), hll_cardinality(hll_union_agg(devices)) FROM sales_1hr WHERE "Kind" = ''buy'' GROUP BY 1',
  'SELECT max(latest) FROM sales_1hr WHERE customer = 7',
  'SELECT sum(n) FROM sales_1hr WHERE customer = 7 AND country IS NULL']) q;
-- They move with it.
SELECT millrace.pause_rollup('sales_1hr');
INSERT INTO sales (at, customer, country, "Kind", price, device, paid) SELECT timestamptz '2026-01-03 12:00', i, 'new', 'buy', 1, i, true FROM generate_series(1, 50) i;
SELECT millrace.refresh_rollup('sales_1hr') > 0 AS moved;
SET millrace.enable_rewrite = off;
SELECT differs('sales_1hr_total', 'hour') AS total, differs('sales_1hr_by_country', 'country, hour') AS by_country, differs('sales_1hr_by_customer', 'customer, hour') AS by_customer;
RESET millrace.enable_rewrite;
SELECT count(*) FROM millrace.verify_rollup('sales_1hr_total');

-- What turns out to have more rows than its budget is undone, and leaves nothing behind; another takes its place.
SELECT millrace.create_rollup('wrong', $$
  SELECT customer, "Kind", date_trunc('hour', at, 'UTC') AS hour, count(*) AS n FROM sales GROUP BY 1, 2, 3 $$, refresh_interval => '1 day');
SELECT millrace.pause_rollup('wrong');
ALTER TABLE wrong SET (autovacuum_enabled = off);
ALTER TABLE wrong ALTER customer SET (n_distinct = 2);
ALTER TABLE wrong ALTER customer SET STATISTICS 1;
ANALYZE wrong;
SELECT summary, state, rows > 1000 AS many FROM millrace.summarize('wrong', 250);
SELECT relname FROM pg_class WHERE relname ~ '^wrong' AND relkind IN ('r', 'v') ORDER BY relname COLLATE "C";
SELECT summary, state FROM millrace.summarize('wrong', 250);
SELECT millrace.drop_rollup('sales_1hr_total');

-- Names: those that are taken, those that are long, those with capital letters and quotes.
CREATE TABLE sales_1hr_total (x int);
CREATE TYPE sales_1hr_total_2 AS ENUM ('a');
CREATE VIEW sales_1hr_total_3_live AS SELECT 1;
SELECT summary FROM millrace.summarize('sales_1hr', declare => false) WHERE reason = 'total';
SELECT millrace.create_rollup('"Quoted ""name"" with äöü and more that is long ende"', $$
  SELECT customer AS "a ""very"" long name of a key, ö, that goes on for ever", country AS c, date_trunc('hour', at, 'UTC') AS "The hour", count(*) AS "n n"
  FROM sales GROUP BY 1, 2, 3 $$);
SELECT summary, state FROM millrace.summarize('"Quoted ""name"" with äöü and more that is long ende"', 100000);
SELECT max(octet_length(relname)) FROM pg_class WHERE relname LIKE 'Quoted%';
SELECT summary, state FROM millrace.summarize('"Quoted ""name"" with äöü and more that is long ende"', 100000);

-- A rollup over it that lacks a measure, or leaves out rows, is no summary. One with other names is, and others are made from it.
SELECT millrace.create_rollup('own', $$
  SELECT customer, country, "Kind", date_trunc('hour', at, 'UTC') AS hour, count(*) AS n, sum(price) AS revenue FROM sales GROUP BY 1, 2, 3, 4 $$);
SELECT millrace.create_rollup('own_few', 'SELECT hour, sum(n)::bigint AS n FROM own GROUP BY 1');
SELECT millrace.create_rollup('own_some', $$ SELECT hour, sum(n)::bigint AS n, sum(revenue) AS revenue FROM own WHERE country <> 'new' GROUP BY 1 $$);
SELECT millrace.create_rollup('own_paid', $$ SELECT country, hour, sum(n) FILTER (WHERE "Kind" = 'buy')::bigint AS n, sum(revenue) AS revenue FROM own GROUP BY 1, 2 $$);
SELECT millrace.create_rollup('own_day', $$ SELECT country, date_trunc('day', hour, 'UTC') AS hour, sum(n)::bigint AS n, sum(revenue) AS revenue FROM own GROUP BY 1, 2 $$);
SELECT millrace.create_rollup('own_both', $$ SELECT "Kind", date_trunc('day', hour, 'UTC') AS day, hour, sum(n)::bigint AS n, sum(revenue) AS revenue FROM own GROUP BY 1, 2, 3 $$);
SELECT millrace.create_rollup('own_named', $$ SELECT hour AS h, "Kind" AS what, sum(n)::bigint AS "Number", sum(revenue) AS "Money" FROM own GROUP BY 1, 2 $$);
ANALYZE own, own_few, own_some, own_paid, own_day, own_both, own_named;
SELECT summary, keys, state, source, query FROM millrace.summarize('own', 400);
SELECT summary, state FROM millrace.summarize('own', 400);
-- Of a rollup over a rollup; of one without a bucket; of one that has nothing to leave out; keys whose equal values may look different.
SELECT summary, keys, state, reason FROM millrace.summarize('own_day', 10);
SELECT millrace.create_rollup('timeless', $$ SELECT customer, country, "Kind", count(*) AS n FROM sales GROUP BY 1, 2, 3 $$);
SELECT summary, keys, state, refresh_rows, refresh_ms FROM millrace.summarize('timeless', 20);
SET client_min_messages = notice;
SELECT * FROM millrace.summarize('own_few');
SET client_min_messages = warning;
SELECT millrace.create_rollup('priced', $$ SELECT price, "Kind", date_trunc('hour', at, 'UTC') AS hour, count(*) AS n FROM sales GROUP BY 1, 2, 3 $$);
SELECT summary, state FROM millrace.summarize('priced');

-- What is refused.
\set VERBOSITY default
SELECT millrace.summarize('sales');
SELECT millrace.summarize(NULL);
SELECT millrace.summarize('own', 0);
SELECT millrace.summarize('own_live');
CREATE TABLE nothing (id bigserial, at timestamptz, kind text);
SELECT millrace.create_rollup('nothing_1hr', $$ SELECT kind, date_trunc('hour', at, 'UTC') AS hour, count(*) AS n FROM nothing GROUP BY 1, 2 $$);
SELECT millrace.summarize('nothing_1hr');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT millrace.summarize('own');
ROLLBACK;
BEGIN READ ONLY;
SELECT summary, state FROM millrace.summarize('own', 400, false);
SELECT millrace.summarize('own', 400);
ROLLBACK;
CREATE ROLE summarize_reader;
GRANT USAGE ON SCHEMA shop TO summarize_reader;
GRANT SELECT ON own TO summarize_reader;
SET ROLE summarize_reader;
SELECT millrace.summarize('own', declare => false);
RESET ROLE;
GRANT CREATE ON SCHEMA shop TO summarize_reader;
ALTER TABLE sales OWNER TO summarize_reader;
SET ROLE summarize_reader;
SELECT millrace.create_rollup('theirs', $$ SELECT country, date_trunc('hour', at, 'UTC') AS hour, count(*) AS n FROM sales GROUP BY 1, 2 $$);
RESET ROLE;
-- Those of another role can be looked at, as any superuser can, but are declared by that role.
SELECT summary, state FROM millrace.summarize('theirs', 100, false);
SELECT millrace.summarize('theirs', 100);
DROP SCHEMA shop CASCADE;
DROP ROLE summarize_reader;
