// Finds out how a text file is written, from a part of it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "ingest/dialect.h"

namespace millrace::cli {

// The encoding of the first bytes of a file (OpenUnpacked), as a name for --encoding. Empty: UTF-8,
// which includes ASCII, or a byte order mark says what it is (then OpenText reads it without being
// told). Without a mark it is a guess: "utf-16le" and "utf-16be" by their zero bytes, "win1252" if
// it has bytes that are characters there and not in Latin-1, or else "latin1". Texts in other
// encodings of one byte per character look like these two.
std::string SniffEncoding(std::string_view sample);

struct SniffedText {
  // Objects of JSON, one per line: then `dialect` says nothing.
  bool json = false;
  Dialect dialect;  // delimiter and quote
  // How many fields most records have; 1 if no delimiter fits.
  std::size_t fields = 1;
};

// Delimiter (one of , ; | and tab) and quote (double, single or none) of text that is UTF-8
// (ToUtf8) and begins with a record; it may end in the middle of one. The pair for which the most
// records have equally many fields, more than one.
SniffedText SniffText(std::string_view sample);

// Whether the text begins as an object of JSON does.
bool LooksLikeJson(std::string_view text);

}  // namespace millrace::cli
