// Runs the clickstream's model into a sink, at a rate or as fast as the sink takes it.
#pragma once

#include <cstdint>
#include <optional>

#include "ingest/event_sink.h"
#include "ingest/workload/clickstream.h"

namespace millrace::cli {

struct GenerateOptions {
  ClickstreamOptions model;  // events_per_second is set by the run
  std::int64_t rows = 0;     // 0: until stopped
  double rate = 0;           // events a second; 0: as fast as the sink takes them
  // Event times, microseconds since 1970 UTC: `rows` of them spread over [start, end) when both are
  // given; from `start` on at `rate` when it alone is; the clock's when neither is.
  std::optional<std::int64_t> start;
  std::optional<std::int64_t> end;
  bool quiet = false;  // no progress
};

// What a run came to.
struct GenerateReport {
  std::int64_t done = 0;  // as EventSink::done
  bool stopped = false;   // by a signal, before `rows`
};

// Throws CliError when the options contradict each other, before anything is generated, and when
// the sink fails; `sink.done()` then says how far it came.
GenerateReport GenerateEvents(const GenerateOptions& options, EventSink& sink);

// The checks of GenerateEvents alone, so that they can come before a sink is opened.
void CheckGenerateOptions(const GenerateOptions& options);

}  // namespace millrace::cli
