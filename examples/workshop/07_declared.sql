-- 7. The same rollups, declared with one query each, instead of files 2 to 4. Needs the extension
--    millrace; make them beside the others to compare (08_compare.sql), or instead of them.
--
-- Each call makes the table, brings it up to date, and gives it to the background worker, which
-- refreshes it every second while events come in. Inserts never wait for it.

SELECT millrace.create_rollup('public.declared_5min', $query$
    SELECT customer_id, event_type, country, browser,
           date_bin('5 minutes', event_time, 'epoch') AS minute,
           count(*) AS event_count,
           hll_add_agg(hll_hash_bigint(device_id)) AS device_distinct_count,
           hll_add_agg(hll_hash_bigint(session_id)) AS session_distinct_count,
           topn_add_agg(device_id::text) AS top_devices_1000
    FROM public.events
    GROUP BY 1, 2, 3, 4, 5
$query$, refresh_interval => '1 second');

-- Over the first: the events are read once for both, and both move in one transaction.
SELECT millrace.create_rollup('public.declared_1hr', $query$
    SELECT customer_id, event_type, country, browser,
           date_trunc('hour', minute, 'UTC') AS hour,
           sum(event_count)::bigint AS event_count,
           hll_union_agg(device_distinct_count) AS device_distinct_count,
           hll_union_agg(session_distinct_count) AS session_distinct_count,
           topn_union_agg(top_devices_1000) AS top_devices_1000
    FROM public.declared_5min
    GROUP BY 1, 2, 3, 4, 5
$query$);

-- How up to date they are: SELECT * FROM millrace.rollups. What has come in since is in the views
-- declared_5min_live and declared_1hr_live: query these, and an event counts as soon as it is
-- committed.
