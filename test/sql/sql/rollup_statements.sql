-- The SQL that is generated for a rollup and one over it, pinned: a change of it is seen here. Both are in src/pg/rollup/README.md.
-- PostgreSQL 16 and later write queries out in another way.
SELECT current_setting('server_version_num')::int >= 160000 AS newer \gset
\if :newer
\quit
\endif
SET timezone = 'UTC';
CREATE SCHEMA shop;
CREATE TABLE shop.events (id bigserial, at timestamptz NOT NULL, tenant int, device bigint, price numeric);
BEGIN;
SELECT millrace.create_rollup('shop.five', $$
  SELECT tenant, date_bin('5 minutes', at, 'epoch') AS minute, count(*) AS n, sum(price) AS revenue, avg(price) AS mean,
         min(price) AS cheapest, hll_add_agg(hll_hash_bigint(device)) AS devices, topn_add_agg(device::text) AS top
  FROM shop.events WHERE price > 0 GROUP BY 1, 2 $$);
SELECT millrace.create_rollup('shop.hour', $$
  SELECT tenant, date_trunc('hour', minute, 'UTC') AS hour, sum(n)::bigint AS n, hll_union_agg(devices) AS devices
  FROM shop.five GROUP BY 1, 2 $$);
COMMIT;
\pset format unaligned
\pset tuples_only on
-- One clause on a line.
SELECT regexp_replace(millrace.refresh_statement('shop.five'), ' (FROM|WHERE|GROUP BY|ON CONFLICT|DO UPDATE|SELECT|INSERT|WITH|JOIN) ', E'\n\\1 ', 'g');
SELECT pg_get_viewdef('shop.five_live'::regclass, true);
SELECT pg_get_viewdef('shop.hour_live'::regclass, true);
\pset tuples_only off
\pset format aligned
-- Only its owner may see it.
CREATE ROLE rollup_statements_reader;
GRANT USAGE ON SCHEMA shop TO rollup_statements_reader;
SET ROLE rollup_statements_reader;
SELECT millrace.refresh_statement('shop.five');
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
DROP ROLE rollup_statements_reader;
