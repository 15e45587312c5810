-- 1. Events, as they come in: one row per click, in partitions of five minutes.
--
-- Needs the extensions pg_partman (4.7, or 5.2 or later, in the schema partman) and millrace, or Citus in its
-- place. Where there is pg_cron, it schedules a job.

CREATE TABLE public.events (
    -- Eight bytes: four would run out after 2,147,483,647 events. ALWAYS, because the rollups rely
    -- on each id being drawn by the INSERT that uses it: an id drawn earlier and kept could fall
    -- behind the watermark. The sequence is events_event_id_seq, and must not cache ids.
    event_id bigint GENERATED ALWAYS AS IDENTITY (CACHE 1),
    -- A row without a time belongs to no partition and to no bucket.
    event_time timestamptz NOT NULL DEFAULT now(),
    -- The tenant. It decides on which node of a cluster a row lives, so it must be known.
    customer_id bigint NOT NULL,
    event_type text,
    country text,
    browser text,
    device_id bigint,
    session_id bigint
)
PARTITION BY RANGE (event_time);

-- Partitions for the past hour too, so that history loaded on the first day does not end up in the
-- default partition, and for the hour to come, because clients' clocks may be ahead of ours. More are
-- made by pg_partman's background worker, and by make_event_partitions() below.
SELECT partman.create_parent(
    p_parent_table := 'public.events',
    p_control := 'event_time',
    -- The name of PostgreSQL's own partitioning by ranges: pg_partman 5 has another for it.
    p_type := (SELECT CASE WHEN split_part(extversion, '.', 1)::int < 5 THEN 'native' ELSE 'range' END
               FROM pg_extension WHERE extname = 'pg_partman'),
    p_interval := '5 minutes',
    p_premake := 12,
    p_start_partition := (now() - interval '1 hour')::text);

-- For this table only: pg_partman goes on making partitions while no events come in, and looks only
-- at the clock. Otherwise it would look at the default partition too: one event of the year 2100
-- would make it create partitions until then, and one at infinity would keep it busy for ever.
UPDATE partman.part_config
SET infinite_time_partitions = true, ignore_default_data = true
WHERE parent_table = 'public.events';

-- pg_partman 5 goes by the clock only while no partition holds events ahead of it. Otherwise it makes partitions
-- ahead of those, where the default partition may hold more, and then it fails for all tables that
-- it keeps. So with it pg_cron alone makes these partitions, if there is one: see below. A retention
-- time of this table then needs a job too: partman.drop_partition_time('public.events').
UPDATE partman.part_config
SET automatic_maintenance = 'off'
WHERE parent_table = 'public.events'
  AND EXISTS (SELECT FROM pg_catalog.pg_extension
              WHERE extname = 'pg_partman' AND split_part(extversion, '.', 1)::int >= 5)
  AND EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'pg_cron');

-- An event whose time has no partition is in the default one, and counts as any other. But a
-- partition cannot be made while events that belong in it are in the default one. So one event of
-- tonight, or those of the first seconds after the server was down for an hour, would stop
-- pg_partman when their time comes. This function runs before pg_partman. It makes the partitions
-- that are due, and takes such events along. Events of the year 2100 stay where they are. Returns
-- how many it made.
CREATE OR REPLACE FUNCTION public.make_event_partitions()
RETURNS bigint
LANGUAGE plpgsql
SET lock_timeout = '2s'
AS $function$
DECLARE
    width interval;
    last_start timestamptz;
    first_start timestamptz;
    starts timestamptz[];
    make text;
BEGIN
    -- (No search_path of the function's own: pg_partman's functions would leave it to the session.)
    -- pg_partman takes this lock too: only one of us makes partitions.
    IF NOT pg_try_advisory_xact_lock(hashtext('pg_partman run_maintenance')) THEN
        RETURN 0;
    END IF;

    -- A little more than pg_partman wants, so that it finds nothing left to do.
    SELECT partition_interval::interval, now() + (premake + 3) * partition_interval::interval
    INTO width, last_start
    FROM partman.part_config
    WHERE parent_table = 'public.events';

    -- Where the newest partition ends.
    SELECT max(substring(pg_get_expr(c.relpartbound, c.oid) FROM ' TO \(''([^'']+)''\)')::timestamptz)
    INTO first_start
    FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass('public.events');

    -- A server that was down for a month does not need that month's partitions.
    IF first_start < now() - interval '1 day' THEN
        first_start := date_bin(width, now() - interval '1 hour', first_start);
    END IF;

    starts := ARRAY(SELECT generate_series(first_start, last_start, width));
    IF coalesce(cardinality(starts), 0) = 0 THEN
        RETURN 0;
    END IF;

    -- pg_partman before 5 would analyze the whole table.
    SELECT 'SELECT partman.create_partition_time(''public.events'', $1'
           || CASE WHEN split_part(extversion, '.', 1)::int < 5 THEN ', p_analyze := false)' ELSE ')' END
    INTO make
    FROM pg_extension WHERE extname = 'pg_partman';

    IF EXISTS (SELECT FROM public.events
               WHERE event_time >= first_start
                 AND event_time < starts[cardinality(starts)] + width) THEN
        -- A reader either has seen these events in the default partition before we begin, or finds
        -- the new partitions. Waits two seconds for those who read and write now; if that is too
        -- short, the next run tries again.
        LOCK TABLE ONLY public.events IN ACCESS EXCLUSIVE MODE;
        CREATE TEMP TABLE IF NOT EXISTS moving_events (LIKE public.events) ON COMMIT DROP;
        WITH moved AS (
            DELETE FROM public.events
            WHERE event_time >= first_start
              AND event_time < starts[cardinality(starts)] + width
            RETURNING *)
        INSERT INTO pg_temp.moving_events SELECT * FROM moved;
        EXECUTE make USING starts;
        -- Their ids stay: rollups have counted them under these, or will.
        INSERT INTO public.events OVERRIDING SYSTEM VALUE SELECT * FROM pg_temp.moving_events;
        DELETE FROM pg_temp.moving_events;
    ELSE
        EXECUTE make USING starts;
    END IF;
    RETURN cardinality(starts);
END;
$function$;

SELECT public.make_event_partitions();

DO $block$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'pg_cron') THEN
        PERFORM cron.schedule('events_partitions', '*/5 * * * *',
                              'SELECT public.make_event_partitions()');
    END IF;
END;
$block$;

-- All events of a tenant on one node. On a single server this only takes note of the column.
SELECT create_distributed_table('public.events', 'customer_id');
