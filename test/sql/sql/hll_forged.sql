-- Values that crash or corrupt the published extension: each is an error here, and the server lives.
\set VERBOSITY terse
SELECT hll_add('\x119f40'::hll, hll_hash_bigint(1));
SELECT hll_hash_any(cash_out(0::money)) IS NOT NULL AS hashed;
-- text input: short, version, type, flags, parameters
SELECT ''::hll;
SELECT '\x'::hll;
SELECT '\x11'::hll;
SELECT '\x218b7f'::hll;
SELECT '\x158b7f'::hll;
SELECT '\x118bff'::hll;
SELECT '\x11eb7f'::hll;
SELECT '\x118b7f00'::hll;
SELECT 'no hex'::hll;
-- explicit values: incomplete, out of order, twice
SELECT '\x128b7f000000000000'::hll;
SELECT '\x128b7f00000000000000020000000000000001'::hll;
SELECT '\x128b7f00000000000000020000000000000002'::hll;
SELECT '\x128b7f0000000000000001ffffffffffffffff'::hll;
SELECT hll_cardinality('\x128b7fffffffffffffffff0000000000000001');
SELECT (E'\\x128b7f' || string_agg(lpad(to_hex(i), 16, '0'), '' ORDER BY i))::hll IS NOT NULL FROM generate_series(1, 16385) i;
-- sparse: half an entry, twice, descending
SELECT '\x138b7f00'::hll;
SELECT '\x138b7f00210021'::hll;
SELECT '\x138b7f00410021'::hll;
-- full: lengths, padding
SELECT '\x148b7f00'::hll;
SELECT ('\x148b7f' || repeat('00', 1281))::hll IS NOT NULL;
SELECT '\x148040ff'::hll;
SELECT hll_cardinality(('\x148b7f' || repeat('ff', 1280))::hll) > 1e12 AS saturated_is_finite;
-- the bytea cast and binary input
SELECT '\x128b7f000000000000'::bytea::hll;
SELECT '\x119f40'::bytea::hll;
CREATE TEMP TABLE wire (s hll);
\copy (SELECT '\x119f40'::bytea) TO 'forged.bin' (FORMAT binary)
\copy wire FROM 'forged.bin' (FORMAT binary)
SELECT count(*) FROM wire;
-- estimates that are not defined
SELECT hll_cardinality(hll_empty(3, 5, 0) || hll_hash_bigint(1));
SELECT hll_cardinality(hll_empty(3, 5, 8) || hll_hash_bigint(1));
