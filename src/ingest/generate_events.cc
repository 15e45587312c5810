#include "ingest/generate_events.h"

#include <algorithm>
#include <chrono>

#include "client/error.h"
#include "client/output.h"
#include "ingest/pacer.h"
#include "ingest/stop_signal.h"
#include "ingest/units.h"

namespace millrace::cli {
namespace {

// Gives the time of the next event.
class StreamClock {
 public:
  explicit StreamClock(const GenerateOptions& options) : options_(options) {
    if (options.start.has_value() && options.end.has_value()) {
      timeline_.emplace(options.model.model, options.model.seed, *options.start, *options.end,
                        options.rows);
    }
  }

  std::int64_t At(std::int64_t index) {
    if (timeline_.has_value()) return timeline_->At(index);
    std::int64_t time = NowMicros();
    if (options_.start.has_value()) {
      time = *options_.start + static_cast<std::int64_t>(static_cast<double>(index) /
                                                         options_.rate * kMicrosPerSecond);
    }
    // The clock may be set back, but the times of the stream never go back.
    latest_ = std::max(latest_, time);
    return latest_;
  }

 private:
  const GenerateOptions& options_;
  std::optional<EventTimeline> timeline_;
  std::int64_t latest_ = kMinEventTime;
};

ClickstreamOptions ModelOf(const GenerateOptions& options) {
  ClickstreamOptions model = options.model;
  if (options.start.has_value() && options.end.has_value()) {
    model.events_per_second = static_cast<double>(options.rows) * kMicrosPerSecond /
                              static_cast<double>(*options.end - *options.start);
  } else if (options.rate > 0) {
    model.events_per_second = options.rate;
  }
  return model;
}

}  // namespace

void CheckGenerateOptions(const GenerateOptions& options) {
  if (options.rows < 0 || options.rate < 0) {
    throw CliError("--rows and --rate must not be negative");
  }
  if (options.rows == 0 && options.rate == 0) {
    throw CliError("--rows 0 means until stopped, and that needs a rate",
                   "Add --rate R events a second, or say how many with --rows N.");
  }
  if (options.end.has_value() && (options.rows == 0 || !options.start.has_value())) {
    throw CliError("an end of the event times needs a number of rows to spread until it",
                   "Add --rows N.");
  }
  if (options.end.has_value() && *options.start >= *options.end) {
    throw CliError("the event times end before they start");
  }
  const Status status = ValidateClickstreamOptions(ModelOf(options));
  if (!status.ok()) throw CliError(status.message());
}

GenerateReport GenerateEvents(const GenerateOptions& options, EventSink& sink) {
  CheckGenerateOptions(options);
  InstallStopSignals();
  Clickstream stream(ModelOf(options));
  StreamClock clock(options);
  Progress progress("generate", "events", options.rows, options.quiet);
  std::optional<Pacer> pacer;
  if (options.rate > 0) pacer.emplace(options.rate);

  const std::int64_t rows = options.rows == 0 ? INT64_MAX : options.rows;
  std::int64_t due = pacer.has_value() ? 0 : rows;
  std::int64_t index = 0;
  bool wanted = true;
  while (index < rows && wanted && !StopRequested()) {
    if (index >= due) {
      due = pacer->Due();
      if (index < due) continue;
      wanted = sink.Flush();
      progress.Update(sink.done());
      // Pauses at least 5 ms: at high rates a few events at a time are as good as single ones.
      SleepUntil(std::max(pacer->When(index), Pacer::Clock::now() + std::chrono::milliseconds(5)));
      continue;
    }
    wanted = sink.Add(stream.Next(clock.At(index)));
    ++index;
    if ((index & 1'023) == 0) progress.Update(sink.done());
  }
  sink.Finish();
  // Whoever closed the pipe does not want to see the progress either.
  if (wanted) progress.Finish(sink.done());
  return {sink.done(), index < rows && wanted};
}

}  // namespace millrace::cli
