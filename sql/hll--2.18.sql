-- The type hll and its functions: the SQL surface of postgresql-hll 2.18.
\echo Use "CREATE EXTENSION hll" to load this file. \quit

CREATE TYPE hll;
CREATE TYPE hll_hashval;

-- hll: input, output, type modifiers
CREATE FUNCTION hll_in(cstring, oid, integer) RETURNS hll
  AS 'MODULE_PATHNAME', 'millrace_hll_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_out(hll) RETURNS cstring
  AS 'MODULE_PATHNAME', 'millrace_hll_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_recv(internal, oid, integer) RETURNS hll
  AS 'MODULE_PATHNAME', 'millrace_hll_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_send(hll) RETURNS bytea
  AS 'MODULE_PATHNAME', 'millrace_hll_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_typmod_in(cstring[]) RETURNS integer
  AS 'MODULE_PATHNAME', 'millrace_hll_typmod_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_typmod_out(integer) RETURNS cstring
  AS 'MODULE_PATHNAME', 'millrace_hll_typmod_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE TYPE hll (
  INTERNALLENGTH = variable,
  INPUT = hll_in,
  OUTPUT = hll_out,
  RECEIVE = hll_recv,
  SEND = hll_send,
  TYPMOD_IN = hll_typmod_in,
  TYPMOD_OUT = hll_typmod_out,
  STORAGE = external
);

CREATE FUNCTION hll(hll, integer, boolean) RETURNS hll
  AS 'MODULE_PATHNAME', 'millrace_hll_coerce' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll(bytea) RETURNS hll
  AS 'MODULE_PATHNAME', 'millrace_hll_from_bytea' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE CAST (hll AS hll) WITH FUNCTION hll(hll, integer, boolean) AS IMPLICIT;
CREATE CAST (bytea AS hll) WITH FUNCTION hll(bytea);
CREATE CAST (hll AS bytea) WITHOUT FUNCTION;

-- hll_hashval: a hashed value
CREATE FUNCTION hll_hashval_in(cstring, oid, integer) RETURNS hll_hashval
  AS 'MODULE_PATHNAME', 'millrace_hll_hashval_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_hashval_out(hll_hashval) RETURNS cstring
  AS 'MODULE_PATHNAME', 'millrace_hll_hashval_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE TYPE hll_hashval (
  INTERNALLENGTH = 8,
  PASSEDBYVALUE,
  ALIGNMENT = double,
  INPUT = hll_hashval_in,
  OUTPUT = hll_hashval_out
);

CREATE FUNCTION hll_hashval_eq(hll_hashval, hll_hashval) RETURNS boolean
  AS 'MODULE_PATHNAME', 'millrace_hll_hashval_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_hashval_ne(hll_hashval, hll_hashval) RETURNS boolean
  AS 'MODULE_PATHNAME', 'millrace_hll_hashval_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_hashval(bigint) RETURNS hll_hashval
  AS 'MODULE_PATHNAME', 'millrace_hll_hashval' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_hashval_int4(integer) RETURNS hll_hashval
  AS 'MODULE_PATHNAME', 'millrace_hll_hashval_int4' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE OPERATOR = (
  LEFTARG = hll_hashval, RIGHTARG = hll_hashval, FUNCTION = hll_hashval_eq,
  COMMUTATOR = =, NEGATOR = <>, RESTRICT = eqsel, JOIN = eqjoinsel, HASHES
);
CREATE OPERATOR <> (
  LEFTARG = hll_hashval, RIGHTARG = hll_hashval, FUNCTION = hll_hashval_ne,
  COMMUTATOR = <>, NEGATOR = =, RESTRICT = neqsel, JOIN = neqjoinsel
);
CREATE CAST (bigint AS hll_hashval) WITHOUT FUNCTION;
CREATE CAST (integer AS hll_hashval) WITH FUNCTION hll_hashval_int4(integer);

-- hashing
CREATE FUNCTION hll_hash_boolean(boolean, integer DEFAULT 0) RETURNS hll_hashval
  AS 'MODULE_PATHNAME', 'millrace_hll_hash_1byte' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_hash_smallint(smallint, integer DEFAULT 0) RETURNS hll_hashval
  AS 'MODULE_PATHNAME', 'millrace_hll_hash_2byte' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_hash_integer(integer, integer DEFAULT 0) RETURNS hll_hashval
  AS 'MODULE_PATHNAME', 'millrace_hll_hash_4byte' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_hash_bigint(bigint, integer DEFAULT 0) RETURNS hll_hashval
  AS 'MODULE_PATHNAME', 'millrace_hll_hash_8byte' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_hash_bytea(bytea, integer DEFAULT 0) RETURNS hll_hashval
  AS 'MODULE_PATHNAME', 'millrace_hll_hash_varlena' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_hash_text(text, integer DEFAULT 0) RETURNS hll_hashval
  AS 'MODULE_PATHNAME', 'millrace_hll_hash_varlena' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_hash_any(anyelement, integer DEFAULT 0) RETURNS hll_hashval
  AS 'MODULE_PATHNAME', 'millrace_hll_hash_any' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- functions on sketches
CREATE FUNCTION hll_empty() RETURNS hll
  AS 'MODULE_PATHNAME', 'millrace_hll_empty0' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_empty(integer) RETURNS hll
  AS 'MODULE_PATHNAME', 'millrace_hll_empty1' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_empty(integer, integer) RETURNS hll
  AS 'MODULE_PATHNAME', 'millrace_hll_empty2' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_empty(integer, integer, bigint) RETURNS hll
  AS 'MODULE_PATHNAME', 'millrace_hll_empty3' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_empty(integer, integer, bigint, integer) RETURNS hll
  AS 'MODULE_PATHNAME', 'millrace_hll_empty4' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_add(hll, hll_hashval) RETURNS hll
  AS 'MODULE_PATHNAME', 'millrace_hll_add' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_add_rev(hll_hashval, hll) RETURNS hll
  AS 'MODULE_PATHNAME', 'millrace_hll_add_rev' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_union(hll, hll) RETURNS hll
  AS 'MODULE_PATHNAME', 'millrace_hll_union' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_cardinality(hll) RETURNS double precision
  AS 'MODULE_PATHNAME', 'millrace_hll_cardinality' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_eq(hll, hll) RETURNS boolean
  AS 'MODULE_PATHNAME', 'millrace_hll_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_ne(hll, hll) RETURNS boolean
  AS 'MODULE_PATHNAME', 'millrace_hll_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_print(hll) RETURNS cstring
  AS 'MODULE_PATHNAME', 'millrace_hll_print' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_schema_version(hll) RETURNS integer
  AS 'MODULE_PATHNAME', 'millrace_hll_schema_version' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_type(hll) RETURNS integer
  AS 'MODULE_PATHNAME', 'millrace_hll_type' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_log2m(hll) RETURNS integer
  AS 'MODULE_PATHNAME', 'millrace_hll_log2m' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_regwidth(hll) RETURNS integer
  AS 'MODULE_PATHNAME', 'millrace_hll_regwidth' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_sparseon(hll) RETURNS integer
  AS 'MODULE_PATHNAME', 'millrace_hll_sparseon' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_expthresh(hll, OUT specified bigint, OUT effective bigint)
  AS 'MODULE_PATHNAME', 'millrace_hll_expthresh' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- defaults of the database session
CREATE FUNCTION hll_set_output_version(integer) RETURNS integer
  AS 'MODULE_PATHNAME', 'millrace_hll_set_output_version' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
CREATE FUNCTION hll_set_max_sparse(integer) RETURNS integer
  AS 'MODULE_PATHNAME', 'millrace_hll_set_max_sparse' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
CREATE FUNCTION hll_set_defaults(
  IN i_log2m integer, IN i_regwidth integer, IN i_expthresh bigint, IN i_sparseon integer,
  OUT o_log2m integer, OUT o_regwidth integer, OUT o_expthresh bigint, OUT o_sparseon integer)
  AS 'MODULE_PATHNAME', 'millrace_hll_set_defaults' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;

-- operators
CREATE OPERATOR = (
  LEFTARG = hll, RIGHTARG = hll, FUNCTION = hll_eq,
  COMMUTATOR = =, NEGATOR = <>, RESTRICT = eqsel, JOIN = eqjoinsel
);
CREATE OPERATOR <> (
  LEFTARG = hll, RIGHTARG = hll, FUNCTION = hll_ne,
  COMMUTATOR = <>, NEGATOR = =, RESTRICT = neqsel, JOIN = neqjoinsel
);
-- Not in the published extension: a subscriber of a published rollup finds the row to update by it.
CREATE FUNCTION hll_image_hash(hll) RETURNS integer
  AS 'MODULE_PATHNAME', 'millrace_hll_image_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE OPERATOR CLASS hll_hash_ops DEFAULT FOR TYPE hll USING hash AS
  OPERATOR 1 =, FUNCTION 1 hll_image_hash(hll);

CREATE OPERATOR || (LEFTARG = hll, RIGHTARG = hll, FUNCTION = hll_union);
CREATE OPERATOR || (LEFTARG = hll, RIGHTARG = hll_hashval, FUNCTION = hll_add);
CREATE OPERATOR || (LEFTARG = hll_hashval, RIGHTARG = hll, FUNCTION = hll_add_rev);
CREATE OPERATOR # (RIGHTARG = hll, FUNCTION = hll_cardinality);

-- aggregates
CREATE FUNCTION hll_union_trans(internal, hll) RETURNS internal
  AS 'MODULE_PATHNAME', 'millrace_hll_union_trans' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION hll_add_trans0(internal, hll_hashval) RETURNS internal
  AS 'MODULE_PATHNAME', 'millrace_hll_add_trans0' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION hll_add_trans1(internal, hll_hashval, integer) RETURNS internal
  AS 'MODULE_PATHNAME', 'millrace_hll_add_trans1' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION hll_add_trans2(internal, hll_hashval, integer, integer) RETURNS internal
  AS 'MODULE_PATHNAME', 'millrace_hll_add_trans2' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION hll_add_trans3(internal, hll_hashval, integer, integer, bigint) RETURNS internal
  AS 'MODULE_PATHNAME', 'millrace_hll_add_trans3' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION hll_add_trans4(internal, hll_hashval, integer, integer, bigint, integer) RETURNS internal
  AS 'MODULE_PATHNAME', 'millrace_hll_add_trans4' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION hll_union_internal(internal, internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'millrace_hll_union_internal' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION hll_serialize(internal) RETURNS bytea
  AS 'MODULE_PATHNAME', 'millrace_hll_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_deserialize(bytea, internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'millrace_hll_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hll_pack(internal) RETURNS hll
  AS 'MODULE_PATHNAME', 'millrace_hll_pack' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION hll_card_unpacked(internal) RETURNS double precision
  AS 'MODULE_PATHNAME', 'millrace_hll_card_unpacked' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION hll_floor_card_unpacked(internal) RETURNS bigint
  AS 'MODULE_PATHNAME', 'millrace_hll_floor_card_unpacked' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION hll_ceil_card_unpacked(internal) RETURNS bigint
  AS 'MODULE_PATHNAME', 'millrace_hll_ceil_card_unpacked' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE AGGREGATE hll_union_agg(hll) (
  SFUNC = hll_union_trans, STYPE = internal, SSPACE = 512, FINALFUNC = hll_pack,
  COMBINEFUNC = hll_union_internal, SERIALFUNC = hll_serialize, DESERIALFUNC = hll_deserialize,
  PARALLEL = SAFE
);
CREATE AGGREGATE hll_add_agg(hll_hashval) (
  SFUNC = hll_add_trans0, STYPE = internal, SSPACE = 512, FINALFUNC = hll_pack,
  COMBINEFUNC = hll_union_internal, SERIALFUNC = hll_serialize, DESERIALFUNC = hll_deserialize,
  PARALLEL = SAFE
);
CREATE AGGREGATE hll_add_agg(hll_hashval, integer) (
  SFUNC = hll_add_trans1, STYPE = internal, SSPACE = 512, FINALFUNC = hll_pack,
  COMBINEFUNC = hll_union_internal, SERIALFUNC = hll_serialize, DESERIALFUNC = hll_deserialize,
  PARALLEL = SAFE
);
CREATE AGGREGATE hll_add_agg(hll_hashval, integer, integer) (
  SFUNC = hll_add_trans2, STYPE = internal, SSPACE = 512, FINALFUNC = hll_pack,
  COMBINEFUNC = hll_union_internal, SERIALFUNC = hll_serialize, DESERIALFUNC = hll_deserialize,
  PARALLEL = SAFE
);
CREATE AGGREGATE hll_add_agg(hll_hashval, integer, integer, bigint) (
  SFUNC = hll_add_trans3, STYPE = internal, SSPACE = 512, FINALFUNC = hll_pack,
  COMBINEFUNC = hll_union_internal, SERIALFUNC = hll_serialize, DESERIALFUNC = hll_deserialize,
  PARALLEL = SAFE
);
CREATE AGGREGATE hll_add_agg(hll_hashval, integer, integer, bigint, integer) (
  SFUNC = hll_add_trans4, STYPE = internal, SSPACE = 512, FINALFUNC = hll_pack,
  COMBINEFUNC = hll_union_internal, SERIALFUNC = hll_serialize, DESERIALFUNC = hll_deserialize,
  PARALLEL = SAFE
);
