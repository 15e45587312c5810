-- 1. Events, as they come in: one row a click, in partitions of five minutes.
--
-- Needs the extensions pg_partman (in the schema partman) and millrace, or Citus in its place.

CREATE TABLE public.events (
    -- Eight bytes: four would run out after 2,147,483,647 events. ALWAYS, because the rollups take
    -- it that an id is drawn by the INSERT that uses it: an id drawn earlier and kept could fall
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

-- Partitions for the past hour too, so that a history loaded on the first day does not end up in the
-- default partition. pg_partman's background worker makes the ones to come.
SELECT partman.create_parent(
    p_parent_table := 'public.events',
    p_control := 'event_time',
    p_type := 'native',
    p_interval := '5 minutes',
    p_start_partition := (now() - interval '1 hour')::text);

-- Go on making partitions while no events come in, for this table and no other.
UPDATE partman.part_config
SET infinite_time_partitions = true
WHERE parent_table = 'public.events';

-- All events of a tenant on one node. On a single server this only takes note of the column.
SELECT create_distributed_table('public.events', 'customer_id');
