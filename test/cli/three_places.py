#!/usr/bin/env python3
"""What `millrace status --json`, /api/operations and /metrics of a dashboard say of a database, all three or it fails.

  three_places.py PROGRAM CONNINFO URL present|absent CODE [TEXT...]

present: waits until a warning of that code is in all three, in the first two with each TEXT (regular expressions) in it.
absent: until it is in none. Ninety seconds at most; then it says what was there, and fails.
"""
import json
import re
import subprocess
import sys
import time
import urllib.request


def of_status(program, conninfo):
    run = subprocess.run([program, "status", "--json", "--conninfo", conninfo], capture_output=True, text=True, timeout=60, check=False)
    answer = json.loads(run.stdout)
    if answer.get("version") != 1:
        raise SystemExit(f"no version: {run.stdout}")
    return answer.get("warnings", []), run.returncode


def get(url, path):
    with urllib.request.urlopen(url + path, timeout=30) as answer:
        return answer.read().decode()


def matches(warnings, code, texts):
    return [w for w in warnings if w["code"] == code and all(re.search(t, json.dumps(w, ensure_ascii=False)) for t in texts)]


def look(program, conninfo, url, code, texts):
    """How many each of the three has, and all that they said."""
    told, status = of_status(program, conninfo)
    operations = json.loads(get(url, "api/operations"))["warnings"]
    metrics = get(url, "metrics")
    sample = re.search(rf'^millrace_warnings\{{code="{code}"\}} (\d+)$', metrics, re.M)
    counts = (len(matches(told, code, texts)), len(matches(operations, code, texts)), int(sample.group(1)) if sample else 0)
    return counts, {"status": told, "exit": status, "operations": operations}


def main():
    program, conninfo, url, wanted, code, *texts = sys.argv[1:]
    end = time.monotonic() + 90
    while True:
        counts, said = look(program, conninfo, url, code, texts)
        if all(counts) if wanted == "present" else not any(counts):
            return 0
        if time.monotonic() > end:
            print(f"{code}: status, operations, metrics have {counts}")
            print(json.dumps(said, indent=1, ensure_ascii=False))
            return 1
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
