-- 3. The functions that roll up. Each takes the events since its watermark, merges them into its
--    rollup and moves the watermark, all in one transaction: either both happen or neither does.

-- The events a rollup may take next: those with ids from window_start to window_end, none of which
-- can appear later. None when window_start > window_end. Moves the watermark to window_end, so the
-- caller must roll the window up in the same transaction, by statements that start after this one.
CREATE FUNCTION public.incremental_rollup_window(
    rollup_name text, OUT window_start bigint, OUT window_end bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $function$
DECLARE
    event_table regclass;
    id_sequence regclass;
    watermark bigint;
BEGIN
    -- The caller reads the events after the wait below, so it must see what was committed during
    -- that wait. With a snapshot older than the window, those events would be passed over for good.
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RAISE EXCEPTION 'rollup "%" cannot run in a % transaction', rollup_name,
                upper(current_setting('transaction_isolation'))
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Run it in READ COMMITTED, PostgreSQL''s default isolation level.';
    END IF;

    -- One run of a rollup at a time: the next waits here, and then finds the watermark moved.
    SELECT event_table_name, event_id_sequence_name, last_aggregated_id
    INTO event_table, id_sequence, watermark
    FROM public.rollups
    WHERE name = rollup_name
    FOR UPDATE;

    IF NOT FOUND THEN
        RAISE EXCEPTION 'rollup "%" is not in the table rollups', rollup_name
            USING ERRCODE = 'undefined_object';
    END IF;

    -- With a cache each session draws a batch of ids ahead and uses the low ones late, when the
    -- watermark may have passed them. Likewise ids must go up, and never start again by themselves.
    PERFORM FROM pg_sequence
    WHERE seqrelid = id_sequence AND seqcache = 1 AND seqincrement > 0 AND NOT seqcycle;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'rollup "%" would lose events: ids drawn from % may be used out of order',
                rollup_name, id_sequence
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = format('Run: ALTER SEQUENCE %s INCREMENT 1 CACHE 1 NO CYCLE; and close '
                                'the sessions that drew ids before.', id_sequence);
    END IF;

    window_start := watermark + 1;
    window_end := coalesce(pg_sequence_last_value(id_sequence), 0);

    IF window_end < watermark THEN
        RAISE EXCEPTION 'sequence % has gone back to %, but rollup "%" has come to %',
                id_sequence, window_end, rollup_name, watermark
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'It was set back, or TRUNCATE ... RESTART IDENTITY was run: new events '
                           'get ids that the rollup takes for rolled up.',
                  HINT = format('Build the rollup again from the events in the table: '
                                'SELECT public.restart_rollup(%L);', rollup_name);
    END IF;

    IF window_end < window_start THEN
        RETURN;
    END IF;

    -- Ids up to window_end have been drawn, but transactions that drew some may still be open. An
    -- INSERT or COPY holds the table from before it draws its first id until its transaction ends.
    -- SHARE is the weakest lock that conflicts with that, so once it is granted, all of them have
    -- ended. LOCK without ONLY takes in every partition, so writers that name a partition are
    -- waited for too. The error raised on purpose undoes the block and gives the lock back at once.
    -- Only that error is caught: after a lock timeout, a deadlock or a cancel nothing is known
    -- about the writers, so the whole call must fail, and the watermark stay.
    BEGIN
        EXECUTE format('LOCK TABLE %s IN SHARE MODE', event_table);
        RAISE EXCEPTION 'all writers have ended' USING ERRCODE = 'MR001';
    EXCEPTION
        WHEN SQLSTATE 'MR001' THEN NULL;
    END;

    UPDATE public.rollups SET last_aggregated_id = window_end WHERE name = rollup_name;
END;
$function$;

-- Rolls up new events by five minutes. Buckets are counted from 1970-01-01 00:00 UTC, so they are the
-- same instants whatever the session's time zone and the season.
CREATE FUNCTION public.five_minutely_aggregation(OUT start_id bigint, OUT end_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $function$
BEGIN
    SELECT window_start, window_end INTO start_id, end_id
    FROM public.incremental_rollup_window('rollup_events_5min');

    IF start_id > end_id THEN
        RETURN;
    END IF;

    -- Events of a bucket arrive over several runs, late ones hours after it: what is there already
    -- is merged with what is new.
    INSERT INTO public.rollup_events_5min AS kept
        SELECT customer_id,
               event_type,
               country,
               browser,
               date_bin('5 minutes', event_time, timestamptz 'epoch') AS minute,
               count(*),
               hll_add_agg(hll_hash_bigint(device_id)),
               hll_add_agg(hll_hash_bigint(session_id)),
               topn_add_agg(device_id::text)
        FROM public.events
        WHERE event_id BETWEEN start_id AND end_id
        GROUP BY customer_id, event_type, country, browser, minute
    ON CONFLICT (customer_id, event_type, country, browser, minute) DO UPDATE
    SET event_count = kept.event_count + excluded.event_count,
        device_distinct_count =
            hll_union(kept.device_distinct_count, excluded.device_distinct_count),
        session_distinct_count =
            hll_union(kept.session_distinct_count, excluded.session_distinct_count),
        top_devices_1000 = topn_union(kept.top_devices_1000, excluded.top_devices_1000);
END;
$function$;

-- The same by the hour. In zones half an hour off UTC these hours start at half past, local time.
CREATE FUNCTION public.hourly_aggregation(OUT start_id bigint, OUT end_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $function$
BEGIN
    SELECT window_start, window_end INTO start_id, end_id
    FROM public.incremental_rollup_window('rollup_events_1hr');

    IF start_id > end_id THEN
        RETURN;
    END IF;

    INSERT INTO public.rollup_events_1hr AS kept
        SELECT customer_id,
               event_type,
               country,
               browser,
               date_bin('1 hour', event_time, timestamptz 'epoch') AS hour,
               count(*),
               hll_add_agg(hll_hash_bigint(device_id)),
               hll_add_agg(hll_hash_bigint(session_id)),
               topn_add_agg(device_id::text)
        FROM public.events
        WHERE event_id BETWEEN start_id AND end_id
        GROUP BY customer_id, event_type, country, browser, hour
    ON CONFLICT (customer_id, event_type, country, browser, hour) DO UPDATE
    SET event_count = kept.event_count + excluded.event_count,
        device_distinct_count =
            hll_union(kept.device_distinct_count, excluded.device_distinct_count),
        session_distinct_count =
            hll_union(kept.session_distinct_count, excluded.session_distinct_count),
        top_devices_1000 = topn_union(kept.top_devices_1000, excluded.top_devices_1000);
END;
$function$;

-- Empties a rollup and sets its watermark to zero, so that its next run rolls up every event that
-- is in the table. What was rolled up from events that have been deleted since is lost. Use this
-- only after the sequence was set back. Writers wait until the transaction ends.
CREATE FUNCTION public.restart_rollup(rollup_name text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $function$
DECLARE
    event_table regclass;
    id_sequence regclass;
    highest_id bigint;
BEGIN
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RAISE EXCEPTION 'rollup "%" cannot be restarted in a % transaction', rollup_name,
                upper(current_setting('transaction_isolation'))
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Run it in READ COMMITTED, PostgreSQL''s default isolation level.';
    END IF;

    SELECT event_table_name, event_id_sequence_name INTO event_table, id_sequence
    FROM public.rollups
    WHERE name = rollup_name
    FOR UPDATE;

    IF NOT FOUND THEN
        RAISE EXCEPTION 'rollup "%" is not in the table rollups', rollup_name
            USING ERRCODE = 'undefined_object';
    END IF;

    EXECUTE format('LOCK TABLE %s IN SHARE MODE', event_table);

    -- Events with ids above the sequence would be passed over, so it continues from the highest id
    -- there is.
    EXECUTE format('SELECT max(event_id) FROM %s', event_table) INTO highest_id;
    IF highest_id > coalesce(pg_sequence_last_value(id_sequence), 0) THEN
        PERFORM setval(id_sequence, highest_id);
    END IF;

    EXECUTE format('TRUNCATE public.%I', rollup_name);
    UPDATE public.rollups SET last_aggregated_id = 0 WHERE name = rollup_name;
END;
$function$;

-- Refuses TRUNCATE ... RESTART IDENTITY where a rollup has come past the ids that would be given again.
-- The check in incremental_rollup_window sees that too, but only until the new ids have passed the
-- watermark; by then events would be lost.
CREATE FUNCTION public.refuse_restart_identity()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $function$
DECLARE
    behind text;
BEGIN
    SELECT string_agg(name, ', ' ORDER BY name) INTO behind
    FROM public.rollups
    WHERE event_table_name::regclass = tg_relid
      AND coalesce(pg_sequence_last_value(event_id_sequence_name::regclass), 0)
          < last_aggregated_id;

    IF behind IS NOT NULL THEN
        RAISE EXCEPTION 'new ids would be below the watermark of rollup %', behind
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'TRUNCATE without RESTART IDENTITY, or begin the transaction with '
                         'SELECT public.restart_rollup(name) FROM public.rollups;';
    END IF;
    RETURN NULL;
END;
$function$;

-- Citus does not take triggers on distributed tables: there only the check at each run remains.
DO $block$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'citus') THEN
        CREATE TRIGGER refuse_restart_identity AFTER TRUNCATE ON public.events
            FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_restart_identity();
    END IF;
END;
$block$;
