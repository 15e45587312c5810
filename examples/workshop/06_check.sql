-- 6. Is every event counted exactly once? Counts the events again up to each rollup's watermark, and
--    lists the groups where the rollup says something else. No rows: all is well.

SELECT 'rollup_events_5min' AS rollup, customer_id, event_type, country, browser,
       minute AS bucket, sum(counted) AS counted, sum(events) AS events
FROM (SELECT customer_id, event_type, country, browser, minute,
             event_count AS counted, 0 AS events, 1 AS rollup_rows
      FROM public.rollup_events_5min
      UNION ALL
      SELECT customer_id, event_type, country, browser,
             date_bin('5 minutes', event_time, timestamptz 'epoch'), 0, 1, 0
      FROM public.events
      WHERE event_id <= (SELECT last_aggregated_id FROM public.rollups
                         WHERE name = 'rollup_events_5min')) AS both_sides
GROUP BY customer_id, event_type, country, browser, minute
HAVING sum(counted) <> sum(events) OR sum(rollup_rows) <> 1
UNION ALL
SELECT 'rollup_events_1hr', customer_id, event_type, country, browser,
       hour, sum(counted), sum(events)
FROM (SELECT customer_id, event_type, country, browser, hour,
             event_count AS counted, 0 AS events, 1 AS rollup_rows
      FROM public.rollup_events_1hr
      UNION ALL
      SELECT customer_id, event_type, country, browser,
             date_bin('1 hour', event_time, timestamptz 'epoch'), 0, 1, 0
      FROM public.events
      WHERE event_id <= (SELECT last_aggregated_id FROM public.rollups
                         WHERE name = 'rollup_events_1hr')) AS both_sides
GROUP BY customer_id, event_type, country, browser, hour
HAVING sum(counted) <> sum(events) OR sum(rollup_rows) <> 1
ORDER BY rollup, customer_id, bucket;
