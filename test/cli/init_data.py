#!/usr/bin/env python3
"""Writes three files of events, the same for the same seed: init_data.py SEED FOLDER [DAYS]

web.csv       web analytics: text tenant, UUID devices, campaign, revenue, times with a zone
iot.csv       sensors: no tenant, milliseconds since 1970, values as floats
zahlungen.csv payments as a German program exports them: semicolons, decimal commas, dd.mm.yyyy hh:mm, Latin-1

The events begin on 5 January 2026. With DAYS, those of each file are spread over so many days; otherwise over two (web), one and a
quarter (iot) and twenty (zahlungen).
"""
import csv
import datetime
import random
import sys
import uuid

START = datetime.datetime(2026, 1, 5, tzinfo=datetime.timezone.utc)


def times(rng, count, hours):
    seconds = sorted(rng.randrange(hours * 3600) for _ in range(count))
    return [START + datetime.timedelta(seconds=s) for s in seconds]


def web(rng, folder, days=2, count=20000):
    sites = ["shop.example", "blog.example", "docs.example"]
    devices = [str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(4000)]
    pages = [f"/p/{i}" for i in range(900)]
    referrers = ["https://search.example/", "https://news.example/a?b=1,2", "", "https://mail.example/"]
    campaigns = ["spring", "summer", "brand, wide", ""]
    with open(f"{folder}/web.csv", "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["Event Time", "site", "Device ID", "sessionId", "page", "referrer", "campaign", "order", "revenue", "duration_ms"])
        for i, t in enumerate(times(rng, count, 24 * days)):
            device = devices[int(rng.paretovariate(0.6)) % len(devices)]
            bought = rng.random() < 0.05
            writer.writerow([
                t.strftime("%Y-%m-%dT%H:%M:%SZ"), rng.choice(sites), device, f"{device[:8]}-{i // 40}",
                pages[int(rng.paretovariate(0.5)) % len(pages)], rng.choice(referrers), rng.choice(campaigns),
                "yes" if bought else "no", f"{rng.uniform(1, 400):.2f}" if bought else "", rng.randrange(20, 9000)])


def iot(rng, folder, days=1.25, count=15000):
    kinds = {"temperature": (18, 4), "humidity": (45, 10), "pressure": (1013, 8)}
    with open(f"{folder}/iot.csv", "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, delimiter="\t")
        writer.writerow(["ts", "sensor_id", "kind", "value", "battery", "firmware"])
        for t in times(rng, count, int(24 * days)):
            kind = rng.choice(list(kinds))
            mean, spread = kinds[kind]
            writer.writerow([
                int(t.timestamp() * 1000) + rng.randrange(1000), rng.randrange(1, 1200), kind,
                repr(round(rng.gauss(mean, spread), 4)), rng.randrange(20, 101), rng.choice(["1.4.2", "1.5.0"])])


def payments(rng, folder, days=20, count=8000):
    methods = ["Karte", "Überweisung", "Lastschrift"]
    with open(f"{folder}/zahlungen-2026-01.csv", "w", newline="", encoding="latin-1") as out:
        writer = csv.writer(out, delimiter=";")
        writer.writerow(["Zahlungs-Nr", "Zeitpunkt", "Kundennummer", "Zahlart", "Währung", "Betrag", "Bemerkung"])
        for i, t in enumerate(times(rng, count, 24 * days)):
            amount = f"{rng.uniform(1, 3000):,.2f}".replace(",", "_").replace(".", ",").replace("_", ".")
            writer.writerow([
                f"Z{i:07d}", t.strftime("%d.%m.%Y %H:%M"), 10000 + rng.randrange(2500), rng.choice(methods),
                "EUR" if rng.random() < 0.9 else "CHF", amount, ""])


def main():
    seed, folder = int(sys.argv[1]), sys.argv[2]
    for write in (web, iot, payments):
        write(random.Random(seed), folder, *(int(days) for days in sys.argv[3:]))


main()
