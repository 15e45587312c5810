#!/usr/bin/env python3
"""What a file of init_data.py says, counted by itself: init_counts.py FOLDER web|iot|zahlungen

One line per group, as psql -At prints it.
"""
import collections
import csv
import datetime
import decimal
import sys

folder, what = sys.argv[1:]
name, encoding, delimiter = {"web": ("web.csv", "utf-8", ","), "iot": ("iot.csv", "utf-8", "\t"),
                             "zahlungen": ("zahlungen-2026-01.csv", "latin-1", ";")}[what]
groups = collections.defaultdict(list)
for row in csv.DictReader(open(f"{folder}/{name}", encoding=encoding, newline=""), delimiter=delimiter):
    groups[{"web": lambda: row["site"], "iot": lambda: row["kind"],
            "zahlungen": lambda: row["Zahlart"] + "|" + row["Währung"]}[what]()].append(row)
for group, rows in sorted(groups.items()):
    values = [len(rows)]
    if what == "web":
        values += [sum(decimal.Decimal(r["revenue"]) for r in rows if r["revenue"]),
                   max(int(r["duration_ms"]) for r in rows), sum(int(r["duration_ms"]) for r in rows)]
    elif what == "iot":
        first = datetime.datetime.fromtimestamp(min(int(r["ts"]) for r in rows) // 3600000 * 3600, datetime.timezone.utc)
        values += [f"{max(float(r['value']) for r in rows):.4f}", sum(int(r["battery"]) for r in rows), f"{first:%F %T}"]
    else:
        first = min(datetime.datetime.strptime(r["Zeitpunkt"], "%d.%m.%Y %H:%M") for r in rows)
        values += [sum(decimal.Decimal(r["Betrag"].replace(".", "").replace(",", ".")) for r in rows), f"{first:%F %H}:00:00"]
    print("|".join(map(str, [group, *values])))
