#!/usr/bin/env python3
"""twins.py SEED FOLDER: prints a psql script that does the same things, chosen at random, to a heap table h and a table d of dense
events, and compares them after each. FOLDER is the server's, for files of COPY.

Every statement is sent twice; `state` lines say with which SQLSTATE each of the two ended, and `differs` what compare() found."""
import random
import sys

seed, folder = int(sys.argv[1]), sys.argv[2]
rng = random.Random(seed)
number = 0

# Expressions for the value of row i; {k} is a number of the column's own. r(i, k) is a random bigint, from 0 on.
TYPES = {
    "bool": ["r(i, {k}) % 2 = 0", "true"],
    "int2": ["(r(i, {k}) % 65536 - 32768)::int2", "(i % 5)::int2"],
    "int4": ["(r(i, {k}) % 4294967296 - 2147483648)::int4", "(i % 100)::int4", "i::int4", "7"],
    "int8": ["hashint8extended(i, {k})", "i * 1000", "1700000000000000 + i * 1000000 + r(i, {k}) % 999"],
    "oid": ["(r(i, {k}) % 4294967296)::oid"],
    "float4": ["(r(i, {k}) % 1000 / 3.0)::float4", "(ARRAY['NaN', '-0', 'Infinity', '1.5'])[r(i, {k}) % 4 + 1]::float4"],
    "float8": ["(r(i, {k}) / 3.0)::float8", "(ARRAY['NaN', '-0', '-Infinity', '1.5'])[r(i, {k}) % 4 + 1]::float8"],
    "numeric": ["r(i, {k}) % 10000000 / 100.0", "(10::numeric ^ (r(i, {k}) % 200)) + i", "'NaN'"],
    "text": ["'k' || r(i, {k}) % 7", "md5(r(i, {k})::text)", "repeat(md5(i::text), (r(i, {k}) % 60)::int)", "''",
             "repeat('ab', (r(i, {k}) % 5000)::int)", "CASE WHEN r(i, {k}) % 20 = 0 THEN noise(i, 200) ELSE 'small' END",
             "CASE WHEN r(i, {k}) % 50 = 0 THEN noise(i, 800) ELSE noise(i, 1) END", "noise(i, (r(i, {k}) % 60)::int)"],
    "varchar(40)": ["left(md5(r(i, {k})::text), (r(i, {k}) % 33)::int)"],
    "char(12)": ["'c' || r(i, {k}) % 50"],
    "bytea": ["decode(md5(r(i, {k})::text), 'hex')", "convert_to(noise(i, (r(i, {k}) % 90)::int), 'UTF8')"],
    "uuid": ["md5(r(i, {k})::text)::uuid"],
    "jsonb": ["jsonb_build_object('k', i % 10, 'v', md5(i::text))", "jsonb_build_array(i, null, noise(i, (r(i, {k}) % 40)::int))"],
    "json": ["json_build_object('k', i % 10)"],
    "int4[]": ["ARRAY[i, null, r(i, {k}) % 9]::int4[]", "'{{}}'", "ARRAY(SELECT j::int4 FROM generate_series(1, r(i, {k}) % 150) j)"],
    "text[]": ["ARRAY['a', md5(i::text), null]"],
    "timestamptz": ["timestamptz '2026-01-01' + i * interval '1 second'", "timestamptz '2026-01-01' + r(i, {k}) % 100000000 * interval '1 us'",
                    "'infinity'"],
    "timestamp": ["timestamp '1999-12-31' - r(i, {k}) % 1000 * interval '1 day'"],
    "date": ["date '2026-01-01' + (i / 100)::int", "'-infinity'"],
    "time": ["time '00:00' + r(i, {k}) % 86400 * interval '1 second'"],
    "timetz": ["('10:' || r(i, {k}) % 60 || '+02')::timetz"],
    "interval": ["make_interval(months => (i % 3)::int, secs => r(i, {k}) % 10000)"],
    "name": ["('n' || r(i, {k}) % 1000)::name"],
    '"char"': ["(ARRAY['a', 'b', 'z'])[r(i, {k}) % 3 + 1]::\"char\""],
    "int4range": ["int4range((i % 1000)::int, (i % 1000 + r(i, {k}) % 50)::int)"],
    "tstzrange": ["tstzrange('2026-01-01'::timestamptz + i * interval '1 s', null)"],
    "inet": ["('10.0.' || r(i, {k}) % 200 || '.' || i % 250)::inet"],
    "macaddr": ["('08002b0102' || lpad(to_hex(i % 250), 2, '0'))::macaddr"],
    "varbit": ["(r(i, {k}) % 1000)::int::bit(20)::varbit"],
    "point": ["point(i % 100, r(i, {k}) % 100)"],
    "money": ["(r(i, {k}) % 10000)::money"],
    "tsvector": ["to_tsvector('simple', 'a b' || i % 20)"],
    "tid": ["('(' || i || ',' || r(i, {k}) % 99 + 1 || ')')::tid"],
    "mood": ["(ARRAY['sad', 'ok', 'happy'])[r(i, {k}) % 3 + 1]::mood"],
    "pair": ["ROW((i % 9)::int4, 'p' || r(i, {k}) % 30)::pair", "ROW(null, noise(i, (r(i, {k}) % 50)::int))::pair"],
    "positive": ["(r(i, {k}) % 1000 + 1)::positive"],
}
SORTED = {"bool", "int2", "int4", "int8", "oid", "float4", "float8", "numeric", "varchar(40)", "char(12)", "uuid", "timestamptz",
          "timestamp", "date", "time", "timetz", "interval", "name", '"char"', "inet", "macaddr", "mood", "positive"}

columns = []  # [name, type, expression, how often NULL: 0 never]
indexes = []
rows = 0
pinned = False  # d has something that keeps its type from being changed


def say(line):
    print(line)


def both(statement):
    """The statement with TWIN for the table, and FILE for a file of its own."""
    global number
    number += 1
    say(statement.replace("TWIN", "h"))
    say("\\set heap :SQLSTATE")
    say(statement.replace("TWIN", "d"))
    say(f"\\echo state {number} :heap :SQLSTATE :LAST_ERROR_MESSAGE")


def refused(statement):
    say(statement)
    say(f"\\echo refused :SQLSTATE {statement}".replace("'", "").replace('"', ""))


def new_column():
    kind = rng.choice(list(TYPES))
    if rng.random() < 0.3:
        kind = rng.choice(["text", "int8", "timestamptz", "int4"])
    k = rng.randrange(1, 10 ** 6)
    return [f"c{k}", kind, rng.choice(TYPES[kind]).format(k=k), rng.choice([0, 0, 2, 3, 50, 1])]


def value_of(column):
    name, kind, expression, nulls = column
    if nulls == 0:
        return f"({expression})::{kind}"
    return f"CASE WHEN r(i, 77) % {nulls} = 0 THEN NULL ELSE ({expression})::{kind} END"


def target():
    return "(id" + "".join(", " + c[0] for c in columns) + ")"


def source(count):
    global rows
    first = rows + 1
    rows += count
    return f"SELECT i" + "".join(", " + value_of(c) for c in columns) + f" FROM generate_series({first}::int8, {rows}) i"


def insert_rows():
    way = rng.choice(["select", "copy", "copy", "binary", "single", "single", "values"])
    if way == "select":
        both(f"INSERT INTO TWIN {target()} {source(rng.choice([1, 5, 7, 8, 9, 40, 300, 1200]))};")
    elif way in ("copy", "binary"):
        binary = "(FORMAT binary)" if way == "binary" else ""
        say(f"COPY ({source(rng.choice([1, 3, 7, 8, 100, 1000, 1001, 1500]))}) TO '{folder}/rows' {binary};")
        both(f"COPY TWIN {target()} FROM '{folder}/rows' {binary};")
    elif way == "single":
        for _ in range(rng.choice([1, 3, 20, 60])):
            both(f"INSERT INTO TWIN {target()} {source(1)};")
    else:
        both(f"INSERT INTO TWIN (id) VALUES (NULL), ({-rows - 1}), ({-rows - 2});" if rng.random() < 0.5 else
             f"INSERT INTO TWIN {target()} {source(12)} RETURNING id;")


def write_in_transaction():
    say(f"BEGIN ISOLATION LEVEL {rng.choice(['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'])};")
    insert_rows()
    depth = 0
    for _ in range(rng.randrange(0, 6)):
        step = rng.random()
        if step < 0.35:
            depth += 1
            say(f"SAVEPOINT s{depth};")
        elif step < 0.6 and depth > 0:
            to = rng.randrange(1, depth + 1)
            say(f"ROLLBACK TO SAVEPOINT s{to};")
            depth = to
        elif step < 0.7 and depth > 0:
            to = rng.randrange(1, depth + 1)
            say(f"RELEASE SAVEPOINT s{to};")
            depth = to - 1
        insert_rows()
        if rng.random() < 0.3:
            compare()
    if rng.random() < 0.15:
        say("PREPARE TRANSACTION 'p';")
        compare()
        say(rng.choice(["COMMIT PREPARED 'p';", "ROLLBACK PREPARED 'p';"]))
        say("ROLLBACK PREPARED 'p';")
    else:
        say(rng.choice(["COMMIT;", "COMMIT;", "ROLLBACK;"]))


def alter():
    what = rng.choice(["add", "add", "default", "volatile", "generated", "drop", "type", "storage", "long_default"])
    if what in ("add", "default", "volatile", "generated", "long_default"):
        column = new_column()
        name, kind = column[0], column[1]
        if what == "add":
            both(f"ALTER TABLE TWIN ADD COLUMN {name} {kind};")
        elif what == "default":
            constant = column[2].replace("i::", "5::").replace("(i", "(5").replace("i ", "5 ").replace(" i", " 5").replace("[i", "[5")
            both(f"ALTER TABLE TWIN ADD COLUMN {name} {kind} DEFAULT ({constant})::{kind};")
        elif what == "long_default":
            column[1] = "text"
            column[2] = f"'now' || i"
            both(f"ALTER TABLE TWIN ADD COLUMN {name} text DEFAULT repeat('long', {rng.choice([40, 3000, 16380, 16390])});")
        elif what == "volatile":
            column[1:3] = ["int4", "(i % 9)::int4"]
            both(f"ALTER TABLE TWIN ADD COLUMN {name} int4 DEFAULT changing(41);")
        else:
            both(f"ALTER TABLE TWIN ADD COLUMN {name} int8 GENERATED ALWAYS AS (id * 3) STORED;")
            return
        columns.append(column)
    elif what == "drop" and len(columns) > 2:
        column = columns.pop(rng.randrange(len(columns)))
        both(f"ALTER TABLE TWIN DROP COLUMN {column[0]};")
    elif what == "type":
        for column in columns:
            if column[1] in ("int2", "int4", "date", "uuid") and rng.random() < 0.7:
                kind = {"int2": "int8", "int4": "numeric", "date": "timestamp", "uuid": "text"}[column[1]]
                both(f"ALTER TABLE TWIN ALTER COLUMN {column[0]} TYPE {kind};")
                column[2] = f"({column[2]})::{column[1]}"
                column[1] = kind
                return
    elif what == "storage":
        for column in columns:
            if column[1] in ("text", "bytea", "jsonb") and rng.random() < 0.6:
                storage = rng.choice(["EXTERNAL", "MAIN", "EXTENDED", "PLAIN" if "repeat" not in column[2] and "noise" not in column[2] else "MAIN"])
                both(f"ALTER TABLE TWIN ALTER COLUMN {column[0]} SET STORAGE {storage};")
                return


def index():
    name = f"i{number}"
    concurrently = rng.choice(["", "", "CONCURRENTLY"])
    sortable = ["id"] + [c[0] for c in columns if c[1] in SORTED]
    texts = [c[0] for c in columns if c[1] == "text"]
    choice = rng.randrange(9)
    if choice == 0:
        what = f"({rng.choice(sortable)})"
    elif choice == 1:
        what = f"USING hash ({rng.choice(sortable)})" if rng.random() < 0.8 else "USING hash (id)"
    elif choice == 2:
        what = f"USING brin ({rng.choice(sortable)}) WITH (pages_per_range = {rng.choice([1, 4, 128])})"
    elif choice == 3:
        ranges = [c[0] for c in columns if c[1] in ("int4range", "tstzrange", "point")]
        what = f"USING gist ({rng.choice(ranges)})" if ranges else "USING gist (id)"
    elif choice == 4 and texts:
        what = f"(md5({rng.choice(texts)}), id)"
    elif choice == 5:
        what = f"({rng.choice(sortable)} DESC, id) WHERE id % 3 = 0"
    elif choice == 6:
        what = f"(id) INCLUDE ({rng.choice(sortable)})"
    elif choice == 7:
        if indexes:
            victim = rng.choice(indexes)
            if rng.random() < 0.4:
                indexes.remove(victim)
                both(f"DROP INDEX TWIN_{victim};")
            else:
                both(f"REINDEX {rng.choice(['INDEX', 'INDEX CONCURRENTLY'])} TWIN_{victim};")
        return
    else:
        both(f"CREATE UNIQUE INDEX {concurrently} TWIN_{name} ON TWIN (id);")
        indexes.append(name)
        return
    both(f"CREATE INDEX {concurrently} TWIN_{name} ON TWIN {what};")
    indexes.append(name)


def maintain():
    global rows
    step = rng.choice(["VACUUM TWIN;", "VACUUM TWIN;", "VACUUM FULL TWIN;", "VACUUM (FREEZE, ANALYZE) TWIN;", "VACUUM (INDEX_CLEANUP OFF) TWIN;",
                       "VACUUM (TRUNCATE OFF) TWIN;", "method", "method", "TRUNCATE TWIN;", "logged", "truncate_back", "REINDEX TABLE TWIN;"])
    if step == "method":
        number_of_times = rng.choice([1, 2])
        for _ in range(number_of_times):
            say("ALTER TABLE d SET ACCESS METHOD heap;")
            say("\\echo ok :SQLSTATE d became heap")
            if rng.random() < 0.5:
                say("UPDATE d SET id = id WHERE id % 3 = 0;")
                compare()
            say("ALTER TABLE d SET ACCESS METHOD millrace_dense;")
            say("\\echo ok :SQLSTATE d became dense")
    elif step == "logged":
        both("ALTER TABLE TWIN SET UNLOGGED;")
        both("ALTER TABLE TWIN SET LOGGED;")
    elif step == "truncate_back":
        say("BEGIN;")
        both("TRUNCATE TWIN;")
        insert_rows()
        compare()
        say(rng.choice(["ROLLBACK;", "COMMIT;"]))
    else:
        both(step)


def compare():
    say("SELECT 'differs ' || found FROM compare(%s) found;" % rng.choice(["false", "true"]))
    say("\\echo compared :SQLSTATE")
    if rng.random() < 0.3:
        say(f"COPY h TO '{folder}/h.out'; COPY d TO '{folder}/d.out';")
        say(f"SELECT 'differs copy to' WHERE file_sum('{folder}/h.out') <> file_sum('{folder}/d.out');")
    if rng.random() < 0.2:
        column = rng.choice([c[0] for c in columns if c[1] in SORTED] + ["id"])
        say(f"SELECT 'differs order' WHERE (SELECT md5(string_agg({column}::text, ',' ORDER BY {column}, id)) FROM h) IS DISTINCT FROM "
            f"(SELECT md5(string_agg({column}::text, ',' ORDER BY {column}, id)) FROM d);")


say(f"SET parallel_setup_cost = {rng.choice([0, 1000])}; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET jit = off;")
say(f"SET enable_memoize = off; SET maintenance_work_mem = '{rng.choice([4, 64])}MB'; SET min_parallel_index_scan_size = 0;")
say("\\set ON_ERROR_STOP 0\n\\set VERBOSITY terse")
if rng.random() < 0.5:
    say("\\set ON_ERROR_ROLLBACK on")
columns = [new_column() for _ in range(rng.choice([0, 1, 3, 6, 12, 40]))]
definition = "(id int8" + "".join(f", {c[0]} {c[1]}" for c in columns) + ")"
say(f"CREATE TABLE h {definition} USING heap; CREATE TABLE d {definition} USING millrace_dense;")
for _ in range(rng.choice([8, 15, 30])):
    rng.choice([insert_rows, insert_rows, write_in_transaction, write_in_transaction, alter, index, maintain])()
    compare()
    if rows > 6000:
        both("TRUNCATE TWIN;")
        rows = 0
say("ANALYZE h; ANALYZE d;")
say("SELECT count(*) > 0 AS some FROM d \\gset")
say("\\if :some")
say("SELECT 'differs statistics ' || found FROM compare_statistics() found;")
refused("UPDATE d SET id = 1;")
refused("DELETE FROM d;")
refused("SELECT * FROM d FOR UPDATE;")
refused("SELECT * FROM d FOR NO KEY UPDATE;")
refused("MERGE INTO d USING (SELECT min(id) AS id FROM h) x ON d.id = x.id OR d.id IS NULL WHEN MATCHED THEN DELETE;")
say("\\endif")
say("\\echo finished")
