#include "ingest/init/plain_names.h"

#include <algorithm>
#include <set>

#include "ingest/qualified_name.h"

namespace millrace::cli {
namespace {

constexpr std::size_t kLongest = 40;

// The words that PostgreSQL reserves, also those that may be names of functions or types, and the
// names of system columns. Each has a blank on both sides.
constexpr std::string_view kReserved =
    " "
    "all analyse analyze and any array as asc asymmetric authorization binary both case "
    "cast check cmax cmin collate collation column concurrently constraint create cross "
    "ctid current_catalog current_date current_role current_schema current_time "
    "current_timestamp current_user default deferrable desc distinct do else end except "
    "false fetch for foreign freeze from full grant group having ilike in initially inner "
    "intersect into is isnull join lateral leading left like limit localtime "
    "localtimestamp natural not notnull null offset on only or order outer overlaps "
    "placing primary references returning right select session_user similar some "
    "symmetric system_user table tableoid tablesample then to trailing true union unique "
    "user using variadic verbose when where window with xmax xmin ";

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsOther(char c) { return static_cast<unsigned char>(c) >= 0x80; }

bool IsReserved(std::string_view name) {
  return kReserved.find(" " + std::string(name) + " ") != std::string_view::npos;
}

// Whether a word begins at `at`: deviceId, HTTPStatus.
bool WordBegins(std::string_view name, std::size_t at) {
  if (at == 0 || !IsUpper(name[at])) return false;
  const char before = name[at - 1];
  if (IsLower(before) || IsDigit(before)) return true;
  return IsUpper(before) && at + 1 < name.size() && IsLower(name[at + 1]);
}

// At most `size` bytes of `text`, without half of a character.
std::string_view Cut(std::string_view text, std::size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

}  // namespace

std::string PlainName(std::string_view name) {
  std::string plain;
  bool gap = false;
  for (std::size_t at = 0; at < name.size(); ++at) {
    const char c = name[at];
    if (!IsLower(c) && !IsUpper(c) && !IsDigit(c) && !IsOther(c)) {
      gap = true;
      continue;
    }
    if ((gap || WordBegins(name, at)) && !plain.empty()) plain += '_';
    gap = false;
    plain += IsUpper(c) ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (!plain.empty() && IsDigit(plain[0])) plain.insert(0, "column_");
  plain.resize(Cut(plain, kLongest).size());
  if (IsReserved(plain)) plain += '_';
  return plain;
}

std::vector<std::string> PlainNames(const std::vector<std::string>& names) {
  std::vector<std::string> plain;
  std::set<std::string> taken;
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::string name = PlainName(names[i]);
    if (name.empty()) name = "column_" + std::to_string(i + 1);
    std::string free = name;
    for (int next = 2; !taken.insert(free).second; ++next) {
      free = name + "_" + std::to_string(next);
    }
    plain.push_back(free);
  }
  return plain;
}

std::vector<std::string> WordsOf(const std::string& plain_name) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : plain_name + "_") {
    if (c != '_') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  return words;
}

std::string SqlName(const std::string& name) {
  const bool plain = !name.empty() && !IsDigit(name[0]) && !IsReserved(name) &&
                     std::all_of(name.begin(), name.end(), [](char c) {
                       return IsLower(c) || IsDigit(c) || IsOther(c) || c == '_';
                     });
  return plain ? name : QuoteIdentifier(name);
}

}  // namespace millrace::cli
