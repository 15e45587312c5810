// Reads the files of a load and turns them into batches.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ingest/batch_loader.h"
#include "ingest/copy_pool.h"
#include "ingest/csv.h"
#include "ingest/json_rows.h"
#include "ingest/load_options.h"
#include "ingest/load_record.h"
#include "ingest/row_times.h"
#include "ingest/row_writer.h"

namespace millrace::cli {

// The records of one input, whatever it is packed by, encoded and written in.
struct OpenedInput {
  bool json = false;
  std::unique_ptr<CsvReader> records;
};
// Opens it, and reads its beginning. Throws CliError when it cannot be read.
OpenedInput OpenInput(const std::string& path, const LoadOptions& options);

// Throws CliError if the file's first record shows that it cannot be loaded: by its columns, or by
// ids that are refused. REQUIRES: a regular file.
void CheckBeginning(const std::string& path, const LoadOptions& options, const TargetTable& table);

// One thread owns it. What is given to the constructor must outlive it.
class FileReader {
 public:
  FileReader(const LoadOptions& options, std::int64_t batch_rows, const TargetTable& table,
             LoadRecords& records, RowTimes& times, BatchLoader& loader, CopyPool& pool)
      : options_(options),
        batch_rows_(batch_rows),
        table_(table),
        records_(records),
        times_(times),
        loader_(loader),
        pool_(pool) {}

  // Compares the file with what is recorded of it. Throws CliError if they differ; returns false if
  // the load has stopped.
  bool Check(std::size_t file);
  // Reads one file to its end and pushes its batches, without the rows that are recorded. Returns
  // false if the load has stopped.
  bool Read(std::size_t file);

  // Fields of JSON that are in no column.
  const std::set<std::string>& unknown_fields() const { return unknown_; }
  // Names that the options give to fields of JSON and that were in no row, of any file.
  std::vector<std::string> names_not_found() const;

 private:
  bool ReadRows(std::size_t file);
  bool TakeHeader(const CsvRecord& record);
  bool Append(const CsvRecord& record);
  bool StartFormat();
  bool SkipRow(const CsvRecord& record, const std::string& reason);
  bool Skip(CsvReader& reader, CsvReader::Outcome outcome, const CsvRecord& record);
  bool SkipText(const std::string& text, std::int64_t first_line, std::int64_t last_line,
                const std::string& reason);
  bool PassOver(std::int64_t last_line);
  void BeginBatch(std::int64_t first_row, std::int64_t first_line);
  void CompareWith(const RecordedRange& range);
  [[noreturn]] void RefuseChanged(const RecordedRange& range) const;
  bool Flush();
  void SayKeepsIds();
  void KeepNames(const JsonWriter& writer);

  const LoadOptions& options_;
  const std::int64_t batch_rows_;
  const TargetTable& table_;
  LoadRecords& records_;
  RowTimes& times_;
  BatchLoader& loader_;
  CopyPool& pool_;
  std::unique_ptr<RowWriter> writer_;  // of the file that is read
  JsonWriter* json_ = nullptr;         // the same, if it is JSON
  CopyBatch batch_;
  std::int64_t last_line_ = 0;  // of the last record gathered
  bool said_keeps_ids_ = false;
  const FileRecord* record_ = nullptr;  // of the file that is read
  bool checking_ = false;               // compare only, send nothing
  std::size_t checked_ = 0;             // ranges that were found in the file unchanged
  std::set<std::string> unknown_;
  std::set<std::string> not_found_;
  bool any_json_ = false;
};

}  // namespace millrace::cli
