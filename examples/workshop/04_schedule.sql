-- 4. Roll up every five minutes, by pg_cron. The jobs have names, so scheduling them again changes
--    them and adds none; cron.job_run_details shows how each run ended.

DO $block$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'pg_cron') THEN
        PERFORM cron.schedule('rollup_events_5min', '*/5 * * * *',
                              'SELECT public.five_minutely_aggregation()');
        PERFORM cron.schedule('rollup_events_1hr', '*/5 * * * *',
                              'SELECT public.hourly_aggregation()');
    ELSE
        RAISE NOTICE 'pg_cron is not in this database, so nothing is scheduled'
            USING HINT = 'Call five_minutely_aggregation() and hourly_aggregation() as needed.';
    END IF;
END;
$block$;
