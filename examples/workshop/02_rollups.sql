-- 2. What is kept: counts, distinct devices and sessions, and top devices, for every tenant, kind of
--    event, country and browser, by five minutes and by hour.
--
-- Needs the extensions hll, topn and millrace (or Citus in its place).

CREATE TABLE public.rollup_events_5min (
    customer_id bigint NOT NULL,
    event_type text,
    country text,
    browser text,
    minute timestamptz NOT NULL,
    event_count bigint NOT NULL,
    device_distinct_count hll,
    session_distinct_count hll,
    top_devices_1000 jsonb
);

-- NULLS NOT DISTINCT: events of an unknown country share one row. Without it every run would add
-- another row for them, because by default no NULL equals another.
CREATE UNIQUE INDEX rollup_events_5min_unique_idx
    ON public.rollup_events_5min (customer_id, event_type, country, browser, minute)
    NULLS NOT DISTINCT;

CREATE TABLE public.rollup_events_1hr (
    customer_id bigint NOT NULL,
    event_type text,
    country text,
    browser text,
    hour timestamptz NOT NULL,
    event_count bigint NOT NULL,
    device_distinct_count hll,
    session_distinct_count hll,
    top_devices_1000 jsonb
);

CREATE UNIQUE INDEX rollup_events_1hr_unique_idx
    ON public.rollup_events_1hr (customer_id, event_type, country, browser, hour)
    NULLS NOT DISTINCT;

-- By the same column as the events, so that a node rolls up what it holds and sends nothing.
SELECT create_distributed_table('public.rollup_events_5min', 'customer_id');
SELECT create_distributed_table('public.rollup_events_1hr', 'customer_id');

-- How far each rollup has come: every event with an id up to last_aggregated_id, its watermark, is
-- in the rollup exactly once, and no other event is.
CREATE TABLE public.rollups (
    name text PRIMARY KEY,
    event_table_name text NOT NULL,
    event_id_sequence_name text NOT NULL,
    last_aggregated_id bigint NOT NULL DEFAULT 0
);

INSERT INTO public.rollups (name, event_table_name, event_id_sequence_name)
VALUES ('rollup_events_5min', 'public.events', 'public.events_event_id_seq'),
       ('rollup_events_1hr', 'public.events', 'public.events_event_id_seq');
