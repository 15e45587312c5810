"""forms.py FOLDER COUNT SEED: messages of JSON with values in many forms, one a file, for columns of many types."""

import random
import sys

folder, count, seed = sys.argv[1], int(sys.argv[2]), sys.argv[3]
rng = random.Random(seed)


integers = ["0", "-0", "7", "-12", "32767", "32768", "-32768", "2147483647", "-2147483649", "9223372036854775807", "9223372036854775808",
            "1.0", "1e2", '"5"', '" 6 "', '"+7"', '"007"', '""', '"x"', "true"]
numbers = ["0", "-0", "-0.0", "0.1", "-0.05", "1e2", "1E-3", "3.14159", "123456.789", "10000", "99999999.995", "0.00001", "1.10", "1e300", "1e-320",
           "4.9e-324", "3.4028236e38", "16777217", "0.30000000000000004", "123456789012345678901234567890.5", '"1.5"', '"NaN"', '"-Infinity"', '" 1"',
           '"1_0"', '".5"', '"5."', '"0x1F"']
texts = ['""', '"a"', '"12345"', '"123456"', '"\\u00e9\\n\\"\\\\"', '"é ü 😀"', '"\\\\."', '" x "', "5", "true", "1.50", "1e3", '{"a": [1, 2.50, "x"]}', "[]",
         '"a,b\\"c"', '"\\t"']
jsons = ['{}', '{"a": 1, "b": [1, {"c": null}], "d": "é"}', '[1, 1.50, "\\u00e9\\n"]', "5", "true", '"text"', '"\\"text\\""', '""', '{"a": 1, "a": 2}',
         '{"n": 123456789012345678901234567890.10}']
booleans = ["true", "false", '"true"', '"false"', '"t"', '"yes"', "1", "0", '"on"', '"x"', '""']
uuids = ['"00112233-4455-6677-8899-aabbccddeeff"', '"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"', '"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"',
         '"a0eebc999c0b4ef8bb6d6bb9bd380a11"', '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1"', '""']
days = ["2026-01-31", "2024-02-29", "2026-02-29", "0001-01-01", "0000-01-01", "9999-12-31", "1999-12-31", "2026-1-2", "31.01.2026", "1582-10-10"]
hours = ["00:00:00", "23:59:59", "24:00:00", "08:15", "08:15:60", "08:15:00.5", "08:15:00.123456", "08:15:00.1234567", "08:15:00.9999999", "7:05:00"]
zones = ["Z", "", "z", "+01", "+01:00", "+0530", "-03:30", "+15:59", "+16:00", " Europe/Berlin", "-00:00", "+5"]


def moment():
    kind = rng.random()
    if kind < 0.1:
        return rng.choice(['"now and then"', '"infinity"', '"epoch"', '""', "20260131", '"20260131T081500Z"'])
    if kind < 0.2:
        return f'"{rng.choice(days)}"'
    return f'"{rng.choice(days)}{rng.choice("T ")}{rng.choice(hours)}{rng.choice(zones)}"'


def epoch():
    return rng.choice(["0", "-1", "1767261600123", "1767261600123.5", '"1767261600123"', "-62135596800000", "253402300799999", "951782400000", '"x"', "1e3"])


columns = {
    "b": lambda: rng.choice(booleans), "i2": lambda: rng.choice(integers), "i4": lambda: rng.choice(integers), "i8": lambda: rng.choice(integers),
    "f4": lambda: rng.choice(numbers), "f8": lambda: rng.choice(numbers), "n": lambda: rng.choice(numbers), "n2": lambda: rng.choice(numbers),
    "t": lambda: rng.choice(texts), "v": lambda: rng.choice(texts), "c": lambda: rng.choice(texts), "j": lambda: rng.choice(jsons),
    "jb": lambda: rng.choice(jsons), "tz": moment, "ts": moment, "d": moment, "tz0": moment, "u": lambda: rng.choice(uuids), "posint": lambda: rng.choice(integers),
    "mtz": epoch, "mts": epoch, "md": epoch}
for i in range(count):
    # One column in a message, or none of the bad ones would be told from the others; or a few, for rows that are sent.
    chosen = rng.sample(sorted(columns), rng.choice([1, 1, 1, 2]))
    fields = [f'"id":{i}', '"x":"10.0.0.1"'] + [f'"{name}":{"null" if rng.random() < 0.03 else columns[name]()}' for name in chosen]
    rng.shuffle(fields)
    blank = rng.choice(["", " "])
    with open(f"{folder}/{i}", "w", encoding="utf-8") as file:
        file.write("{" + ("," + blank).join(fields) + "}")
