-- For `rewrite`: asks a question with the rewrite on and off, and of the events themselves.
SET client_min_messages = warning;

CREATE TABLE tried (
  id bigserial, family int, form text, question text, settings text, rewritten boolean, in_parts boolean, events boolean, rows int, outcome text);
CREATE INDEX ON tried (id) WHERE outcome LIKE 'DIFFERENT%';
CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE ROLE rewrite_reader;

-- Small tables to join with.
CREATE TABLE names (tenant int, kt text COLLATE "C", name text);
INSERT INTO names VALUES (0, 'a', 'zero'), (1, 'b', 'one'), (1, 'b', 'uno'), (2, NULL, 'two'), (NULL, 'c', 'none'), (77, 'zz', 'nobody');
CREATE TABLE weights (tenant bigint, kb boolean, w int);
INSERT INTO weights VALUES (0, true, 2), (1, false, 3), (2, NULL, 5), (5, true, 7);
CREATE TABLE spans (b timestamptz, name text);
INSERT INTO spans SELECT timestamptz '2026-10-24 22:00+00' + i * interval '1 hour', 's' || i FROM generate_series(0, 30) i;
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION plus(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 + $2; END';
GRANT SELECT ON names, weights, spans TO rewrite_reader;

-- The rows of a question as text in the order of their bytes, or the one element "error SQLSTATE message"; and its plan.
CREATE FUNCTION outcome_of(form text, question text, types text, arguments text, OUT result text[], OUT plan text) LANGUAGE plpgsql AS $$
DECLARE
  collected text := 'SELECT coalesce(array_agg(r ORDER BY r COLLATE "C"), ''{}'') FROM (SELECT x::text AS r FROM (%s) x) y';
  line text;
  state text;
  message text;
  c refcursor;
BEGIN
  plan := '';
  IF form = 'prepared' THEN
    EXECUTE format('PREPARE p (%s) AS ', types) || format(collected, question);
    FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) EXECUTE p (%s)', arguments) LOOP plan := plan || line || E'\n'; END LOOP;
    EXECUTE format('EXECUTE p (%s)', arguments) INTO result;
    DEALLOCATE p;
    RETURN;
  END IF;
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || question LOOP plan := plan || line || E'\n'; END LOOP;
  IF form = 'insert' THEN
    EXECUTE 'CREATE TEMP TABLE sink AS ' || question || ' WITH NO DATA';
    EXECUTE 'INSERT INTO sink ' || question;
    EXECUTE format(collected, 'TABLE sink') INTO result;
    DROP TABLE sink;
  ELSIF form = 'create' THEN
    EXECUTE 'CREATE TEMP TABLE sink AS ' || question;
    EXECUTE format(collected, 'TABLE sink') INTO result;
    DROP TABLE sink;
  ELSIF form = 'cursor' THEN
    result := '{}';
    OPEN c NO SCROLL FOR EXECUTE format('SELECT x::text FROM (%s) x', question);
    LOOP
      FETCH c INTO line;
      EXIT WHEN NOT FOUND;
      result := array_append(result, line);
    END LOOP;
    CLOSE c;
    SELECT coalesce(array_agg(r ORDER BY r COLLATE "C"), '{}') INTO result FROM unnest(result) r;
  ELSE
    EXECUTE format(collected, question) INTO result;
  END IF;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
  result := ARRAY[format('error %s %s', state, message)];
  BEGIN EXECUTE 'DEALLOCATE p'; EXCEPTION WHEN OTHERS THEN NULL; END;
END $$;

CREATE FUNCTION tables_of(plan text) RETURNS text[] LANGUAGE sql IMMUTABLE AS
$$ SELECT coalesce(array_agg(DISTINCT m[1]), '{}') FROM regexp_matches(plan, ' on (r\d+_\d+)', 'g') m $$;

-- `of_events`: the same question, of the events; NULL if it cannot be asked of them.
CREATE FUNCTION try(family int, form text, question text, of_events text, types text, arguments text, settings text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  on_result text[];
  off_result text[];
  events_result text[];
  on_plan text;
  off_plan text;
  outcome text;
BEGIN
  FOR i IN 1 .. cardinality(settings) BY 2 LOOP
    PERFORM set_config(settings[i], settings[i + 1], true);
  END LOOP;
  SELECT result, plan INTO on_result, on_plan FROM outcome_of(form, question, types, arguments);
  PERFORM set_config('millrace.enable_rewrite', 'off', true);
  SELECT result, plan INTO off_result, off_plan FROM outcome_of(form, question, types, arguments);
  IF of_events IS NOT NULL THEN SELECT result INTO events_result FROM outcome_of(form, of_events, types, arguments); END IF;
  PERFORM set_config('role', 'none', true);
  outcome := CASE
    WHEN on_result <> off_result THEN format(E'DIFFERENT\n  on:  %s\n  off: %s\n  plan on:\n%s',
      left((SELECT array_agg(x) FROM (SELECT unnest(on_result) EXCEPT ALL SELECT unnest(off_result) LIMIT 3) y (x))::text, 1000),
      left((SELECT array_agg(x) FROM (SELECT unnest(off_result) EXCEPT ALL SELECT unnest(on_result) LIMIT 3) y (x))::text, 1000), on_plan)
    WHEN on_result[1] LIKE 'error XX%' THEN 'DIFFERENT from what it should be: ' || on_result[1]
    WHEN on_result[1] LIKE 'error %' THEN 'same ' || on_result[1]
    WHEN events_result <> on_result THEN format(E'DIFFERENT from the events\n  on:     %s\n  events: %s\n  plan on:\n%s',
      left((SELECT array_agg(x) FROM (SELECT unnest(on_result) EXCEPT ALL SELECT unnest(events_result) LIMIT 3) y (x))::text, 1000),
      left((SELECT array_agg(x) FROM (SELECT unnest(events_result) EXCEPT ALL SELECT unnest(on_result) LIMIT 3) y (x))::text, 1000), on_plan)
    ELSE 'same' END;
  INSERT INTO tried (family, form, question, settings, rewritten, in_parts, events, rows, outcome)
  VALUES (family, form, question || coalesce(E'\n  with ' || arguments, ''), settings::text, NOT tables_of(on_plan) <@ tables_of(off_plan),
          cardinality(tables_of(on_plan)) > cardinality(tables_of(off_plan)),
          of_events IS NOT NULL, CASE WHEN outcome = 'same' THEN cardinality(on_result) ELSE 0 END, outcome);
END $$;
