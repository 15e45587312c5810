-- Declares rollups again over tables that were restored without the rows of millrace's own tables (by the owner of the database,
-- who may not write these, or one schema alone): each from the watermark that the dump has for it, so that no event is counted twice
-- and none is missed. docs/backup.md has the commands around it. Run as the owner of the rollups, in one transaction:
--
--   psql --single-transaction -v was=FILE -f declare_again.sql
--
-- FILE is what pg_restore writes for the dump's rows of millrace.rollup, millrace.watermark and
-- millrace.retention, with pg_temp.was_ instead of millrace. in each COPY. Rollups whose tables are
-- not here are left out.
\set ON_ERROR_STOP on
\o /dev/null

-- All as text: what the rows name may not be here.
SELECT format('CREATE TEMP TABLE was_%s (%s)', c.relname, string_agg(format('%I text', a.attname), ', ' ORDER BY a.attnum))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.oid IN ('millrace.rollup'::regclass, 'millrace.watermark'::regclass, 'millrace.retention'::regclass)
GROUP BY c.relname \gexec
\i :was

DO $$
DECLARE
  r record;
  query text;
BEGIN
  FOR r IN
    WITH RECURSIVE tree AS (
      SELECT relation, 0 AS depth FROM was_rollup WHERE parent IS NULL
      UNION ALL
      SELECT w.relation, tree.depth + 1 FROM was_rollup w JOIN tree ON w.parent = tree.relation)
    SELECT w.*, m.position FROM tree JOIN was_rollup w USING (relation) LEFT JOIN was_watermark m ON m.relation = w.relation AND m.node_group = '0'
    WHERE to_regclass(w.definition) IS NOT NULL AND to_regclass(w.live) IS NOT NULL
      AND NOT EXISTS (SELECT FROM millrace.rollup d WHERE d.relation = to_regclass(w.relation))
    ORDER BY tree.depth, w.relation
  LOOP
    -- The query is in its view. Views that read one of the two keep it from being dropped: drop those before, and make them again.
    query := rtrim(pg_get_viewdef(r.definition::regclass), ';');
    EXECUTE format('DROP VIEW %s, %s', r.live, r.definition);
    IF r.parent IS NULL THEN
      IF r.topn_counters IS NOT NULL THEN
        PERFORM set_config('topn.number_of_counters', r.topn_counters, true);
      END IF;
      PERFORM millrace.create_rollup(r.relation, query, refresh_interval => r.refresh_interval::interval,
                                     id_column => r.id_column::name, start_after => r.position::bigint, with_data => false);
    ELSE
      -- A rollup over another is made from the rows of that one.
      EXECUTE format('TRUNCATE %s', r.relation);
      PERFORM millrace.create_rollup(r.relation, query);
    END IF;
    IF r.parent IS NULL AND r.paused::boolean THEN
      PERFORM millrace.pause_rollup(r.relation::regclass);
    END IF;
  END LOOP;
  FOR r IN SELECT * FROM was_retention WHERE to_regclass(source) IS NOT NULL LOOP
    PERFORM millrace.set_retention(r.source::regclass, r.keep::interval);
  END LOOP;
END
$$;
