-- What a rollup's columns are, told by millrace.rollup_columns and rollup_filter.
SET client_min_messages = warning;
SET timezone = 'UTC';
SET intervalstyle = 'postgres';
CREATE TABLE sales (id bigserial, at timestamptz NOT NULL, shop text, kind text, price numeric, took interval, device bigint, paid boolean, "Odd ""name" int);
SELECT millrace.create_rollup('sales_5min', $$
  SELECT shop, upper(kind) AS kind, "Odd ""name", date_bin('5 minutes', at, '2020-01-01 00:01') AS minute,
    count(*) AS n, count(*) FILTER (WHERE paid AND price > 10) AS orders, count(device) AS known, sum(price) AS revenue, avg(price) AS price,
    min(at) AS first, max(price) AS most, bool_and(paid) AS all_paid, bool_or(paid) AS any_paid,
    hll_add_agg(hll_hash_bigint(device)) AS devices, topn_add_agg(device::text) AS top
  FROM sales WHERE shop <> 'test' GROUP BY 1, 2, 3, 4 $$, refresh_interval => '1 hour');
SELECT * FROM millrace.rollup_columns('sales_5min');
SELECT millrace.rollup_filter('sales_5min');
-- over it: which columns are read, and which only follow from one
SELECT millrace.create_rollup('sales_day', $$
  SELECT shop, lower(kind) AS kind, date_trunc('day', minute, 'Europe/Berlin') AS day, sum(n)::bigint AS n,
    sum(orders) FILTER (WHERE kind = 'A') AS orders, hll_union_agg(devices) AS devices, topn_union_agg(top) AS top, max(most) AS most
  FROM sales_5min GROUP BY 1, 2, 3 $$);
SELECT * FROM millrace.rollup_columns('sales_day');
SELECT millrace.rollup_filter('sales_day') IS NULL AS no_filter;
-- buckets of a month, a quarter, a plain column, an expression, and a timestamp
SELECT millrace.create_rollup('sales_' || what, format('SELECT %s AS bucket, count(*) AS n, hll_add_agg(hll_hash_bigint(device)) AS d FROM sales GROUP BY 1', bucket),
  refresh_interval => '1 hour')
FROM (VALUES ('month', $$date_trunc('month', at, 'UTC')$$), ('quarter', $$date_trunc('quarter', at AT TIME ZONE 'UTC')$$), ('plain', 'at'),
             ('other', $$(at AT TIME ZONE 'UTC')::date$$), ('weeks', $$date_trunc('WEEKS', at, 'Asia/Tokyo')$$)) v (what, bucket);
SELECT what, name, role, type, bucket_width, bucket_zone, bucket_origin
FROM unnest('{month,quarter,plain,other,weeks}'::text[]) what, millrace.rollup_columns(('sales_' || what)::regclass) WHERE role = 'bucket';
-- the bucket is the time that is cut, whatever times come before it
SELECT millrace.create_rollup('sales_two', $$
  SELECT (at AT TIME ZONE 'UTC')::date AS day, at, date_trunc('hour', at, 'UTC') AS hour, count(*) AS n FROM sales GROUP BY 1, 2, 3 $$,
  refresh_interval => '1 hour');
SELECT name, role, parent_column, bucket_width FROM millrace.rollup_columns('sales_two');
SELECT * FROM millrace.rollup_columns('sales');
SELECT millrace.rollup_filter('sales');
SELECT millrace.rollup_columns(NULL);
-- labels and ratios go with their rollup; one row per column and value
INSERT INTO millrace.label (rollup, name, label, unit) VALUES ('sales_day', 'n', 'Sales', '%'), ('sales_5min', 'n', 'Sales', NULL);
\set VERBOSITY terse
INSERT INTO millrace.label (rollup, name, label) VALUES ('sales_day', 'n', 'again');
INSERT INTO millrace.label (rollup, name, value, unit) VALUES ('sales_day', 'shop', 'x', 'EUR');
INSERT INTO millrace.ratio VALUES ('sales_day', 'share', 'orders', 'n');
\set VERBOSITY default
SELECT millrace.drop_rollup('sales_day');
SELECT rollup, name FROM millrace.label;
SELECT count(*) FROM millrace.ratio;
SET client_min_messages = error;
DROP TABLE sales CASCADE;
DROP TABLE sales_5min, sales_month, sales_quarter, sales_plain, sales_other, sales_weeks, sales_two CASCADE;
SELECT count(*) FROM millrace.label;
