-- 9. Summaries for all tenants together: the rollups of file 7 without the tenant, by one key each,
--    and in total. With these, what a page shows of all tenants costs no more than what it shows of
--    one, also under filters. `millrace serve` finds them by what they are declared to be; each is
--    refreshed with the rollup below it, in one transaction. Where Citus distributes the rollups,
--    only those by tenant are possible: each shard has its own tenants.

DO $summaries$
DECLARE
    base text;
    bucket text;
    key text;
    distributed boolean := (SELECT watermark_copy IS NOT NULL FROM millrace.rollup WHERE relation = 'public.declared_5min'::regclass);
    all_measures text := 'sum(event_count)::bigint AS event_count,
        hll_union_agg(device_distinct_count) AS device_distinct_count,
        hll_union_agg(session_distinct_count) AS session_distinct_count,
        topn_union_agg(top_devices_1000) AS top_devices_1000';
    few_measures text := 'sum(event_count)::bigint AS event_count,
        hll_union_agg(device_distinct_count) AS device_distinct_count';
BEGIN
    FOREACH base IN ARRAY ARRAY['declared_5min', 'declared_1hr'] LOOP
        bucket := CASE base WHEN 'declared_5min' THEN 'minute' ELSE 'hour' END;
        PERFORM millrace.create_rollup(format('public.%I', base || '_by_customer_id'), format(
            'SELECT customer_id, %I, %s FROM public.%I GROUP BY 1, 2', bucket, few_measures, base));
        CONTINUE WHEN distributed;
        -- The others read this one, which has few rows.
        PERFORM millrace.create_rollup(format('public.%I', base || '_all_tenants'), format(
            'SELECT event_type, country, browser, %I, %s FROM public.%I GROUP BY 1, 2, 3, 4',
            bucket, all_measures, base));
        PERFORM millrace.create_rollup(format('public.%I', base || '_total'), format(
            'SELECT %I, %s FROM public.%I GROUP BY 1', bucket, all_measures, base || '_all_tenants'));
        FOREACH key IN ARRAY ARRAY['event_type', 'country', 'browser'] LOOP
            PERFORM millrace.create_rollup(format('public.%I', base || '_by_' || key), format(
                'SELECT %I, %I, %s FROM public.%I GROUP BY 1, 2',
                key, bucket, few_measures, base || '_all_tenants'));
        END LOOP;
    END LOOP;
END
$summaries$;
