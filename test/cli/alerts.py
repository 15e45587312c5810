#!/usr/bin/env python3
"""Whether the alert of a code fires, by Prometheus itself, when /metrics goes on saying what it has said.

  alerts.py PROMTOOL RULES SCRAPED CODE

SCRAPED: a file with what /metrics said. CODE -: no alert fires. REQUIRES of the rules that each alert has the label `code`.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

promtool, rules, scraped, code = sys.argv[1:]
series = []
with open(scraped, encoding="utf-8") as lines:
    for line in lines:
        found = re.fullmatch(r"(\w+(?:\{.*\})?) (\S+)\n", line)
        if found and not line.startswith("#"):
            series.append({"series": found[1], "values": f"{float(found[2]):f}+0x120"})
which = 'alertstate="firing"' + ("" if code == "-" else f', code="{code}"')
test = {
    "rule_files": [os.path.abspath(rules)],
    "evaluation_interval": "1m",
    "tests": [
        {
            "interval": "1m",
            "input_series": series,
            "promql_expr_test": [
                {
                    "expr": f"count(ALERTS{{{which}}}) or vector(0)",
                    "eval_time": "1h",
                    "exp_samples": [{"labels": "{}", "value": 0 if code == "-" else 1}],
                }
            ],
        }
    ],
}
with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
    json.dump(test, file)
    file.flush()
    sys.exit(subprocess.run([promtool, "test", "rules", file.name], check=False).returncode)
