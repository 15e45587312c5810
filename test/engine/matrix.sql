-- For `matrix`: seed_table makes a random table, try_table puts random queries to it.
SET client_min_messages = warning;
LOAD 'millrace';

CREATE TABLE tables (table_number int PRIMARY KEY, name text, rows int, names text[], kinds text[], definition text);
CREATE TABLE tried (id bigserial, table_number int, query text, settings text, engine boolean, n bigint, outcome text);

CREATE FUNCTION pick(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE AS
$$ SELECT choices[1 + floor(random() * cardinality(choices))::int] $$;
-- The template with the column in place of %s; NULL when there is no such column.
CREATE FUNCTION fill(template text, c text) RETURNS text LANGUAGE sql STRICT AS $$ SELECT replace(template, '%s', c) $$;
CREATE FUNCTION between_ints(low int, high int) RETURNS int LANGUAGE sql VOLATILE AS
$$ SELECT low + floor(random() * (high - low + 1))::int $$;

-- Stored sketches of every form.
CREATE TABLE pool AS
SELECT array_agg(h ORDER BY i) || ARRAY[hll_empty(), NULL, '\x118b7f', '\x118b7f'] AS hlls,
       array_agg(t ORDER BY i) || ARRAY['{}'::jsonb, NULL, '{"": 3, "a": 1}', '{"ä\"\\": 2}'] AS topns,
       array_agg(t ORDER BY i) || ARRAY['{"a": [1]}'::jsonb, '[]', '{"a": "b"}', '7'] AS topns_and_others
FROM (SELECT i, (SELECT hll_add_agg(hll_hash_bigint(i * 1000 + v)) FROM generate_series(1, (1.6 ^ i)::int) v) AS h,
             (SELECT topn_add_agg((v * v % (i * 9 + 1))::text) FROM generate_series(1, 9 * i) v) AS t
      FROM generate_series(1, 20) i) x;

CREATE DOMAIN d_int AS int;
CREATE DOMAIN d_int_twice AS d_int CHECK (VALUE IS NULL OR VALUE > -2000000000);
CREATE DOMAIN d_text AS text;
CREATE DOMAIN d_real AS real;
CREATE DOMAIN d_time AS timestamptz;

CREATE FUNCTION type_of(kind text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE kind
    WHEN 'i2' THEN 'smallint' WHEN 'i4' THEN 'int' WHEN 'i8' THEN 'bigint' WHEN 'tx' THEN 'text'
    WHEN 'vc' THEN 'varchar(40)' WHEN 'bo' THEN 'boolean' WHEN 'da' THEN 'date' WHEN 'ts' THEN 'timestamp'
    WHEN 'tz' THEN 'timestamptz' WHEN 'uu' THEN 'uuid' WHEN 'f8' THEN 'float8' WHEN 'hl' THEN 'hll'
    WHEN 'tn' THEN 'jsonb' WHEN 'hh' THEN 'hll_hashval' WHEN 'nu' THEN 'numeric' WHEN 'by' THEN 'bytea'
    WHEN 'ch' THEN '"char"' WHEN 'pt' THEN 'point' WHEN 'f4' THEN 'real' WHEN 'oi' THEN 'oid'
    WHEN 'qi' THEN 'd_int_twice' WHEN 'qx' THEN 'd_text' WHEN 'qf' THEN 'd_real' WHEN 'qt' THEN 'd_time' END $$;

-- An expression over i, the number of the row.
CREATE FUNCTION value_of(kind text, rows int) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  k text := pick('0', '(random() * 3)::int', '(random() * 3)::int', '(random() * 40)::int', '(random() * 1000)::int',
                 '(random() * 1e9)::int', 'i', '(i / 100)');
  nulls text := pick('0', '0', '0.02', '0.3', '0.97', '1');
  long boolean := rows <= 1100;
  strange boolean := random() < 0.1;
  value text;
BEGIN
  value := CASE kind
    WHEN 'i2' THEN format('((%s::bigint * 37 %% 65536) - 32768)::smallint', k)
    WHEN 'i4' THEN pick(k, format('((%s::bigint * 104729 %% 4294967296) - 2147483648)::int', k))
    WHEN 'i8' THEN pick(k || '::bigint', format('(%s::bigint - 500) * 1234567891', k),
                        format('CASE %s %% 3 WHEN 0 THEN ''9223372036854775807'' WHEN 1 THEN ''-9223372036854775808'' ELSE ''0'' END::bigint', k))
    WHEN 'tx' THEN CASE WHEN long AND random() < 0.4
      THEN pick(format('repeat(md5((%s)::text), 100)', k),
                format('(SELECT string_agg(md5((%s + v)::text), '''') FROM generate_series(1, 150) v)', k))
      ELSE pick('''k'' || ' || k, format('md5((%s)::text)', k), format('repeat(''Ä'', %s %% 150) || %s', k, k),
                format('repeat(''x'', 253) || %s', k), format('E''"\\\\\t\x01'' || %s %% 5', k), '''''',
                format('chr(65 + %s %% 26)', k)) END
    WHEN 'vc' THEN format('left(md5((%s)::text), 1 + (%s) %% 30)', k, k)
    WHEN 'bo' THEN format('%s %% 2 = 0', k)
    WHEN 'da' THEN CASE WHEN strange THEN format('CASE WHEN random() < 0.05 THEN ''infinity'' ELSE DATE ''1999-12-01'' + %s %% 90000 END', k)
                   ELSE format('DATE ''2026-01-01'' - 500 + %s %% 1000', k) END
    WHEN 'ts' THEN CASE WHEN strange THEN format('CASE WHEN random() < 0.02 THEN ''-infinity'' ELSE TIMESTAMP ''1066-10-14'' + (%s %% 500000) * interval ''17 hours'' END', k)
                   ELSE format('TIMESTAMP ''2026-03-29 00:00'' + (%s %% 100000) * interval ''%s''', k, pick('1 second', '3.7 seconds', '17 minutes', '-31 hours', '1 microsecond')) END
    WHEN 'tz' THEN CASE WHEN strange THEN format('CASE WHEN random() < 0.02 THEN ''infinity'' ELSE TIMESTAMPTZ ''1066-10-14 00:00+00'' + (%s %% 500000) * interval ''17 hours'' END', k)
                   ELSE format('TIMESTAMPTZ ''2026-03-28 22:00+00'' + (%s %% 100000) * interval ''%s''', k, pick('1 second', '3.7 seconds', '17 minutes', '-31 hours', '1 microsecond')) END
    WHEN 'uu' THEN format('md5((%s)::text)::uuid', k)
    WHEN 'f8' THEN pick(format('(%s %% 1000) / 7.0::float8', k), format('(%s %% 1000) * 1e14 / 3', k), 'random() - 0.5',
                        format('(ARRAY[''NaN'', ''Infinity'', ''-Infinity'', ''-0'', ''1e-310'', ''1e300'', ''1.5''])[1 + %s %% 7]::float8', k))
    WHEN 'f4' THEN pick(format('(%s %% 1000) / 7.0::real', k), format('(ARRAY[''NaN'', ''-0'', ''0'', ''1e-40'', ''1.5''])[1 + %s %% 5]::real', k))
    WHEN 'oi' THEN format('(%s::bigint * 104729 %% 4294967296)::oid', k)
    WHEN 'qi' THEN format('(%s %% 1000 - 300)::d_int_twice', k)
    WHEN 'qx' THEN format('(''d'' || %s %% 50)::d_text', k)
    WHEN 'qf' THEN format('((%s %% 1000) / -3.0)::real::d_real', k)
    WHEN 'qt' THEN format('(TIMESTAMPTZ ''2026-03-28 22:00+00'' + (%s %% 10000) * interval ''7 minutes'')::d_time', k)
    WHEN 'hl' THEN format('(SELECT hlls FROM pool)[1 + (%s) %% 24]', k)
    WHEN 'tn' THEN format('(SELECT %s FROM pool)[1 + (%s) %% 24]', CASE WHEN random() < 0.1 THEN 'topns_and_others' ELSE 'topns' END, k)
    WHEN 'hh' THEN format('hll_hash_bigint(%s)', k)
    WHEN 'nu' THEN format('(%s) / 3.0', k)
    WHEN 'by' THEN format('decode(md5((%s)::text), ''hex'')', k)
    WHEN 'ch' THEN format('chr(65 + (%s) %% 26)::"char"', k)
    WHEN 'pt' THEN format('point(%s, 1)', k) END;
  RETURN CASE WHEN nulls = '0' THEN value ELSE format('CASE WHEN random() >= %s THEN %s END', nulls, value) END;
END $$;

-- Table number n of a seed: made, filled and described in `tables`.
CREATE FUNCTION seed_table(seed bigint, n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  name text := 't' || n;
  rows int;
  kinds text[];
  names text[];
  late int;          -- columns that are added later
  gone text;
  part text;         -- the column of the ranges, if it is partitioned
  statements text[] := '{}';
  statement text;
  columns text;
  second text;
  dense text := 'heap';  -- or millrace_dense: of the table, or of its partitions apart from the first
BEGIN
  PERFORM setseed(((seed * 7919 + n * 104729) % 2000003)::float8 / 2000003);
  rows := pick('0', '1', '2', '60', '500', '1023', '1024', '1025', '1100', '5000', '15000')::int;
  -- Two of what everything needs, the rest at random.
  SELECT array_agg(kind ORDER BY random()) INTO kinds FROM (
    SELECT unnest(ARRAY['i2', 'i4', 'i4', 'i8', 'i8', 'tx', 'tx', 'vc', 'bo', 'da', 'ts', 'tz', 'tz', 'uu', 'f8', 'hh', 'nu', 'by', 'ch', 'pt', 'f4', 'oi', 'qi', 'qx', 'qf', 'qt']
      || CASE WHEN rows <= 5000 THEN ARRAY['hl', 'hl', 'tn', 'tn'] END) AS kind) k
  WHERE random() < 0.6;
  kinds := coalesce(kinds, '{}') || CASE WHEN 'i4' = ANY (kinds) THEN ARRAY['tx'] ELSE ARRAY['i4'] END;
  SELECT array_agg(kind || '_' || i ORDER BY i) INTO names FROM unnest(kinds) WITH ORDINALITY k (kind, i);
  late := between_ints(0, 1) * between_ints(0, least(3, cardinality(kinds) - 1));
  IF random() < 0.3 THEN
    SELECT x INTO part FROM unnest(names[1:cardinality(names) - late]) x WHERE left(x, 2) IN ('i4', 'i8', 'da', 'ts', 'tz') ORDER BY random() LIMIT 1;
  END IF;
  IF random() < 0.4 THEN gone := pick('int', 'text', 'smallint', '"char"', 'timestamptz'); END IF;

  SELECT string_agg(format('%I %s', c, type_of(left(c, 2))), ', ' ORDER BY o) INTO columns FROM (
    SELECT c, o::float8 AS o FROM unnest(names[1:cardinality(names) - late]) WITH ORDINALITY x (c, o)) x;
  IF gone IS NOT NULL THEN
    columns := CASE WHEN random() < 0.5 THEN format('gone %s, %s', gone, columns) ELSE format('%s, gone %s', columns, gone) END;
  END IF;
  IF random() < 0.5 THEN dense := 'millrace_dense'; END IF;
  IF part IS NULL THEN
    statements := statements || format('CREATE TABLE %I (%s) USING %I', name, columns, dense);
    IF random() < 0.3 AND rows <= 1100 THEN
      FOR statement IN SELECT format('ALTER TABLE %I ALTER %I SET STORAGE %s', name, x, pick('EXTERNAL', 'MAIN', 'PLAIN')) FROM unnest(names[1:cardinality(names) - late]) x WHERE left(x, 2) = 'tx' AND rows > 0 LOOP
        statements := statements || replace(statement, 'PLAIN', 'EXTERNAL');
      END LOOP;
    END IF;
  ELSE
    statements := statements || format('CREATE TABLE %I (%s) PARTITION BY RANGE (%I)', name, columns, part);
    SELECT string_agg(x, ', ' ORDER BY random()) INTO second FROM unnest(string_to_array(columns, ', ')) x;
    statements := statements || format('CREATE TABLE %I (other int, %s)', name || '_a', second) || format('ALTER TABLE %I DROP other', name || '_a');
    statements := statements || CASE left(part, 2)
      WHEN 'i4' THEN format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (0) TO (30)', name, name || '_a')
      WHEN 'i8' THEN format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (0) TO (30)', name, name || '_a')
      WHEN 'da' THEN format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (''2025-12-01'') TO (''2026-01-10'')', name, name || '_a')
      ELSE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (''2026-03-29 00:01'') TO (''2026-03-29 03:00'')', name, name || '_a') END;
    statements := statements || format('SET LOCAL default_table_access_method = %I', dense);
    statements := statements || CASE left(part, 2)
      WHEN 'da' THEN format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (MINVALUE) TO (''2025-12-01'')', name || '_b', name)
      WHEN 'i4' THEN format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (MINVALUE) TO (0)', name || '_b', name)
      WHEN 'i8' THEN format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (MINVALUE) TO (0)', name || '_b', name)
      ELSE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (MINVALUE) TO (''2026-03-29 00:01'')', name || '_b', name) END;
    statements := statements || format('CREATE TABLE %I PARTITION OF %I DEFAULT', name || '_rest', name) || 'SET LOCAL default_table_access_method = heap'::text;
  END IF;

  statements := statements || format('INSERT INTO %I (%s) SELECT %s FROM generate_series(1, %s) i', name,
    (SELECT string_agg(quote_ident(x), ', ' ORDER BY o) FROM unnest(names[1:cardinality(names) - late]) WITH ORDINALITY y (x, o)),
    (SELECT string_agg(value_of(left(x, 2), rows), ', ' ORDER BY o) FROM unnest(names[1:cardinality(names) - late]) WITH ORDINALITY y (x, o)),
    CASE WHEN late > 0 THEN rows / 2 ELSE rows END);
  IF gone IS NOT NULL THEN statements := statements || format('ALTER TABLE %I DROP gone', name); END IF;
  IF late > 0 THEN
    FOR statement IN SELECT format('ALTER TABLE %I ADD %I %s%s', name, x, type_of(left(x, 2)),
        CASE left(x, 2) WHEN 'tx' THEN ' DEFAULT ''before''' WHEN 'i4' THEN ' DEFAULT 7' WHEN 'tz' THEN ' DEFAULT ''2026-01-01''' WHEN 'bo' THEN ' DEFAULT true' WHEN 'tn' THEN ' DEFAULT ''{"q": 2}''' ELSE '' END)
      FROM unnest(names[cardinality(names) - late + 1:]) WITH ORDINALITY y (x, o) ORDER BY o LOOP
      statements := statements || statement;
    END LOOP;
    statements := statements || format('INSERT INTO %I (%s) SELECT %s FROM generate_series(1, %s) i', name,
      (SELECT string_agg(quote_ident(x), ', ' ORDER BY o) FROM unnest(names) WITH ORDINALITY y (x, o)),
      (SELECT string_agg(value_of(left(x, 2), rows), ', ' ORDER BY o) FROM unnest(names) WITH ORDINALITY y (x, o)), rows - rows / 2);
  END IF;
  IF random() < 0.2 AND dense = 'heap' THEN statements := statements || format('DELETE FROM %I WHERE random() < 0.1', name); END IF;
  IF random() < 0.2 AND part IS NULL AND dense = 'heap' THEN statements := statements || format('UPDATE %I SET %I = %I WHERE random() < 0.1', name, names[1], names[1]); END IF;
  IF random() < 0.3 THEN
    SELECT format('CREATE INDEX ON %I (%I)', name, x) INTO statement FROM unnest(names) x WHERE left(x, 2) IN ('i4', 'i8', 'ts', 'tz') ORDER BY random() LIMIT 1;
    IF FOUND THEN statements := statements || statement; END IF;
  END IF;
  IF random() < 0.7 THEN statements := statements || format('ANALYZE %I', name); END IF;
  FOREACH statement IN ARRAY statements LOOP
    EXECUTE statement;
  END LOOP;
  INSERT INTO tables VALUES (n, name, rows, names, kinds, array_to_string(statements, E';\n    '));
END $$;

-- A column of one of the kinds; NULL when the table has none.
CREATE FUNCTION col(t tables, VARIADIC wanted text[]) RETURNS text LANGUAGE sql VOLATILE AS
$$ SELECT x FROM unnest(t.names) x WHERE left(x, 2) = ANY (wanted) ORDER BY random() LIMIT 1 $$;

-- A value of the column, as a constant.
CREATE FUNCTION sample(t tables, c text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  value text;
BEGIN
  EXECUTE format('SELECT left(%I::text, 300) FROM (SELECT * FROM %I OFFSET %s LIMIT 1) x', c, t.name, between_ints(0, greatest(t.rows - 1, 0))) INTO value;
  RETURN format('%L::%s', value, regexp_replace(type_of(left(c, 2)), '\(.*', ''));
END $$;

CREATE FUNCTION random_key(t tables) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  c text;
BEGIN
  CASE between_ints(1, 10)
    WHEN 1, 2, 3, 4, 5 THEN
      RETURN col(t, 'i2', 'i4', 'i8', 'tx', 'vc', 'bo', 'da', 'ts', 'tz', 'uu', 'qi', 'qx', 'qt');
    WHEN 6, 7, 8 THEN
      c := col(t, 'ts', 'tz', 'qt');
      IF c IS NULL THEN RETURN NULL; END IF;
      RETURN CASE between_ints(1, 4)
        WHEN 1 THEN format('date_bin(''%s'', %s, ''%s'')', pick('5 minutes', '1 hour', '7 days', '1 second', '1.5 seconds'), c, pick('epoch', '2001-01-01', '2020-02-02 00:00:03'))
        WHEN 2 THEN format('date_trunc(''%s'', %s)', pick('second', 'minute', 'hour', 'day', 'week', 'month', 'microseconds'), c)
        WHEN 3 THEN format('date_trunc(''%s'', %s)', pick('hour', 'day'), c)
        ELSE replace(format('date_trunc(''seconds'', (%s - TIMESTAMP ''epoch'') / @) * @ + TIMESTAMP ''epoch''', c), '@', pick('300', '3600', '60', '7')) END;
    WHEN 9 THEN
      c := col(t, 'i2', 'i4', 'i8', 'tx', 'vc', 'da', 'uu', 'ts', 'bo');
      IF c IS NULL THEN RETURN NULL; END IF;
      RETURN fill(CASE left(c, 2)
        WHEN 'tx' THEN pick('lower(%s)', 'left(%s, 1)', 'length(%s)', '%s || ''!''', '%s IS NULL') WHEN 'vc' THEN pick('%s::text', 'upper(%s)', '%s COLLATE "C"')
        WHEN 'da' THEN pick('%s + 1', 'extract(year FROM %s)::int') WHEN 'uu' THEN 'left(%s::text, 1)'
        WHEN 'ts' THEN pick('%s::date', '%s AT TIME ZONE ''Asia/Kolkata''') WHEN 'bo' THEN pick('NOT %s', '%s::int')
        ELSE pick('%s % 3', '%s % 3 = 1', 'coalesce(%s, 0)', '-(%s / 2)', '%s::text') END, c);
    ELSE
      -- some that the engine does not take
      RETURN CASE WHEN random() < 0.2 THEN col(t, 'f8', 'nu', 'ch', 'f4', 'qf') WHEN random() < 0.1 THEN fill('%s::int4', col(t, 'oi')) ELSE col(t, 'i4', 'tx', 'tz') END;
  END CASE;
END $$;

CREATE FUNCTION random_aggregate(t tables) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  c text;
  parameters text := pick('', '', '', ', 10', ', 12, 4', ', 10, 5, 64', ', 9, 6, 0, 1', ', 10, 5, -1, 0');
BEGIN
  CASE between_ints(1, 13)
    WHEN 1 THEN RETURN 'count(*)';
    WHEN 2 THEN RETURN fill('count(%s)', col(t, 'i2', 'i4', 'i8', 'tx', 'vc', 'bo', 'da', 'ts', 'tz', 'qi', 'qx', 'qf', 'qt', 'f4'));
    WHEN 3 THEN RETURN CASE WHEN random() < 0.1 THEN fill('sum(%s::int4)', col(t, 'oi')) ELSE fill(pick('sum(%s)', 'avg(%s)'), col(t, 'i2', 'i4', 'i8', 'qi')) END;
    WHEN 4 THEN RETURN fill(pick('min(%s)', 'max(%s)'), col(t, 'i2', 'i4', 'i8', 'da', 'ts', 'tz', 'f8', 'qi', 'qt'));
    WHEN 5 THEN RETURN fill(pick('sum(%s)', 'avg(%s)', 'min(%s)', 'max(%s)'), col(t, 'f8', 'f4', 'qf'));
    WHEN 6, 7, 8 THEN
      c := col(t, 'i2', 'i4', 'i8', 'tx', 'vc', 'bo', 'hh', 'qi', 'qx');
      IF c IS NULL THEN RETURN NULL; END IF;
      RETURN fill(pick('hll_add_agg(%s)', 'hll_add_agg(%s)', 'hll_cardinality(hll_add_agg(%s))'),
        format(CASE left(c, 2) WHEN 'i2' THEN 'hll_hash_smallint(%s)' WHEN 'i4' THEN 'hll_hash_integer(%s)' WHEN 'i8' THEN 'hll_hash_bigint(%s)'
                 WHEN 'bo' THEN 'hll_hash_boolean(%s)' WHEN 'qi' THEN 'hll_hash_integer(%s)' WHEN 'hh' THEN '%s' ELSE 'hll_hash_text(%s)' END, c) || parameters);
    WHEN 9 THEN RETURN fill(pick('hll_union_agg(%s)', 'hll_cardinality(hll_union_agg(%s))'), col(t, 'hl'));
    WHEN 10, 11 THEN
      c := col(t, 'i2', 'i4', 'i8', 'tx', 'vc', 'qi', 'qx');
      IF c IS NULL THEN RETURN NULL; END IF;
      RETURN fill(pick('topn_add_agg(%s)', 'topn_add_agg(%s)', 'topn_add_agg(%s) ->> ''1'''), CASE WHEN left(c, 1) = 'i' OR left(c, 2) = 'qi' THEN c || '::text' ELSE c END);
    WHEN 12 THEN RETURN fill('topn_union_agg(%s)', col(t, 'tn'));
    ELSE
      -- of PostgreSQL's plans, now and then
      IF random() < 0.8 THEN RETURN 'count(*) * 2'; END IF;
      RETURN fill(pick('count(DISTINCT %s)', 'count(%s) FILTER (WHERE true)', 'sum(%s + 0.5)', 'max(%s::text)'), col(t, 'i2', 'i4', 'i8'));
  END CASE;
END $$;

CREATE FUNCTION random_condition(t tables) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  c text;
  operator text := pick('<', '<=', '=', '>=', '>', '<>');
BEGIN
  CASE between_ints(1, 9)
    WHEN 1, 2, 3 THEN
      c := col(t, 'i2', 'i4', 'i8', 'da', 'ts', 'tz', 'i4', 'i8');
      IF c IS NULL THEN RETURN NULL; END IF;
      RETURN format('%s %s %s', c, operator, sample(t, c));
    WHEN 4 THEN
      c := col(t, 'i2', 'i4', 'i8');
      IF c IS NULL THEN RETURN NULL; END IF;
      RETURN fill(pick('%s > 5000000000', '%s < 100', '%s = 1::smallint', '100 > %s', '%s IN (0, 1, 2)', '%s BETWEEN 0 AND 50', '%s = %s', '%s % 3 = 1',
                         '%s > NULL', '%s >= (SELECT 5)', '%s > 0.5', '%s IS NULL', '%s IS NOT NULL', '%s < (SELECT count(*) FROM pool)'), c);
    WHEN 5 THEN
      c := col(t, 'da', 'ts', 'tz');
      IF c IS NULL THEN RETURN NULL; END IF;
      RETURN fill(pick('%s >= DATE ''2026-01-01''', '%s < now()', '%s <= TIMESTAMP ''2026-03-29 02:30''', '%s > TIMESTAMPTZ ''2026-03-29 02:30+00''', '%s < ''infinity''', '%s > now() - interval ''1 year''', '%s IS NULL'), c);
    WHEN 6 THEN
      c := col(t, 'tx', 'vc');
      IF c IS NULL THEN RETURN NULL; END IF;
      RETURN CASE WHEN random() < 0.4 THEN format('%s %s %s', c, operator, sample(t, c))
             ELSE fill(pick('%s LIKE ''%1%''', 'length(%s) > 10', '%s IS NOT NULL', '%s > ''b'''), c) END;
    WHEN 7 THEN RETURN fill(pick('%s', 'NOT %s', '%s IS NOT TRUE'), col(t, 'bo'));
    WHEN 8 THEN
      c := col(t, 'f8', 'uu', 'hl', 'tn');
      IF c IS NULL THEN RETURN NULL; END IF;
      RETURN CASE left(c, 2) WHEN 'f8' THEN format('%s > 1.5', c) WHEN 'uu' THEN format('%s %s %s', c, operator, sample(t, c)) ELSE format('%s IS NOT NULL', c) END;
    ELSE RETURN pick('false', 'true', '1 = 1', 'random() >= 0', 'now() < now()');
  END CASE;
END $$;

-- What a query gives: its rows as text in the order of their bytes, or the one element "error SQLSTATE message".
CREATE FUNCTION outcome_of(form text, query text, type text, value text, OUT result text[], OUT plan text) LANGUAGE plpgsql AS $$
DECLARE
  collected text := 'SELECT coalesce(array_agg(r ORDER BY r COLLATE "C"), ''{}'') FROM (SELECT x::text AS r FROM (%s) x) y';
  line text;
  state text;
  message text;
  c refcursor;
BEGIN
  plan := '';
  IF form = 'insert' THEN
    EXECUTE 'CREATE TEMP TABLE sink AS ' || query || ' WITH NO DATA';
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) INSERT INTO sink ' || query LOOP plan := plan || line || E'\n'; END LOOP;
    EXECUTE 'INSERT INTO sink ' || query;
    EXECUTE format(collected, 'TABLE sink') INTO result;
    DROP TABLE sink;
  ELSIF form IN ('prepared', 'prepared outer') THEN
    EXECUTE format('PREPARE p (%s) AS ', type) || format(collected, query);
    FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) EXECUTE p (%s)', value) LOOP plan := plan || line || E'\n'; END LOOP;
    EXECUTE format('EXECUTE p (%s)', value) INTO result;
    DEALLOCATE p;
  ELSIF form = 'loop' THEN
    EXECUTE query;
    plan := 'MillraceAggregate, or not';
    EXECUTE format(collected, 'SELECT pg_temp.looped()') INTO result;
  ELSIF form = 'scroll' THEN
    -- forward, back to the start, and forward again
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP plan := plan || line || E'\n'; END LOOP;
    result := '{}';
    OPEN c SCROLL FOR EXECUTE format('SELECT x::text FROM (%s) x', query);
    FOR i IN 1 .. 2 LOOP
      LOOP
        FETCH c INTO line;
        EXIT WHEN NOT FOUND;
        result := array_append(result, line);
        IF cardinality(result) = 3 AND i = 1 THEN FETCH PRIOR FROM c INTO line; EXIT WHEN NOT FOUND; FETCH NEXT FROM c INTO line; END IF;
      END LOOP;
      MOVE ABSOLUTE 0 FROM c;
    END LOOP;
    CLOSE c;
    SELECT coalesce(array_agg(r ORDER BY r COLLATE "C"), '{}') INTO result FROM unnest(result) r;
  ELSE
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP plan := plan || line || E'\n'; END LOOP;
    EXECUTE format(collected, query) INTO result;
  END IF;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
  result := ARRAY[format('error %s %s', state, message)];
  BEGIN DEALLOCATE p; EXCEPTION WHEN invalid_sql_statement_name THEN NULL; END;
END $$;

CREATE FUNCTION try_query(t tables, number int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  keys text[];
  aggregates text[];
  output text;
  query text;
  conditions text[];
  form text := pick('plain', 'plain', 'plain', 'plain', 'plain', 'plain', 'lateral', 'insert', 'prepared', 'limit', 'twice', 'distinct', 'scroll',
                    'outer', 'outer', 'outer', 'scalar', 'scalar', 'deep', 'loop', 'prepared outer');
  part text := substring(t.definition FROM 'PARTITION BY RANGE \((\w+)\)');
  driver text;       -- gives the outer rows of a query that is run again and again
  c text;
  value text;
  settings text := '';
  setting text[];
  on_result text[];
  off_result text[];
  on_plan text;
  off_plan text;
  outcome text;
BEGIN
  SELECT array_agg(DISTINCT k) INTO keys FROM (SELECT random_key(t) AS k FROM generate_series(1, pick('0', '1', '1', '1', '2', '2', '3', '5')::int)) x WHERE k IS NOT NULL;
  SELECT array_agg(a) INTO aggregates FROM (SELECT random_aggregate(t) AS a FROM generate_series(1, pick('1', '1', '2', '3', '4', '6', '9')::int)) x WHERE a IS NOT NULL;
  IF aggregates IS NULL THEN aggregates := ARRAY['count(*)']; END IF;
  IF form = 'distinct' AND keys IS NOT NULL THEN aggregates := '{}'; END IF;
  IF form = 'limit' AND keys IS NULL THEN form := 'plain'; END IF;
  SELECT array_agg(x) INTO conditions FROM (SELECT random_condition(t) AS x FROM generate_series(1, pick('0', '0', '1', '1', '2')::int)) y WHERE x IS NOT NULL;

  SELECT string_agg(format('%s AS c%s', x, o), ', ' ORDER BY o) INTO output FROM unnest(keys || aggregates) WITH ORDINALITY y (x, o);
  IF form IN ('outer', 'scalar', 'deep', 'loop', 'prepared outer') THEN
    c := CASE WHEN part IS NOT NULL AND random() < 0.6 THEN part ELSE col(t, 'i2', 'i4', 'i8', 'da', 'ts', 'tz', 'qi', 'qt') END;
    IF c IS NULL THEN form := 'plain'; END IF;
    driver := format('(SELECT %I AS v FROM %I ORDER BY %I %s NULLS LAST OFFSET %s LIMIT %s) o', c, t.name, c, pick('ASC', 'DESC'), between_ints(0, t.rows / 2), CASE form WHEN 'deep' THEN 4 ELSE 12 END);
    conditions := array_append(conditions, CASE WHEN left(c, 2) IN ('ts', 'tz') AND random() < 0.5 THEN format('%s >= %s AND %s < %s + interval ''1 hour''', c, 'OUTER', c, 'OUTER')
      ELSE format('%s %s OUTER', c, pick('=', '=', '<=', '>', '<')) END);
    IF form = 'prepared outer' THEN
      value := sample(t, c);
      conditions := array_append(conditions, format('%s %s $1', c, pick('<', '<=', '>=', '>')));
    END IF;
    IF random() < 0.3 THEN conditions := array_append(conditions, 'EXISTS (SELECT)'); END IF;
    IF random() < 0.3 THEN conditions := array_append(conditions, format('%s <= (SELECT max(%s) FROM %I)', c, c, t.name)); END IF;
  END IF;
  query := format('SELECT %s FROM %I', output, t.name);
  IF conditions IS NOT NULL THEN query := query || ' WHERE (' || array_to_string(conditions, CASE WHEN driver IS NOT NULL THEN ' AND ' ELSE pick(' AND ', ' AND ', ' OR ') END) || ')'; END IF;
  query := replace(query, 'OUTER', CASE form WHEN 'loop' THEN 'outer_v' ELSE 'o.v' END);
  IF form IN ('lateral', 'prepared') THEN
    c := col(t, 'i2', 'i4', 'i8', 'da', 'ts', 'tz');
    IF c IS NULL OR (form = 'lateral' AND left(c, 1) <> 'i') THEN
      form := 'plain';
    ELSE
      value := sample(t, c);
      query := query || CASE WHEN conditions IS NULL THEN ' WHERE ' ELSE ' AND ' END || CASE WHEN form = 'prepared' THEN format('%s %s $1', c, pick('<', '<=', '=', '>=', '>'))
        ELSE format(pick('%s >= v', '%s %% 3 = v', '%s < v * 10'), c) END;
    END IF;
  END IF;
  IF keys IS NOT NULL THEN query := query || ' GROUP BY ' || array_to_string(keys, ', '); END IF;
  IF random() < 0.25 AND form <> 'distinct' THEN
    query := query || ' HAVING ' || coalesce(CASE between_ints(1, 4) WHEN 1 THEN 'count(*) > 2' WHEN 2 THEN 'count(*) % 2 = 0'
      WHEN 3 THEN fill('max(%s) > 5', col(t, 'i2', 'i4', 'i8')) ELSE fill('min(%s) IS NOT NULL', col(t, 'ts', 'tz', 'da')) END, 'true');
  END IF;
  IF form = 'limit' THEN query := query || ' ORDER BY ' || (SELECT string_agg(i::text, ', ') FROM generate_subscripts(keys, 1) i) || ' LIMIT 3 OFFSET 1'; END IF;
  IF form = 'lateral' THEN query := format('SELECT * FROM generate_series(0, 2) v, LATERAL (%s) x', query); END IF;
  CASE form
    WHEN 'outer', 'prepared outer' THEN query := format(pick('SELECT * FROM %s, LATERAL (%s) x', 'SELECT * FROM %s LEFT JOIN LATERAL (%s) x ON true'), driver, query);
    WHEN 'scalar' THEN query := format('SELECT v, ARRAY(SELECT x::text FROM (%s) x ORDER BY 1) FROM %s', query, driver);
    WHEN 'deep' THEN query := format('SELECT v, w, (SELECT string_agg(r, ''; '' ORDER BY r COLLATE "C") FROM (SELECT w || x::text AS r FROM generate_series(1, w) g, LATERAL (%s) x) y) FROM %s, generate_series(1, 3) w', query, driver);
    WHEN 'loop' THEN query := format('CREATE OR REPLACE FUNCTION pg_temp.looped() RETURNS SETOF text LANGUAGE plpgsql AS $f$ DECLARE outer_v %s; BEGIN FOR outer_v IN SELECT v FROM %s LOOP RETURN QUERY SELECT x::text FROM (%s) x; END LOOP; END $f$',
      type_of(left(c, 2)), driver, query);
    ELSE NULL;
  END CASE;
  IF form = 'twice' THEN query := format('SELECT * FROM (%s) x UNION ALL SELECT * FROM (%s) y', query, query); END IF;

  FOR setting IN SELECT y FROM (VALUES
      (ARRAY['TimeZone', pick('UTC', 'UTC', 'Europe/Berlin', 'Asia/Kolkata', 'America/St_Johns', 'Australia/Lord_Howe', 'Pacific/Apia')]),
      (ARRAY['work_mem', pick('64kB', '64kB', '64MB')]), (ARRAY['hash_mem_multiplier', pick('1', '2')]),
      (ARRAY['topn.number_of_counters', pick('1000', '1000', '1', '7', '40')]),
      (ARRAY['millrace.hll_log2m', pick('11', '11', '11', '8')]), (ARRAY['millrace.hll_expthresh', pick('-1', '-1', '0', '128')]), (ARRAY['millrace.hll_max_sparse', pick('-1', '-1', '50')]),
      (ARRAY['enable_seqscan', pick('on', 'on', 'on', 'off')]), (ARRAY['enable_indexscan', pick('on', 'off')]),
      -- which changes the order in which values come together
      (ARRAY['enable_partitionwise_aggregate', CASE WHEN query ~ 'topn|sum|avg' THEN 'off' ELSE pick('on', 'off') END]), (ARRAY['enable_memoize', pick('on', 'off')]), (ARRAY['enable_material', pick('on', 'off')]),
      (ARRAY['plan_cache_mode', 'force_generic_plan']), (ARRAY['max_parallel_workers_per_gather', '0']), (ARRAY['jit', 'off']),
      -- rows are to come in the order of the table in either plan
      (ARRAY['enable_sort', 'off'])) x (y) LOOP
    PERFORM set_config(setting[1], setting[2], true);
    settings := settings || format('SET %s = %L; ', setting[1], setting[2]);
  END LOOP;
  RAISE INFO 'table %, query %: % [%] %', t.table_number, number, form, settings, query;
  PERFORM set_config('millrace.enable_vector_agg', 'on', true);
  SELECT result, plan INTO on_result, on_plan FROM outcome_of(form, query, type_of(left(c, 2)), value);
  PERFORM set_config('millrace.enable_vector_agg', 'off', true);
  SELECT result, plan INTO off_result, off_plan FROM outcome_of(form, query, type_of(left(c, 2)), value);
  outcome := CASE
    WHEN on_result = off_result AND on_result[1] LIKE 'error XX%' THEN 'DIFFERENT from what it should be: ' || on_result[1]
    WHEN on_result = off_result AND on_result[1] LIKE 'error %' THEN 'same ' || on_result[1]
    WHEN on_result = off_result THEN 'same'
    -- the first of several errors may be another
    WHEN on_result[1] LIKE 'error 2%' AND off_result[1] LIKE 'error 2%' THEN 'same error, in another row'
    WHEN on_plan || off_plan LIKE '%GroupAggregate%' AND query ~ 'topn|(sum|avg|min|max)\((f8|f4|qf)' THEN 'unordered'
    ELSE format(E'DIFFERENT\n  engine on: %s\n  engine off: %s\n  form: %s%s\n  plan on: %s\n  plan off: %s',
      left((SELECT array_agg(x) FROM (SELECT unnest(on_result) EXCEPT ALL SELECT unnest(off_result) LIMIT 3) y (x))::text, 1000),
      left((SELECT array_agg(x) FROM (SELECT unnest(off_result) EXCEPT ALL SELECT unnest(on_result) LIMIT 3) y (x))::text, 1000),
      form, ' $1 = ' || value, on_plan, off_plan) END;
  INSERT INTO tried (table_number, query, settings, engine, n, outcome)
  VALUES (t.table_number, query, settings, on_plan LIKE '%MillraceAggregate%', CASE WHEN outcome = 'same' THEN cardinality(on_result) ELSE 0 END, outcome);
END $$;

-- n queries, each in a transaction of its own; the table is dropped at the end.
CREATE PROCEDURE try_table(number int, n int) LANGUAGE plpgsql AS $$
DECLARE
  t tables;
  start float8 := random();
BEGIN
  SELECT * INTO t FROM tables WHERE table_number = number;
  FOR i IN 1 .. n LOOP
    -- queries may draw numbers of their own
    PERFORM setseed(start - i / 1000.0);
    PERFORM try_query(t, i);
    COMMIT;
  END LOOP;
  EXECUTE format('DROP TABLE %I', t.name);
END $$;
