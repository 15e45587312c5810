// Where generated events go: a file, a table by COPY, a table by INSERT.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "ingest/workload/clickstream.h"

namespace millrace::cli {

// Takes events in order. One thread at a time.
class EventSink {
 public:
  virtual ~EventSink() = default;
  // Takes one event. False if no more are wanted: the reader of a pipe has gone. Throws CliError.
  virtual bool Add(const ClickEvent& event) = 0;
  // Called when a pause begins: whoever reads the other end should see the events so far.
  virtual bool Flush() = 0;
  // Completes the output, whatever its length. Throws CliError.
  virtual void Finish() = 0;
  // Events that are in the file or committed in the table. Never decreases; valid after a failure.
  virtual std::int64_t done() const = 0;
};

// CSV to `path`, which is overwritten; empty or "-" is standard output.
std::unique_ptr<EventSink> OpenFileSink(const std::string& path, bool header);

struct DatabaseSinkOptions {
  std::string conninfo;
  std::string table = "events";
  std::optional<std::int64_t>
      batch_rows;  // rows per transaction, >= 1; otherwise as in EntryPoints, and 1 for INSERT
  int jobs = 2;    // connections of a COPY, >= 1
  // Commit at least once per second, however few events there are.
  bool commit_every_second = false;
  bool quiet = false;
};

// Both throw CliError when the connection fails or the table does not fit.
std::unique_ptr<EventSink> OpenCopySink(const DatabaseSinkOptions& options);
std::unique_ptr<EventSink> OpenInsertSink(const DatabaseSinkOptions& options);

}  // namespace millrace::cli
