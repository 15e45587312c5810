#include "ingest/sniff.h"

#include <algorithm>
#include <map>

#include "ingest/csv.h"
#include "ingest/text_encoding.h"

namespace millrace::cli {
namespace {

constexpr std::size_t kMostRecords = 1'000;

// How well a dialect fits: records by their number of fields.
struct Fit {
  std::size_t fields = 1;   // of most records
  std::size_t records = 0;  // that have so many
  std::size_t others = 0;
  bool open_quote = false;  // a quote that is open at the end of the sample

  double share() const {
    return records == 0 ? 0 : static_cast<double>(records) / static_cast<double>(records + others);
  }
};

Fit TryDialect(std::string_view sample, const Dialect& dialect) {
  std::size_t at = 0;
  CsvReader reader(
      [&](char* buffer, std::size_t size) {
        const std::size_t got = sample.copy(buffer, size, at);
        at += got;
        return got;
      },
      std::max<std::size_t>(sample.size(), 1), dialect);
  std::map<std::size_t, std::size_t> counts;
  CsvRecord record;
  Fit fit;
  for (std::size_t i = 0; i < kMostRecords; ++i) {
    const CsvReader::Outcome outcome = reader.Next(&record);
    // The last record may be cut off, unless it is the only one.
    if (outcome == CsvReader::Outcome::kUnterminated) fit.open_quote = true;
    if (outcome != CsvReader::Outcome::kRecord) break;
    const bool last = reader.bytes_consumed() == static_cast<std::int64_t>(sample.size());
    if (last && !sample.ends_with('\n') && !counts.empty()) break;
    if (!record.text.empty()) ++counts[CountCsvFields(record.text, dialect)];
  }
  for (const auto& [fields, records] : counts) {
    fit.others += records;
    if (records < fit.records) continue;
    fit.fields = fields;
    fit.records = records;
  }
  fit.others -= fit.records;
  return fit;
}

// Whether `quote` stands at both ends of some field: behind a delimiter or line end, and before
// one.
bool Encloses(std::string_view sample, char quote, char delimiter) {
  const auto ends_field = [&](char c) { return c == delimiter || c == '\n' || c == '\r'; };
  bool open = false;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    if (ends_field(sample[i]) && !open) continue;
    if (sample[i] != quote) continue;
    if (!open) {
      open = i == 0 || ends_field(sample[i - 1]);
    } else if (i + 1 == sample.size() || ends_field(sample[i + 1])) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::string SniffEncoding(std::string_view sample) {
  if (!EncodingOfMark(sample).empty()) return "";
  std::size_t even = 0, odd = 0;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    if (sample[i] == '\0') ++(i % 2 == 0 ? even : odd);
  }
  if (odd > sample.size() / 8 && even < odd / 4) return "utf-16le";
  if (even > sample.size() / 8 && odd < even / 4) return "utf-16be";
  if (IsUtf8(sample)) return "";
  return std::any_of(sample.begin(), sample.end(),
                     [](char c) {
                       const auto byte = static_cast<unsigned char>(c);
                       return byte >= 0x80 && byte < 0xa0;
                     })
             ? "win1252"
             : "latin1";
}

bool LooksLikeJson(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const std::size_t at = text.find_first_not_of(" \t\r\n");
  return at != std::string_view::npos && text[at] == '{';
}

SniffedText SniffText(std::string_view sample) {
  SniffedText best;
  best.json = LooksLikeJson(sample);
  if (best.json) return best;
  Fit best_fit;
  bool found = false;
  for (const char quote : {'"', '\'', '\0'}) {
    for (const char delimiter : {',', ';', '\t', '|'}) {
      Dialect dialect;
      dialect.delimiter = delimiter;
      dialect.quote = quote;
      if (quote == '\'' && !Encloses(sample, quote, delimiter)) continue;
      const Fit fit = TryDialect(sample, dialect);
      if (fit.fields < 2 || fit.records == 0) continue;
      // Double quotes are what is usual. Others must be clearly better: with double quotes a record
      // runs to the end of the sample, or more records have other numbers of fields.
      const bool better =
          !found || (best_fit.open_quote && !fit.open_quote && fit.records > best_fit.records) ||
          fit.share() > best_fit.share() + 0.01 ||
          (fit.share() > best_fit.share() - 0.01 && fit.fields > best_fit.fields &&
           quote == best.dialect.quote);
      if (!better) continue;
      found = true;
      best_fit = fit;
      best.dialect = dialect;
      best.fields = fit.fields;
    }
  }
  return best;
}

}  // namespace millrace::cli
