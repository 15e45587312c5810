"""kafka_shown.py URL SECONDS: reads the stream that a page of the dashboard reads, and prints a line for each answer: when it was there
(seconds since 1970), and how many events it shows. Ends after SECONDS."""

import http.client
import json
import sys
import time
import urllib.parse

url = urllib.parse.urlsplit(sys.argv[1])
end = time.time() + float(sys.argv[2])
connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
connection.request("GET", "/api/stream/overview?span=1h&compare=none")
response = connection.getresponse()
if response.status != 200:
    sys.exit(f"{response.status} {response.read()}")
event = ""
while time.time() < end:
    line = response.readline().decode().rstrip("\n")
    if line.startswith("event: "):
        event = line[7:]
    elif line.startswith("data: "):
        now = time.time()
        if event != "overview":
            print(line, file=sys.stderr)
            continue
        answer = json.loads(line[6:])
        values = [row["value"] for row in answer["tiles"]["rows"] if row["measure"] == "event_count"]
        print(f"{now:.6f} {int(values[0] or 0) if values else 0}", flush=True)
