-- A second family of rollups for the page's tests: text tenants, ids that are UUIDs, revenue, a goal, and values that would be
-- something else if they were not taken as text. Its events lie in the forty days before it is loaded.
CREATE TABLE visits (
    id bigserial, at timestamptz NOT NULL, shop text, campaign text, country_code text, paid boolean, visitor uuid, page text,
    revenue numeric(12, 2) NOT NULL
);
SELECT millrace.create_rollup('public.visits_5min', $query$
    SELECT shop, campaign, country_code, paid, date_bin('5 minutes', at, 'epoch') AS minute, count(*) AS visits,
           hll_add_agg(hll_hash_any(visitor)) AS visitors, sum(revenue) AS revenue,
           count(*) FILTER (WHERE revenue > 0) AS purchases, topn_add_agg(page) AS top_pages
    FROM public.visits GROUP BY 1, 2, 3, 4, 5
$query$);
INSERT INTO visits (at, shop, campaign, country_code, paid, visitor, page, revenue)
SELECT now() - (i::bigint * 7919 % 20000) / 20000.0 * interval '40 days',
       (ARRAY['alpha', 'b<b>&c', 'Čtvrtá', '', 'a=b;c&d'])[1 + i % 5],
       (ARRAY['spring', 'summer "sale"', '<b>x</b>', '', NULL, 'newsletter', 'a,b'])[1 + i % 7],
       (ARRAY['DE', 'US', 'FR', NULL])[1 + i % 4], (ARRAY[true, false, NULL])[1 + i % 3],
       md5((i % 3000)::text)::uuid, '/page/' || (sqrt(i % 900))::int, CASE WHEN i % 29 = 0 THEN i % 500 + 0.99 ELSE 0 END
FROM generate_series(1, 20000) i;
INSERT INTO visits (at, shop, campaign, revenue) SELECT now() - interval '2 days', 'alpha', 'c' || i, 0 FROM generate_series(1, 70) i;
COMMENT ON COLUMN visits_5min.revenue IS 'Revenue [EUR]';
INSERT INTO millrace.label (rollup, name, value, label) VALUES ('visits_5min', 'shop', 'alpha', 'Alpha & Sons');
INSERT INTO millrace.label (rollup, name, label, tenant) VALUES ('visits_5min', 'shop', 'Shop', true);
SELECT millrace.refresh_rollup('public.visits_5min');
