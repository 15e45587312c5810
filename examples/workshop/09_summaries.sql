-- 9. Summaries for all tenants together: the rollups of file 7 by one key each. With these, what a
--    page shows of all tenants costs no more than what it shows of one. `millrace serve` finds them
--    by their names; each is refreshed with the rollup below it, in one transaction. Where Citus
--    distributes the rollups, only those by tenant are possible: each shard has its own tenants.

DO $summaries$
DECLARE
    base text;
    bucket text;
    key text;
    distributed boolean := (SELECT watermark_copy IS NOT NULL FROM millrace.rollup WHERE relation = 'public.declared_5min'::regclass);
    keys text[] := CASE WHEN distributed THEN ARRAY['customer_id'] ELSE ARRAY['customer_id', 'event_type', 'country', 'browser'] END;
BEGIN
    FOREACH base IN ARRAY ARRAY['declared_5min', 'declared_1hr'] LOOP
        bucket := CASE base WHEN 'declared_5min' THEN 'minute' ELSE 'hour' END;
        IF NOT distributed THEN
            PERFORM millrace.create_rollup(format('public.%I', base || '_total'), format(
                'SELECT %I, sum(event_count)::bigint AS event_count,
                        hll_union_agg(device_distinct_count) AS device_distinct_count,
                        hll_union_agg(session_distinct_count) AS session_distinct_count,
                        topn_union_agg(top_devices_1000) AS top_devices_1000
                 FROM public.%I GROUP BY 1', bucket, base));
        END IF;
        FOREACH key IN ARRAY keys LOOP
            PERFORM millrace.create_rollup(format('public.%I', base || '_by_' || key), format(
                'SELECT %I, %I, sum(event_count)::bigint AS event_count,
                        hll_union_agg(device_distinct_count) AS device_distinct_count
                 FROM public.%I GROUP BY 1, 2', key, bucket, base));
        END LOOP;
    END LOOP;
END
$summaries$;
