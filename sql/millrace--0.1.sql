-- Schema millrace and the single-node answer to create_distributed_table.
\echo Use "CREATE EXTENSION millrace" to load this file. \quit

CREATE SCHEMA millrace;
GRANT USAGE ON SCHEMA millrace TO PUBLIC;

-- Tables that create_distributed_table was called for on a node without Citus.
CREATE TABLE millrace.distributed_table (
  table_name pg_catalog.regclass PRIMARY KEY,
  distribution_column pg_catalog.name NOT NULL,
  distribution_type pg_catalog.text NOT NULL,
  colocate_with pg_catalog.text NOT NULL,
  shard_count pg_catalog.int4
);
GRANT SELECT ON millrace.distributed_table TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('millrace.distributed_table', '');

-- Forgets tables that are dropped. SECURITY DEFINER: whoever may drop a table may not write here.
CREATE FUNCTION millrace.forget_dropped_tables() RETURNS pg_catalog.event_trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  DELETE FROM millrace.distributed_table
  WHERE table_name::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (
    SELECT objid FROM pg_catalog.pg_event_trigger_dropped_objects()
    WHERE classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid);
END
$$;
REVOKE ALL ON FUNCTION millrace.forget_dropped_tables() FROM PUBLIC;
CREATE EVENT TRIGGER millrace_forget_dropped_tables ON sql_drop
  EXECUTE FUNCTION millrace.forget_dropped_tables();

-- Where the database has Citus, Citus's own create_distributed_table is the one to call. Ours stands
-- in schema public, so that Citus's (in pg_catalog) takes its place if it is installed later.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_extension
                 WHERE extname OPERATOR(pg_catalog.=) 'citus') THEN
    EXECUTE $create$
      CREATE FUNCTION public.create_distributed_table(
        table_name pg_catalog.regclass,
        distribution_column pg_catalog.text,
        distribution_type pg_catalog.text DEFAULT 'hash',
        colocate_with pg_catalog.text DEFAULT 'default',
        shard_count pg_catalog.int4 DEFAULT NULL)
      RETURNS pg_catalog.void
      AS '$libdir/millrace', 'millrace_create_distributed_table' LANGUAGE C VOLATILE
    $create$;
    COMMENT ON FUNCTION public.create_distributed_table(
        pg_catalog.regclass, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.int4)
      IS 'record a table as distributed by a column; its rows stay on this node until Citus is there';
  END IF;
END
$$;
