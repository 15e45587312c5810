#!/usr/bin/env python3
"""csv_forms.py ROWS SEED DELIMITER QUOTE NULL [quoted]: records of CSV, which PostgreSQL takes all, in the many ways that the same value
can be written. quoted: some NULLs are in quotes, in columns of numbers and times."""
import random
import sys

rows, seed, delimiter, quote, null = int(sys.argv[1]), *sys.argv[2:6]
quoted = len(sys.argv) > 6
rng = random.Random(seed)

texts = ["", "a", "é ü 😀", " x ", "\\.", "line\nfeed", "carriage\r\nreturn", "\t", "NULL", "12345", "a,b;c|d", 'q"q', "q'q", '"', "'", "\\N", "\\"]
usual = {
    "id": None,
    "b": ["true", "false", "t", "f", "1", "0"],
    "i2": ["0", "-7", "32767", "-32768", "007"],
    "i4": ["2147483647", "-2147483648", "1"],
    "i8": ["9223372036854775807", "-1", "0"],
    "f8": ["0", "-0", "0.1", "1e300", "-2.5E-3", "4"],
    "n": ["0", "-0.05", "12345.678", "1.10", "99999999999999999999.5"],
    "t": texts,
    "v": [text for text in texts if len(text) < 9],
    "jb": ['{"a": [1, 2.5, "é"]}', "5", "true", '"x"', "[]"],
    "tz": ["2026-01-31 08:15:00+01", "2026-01-31T08:15:00.123456Z", "1969-12-31 23:59:59.5", "2024-02-29 00:00:00-03:30", "0001-01-01 00:00:00"],
    "ts": ["2026-01-31 08:15:00", "2026-01-31T08:15:00.5", "9999-12-31 23:59:59"],
    "d": ["2026-01-31", "2024-02-29", "1582-10-10"],
    "u": ["00112233-4455-6677-8899-aabbccddeeff", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"],
}
# What only the server can read.
odd = {"b": ["yes", "OFF"], "i2": [" 5 "], "i4": ["+5"], "i8": [" 1"], "f8": ["NaN", "infinity", ".5"], "n": ["NaN", " 1", "1e5"],
       "tz": ["2026-01-31", "31 January 2026 08:15 Europe/Berlin", "infinity"], "ts": ["2026-01-31 08:15", "-infinity"], "d": ["31 January 2026"],
       "u": ["{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"]}


def written(text):
    special = any(c in text for c in (delimiter, quote, "\n", "\r")) or text in (null, "\\.")
    if special or rng.random() < 0.3:
        return quote + text.replace(quote, quote + quote) + quote
    return text


for i in range(rows):
    fields = []
    is_odd = i // 100 % 7 == 3 and rng.random() < 0.1
    for name, values in usual.items():
        if name == "id":
            fields.append(str(i))
        elif rng.random() < 0.15:
            fields.append(quote + null + quote if quoted and name not in ("t", "v") and rng.random() < 0.5 else null)
        elif is_odd and name in odd and rng.random() < 0.5:
            fields.append(written(rng.choice(odd[name])))
        else:
            fields.append(written(rng.choice(values)))
    if is_odd and rng.random() < 0.3 and null == "":
        fields[7] = f"mid{quote}dle{quote}x"
    sys.stdout.write(delimiter.join(fields) + "\n")
