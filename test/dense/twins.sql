-- What twins.py uses: random values, and comparisons of h (heap) with d (dense).
SET client_min_messages = warning;
SET check_function_bodies = off;
CREATE EXTENSION btree_gist;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a int4, b text);
CREATE DOMAIN positive AS int4 CHECK (VALUE > 0);
CREATE FUNCTION r(i int8, k int) RETURNS int8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT hashint8extended(i, k) & 9223372036854775807';
-- Some text that does not compress well, of 32 bytes for each count.
CREATE FUNCTION noise(i int8, n int) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
  $$ SELECT coalesce(string_agg(md5((i * 7919 + j)::text), ''), '') FROM generate_series(1, n) j $$;
CREATE FUNCTION changing(i int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT i';
CREATE FUNCTION file_sum(path text) RETURNS text LANGUAGE sql AS
  $$ SELECT md5(string_agg(line, E'\n' ORDER BY line COLLATE "C")) FROM string_to_table(pg_read_file(path), E'\n') line $$;

-- One value that says which rows a query gives, in any order.
CREATE FUNCTION sum_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
  EXECUTE format('SELECT count(*) || '':'' || coalesce(sum(hashtextextended(x::text, 0)), 0) FROM (%s) x', query) INTO answer;
  RETURN answer;
END $$;

-- What differs between h and d, and between ways to read d.
CREATE FUNCTION compare(parallel boolean) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  everything text := sum_of('SELECT * FROM h');
  pages bigint := pg_relation_size('d') / 8192;
  c refcursor;
  row d%ROWTYPE;
  line text;
  lines text[] := '{}';
  back text[] := '{}';
  i record;
  address tid;
  bound text;
BEGIN
  PERFORM set_config(CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'force_parallel_mode' ELSE 'debug_parallel_query' END, CASE WHEN parallel THEN 'on' ELSE 'off' END, true);
  IF everything <> sum_of('SELECT * FROM d') THEN
    RETURN NEXT format('rows: %s and %s', everything, sum_of('SELECT * FROM d'));
    RETURN QUERY SELECT 'heap only: ' || left(x, 200) FROM (SELECT h::text FROM h EXCEPT ALL SELECT d::text FROM d LIMIT 3) t (x);
    RETURN QUERY SELECT 'dense only: ' || left(x, 200) FROM (SELECT d::text FROM d EXCEPT ALL SELECT h::text FROM h LIMIT 3) t (x);
    RETURN;
  END IF;
  -- The rest costs more, and is the same from one step to the next.
  IF random() < 0.5 THEN RETURN; END IF;
  IF EXISTS (SELECT FROM d GROUP BY ctid HAVING count(*) > 1) THEN RETURN NEXT 'addresses'; END IF;
  IF everything <> sum_of('SELECT * FROM d TABLESAMPLE SYSTEM (100)') THEN RETURN NEXT 'system sample'; END IF;
  IF everything <> sum_of('SELECT * FROM d TABLESAMPLE BERNOULLI (100)') THEN RETURN NEXT 'bernoulli sample'; END IF;
  -- Part of the columns.
  FOR i IN SELECT attname FROM pg_attribute WHERE attrelid = 'd'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY random() LIMIT 2 LOOP
    IF sum_of(format('SELECT %I FROM h', i.attname)) <> sum_of(format('SELECT %I FROM d', i.attname)) THEN RETURN NEXT 'column ' || i.attname; END IF;
  END LOOP;
  -- Addresses: one, and ranges.
  FOR address IN SELECT ctid FROM d ORDER BY random() LIMIT 3 LOOP
    SELECT d::text INTO line FROM d WHERE ctid = address;
    PERFORM FROM (SELECT d::text FROM d WHERE ctid::text = address::text) t (x) WHERE x = line;
    IF NOT FOUND THEN RETURN NEXT 'address ' || address; END IF;
  END LOOP;
  bound := format('SELECT * FROM d WHERE ctid %s %L AND ctid %s %L', (ARRAY['>', '>='])[1 + random()::int],
    format('(%s,%s)', (random() * pages)::int, (random() * 300)::int + 1), (ARRAY['<', '<='])[1 + random()::int],
    format('(%s,%s)', (random() * pages)::int, (random() * 2500)::int + 1));
  line := sum_of(bound);
  PERFORM set_config('enable_tidscan', 'off', true);
  IF line <> sum_of(bound) THEN RETURN NEXT bound; END IF;
  PERFORM set_config('enable_tidscan', 'on', true);
  -- Cursors, forwards and backwards.
  OPEN c SCROLL FOR SELECT * FROM d;
  FOR n IN 1..40 LOOP
    FETCH c INTO row;
    EXIT WHEN NOT FOUND;
    lines := lines || row::text;
  END LOOP;
  FOR n IN 1..5 LOOP
    FETCH PRIOR FROM c INTO row;
    EXIT WHEN NOT FOUND;
    back := back || row::text;
  END LOOP;
  IF coalesce(array_length(lines, 1), 0) = 40 AND back <> (SELECT array_agg(lines[n] ORDER BY n DESC) FROM generate_series(35, 39) n) THEN
    RETURN NEXT 'cursor backwards';
  END IF;
  MOVE LAST FROM c;
  MOVE FORWARD ALL FROM c;
  back := '{}';
  LOOP
    FETCH PRIOR FROM c INTO row;
    EXIT WHEN NOT FOUND;
    line := row::text;
  END LOOP;
  IF line IS DISTINCT FROM lines[1] AND array_length(lines, 1) > 0 THEN RETURN NEXT 'cursor back to the first'; END IF;
  CLOSE c;
  -- Every index: each row must be found by it, and only rows.
  PERFORM set_config('enable_seqscan', 'off', true);
  FOR i IN SELECT x.indexrelid::regclass AS name, am.amname, pg_get_indexdef(x.indexrelid, 1, true) AS key, pg_get_expr(x.indpred, x.indrelid) AS predicate
           FROM pg_index x JOIN pg_class k ON k.oid = x.indexrelid JOIN pg_am am ON am.oid = k.relam WHERE x.indrelid = 'd'::regclass AND x.indisvalid LOOP
    CONTINUE WHEN i.amname = 'gist' OR random() < 0.5;
    EXECUTE format('SELECT quote_nullable((%s)::text) FROM h WHERE %s ORDER BY random() LIMIT 1', i.key, coalesce(i.predicate, 'true')) INTO line;
    CONTINUE WHEN line IS NULL OR line = 'NULL';
    FOREACH bound IN ARRAY CASE WHEN i.amname = 'hash' THEN ARRAY['='] ELSE ARRAY['=', '<', '>='] END LOOP
      bound := format('WHERE %s %s %s AND %s', i.key, bound, line, coalesce(i.predicate, 'true'));
      IF sum_of('SELECT * FROM d ' || bound) <> sum_of('SELECT * FROM h ' || bound) THEN RETURN NEXT format('index %s: %s', i.name, bound); END IF;
    END LOOP;
    IF i.amname = 'btree' AND i.predicate IS NULL AND sum_of('SELECT * FROM d ORDER BY ' || i.key) <> everything THEN RETURN NEXT format('index %s: all', i.name); END IF;
  END LOOP;
  FOR i IN SELECT a.attname FROM pg_attribute a WHERE a.attrelid = 'd'::regclass AND a.atttypid = 'int4range'::regtype AND NOT a.attisdropped LOOP
    bound := format('WHERE %I && int4range(100, 200)', i.attname);
    IF sum_of('SELECT * FROM d ' || bound) <> sum_of('SELECT * FROM h ' || bound) THEN RETURN NEXT 'gist: ' || bound; END IF;
  END LOOP;
  PERFORM set_config('enable_seqscan', 'on', true);
  PERFORM set_config(CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'force_parallel_mode' ELSE 'debug_parallel_query' END, 'off', true);
END $$;

-- Fewer than 30,000 rows are all in ANALYZE's sample, so its figures are those of the rows.
CREATE FUNCTION compare_statistics() RETURNS SETOF text LANGUAGE sql AS $$
  SELECT format('%s: %s and %s', attname, (h.null_frac, h.n_distinct), (d.null_frac, d.n_distinct))
  FROM pg_stats h JOIN pg_stats d USING (attname) WHERE h.tablename = 'h' AND d.tablename = 'd'
  AND (abs(h.null_frac - d.null_frac) > 0.001 OR abs(h.n_distinct - d.n_distinct) > 0.01 * abs(h.n_distinct))
  UNION ALL
  SELECT format('%s rows, not %s', c.reltuples, (SELECT count(*) FROM d)) FROM pg_class c
  WHERE c.oid = 'd'::regclass AND c.reltuples <> (SELECT count(*) FROM d)
  UNION ALL
  SELECT 'different columns' WHERE (SELECT count(*) FROM pg_stats WHERE tablename = 'h') <> (SELECT count(*) FROM pg_stats WHERE tablename = 'd') $$;
