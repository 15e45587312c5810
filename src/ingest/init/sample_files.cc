#include "ingest/init/sample_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "client/error.h"
#include "ingest/csv.h"
#include "ingest/init/json_sample.h"
#include "ingest/init/plain_names.h"
#include "ingest/input_file.h"
#include "ingest/sniff.h"
#include "ingest/text_encoding.h"

namespace millrace::cli {
namespace {

// Of each of three places in a file, and of all files together.
constexpr std::size_t kChunk = 3 << 20;
constexpr std::size_t kAll = 12 << 20;
constexpr std::size_t kSniffed = 256 << 10;
// A packed file has about so many times more bytes of text.
constexpr std::int64_t kPackedFactor = 5;
constexpr std::size_t kMostColumns = 1'590;  // of a table of PostgreSQL, with a few of our own

void CheckFiles(const std::vector<std::string>& files) {
  for (const std::string& path : files) {
    if (path != "-") CheckReadable(path);
    if (path == "-" || FileSize(path) < 0) {
      throw CliError(
          InputName(path) + " is no regular file: a sample of it would be lost for the load",
          "Save it to a file first.");
    }
    if (FileSize(path) == 0) throw CliError(path + " is empty");
  }
}

// Text of one place of a file.
struct Chunk {
  std::string text;    // UTF-8
  bool first = false;  // from the beginning of the file
  bool last = false;   // to its end
};

ByteSource SourceOf(std::string_view text, std::size_t* at) {
  return [text, at](char* buffer, std::size_t size) {
    const std::size_t got = text.copy(buffer, size, *at);
    *at += got;
    return got;
  };
}

class FileSampler {
 public:
  FileSampler(const std::vector<std::string>& files, const SampleChoices& choices)
      : files_(files), choices_(choices) {}

  SampledFiles Run() {
    Sniff();
    for (const std::string& path : files_) AddFile(path);
    Sample& sample = result_.sample;
    if (sample.rows.empty()) {
      throw CliError(
          fmt::format("{} has {}: there is nothing to guess from", files_[0],
                      result_.header ? "a header and no rows" : "no rows that can be read"),
          result_.header ? "Put some rows below the header, or say --header no if it is a row."
                         : "Look at --delimiter, --quote and --encoding.");
    }
    sample.whole = whole_;
    sample.total_rows = whole_ ? static_cast<std::int64_t>(sample.rows.size()) : total_rows_;
    return std::move(result_);
  }

 private:
  // Finds out encoding, dialect and header from the beginning of the first file.
  void Sniff() {
    const std::string& path = files_[0];
    encoding_ = choices_.encoding;
    if (encoding_.empty()) encoding_ = SniffEncoding(ReadSample(OpenUnpacked(path), kSniffed));
    std::string text = ReadSample(OpenText(path, encoding_), kSniffed);
    if (text.find('\0') != std::string::npos) {
      throw CliError(path + " has zero bytes: it is no text, or its encoding is another",
                     "Name the encoding, such as --encoding utf-16le.");
    }
    SkipLines(&text);
    const SniffedText sniffed = SniffText(text);
    result_.json =
        choices_.format == FileFormat::kAuto ? sniffed.json : choices_.format == FileFormat::kJson;
    result_.dialect = sniffed.dialect;
    if (choices_.delimiter) result_.dialect.delimiter = *choices_.delimiter;
    if (choices_.quote) result_.dialect.quote = *choices_.quote;
    result_.dialect.encoding = encoding_;
    if (result_.json) return;
    ReadHeader(text);
  }

  // Leaves out the lines before the header.
  void SkipLines(std::string* text) const {
    for (std::int64_t i = 0; i < choices_.skip_lines; ++i) {
      const auto end = text->find('\n');
      text->erase(0, end == std::string::npos ? text->size() : end + 1);
    }
  }

  void ReadHeader(const std::string& text) {
    Sample head;
    std::size_t at = 0;
    CsvReader reader(SourceOf(text, &at), std::max(text.size(), kSniffed), result_.dialect);
    CsvRecord record;
    while (head.rows.size() < 1'000 && reader.Next(&record) == CsvReader::Outcome::kRecord) {
      auto fields = SplitCsvRecord(record.text, result_.dialect);
      if (head.rows.empty() || fields.size() == head.rows[0].size()) {
        head.rows.push_back(std::move(fields));
      }
    }
    if (head.rows.empty())
      throw CliError(files_[0] + " has no record that ends", "Look at --quote.");
    result_.header = choices_.header == HeaderMode::kYes ||
                     (choices_.header == HeaderMode::kAuto && IsHeader(head));
    for (const CsvField& field : head.rows[0]) {
      result_.sample.names.push_back(result_.header ? field.value : "");
    }
    header_ = result_.sample.names;
    NameColumns();
  }

  void NameColumns() {
    Sample& sample = result_.sample;
    if (!choices_.columns.empty()) {
      if (choices_.columns.size() != sample.names.size()) {
        throw CliError(fmt::format("--columns names {} columns, and {} has {}",
                                   choices_.columns.size(), files_[0], sample.names.size()),
                       "The columns are split by --delimiter " +
                           DelimiterWord(result_.dialect.delimiter) + ".");
      }
      sample.names = choices_.columns;
      result_.renamed = true;
    }
    result_.has_names = result_.header || !choices_.columns.empty();
    if (!result_.has_names) sample.names = PlainNames(sample.names);
    if (sample.names.size() > kMostColumns) {
      throw CliError(fmt::format("{} has {} columns; a table has at most 1,600", files_[0],
                                 sample.names.size()),
                     "Leave columns out of the file, or keep them as JSON in one.");
    }
  }

  // A first row of which no field looks like a value, above rows that have values or other texts.
  static bool IsHeader(const Sample& head) {
    Sample first, rest;
    first.names = rest.names = std::vector<std::string>(head.rows[0].size());
    first.rows = {head.rows[0]};
    rest.rows.assign(head.rows.begin() + 1, head.rows.end());
    std::set<std::string> names;
    for (const ColumnProfile& profile : ProfileColumns(first, "")) {
      const bool word = profile.type == ValueType::kText || profile.type == ValueType::kBoolean;
      if (!profile.all_null() && !word) return false;
    }
    for (const ColumnProfile& profile : ProfileColumns(rest, GuessNullText(rest))) {
      if (!profile.all_null() && profile.type != ValueType::kText) return true;
    }
    for (std::size_t i = 0; i < first.names.size(); ++i) {
      const std::string& name = head.rows[0][i].value;
      if (name.empty() || !names.insert(name).second) return false;
      for (const auto& row : rest.rows) {
        if (row[i].value == name) return false;
      }
    }
    return true;
  }

  void AddFile(const std::string& path) {
    const std::int64_t size = FileSize(path);
    const std::size_t share = std::max<std::size_t>(kAll / files_.size(), 192 << 10);
    const std::size_t chunk = std::min(kChunk, share / 3);
    // A small file is read whole.
    const std::size_t beginning = size < static_cast<std::int64_t>(share) ? share : chunk;
    Chunk head{ReadSample(OpenText(path, encoding_), beginning), true, false};
    head.last = head.text.size() < beginning;
    SkipLines(&head.text);
    const std::size_t before = result_.sample.rows.size();
    AddChunk(path, head);
    const auto rows = static_cast<std::int64_t>(result_.sample.rows.size() - before);
    if (head.last) {
      total_rows_ += rows;
      return;
    }
    whole_ = false;
    const bool packed = PackingOf(ReadSample(RawSource(path), 4), path) != Packing::kNone;
    const auto bytes = static_cast<double>(packed ? size * kPackedFactor : size);
    total_rows_ += static_cast<std::int64_t>(static_cast<double>(rows) * bytes /
                                             static_cast<double>(beginning));
    const bool wide = encoding_.starts_with("utf-16") || encoding_.starts_with("utf-32");
    if (packed || wide || size < static_cast<std::int64_t>(4 * chunk)) return;
    const auto step = static_cast<std::int64_t>(chunk);
    AddPlace(path, size / 2, chunk, false);
    AddPlace(path, size - step, chunk, true);
  }

  static ByteSource RawSource(const std::string& path) {
    auto file = std::make_shared<InputFile>(path);
    return [file](char* buffer, std::size_t size) { return file->Read(buffer, size); };
  }

  // A part in the middle of a file that is neither packed nor of characters of two bytes.
  void AddPlace(const std::string& path, std::int64_t from, std::size_t size, bool last) {
    auto file = std::make_shared<InputFile>(path);
    file->Seek(from);
    std::string text = ReadSample(
        [file](char* buffer, std::size_t bytes) { return file->Read(buffer, bytes); }, size);
    const auto line_end = text.find('\n');
    if (line_end == std::string::npos) return;
    text.erase(0, line_end + 1);
    if (!encoding_.empty()) text = ToUtf8(text, IconvName(encoding_));
    const std::size_t rows = result_.sample.rows.size();
    const std::int64_t odd = result_.sample.odd_rows;
    AddChunk(path, {std::move(text), false, last});
    const auto added = result_.sample.rows.size() - rows;
    if (static_cast<std::size_t>(result_.sample.odd_rows - odd) * 10 <= added) return;
    // It began within quotes.
    result_.sample.rows.resize(rows);
    result_.sample.odd_rows = odd;
  }

  void AddChunk(const std::string& path, const Chunk& chunk) {
    Sample& sample = result_.sample;
    if (result_.json) return AddJsonRows(chunk.text, chunk.last, &sample);
    std::size_t at = 0;
    CsvReader reader(SourceOf(chunk.text, &at), std::max<std::size_t>(chunk.text.size(), 1),
                     result_.dialect);
    CsvRecord record;
    bool first = chunk.first;
    while (reader.Next(&record) == CsvReader::Outcome::kRecord) {
      const bool cut = !chunk.last && !chunk.text.ends_with('\n') &&
                       reader.bytes_consumed() == static_cast<std::int64_t>(chunk.text.size());
      if (cut) break;
      auto fields = SplitCsvRecord(record.text, result_.dialect);
      if (first && result_.header) {
        CheckHeader(path, fields);
        first = false;
        continue;
      }
      first = false;
      if (fields.size() != sample.names.size()) {
        ++sample.odd_rows;
      } else {
        sample.rows.push_back(std::move(fields));
      }
    }
  }

  void CheckHeader(const std::string& path, const std::vector<CsvField>& fields) const {
    std::vector<std::string> names;
    names.reserve(fields.size());
    for (const CsvField& field : fields) names.push_back(field.value);
    if (names == header_) return;
    throw CliError(fmt::format("{} has other columns than {}", path, files_[0]),
                   fmt::format("{}: {}\n{}: {}\nGive files with the same columns together.",
                               files_[0], fmt::join(header_, ", "), path, fmt::join(names, ", ")));
  }

  const std::vector<std::string>& files_;
  const SampleChoices& choices_;
  std::string encoding_;
  std::vector<std::string> header_;
  SampledFiles result_;
  bool whole_ = true;
  std::int64_t total_rows_ = 0;
};

}  // namespace

SampledFiles SampleFiles(const std::vector<std::string>& files, const SampleChoices& choices) {
  CheckFiles(files);
  SampledFiles sampled = FileSampler(files, choices).Run();
  sampled.dialect.null_text =
      choices.null_text ? *choices.null_text : GuessNullText(sampled.sample);
  CheckDialect(sampled.dialect);
  return sampled;
}

}  // namespace millrace::cli
