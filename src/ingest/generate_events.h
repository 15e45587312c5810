// Generates the clickstream's events into a sink, at a rate or as fast as the sink takes them.
#pragma once

#include <cstdint>
#include <optional>

#include "ingest/event_sink.h"
#include "ingest/workload/clickstream.h"

namespace millrace::cli {

struct GenerateOptions {
  ClickstreamOptions model;  // events_per_second is set by the run
  std::int64_t rows = 0;     // 0: until stopped
  double rate = 0;           // events per second; 0: as fast as the sink takes them
  // Event times, in microseconds since 1970 UTC. If both are given, `rows` events spread over
  // [start, end); if only `start` is given, from `start` on at `rate`; if neither is, the times of
  // the clock.
  std::optional<std::int64_t> start;
  std::optional<std::int64_t> end;
  bool quiet = false;  // no progress
};

// The result of a run.
struct GenerateReport {
  std::int64_t done = 0;  // as EventSink::done
  bool stopped = false;   // by a signal, before `rows`
};

// Throws CliError when the options contradict each other, before anything is generated, and when
// the sink fails; then `sink.done()` says how many events were written.
GenerateReport GenerateEvents(const GenerateOptions& options, EventSink& sink);

// Only the checks of GenerateEvents, so that they can be done before a sink is opened.
void CheckGenerateOptions(const GenerateOptions& options);

}  // namespace millrace::cli
