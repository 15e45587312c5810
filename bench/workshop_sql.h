// The SQL of rollup_bench: the workshop's tables, functions and questions, events for them, and the
// published libraries' functions. Names without a schema are found by the search path.
#pragma once

namespace millrace::bench {

// The workshop's tables, without pg_partman: two partitions are there for good.
constexpr const char* kTables = R"(
  DROP SCHEMA IF EXISTS rollup_bench CASCADE;
  CREATE SCHEMA rollup_bench;
  CREATE TABLE events(
      event_id serial,
      event_time timestamptz default now(),
      customer_id bigint,
      event_type text,
      country text,
      browser text,
      device_id bigint,
      session_id bigint
  )
  PARTITION BY RANGE (event_time);
  CREATE TABLE events_0000 PARTITION OF events FOR VALUES FROM ('2026-01-01 00:00Z') TO ('2026-01-01 00:05Z')
    WITH (autovacuum_enabled = off);
  CREATE TABLE events_0005 PARTITION OF events FOR VALUES FROM ('2026-01-01 00:05Z') TO ('2026-01-01 00:10Z')
    WITH (autovacuum_enabled = off);
  CREATE TABLE rollup_events_5min (
       customer_id bigint,
       event_type text,
       country text,
       browser text,
       minute timestamptz,
       event_count bigint,
       device_distinct_count hll,
       session_distinct_count hll,
       top_devices_1000 jsonb
   ) WITH (autovacuum_enabled = off);
   CREATE UNIQUE INDEX rollup_events_5min_unique_idx ON rollup_events_5min(customer_id,event_type,country,browser,minute);
   CREATE TABLE rollup_events_1hr (
       customer_id bigint,
       event_type text,
       country text,
       browser text,
       hour timestamptz,
       event_count bigint,
       device_distinct_count hll,
       session_distinct_count hll,
       top_devices_1000 jsonb
   ) WITH (autovacuum_enabled = off);
   CREATE UNIQUE INDEX rollup_events_1hr_unique_idx ON rollup_events_1hr(customer_id,event_type,country,browser,hour);
   CREATE TABLE rollups (
      name text primary key,
      event_table_name text not null,
      event_id_sequence_name text not null,
      last_aggregated_id bigint default 0
  );
  INSERT INTO rollups (name, event_table_name, event_id_sequence_name)
  VALUES ('rollup_events_5min', 'events','events_event_id_seq');
  SELECT setseed(0.5);)";

// {0}: first id, {1}: last id. The function below runs it with its variables, the SELECT with
// numbers.
constexpr const char* kSelect = R"(
        SELECT customer_id,
                event_type,
                country,
                browser,
                date_trunc('seconds', (event_time - TIMESTAMP 'epoch') / 300) * 300 + TIMESTAMP 'epoch' AS minute,
                count(*) as event_count,
                hll_add_agg(hll_hash_bigint(device_id)) as device_distinct_count,
                hll_add_agg(hll_hash_bigint(session_id)) as session_distinct_count,
                topn_add_agg(device_id::text) top_devices_1000
        FROM events WHERE event_id BETWEEN {0} AND {1}
        GROUP BY customer_id,event_type,country,browser,minute)";

// The window and the rollup of it in one function. What the workshop does to wait for writers is
// left out: there are none. {0}: kSelect over the window.
constexpr const char* kRollupFunction = R"(
  CREATE FUNCTION five_minutely_aggregation() RETURNS void LANGUAGE plpgsql AS $$
  DECLARE
    start_id bigint;
    end_id bigint;
  BEGIN
    SELECT last_aggregated_id + 1, pg_sequence_last_value('events_event_id_seq') INTO start_id, end_id
    FROM rollups WHERE name = 'rollup_events_5min' FOR UPDATE;
    INSERT INTO rollup_events_5min {0}
    ON CONFLICT (customer_id, event_type, country, browser, minute) DO UPDATE SET
      event_count = rollup_events_5min.event_count + excluded.event_count,
      device_distinct_count = hll_union(rollup_events_5min.device_distinct_count, excluded.device_distinct_count),
      session_distinct_count = hll_union(rollup_events_5min.session_distinct_count, excluded.session_distinct_count),
      top_devices_1000 = topn_union(rollup_events_5min.top_devices_1000, excluded.top_devices_1000);
    UPDATE rollups SET last_aggregated_id = end_id WHERE name = 'rollup_events_5min';
  END $$)";

// All of the SELECT and nothing else: the sizes keep the planner from leaving the sketches out.
// {0}: kSelect.
constexpr const char* kRead = R"(
  SELECT sum(event_count), sum(pg_column_size(device_distinct_count) + pg_column_size(session_distinct_count)),
         sum(pg_column_size(top_devices_1000)) FROM ({0}) x)";

// A loop over the same pages with nothing but a sum.
constexpr const char* kFloor = "SELECT sum(device_id) FROM events";

constexpr const char* kTotalsOf15Minutes = R"(
SELECT sum(event_count) num_events,
      ceil(hll_cardinality(hll_union_agg(device_distinct_count))) distinct_devices
FROM rollup_events_5min
WHERE minute >=now()-interval '15 minutes'
  AND minute <=now())";

constexpr const char* kTotalsOfAWeek = R"(
SELECT sum(event_count) num_events,
        ceil(hll_cardinality(hll_union_agg(device_distinct_count))) distinct_devices
FROM rollup_events_1hr
WHERE hour >=date_trunc('day',now())-interval '7 days'
    AND hour <=now())";

constexpr const char* kByHour = R"(
SELECT hour,
        sum(event_count) event_count,
        ceil(hll_cardinality(hll_union_agg(device_distinct_count))) device_count,
        ceil(hll_cardinality(hll_union_agg(session_distinct_count))) session_count
FROM rollup_events_1hr
WHERE hour >=date_trunc('day',now())-interval '2 days'
    AND hour <=now()
GROUP BY hour)";

// The tutorial's distribution, event i in second i of {2}: 600 for both partitions, 300 for the
// first. {0}: first id, {1}: last id.
constexpr const char* kEvents = R"(
  INSERT INTO events
  SELECT i, timestamptz '2026-01-01 00:00Z' + (i % {2}) * interval '1 second' + random() * interval '900 ms',
         1 + floor(random() * 1000),
         (ARRAY['Click', 'Visit', 'Conversion', 'Impression'])[1 + floor(random() * 4)],
         (ARRAY['France', 'Germany', 'Italy', 'Spain', 'Norway', 'Italy', 'Japan'])[1 + floor(random() * 7)],
         (ARRAY['Firefox', 'Chrome', 'Safari', 'Edge'])[1 + floor(random() * 4)],
         1 + floor(random() * 10000), 1 + floor(random() * 100000)
  FROM generate_series({0}, {1}) i)";

// Rollups of about a million rows, of five events each: every combination of the keys in the last
// 11 buckets of five minutes, and in 11 (Italy too) of the last 168 hours. {0}: what now() is.
constexpr const char* kLongRollups = R"(
  TRUNCATE rollup_events_5min, rollup_events_1hr;
  CREATE TABLE spread AS
  SELECT customer_id, event_type, country, browser, 1 + floor(random() * 10000)::bigint AS device_id,
         1 + floor(random() * 100000)::bigint AS session_id,
         date_bin('5 minutes', timestamptz '{0}', timestamptz 'epoch') - bucket * interval '5 minutes' AS minute,
         date_trunc('hour', timestamptz '{0}')
           - (customer_id * 31 + abs(hashtext(event_type || country || browser) % 1000) + 15 * bucket) % 168 * interval '1 hour' AS hour
  FROM (SELECT 1 + floor(random() * 1000)::bigint AS customer_id,
               (ARRAY['Click', 'Visit', 'Conversion', 'Impression'])[1 + floor(random() * 4)] AS event_type,
               (ARRAY['France', 'Germany', 'Italy', 'Spain', 'Norway', 'Italy', 'Japan'])[1 + floor(random() * 7)] AS country,
               (ARRAY['Firefox', 'Chrome', 'Safari', 'Edge'])[1 + floor(random() * 4)] AS browser,
               floor(random() * 11)::int AS bucket
        FROM generate_series(1, 5000000)) x;
  ANALYZE spread;
  INSERT INTO rollup_events_5min
  SELECT customer_id, event_type, country, browser, minute, count(*), hll_add_agg(hll_hash_bigint(device_id)),
         hll_add_agg(hll_hash_bigint(session_id)), topn_add_agg(device_id::text)
  FROM spread GROUP BY customer_id, event_type, country, browser, minute ORDER BY minute, customer_id;
  INSERT INTO rollup_events_1hr
  SELECT customer_id, event_type, country, browser, hour, count(*), hll_add_agg(hll_hash_bigint(device_id)),
         hll_add_agg(hll_hash_bigint(session_id)), topn_add_agg(device_id::text)
  FROM spread GROUP BY customer_id, event_type, country, browser, hour ORDER BY hour, customer_id;
  DROP TABLE spread;)";

// The published hll 2.17 ({0}) and topn 2.7 ({1}), declared as they declare themselves. The types
// are ours: their bytes are the same.
constexpr const char* kPublished = R"(
  DROP SCHEMA IF EXISTS published CASCADE;
  CREATE SCHEMA published;
  CREATE FUNCTION hll_hash_bigint(bigint, integer DEFAULT 0) RETURNS hll_hashval AS '{0}', 'hll_hash_8byte' LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
  CREATE FUNCTION hll_union(hll, hll) RETURNS hll AS '{0}' LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
  CREATE FUNCTION hll_cardinality(hll) RETURNS double precision AS '{0}' LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
  CREATE FUNCTION hll_add_trans0(internal, hll_hashval) RETURNS internal AS '{0}' LANGUAGE C PARALLEL SAFE;
  CREATE FUNCTION hll_union_trans(internal, hll) RETURNS internal AS '{0}' LANGUAGE C PARALLEL SAFE;
  CREATE FUNCTION hll_union_internal(internal, internal) RETURNS internal AS '{0}' LANGUAGE C PARALLEL SAFE;
  CREATE FUNCTION hll_serialize(internal) RETURNS bytea AS '{0}' LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
  CREATE FUNCTION hll_deserialize(bytea, internal) RETURNS internal AS '{0}' LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
  CREATE FUNCTION hll_pack(internal) RETURNS hll AS '{0}' LANGUAGE C PARALLEL SAFE;
  CREATE AGGREGATE hll_add_agg(hll_hashval) (SFUNC = hll_add_trans0, STYPE = internal, SSPACE = 131120, FINALFUNC = hll_pack,
    COMBINEFUNC = hll_union_internal, SERIALFUNC = hll_serialize, DESERIALFUNC = hll_deserialize, PARALLEL = SAFE);
  CREATE AGGREGATE hll_union_agg(hll) (SFUNC = hll_union_trans, STYPE = internal, FINALFUNC = hll_pack,
    COMBINEFUNC = hll_union_internal, SERIALFUNC = hll_serialize, DESERIALFUNC = hll_deserialize, PARALLEL = SAFE);
  CREATE TYPE topn_record AS (item text, frequency bigint);
  CREATE FUNCTION topn(jsonb, integer) RETURNS SETOF topn_record AS '{1}' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
  CREATE FUNCTION topn_union(jsonb, jsonb) RETURNS jsonb AS '{1}' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
  CREATE FUNCTION topn_union_trans(internal, jsonb) RETURNS internal AS '{1}' LANGUAGE C PARALLEL SAFE;
  CREATE FUNCTION topn_add_trans(internal, text) RETURNS internal AS '{1}' LANGUAGE C PARALLEL SAFE;
  CREATE FUNCTION topn_union_internal(internal, internal) RETURNS internal AS '{1}' LANGUAGE C PARALLEL SAFE;
  CREATE FUNCTION topn_serialize(internal) RETURNS bytea AS '{1}' LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
  CREATE FUNCTION topn_deserialize(bytea, internal) RETURNS internal AS '{1}' LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
  CREATE FUNCTION topn_pack(internal) RETURNS jsonb AS '{1}' LANGUAGE C PARALLEL SAFE;
  CREATE AGGREGATE topn_add_agg(text) (SFUNC = topn_add_trans, STYPE = internal, FINALFUNC = topn_pack,
    COMBINEFUNC = topn_union_internal, SERIALFUNC = topn_serialize, DESERIALFUNC = topn_deserialize, PARALLEL = SAFE);
  CREATE AGGREGATE topn_union_agg(jsonb) (SFUNC = topn_union_trans, STYPE = internal, FINALFUNC = topn_pack,
    COMBINEFUNC = topn_union_internal, SERIALFUNC = topn_serialize, DESERIALFUNC = topn_deserialize, PARALLEL = SAFE);)";

}  // namespace millrace::bench
