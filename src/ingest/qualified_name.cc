#include "ingest/qualified_name.h"

#include <fmt/format.h>

#include "client/error.h"

namespace millrace::cli {
namespace {

char FoldAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

[[noreturn]] void Refuse(std::string_view text) {
  throw CliError(fmt::format("not a table name: {}", text),
                 "Write table, schema.table, or \"Quoted\".\"Names\".");
}

}  // namespace

QualifiedName QualifiedName::Parse(std::string_view text) {
  std::vector<std::string> parts(1);
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\0') Refuse(text);
    if (c == '"') {
      if (quoted && i + 1 < text.size() && text[i + 1] == '"') {
        parts.back() += '"';
        ++i;
      } else {
        quoted = !quoted;
      }
    } else if (c == '.' && !quoted) {
      parts.emplace_back();
    } else {
      parts.back() += quoted ? c : FoldAscii(c);
    }
  }
  if (quoted || parts.size() > 2) Refuse(text);
  for (const std::string& part : parts) {
    if (part.empty()) Refuse(text);
  }
  if (parts.size() == 1) return {"", parts[0]};
  return {parts[0], parts[1]};
}

std::string QualifiedName::Quoted() const {
  return schema.empty() ? QuoteIdentifier(name)
                        : QuoteIdentifier(schema) + "." + QuoteIdentifier(name);
}

std::string QuoteIdentifier(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string SqlText(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

std::string QuoteColumnList(const std::vector<std::string>& columns) {
  std::string list = "(";
  for (const std::string& column : columns) {
    if (list.size() > 1) list += ", ";
    list += QuoteIdentifier(column);
  }
  return list + ")";
}

}  // namespace millrace::cli
