-- Errors of declared rollups that name the way out.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS hll;
CREATE EXTENSION IF NOT EXISTS topn;
CREATE EXTENSION IF NOT EXISTS millrace;
-- what people stumble over is answered with the way out
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE hints (id bigserial, at timestamptz NOT NULL, visitor uuid, feeling mood, a text, b int, c int);
SELECT millrace.create_rollup('no', 'SELECT a, count(DISTINCT visitor) AS visitors FROM hints GROUP BY 1');
SELECT millrace.create_rollup('no', 'SELECT a, count(DISTINCT b + c) AS n FROM hints GROUP BY 1');
SELECT millrace.create_rollup('no', 'SELECT a, sum(DISTINCT b) AS n FROM hints GROUP BY 1');
SELECT millrace.create_rollup('no', 'SELECT a, hll_add_agg(hll_hash_bigint(visitor)) AS visitors FROM hints GROUP BY 1');
SELECT millrace.create_rollup('no', 'SELECT a, hll_add_agg(public.hll_hash_text(visitor)) AS visitors FROM hints GROUP BY 1');
SELECT millrace.create_rollup('no', 'SELECT a, hll_add_agg(visitor) AS visitors FROM hints GROUP BY 1');
SELECT millrace.create_rollup('no', 'SELECT a, public.topn_add_agg(visitor) AS visitors FROM hints GROUP BY 1');
SELECT millrace.create_rollup('no', 'SELECT b, sum(a) AS n FROM hints GROUP BY 1');
SELECT millrace.create_rollup('no', 'SELECT "B", count(*) AS n FROM hints GROUP BY 1');
SELECT millrace.create_rollup('no', 'SELECT b, min(h.EventTime) AS n FROM hints h GROUP BY 1');
SELECT millrace.create_rollup('no', 'SELECT a, nosuch(visitor) AS visitors FROM hints GROUP BY 1');
SELECT millrace.create_rollup('no', 'SELECT a, topn_add_agg(feeling::text) AS t FROM hints GROUP BY 1');
SELECT millrace.create_rollup('no', $$SELECT a || '/' || b AS ab, count(*) AS n FROM hints GROUP BY 1$$);
SELECT millrace.create_rollup('no', $$SELECT concat(a, b) AS ab, count(*) AS n FROM hints GROUP BY 1$$);
SELECT millrace.create_rollup('no', $$SELECT a, topn_add_agg(at::text) AS t FROM hints GROUP BY 1$$);
SELECT millrace.create_rollup('no', $$SELECT a, count(*) FILTER (WHERE at > now() - interval '1 day' AND b > 0) AS n FROM hints GROUP BY 1$$);
SELECT millrace.create_rollup('Camp Daily', 'SELECT a, count(*) AS n FROM hints GROUP BY 1');
SELECT millrace.create_rollup('2024', 'SELECT a, count(*) AS n FROM hints GROUP BY 1');
SELECT millrace.create_rollup('no', format('SELECT %s, count(*) AS n FROM hints GROUP BY %s',
  string_agg(format('b + %s AS k%s', i, i), ', '), string_agg(i::text, ', '))) FROM generate_series(1, 33) i;
SELECT millrace.create_rollup('many_keys', format('SELECT %s, count(*) AS n FROM hints GROUP BY %s',
  string_agg(format('b + %s AS k%s', i, i), ', '), string_agg(i::text, ', '))) FROM generate_series(1, 32) i;
SELECT millrace.create_rollup('"Camp Daily"', 'SELECT a, count(*) AS n FROM hints GROUP BY 1');
CREATE VIEW on_live AS SELECT * FROM "Camp Daily_live";
CREATE VIEW on_table AS SELECT * FROM "Camp Daily";
SELECT millrace.drop_rollup('"Camp Daily"');
SELECT millrace.drop_rollup('"Camp Daily"', keep_table => true);
DROP VIEW on_live;
SELECT millrace.drop_rollup('"Camp Daily"');
SELECT millrace.drop_rollup('"Camp Daily"', keep_table => true), millrace.drop_rollup('many_keys');
DROP TABLE hints, "Camp Daily" CASCADE;
DROP TYPE mood;
