-- The topn functions: the SQL surface of postgresql-topn 2.7.
\echo Use "CREATE EXTENSION topn" to load this file. \quit

CREATE FUNCTION topn(jsonb, integer) RETURNS TABLE (item text, frequency bigint)
  AS 'MODULE_PATHNAME', 'millrace_topn' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION topn_add(jsonb, text) RETURNS jsonb
  AS 'MODULE_PATHNAME', 'millrace_topn_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION topn_union(jsonb, jsonb) RETURNS jsonb
  AS 'MODULE_PATHNAME', 'millrace_topn_union' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- aggregates
CREATE FUNCTION topn_add_trans(internal, text) RETURNS internal
  AS 'MODULE_PATHNAME', 'millrace_topn_add_trans' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION topn_union_trans(internal, jsonb) RETURNS internal
  AS 'MODULE_PATHNAME', 'millrace_topn_union_trans' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION topn_union_internal(internal, internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'millrace_topn_union_internal' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION topn_serialize(internal) RETURNS bytea
  AS 'MODULE_PATHNAME', 'millrace_topn_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION topn_deserialize(bytea, internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'millrace_topn_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION topn_pack(internal) RETURNS jsonb
  AS 'MODULE_PATHNAME', 'millrace_topn_pack' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE topn_add_agg(text) (
  SFUNC = topn_add_trans, STYPE = internal, SSPACE = 1024, FINALFUNC = topn_pack,
  COMBINEFUNC = topn_union_internal, SERIALFUNC = topn_serialize,
  DESERIALFUNC = topn_deserialize, PARALLEL = SAFE
);
CREATE AGGREGATE topn_union_agg(jsonb) (
  SFUNC = topn_union_trans, STYPE = internal, SSPACE = 1024, FINALFUNC = topn_pack,
  COMBINEFUNC = topn_union_internal, SERIALFUNC = topn_serialize,
  DESERIALFUNC = topn_deserialize, PARALLEL = SAFE
);

CREATE OPERATOR + (LEFTARG = jsonb, RIGHTARG = jsonb, FUNCTION = topn_union, COMMUTATOR = +);

COMMENT ON FUNCTION topn(jsonb, integer) IS 'the n items with the highest counts, highest first';
COMMENT ON FUNCTION topn_add(jsonb, text) IS 'count one more occurrence of an item';
COMMENT ON FUNCTION topn_union(jsonb, jsonb) IS 'one summary over what two have seen';
COMMENT ON AGGREGATE topn_add_agg(text) IS 'summary of the most frequent items';
COMMENT ON AGGREGATE topn_union_agg(jsonb) IS 'one summary over what many have seen';
