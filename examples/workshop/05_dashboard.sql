-- 5. The dashboard: five questions to the rollups. None of them reads an event.
--
-- A bucket is named by the instant it starts, so each question takes the buckets that start in the
-- time it asks about. `millrace demo` reads this file: a line "-- Answer:" names the statement below.

-- Answer: Events and distinct devices, last 15 minutes
SELECT coalesce(sum(event_count), 0) AS events,
       coalesce(ceil(hll_cardinality(hll_union_agg(device_distinct_count))), 0) AS devices
FROM public.rollup_events_5min
WHERE minute >= now() - interval '15 minutes'
  AND minute <= now();

-- Answer: Events and distinct sessions, last 7 days
SELECT coalesce(sum(event_count), 0) AS events,
       coalesce(ceil(hll_cardinality(hll_union_agg(session_distinct_count))), 0) AS sessions
FROM public.rollup_events_1hr
WHERE hour >= date_trunc('day', now()) - interval '7 days'
  AND hour <= now();

-- Answer: Usage by the hour, last 2 days
SELECT hour,
       sum(event_count) AS events,
       ceil(hll_cardinality(hll_union_agg(device_distinct_count))) AS devices,
       ceil(hll_cardinality(hll_union_agg(session_distinct_count))) AS sessions
FROM public.rollup_events_1hr
WHERE hour >= date_trunc('day', now()) - interval '2 days'
  AND hour <= now()
GROUP BY hour
ORDER BY hour;

-- Answer: Events and distinct devices of customer 1, last 15 minutes
SELECT coalesce(sum(event_count), 0) AS events,
       coalesce(ceil(hll_cardinality(hll_union_agg(device_distinct_count))), 0) AS devices
FROM public.rollup_events_5min
WHERE minute >= now() - interval '15 minutes'
  AND minute <= now()
  AND customer_id = 1;

-- Answer: Top devices of customer 2, last 30 minutes
SELECT top.item AS device,
       top.frequency AS events
FROM (SELECT topn_union_agg(top_devices_1000) AS devices
      FROM public.rollup_events_5min
      WHERE minute >= now() - interval '30 minutes'
        AND minute <= now()
        AND customer_id = 2) AS recent,
     topn(recent.devices, 10) AS top
ORDER BY top.frequency DESC, top.item;
