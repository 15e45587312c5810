-- create_distributed_table where there is no Citus.
CREATE EXTENSION millrace;
CREATE ROLE regress_millrace_owner;
CREATE ROLE regress_millrace_other;
GRANT CREATE ON SCHEMA public TO regress_millrace_owner;
SET ROLE regress_millrace_owner;

CREATE TABLE events (event_id bigserial, event_time timestamptz, customer_id bigint, device json) PARTITION BY RANGE (event_time);
CREATE TABLE events_1 PARTITION OF events DEFAULT;
CREATE TABLE rollup (customer_id bigint, minute timestamptz, n bigint, twice bigint GENERATED ALWAYS AS (n * 2) STORED);
CREATE UNIQUE INDEX rollup_idx ON rollup (customer_id, minute);
CREATE TABLE keyed (id bigint PRIMARY KEY, customer_id bigint);
CREATE TEMP TABLE passing (customer_id bigint);
CREATE VIEW a_view AS SELECT 1 AS customer_id;

SELECT create_distributed_table('events', 'customer_id');
SELECT create_distributed_table('rollup', 'customer_id', colocate_with => 'events', shard_count => 16);
SELECT * FROM millrace.distributed_table ORDER BY 1;

-- what Citus refuses
SELECT create_distributed_table('events', 'customer_id');
SELECT create_distributed_table('keyed', 'customer_id');
SELECT create_distributed_table('keyed', 'no_column');
SELECT create_distributed_table('no_table', 'customer_id');
SELECT create_distributed_table(0, 'customer_id');
SELECT create_distributed_table('keyed', 'ctid');
SELECT create_distributed_table('rollup', 'twice');
SELECT create_distributed_table('events', 'device');
SELECT create_distributed_table('events_1', 'customer_id');
SELECT create_distributed_table('passing', 'customer_id');
SELECT create_distributed_table('a_view', 'customer_id');
SELECT create_distributed_table('rollup_idx', 'customer_id');
SELECT create_distributed_table('keyed', 'id', 'random');
SELECT create_distributed_table('keyed', 'id', colocate_with => 'a_view');
SELECT create_distributed_table('keyed', 'id', shard_count => 0);
SELECT create_distributed_table(NULL, 'id');
SELECT create_distributed_table('keyed', 'id');

-- only the owner; nobody writes the record by hand
RESET ROLE;
SET ROLE regress_millrace_other;
CREATE TEMP TABLE mine (id bigint);
SELECT create_distributed_table('events', 'customer_id');
INSERT INTO millrace.distributed_table VALUES ('events', 'x', 'hash', 'none', NULL);
DELETE FROM millrace.distributed_table;
SELECT count(*) FROM millrace.distributed_table;
RESET ROLE;

-- a dropped table is forgotten, whoever drops it
SET ROLE regress_millrace_owner;
DROP TABLE rollup, keyed;
SELECT table_name, distribution_column FROM millrace.distributed_table ORDER BY 1;
DROP TABLE events;
SELECT count(*) FROM millrace.distributed_table;
DROP VIEW a_view;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM regress_millrace_owner;
DROP TABLE mine, passing;
DROP ROLE regress_millrace_owner;
DROP ROLE regress_millrace_other;
