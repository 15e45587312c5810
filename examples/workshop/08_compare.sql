-- 8. Do the declared rollups say the same as the hand-written ones? Lists the rows that only one
--    side has. No rows: they agree. Both must have come to the same event, so call
--    five_minutely_aggregation(), hourly_aggregation() and millrace.refresh_rollup('declared_5min')
--    when nothing comes in.

SELECT 'rollup_events_5min' AS rollup, coalesce(hand_written.row_text, declared.row_text) AS difference
FROM (SELECT h::text AS row_text FROM public.rollup_events_5min AS h) AS hand_written
FULL JOIN (SELECT d::text AS row_text FROM public.declared_5min AS d) AS declared USING (row_text)
WHERE hand_written.row_text IS NULL OR declared.row_text IS NULL
UNION ALL
SELECT 'rollup_events_1hr', coalesce(hand_written.row_text, declared.row_text)
FROM (SELECT h::text AS row_text FROM public.rollup_events_1hr AS h) AS hand_written
FULL JOIN (SELECT d::text AS row_text FROM public.declared_1hr AS d) AS declared USING (row_text)
WHERE hand_written.row_text IS NULL OR declared.row_text IS NULL;
