-- What other parts of PostgreSQL do with a table, printed. The test runs it with heap tables and with dense events, and the output must be
-- the same. Addresses are not printed: they differ.
\set VERBOSITY sqlstate
\pset format unaligned
\pset tuples_only on
SET client_min_messages = notice;

\echo triggers
CREATE TABLE log (id serial, what text) USING heap;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO log (what) VALUES (concat_ws(' ', TG_NAME, TG_WHEN, TG_LEVEL, TG_OP, CASE WHEN TG_LEVEL = 'ROW' THEN NEW::text END));
  IF TG_WHEN = 'BEFORE' AND TG_LEVEL = 'ROW' THEN
    IF NEW.a = 13 THEN RETURN NULL; END IF;
    NEW.b := coalesce(NEW.b, 'none') || '!';
  END IF;
  RETURN NEW;
END $$;
CREATE FUNCTION note_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO log (what) SELECT 'transition ' || n::text FROM new_rows n ORDER BY n.a LIMIT 3;
  INSERT INTO log (what) SELECT 'transition of ' || count(*) FROM new_rows;
  RETURN NULL;
END $$;
CREATE TABLE t (a int, b text);
CREATE TRIGGER t1 BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER t2 AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER t3 AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION note();
CREATE TRIGGER t4 AFTER INSERT ON t REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION note_new();
INSERT INTO t VALUES (1, 'x'), (13, 'gone'), (2, NULL) RETURNING a, b;
INSERT INTO t SELECT i FROM generate_series(10, 14) i;
COPY t FROM stdin;
20	copied
21	\N
\.
SELECT what FROM log ORDER BY id;
SELECT * FROM t ORDER BY a;
INSERT INTO t VALUES (99, 'r') RETURNING *, tableoid::regclass, ctid IS NOT NULL;

\echo deferred triggers and foreign keys
CREATE TABLE referenced (k int PRIMARY KEY) USING heap;
INSERT INTO referenced VALUES (1), (2), (3);
CREATE TABLE f (k int REFERENCES referenced DEFERRABLE INITIALLY IMMEDIATE, v text);
INSERT INTO f SELECT i % 3 + 1, 'v' || i FROM generate_series(1, 50) i;
INSERT INTO f VALUES (4, 'no');
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
INSERT INTO f VALUES (4, 'late');
INSERT INTO f SELECT 5, 'late' FROM generate_series(1, 20);
COMMIT;
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
INSERT INTO f SELECT 4, 'in time' FROM generate_series(1, 30);
INSERT INTO referenced VALUES (4);
COMMIT;
SELECT k, count(*) FROM f GROUP BY k ORDER BY k;
DELETE FROM referenced WHERE k = 4;
UPDATE referenced SET k = 40 WHERE k = 4;
INSERT INTO referenced VALUES (5);
DELETE FROM referenced WHERE k = 5;
CREATE TABLE parts (id int PRIMARY KEY, k int REFERENCES referenced) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100) TO (200);
INSERT INTO parts SELECT i, i % 3 + 1 FROM generate_series(50, 149) i;
DELETE FROM referenced WHERE k = 3;
CREATE TABLE below (id int REFERENCES parts DEFERRABLE);
INSERT INTO below VALUES (60), (140);
INSERT INTO below VALUES (10);
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
INSERT INTO below SELECT generate_series(150, 160);
INSERT INTO parts SELECT generate_series(150, 160);
COMMIT;
TRUNCATE parts;
SELECT count(*) FROM below;

\echo locks that keep others from changing a row
SELECT k, v FROM f WHERE k = 2 ORDER BY v LIMIT 3 FOR SHARE;
SELECT id FROM parts WHERE id IN (60, 140) ORDER BY id FOR KEY SHARE SKIP LOCKED;
SELECT f.k, p.id FROM f JOIN parts p ON p.id = f.k + 57 WHERE f.v = 'v1' FOR KEY SHARE OF p NOWAIT;
BEGIN;
INSERT INTO parts VALUES (199, 1);
SELECT * FROM parts WHERE id = 199 FOR SHARE;
SAVEPOINT s;
INSERT INTO parts VALUES (198, 1);
ROLLBACK TO s;
SELECT * FROM parts WHERE id >= 198 FOR SHARE;
ROLLBACK;
ALTER TABLE f ADD CONSTRAINT again FOREIGN KEY (k) REFERENCES referenced NOT VALID;
ALTER TABLE f VALIDATE CONSTRAINT again;
CREATE FUNCTION check_late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT count(*) FROM f WHERE v = NEW.v) > 1 THEN RAISE unique_violation; END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON f DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.v LIKE 'one%') EXECUTE FUNCTION check_late();
BEGIN; INSERT INTO f VALUES (1, 'one'); SAVEPOINT s; INSERT INTO f VALUES (1, 'one'); ROLLBACK TO s; COMMIT;
BEGIN; INSERT INTO f VALUES (1, 'one'); COMMIT;
SELECT count(*) FROM f WHERE v LIKE 'one%';

\echo constraints
CREATE TABLE c (a int NOT NULL CHECK (a > 0), b int UNIQUE, g int GENERATED ALWAYS AS (a * 2) STORED, i int GENERATED ALWAYS AS IDENTITY,
  d timestamptz DEFAULT '2026-01-01', PRIMARY KEY (a));
INSERT INTO c (a, b) VALUES (1, 1), (2, 2);
INSERT INTO c (a, b) VALUES (NULL, 3);
INSERT INTO c (a, b) VALUES (-1, 3);
INSERT INTO c (a, b) VALUES (3, 2);
INSERT INTO c (a, b) VALUES (2, 9);
INSERT INTO c (a, i) VALUES (4, 4);
INSERT INTO c (a, i) OVERRIDING SYSTEM VALUE VALUES (5, 500);
INSERT INTO c (a, b) SELECT i, NULL FROM generate_series(100, 400) i;
INSERT INTO c (a, b) SELECT i, NULL FROM generate_series(400, 300, -1) i;
SELECT a, b, g, i FROM c WHERE a < 105 ORDER BY a;
SELECT count(*), sum(g) FROM c;
ALTER TABLE c ALTER COLUMN b SET NOT NULL;
ALTER TABLE c ADD CONSTRAINT small CHECK (a < 300);
ALTER TABLE c ADD CONSTRAINT big CHECK (a < 500);
CREATE TABLE u (a int, UNIQUE (a) DEFERRABLE INITIALLY DEFERRED);
BEGIN; INSERT INTO u VALUES (1), (1); COMMIT;
BEGIN; INSERT INTO u VALUES (2); INSERT INTO u VALUES (3); COMMIT;
INSERT INTO u SELECT i FROM generate_series(10, 500) i;
INSERT INTO u SELECT 500;
SELECT count(*) FROM u;
CREATE TABLE x (r int4range, EXCLUDE USING gist (r WITH &&));
INSERT INTO x SELECT int4range(i * 10, i * 10 + 10) FROM generate_series(1, 300) i;
INSERT INTO x VALUES (int4range(5, 15));
INSERT INTO x VALUES (int4range(0, 5));
SELECT count(*) FROM x WHERE r && int4range(100, 150);

\echo row security
CREATE TABLE s (owner text, v int);
INSERT INTO s SELECT CASE WHEN i % 2 = 0 THEN 'features_role' ELSE 'other' END, i FROM generate_series(1, 100) i;
ALTER TABLE s ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON s USING (owner = current_user) WITH CHECK (owner = current_user AND v < 1000);
GRANT SELECT, INSERT ON s TO features_role;
SET ROLE features_role;
SELECT count(*), sum(v) FROM s;
INSERT INTO s VALUES ('features_role', 500);
INSERT INTO s VALUES ('other', 500);
INSERT INTO s VALUES ('features_role', 5000);
SELECT count(*), sum(v) FROM s;
RESET ROLE;

\echo partitions
CREATE TABLE p (id int, at date, v text) PARTITION BY RANGE (at);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY HASH (id);
CREATE TABLE p21 PARTITION OF p2 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE p22 PARTITION OF p2 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE rest PARTITION OF p DEFAULT;
CREATE INDEX ON p (id);
INSERT INTO p SELECT i, date '2026-01-01' + i % 90, 'v' || i FROM generate_series(1, 3000) i;
SELECT tableoid::regclass, count(*), min(id), max(v) FROM p GROUP BY 1 ORDER BY min(tableoid::regclass::text);
CREATE TABLE later (v text, dropped int, at date NOT NULL, id int);
ALTER TABLE later DROP COLUMN dropped;
INSERT INTO later (id, at, v) SELECT i, date '2026-05-01' + i % 20, 'later' FROM generate_series(1, 500) i;
ALTER TABLE p ATTACH PARTITION later FOR VALUES FROM ('2026-05-01') TO ('2026-06-01');
ALTER TABLE p ATTACH PARTITION later FOR VALUES FROM ('2026-05-01') TO ('2026-05-02');
INSERT INTO p VALUES (9999, '2026-05-05', 'routed');
CREATE TABLE bad (LIKE p);
INSERT INTO bad SELECT 1, '2027-01-01', 'x' FROM generate_series(1, 100);
ALTER TABLE p ATTACH PARTITION bad FOR VALUES FROM ('2026-06-01') TO ('2026-07-01');
SELECT tableoid::regclass, * FROM p WHERE id = 9999 OR (id < 4 AND v = 'later') ORDER BY tableoid::regclass::text, id;
SET enable_partitionwise_aggregate = on;
SELECT at, count(*) FROM p GROUP BY at ORDER BY at LIMIT 3;
ALTER TABLE p DETACH PARTITION p1;
SELECT count(*) FROM p;
TRUNCATE p;
SELECT count(*) FROM p;

\echo queries
CREATE TABLE q (id int, grp int, v numeric, t text);
INSERT INTO q SELECT i, i % 10, i * 1.5, 'text ' || i FROM generate_series(1, 5000) i;
CREATE INDEX q_id ON q (id); CREATE INDEX q_grp ON q (grp, id);
CREATE TABLE r AS SELECT * FROM q;
CREATE INDEX ON r USING brin (id) WITH (pages_per_range = 1); CREATE INDEX ON r USING brin (grp) WITH (pages_per_range = 1);
ANALYZE q;
SELECT count(*) FROM q a JOIN q b ON a.id = b.id + 1 WHERE a.grp = 3;
SET enable_hashjoin = off; SET enable_nestloop = off;
SELECT count(*), sum(a.v) FROM q a JOIN q b USING (grp) WHERE a.id < 200 AND b.id < 200;
SET enable_mergejoin = off; SET enable_nestloop = on;
SELECT count(*), sum(a.v) FROM q a JOIN q b ON a.id = b.id AND b.t = a.t;
RESET ALL;
SELECT id, t FROM q ORDER BY id DESC LIMIT 3;
SELECT grp, sum(v) OVER (PARTITION BY grp ORDER BY id) FROM q WHERE id < 30 ORDER BY 1, 2 LIMIT 5;
SELECT (SELECT max(id) FROM q i WHERE i.grp = o.grp) FROM q o WHERE id < 4 ORDER BY 1;
SELECT min(id), max(id) FROM q;
SELECT count(*) FROM q WHERE id = ANY (ARRAY[1, 5, 4999, 70000]);
SELECT DISTINCT ON (grp) grp, id FROM q ORDER BY grp, id DESC LIMIT 3;
SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off; SET enable_material = off;
EXPLAIN (COSTS off) SELECT count(*) FROM r a JOIN r b ON b.id = a.id + 5 WHERE a.id BETWEEN 100 AND 2000;
SELECT count(*), sum(a.id), sum(b.id), count(DISTINCT a.t) FROM r a JOIN r b ON b.id = a.id + 5 WHERE a.id BETWEEN 100 AND 600;
SELECT count(*), sum(id) FROM r WHERE id > 100 AND grp = 3;
SELECT count(*) FROM r WHERE id > 10000000;
BEGIN; DECLARE c CURSOR FOR SELECT id FROM r WHERE grp IN (3, 60) AND id > 4000; FETCH 0 FROM c;
INSERT INTO r SELECT 5000 + i, 60, 1, 'after' FROM generate_series(1, 30000) i;
FETCH 2 FROM c; MOVE FORWARD ALL IN c; CLOSE c; SELECT count(*) FROM r WHERE grp IN (3, 60); ROLLBACK;
SELECT count(*) FROM r WHERE grp IN (3, 60);
SET work_mem = '64kB';
SELECT count(*), sum(id) FROM r WHERE id > 10 AND t LIKE '%5';
RESET ALL;
WITH new AS (INSERT INTO q SELECT i, 50, 1, 'new' FROM generate_series(1, 40) i RETURNING id, t) SELECT count(*), max(t) FROM new;
SELECT count(*) FROM q WHERE grp = 50;
INSERT INTO q SELECT * FROM q;
SELECT count(*), sum(v) FROM q;
SELECT q FROM q WHERE id = 7 LIMIT 1;
SELECT xmin FROM q WHERE false;
SET max_parallel_workers_per_gather = 3; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0; SET parallel_leader_participation = off;
SELECT count(*), sum(v), count(DISTINCT t) FROM q;
SELECT count(*) FROM q WHERE id BETWEEN 100 AND 4000;
SELECT count(*) FROM q a JOIN q b USING (id);
RESET ALL;
BEGIN; DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT id FROM q WHERE grp = 4 AND t <> 'new' ORDER BY id, t; FETCH 2 FROM c; COMMIT;
TRUNCATE q; FETCH 2 FROM c; FETCH PRIOR FROM c; CLOSE c;
CREATE MATERIALIZED VIEW m AS SELECT a, b FROM t;
CREATE UNIQUE INDEX ON m (a);
SELECT count(*) FROM m;
REFRESH MATERIALIZED VIEW m;
SELECT count(*) FROM m;
CREATE TABLE copied AS SELECT * FROM t;
SELECT count(*) FROM copied;
SELECT a INTO taken FROM copied;
SELECT count(*), sum(a) FROM taken;
CREATE TEMPORARY TABLE short_lived (a int) ON COMMIT DELETE ROWS;
BEGIN; INSERT INTO short_lived SELECT generate_series(1, 1000); SELECT count(*) FROM short_lived; COMMIT;
SELECT count(*) FROM short_lived;
CREATE TABLE zero ();
INSERT INTO zero DEFAULT VALUES;
INSERT INTO zero SELECT FROM generate_series(1, 3000);
SELECT count(*) FROM zero;
ALTER TABLE zero ADD COLUMN a int DEFAULT 3;
SELECT count(*), sum(a) FROM zero;
CREATE TABLE inherited (extra int) INHERITS (t);
INSERT INTO inherited VALUES (1000, 'child', 5);
SELECT a, b FROM t WHERE a >= 99 ORDER BY a;
CREATE TYPE composed AS (a int, b text);
CREATE TABLE typed OF composed;
INSERT INTO typed SELECT i, 'x' FROM generate_series(1, 100) i;
ALTER TYPE composed ADD ATTRIBUTE c int CASCADE;
INSERT INTO typed SELECT i, 'y', i FROM generate_series(1, 100) i;
SELECT b, count(c), sum(a) FROM typed GROUP BY b ORDER BY b;
