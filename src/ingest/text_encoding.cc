#include "ingest/text_encoding.h"

#include <fmt/format.h>
#include <iconv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "client/error.h"
#include "client/text.h"

namespace millrace::cli {
namespace {

constexpr std::size_t kInputBytes = 256 << 10;

struct KnownName {
  std::string_view name;
  std::string_view iconv;
};
// Names of PostgreSQL that iconv does not know, or knows for something else, in small letters and
// without hyphens and underscores.
constexpr std::array<KnownName, 29> kNames = {{
    {"utf8", "UTF-8"},          {"unicode", "UTF-8"},
    {"ascii", "UTF-8"},         {"usascii", "UTF-8"},
    {"sqlascii", "UTF-8"},      {"latin1", "ISO-8859-1"},
    {"latin2", "ISO-8859-2"},   {"latin3", "ISO-8859-3"},
    {"latin4", "ISO-8859-4"},   {"latin5", "ISO-8859-9"},
    {"latin6", "ISO-8859-10"},  {"latin7", "ISO-8859-13"},
    {"latin8", "ISO-8859-14"},  {"latin9", "ISO-8859-15"},
    {"latin10", "ISO-8859-16"}, {"koi8", "KOI8-R"},
    {"koi8r", "KOI8-R"},        {"koi8u", "KOI8-U"},
    {"alt", "CP866"},           {"win", "CP1251"},
    {"tcvn", "CP1258"},         {"sjis", "CP932"},
    {"mskanji", "CP932"},       {"shiftjis2004", "SHIFT_JISX0213"},
    {"uhc", "CP949"},           {"eucjis2004", "EUC-JISX0213"},
    {"eucjp", "EUC-JP"},        {"euckr", "EUC-KR"},
    {"euccn", "EUC-CN"},
}};

std::string Plain(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    if (c == '-' || c == '_' || c == ' ') continue;
    plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return plain;
}

// The names to try with iconv, in this order.
std::array<std::string, 3> Candidates(const std::string& encoding) {
  const std::string plain = Plain(encoding);
  for (const KnownName& known : kNames) {
    if (plain == known.name) return {std::string(known.iconv), "", ""};
  }
  // win1252, windows1252 -> CP1252; iso88595 -> ISO-8859-5; utf16le -> UTF-16LE.
  for (const std::string_view prefix : {"windows", "win", "cp"}) {
    if (plain.starts_with(prefix)) return {"CP" + plain.substr(prefix.size()), encoding, plain};
  }
  if (plain.starts_with("iso8859")) return {"ISO-8859-" + plain.substr(7), encoding, plain};
  if (plain.starts_with("utf")) return {"UTF-" + plain.substr(3), encoding, plain};
  if (plain == "euctw") return {"EUC-TW", encoding, plain};
  return {encoding, plain, ""};
}

class Converter {
 public:
  explicit Converter(const std::string& iconv_name)
      : handle_(iconv_open("UTF-8", iconv_name.c_str())) {
    // UTF-16 and UTF-32 have units of two and four bytes.
    if (iconv_name.starts_with("UTF-16") || iconv_name.starts_with("UCS-2")) unit_ = 2;
    if (iconv_name.starts_with("UTF-32") || iconv_name.starts_with("UCS-4")) unit_ = 4;
  }
  ~Converter() {
    if (valid()) iconv_close(handle_);
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;
  bool valid() const { return reinterpret_cast<std::intptr_t>(handle_) != -1; }

  // Appends the text to `out`. Returns how many bytes were used: a character that is cut off at the
  // end of `text` is left, unless it is the `last` text.
  std::size_t Convert(std::string_view text, bool last, std::string* out) {
    char* from = const_cast<char*>(text.data());
    std::size_t left = text.size();
    std::array<char, 16 << 10> buffer;
    while (left > 0) {
      char* to = buffer.data();
      std::size_t room = buffer.size();
      const std::size_t result = iconv(handle_, &from, &left, &to, &room);
      const int error = errno;
      out->append(buffer.data(), buffer.size() - room);
      if (result != static_cast<std::size_t>(-1) || error == E2BIG) continue;
      if (error == EINVAL && !last) break;
      *out += '\xff';
      const std::size_t skipped = std::min(left, unit_);
      from += skipped;
      left -= skipped;
    }
    if (last) {
      // Encodings with a state may have something left to write.
      char* to = buffer.data();
      std::size_t room = buffer.size();
      iconv(handle_, nullptr, nullptr, &to, &room);
      out->append(buffer.data(), buffer.size() - room);
    }
    return text.size() - left;
  }

 private:
  iconv_t handle_;
  std::size_t unit_ = 1;
};

class ConvertingSource {
 public:
  ConvertingSource(ByteSource source, const std::string& iconv_name)
      : source_(std::move(source)), converter_(iconv_name) {}

  std::size_t Read(char* buffer, std::size_t size) {
    while (given_ == text_.size() && !at_end_) {
      const std::size_t kept = input_.size();
      input_.resize(kept + kInputBytes);
      const std::size_t got = source_(input_.data() + kept, kInputBytes);
      input_.resize(kept + got);
      at_end_ = got == 0;
      text_.clear();
      given_ = 0;
      input_.erase(0, converter_.Convert(input_, at_end_, &text_));
    }
    const std::size_t got = std::min(size, text_.size() - given_);
    std::memcpy(buffer, text_.data() + given_, got);
    given_ += got;
    return got;
  }

 private:
  ByteSource source_;
  Converter converter_;
  std::string input_;  // bytes read and not converted
  std::string text_;   // converted
  std::size_t given_ = 0;
  bool at_end_ = false;
};

}  // namespace

std::string IconvName(const std::string& encoding) {
  for (const std::string& name : Candidates(encoding)) {
    // iconv takes an empty name for the locale's encoding, and a slash for options.
    if (name.empty() || name.find('/') != std::string::npos) continue;
    if (Converter(name).valid()) return name;
  }
  throw CliError(fmt::format("no encoding is called {}", ShellWord(encoding)),
                 "Encodings are named as in PostgreSQL: utf8, latin1, latin9, win1252, win1251, "
                 "koi8r, sjis, gbk, big5; and utf16. `iconv -l` lists others.");
}

std::string EncodingOfMark(std::string_view beginning) {
  using namespace std::string_view_literals;
  if (beginning.starts_with("\xff\xfe\0\0"sv)) return "UTF-32LE";
  if (beginning.starts_with("\0\0\xfe\xff"sv)) return "UTF-32BE";
  if (beginning.starts_with("\xff\xfe"sv)) return "UTF-16LE";
  if (beginning.starts_with("\xfe\xff"sv)) return "UTF-16BE";
  return "";
}

ByteSource ToUtf8(ByteSource source, const std::string& encoding) {
  const std::string name = IconvName(encoding);
  if (name == "UTF-8") return source;
  auto converting = std::make_shared<ConvertingSource>(std::move(source), name);
  return [converting](char* buffer, std::size_t size) { return converting->Read(buffer, size); };
}

std::string ToUtf8(std::string_view text, const std::string& encoding) {
  const std::string name = IconvName(encoding);
  if (name == "UTF-8") return std::string(text);
  std::string converted;
  Converter(name).Convert(text, false, &converted);
  return converted;
}

bool IsUtf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t length = first < 0x80                    ? 1
                               : first >= 0xc2 && first < 0xe0 ? 2
                               : first >= 0xe0 && first < 0xf0 ? 3
                               : first >= 0xf0 && first < 0xf5 ? 4
                                                               : 0;
    if (length == 0) return false;
    for (std::size_t k = 1; k < length && i + k < text.size(); ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      // The second byte also says that the character is not too long, no surrogate and in range.
      const unsigned char least = k == 1 && first == 0xe0   ? 0xa0
                                  : k == 1 && first == 0xf0 ? 0x90
                                                            : 0x80;
      const unsigned char most = k == 1 && first == 0xed   ? 0x9f
                                 : k == 1 && first == 0xf4 ? 0x8f
                                                           : 0xbf;
      if (next < least || next > most) return false;
    }
    i += length;
  }
  return true;
}

}  // namespace millrace::cli
