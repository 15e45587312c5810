#include "ingest/init/column_profile.h"

#include <arpa/inet.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <functional>
#include <nlohmann/json.hpp>
#include <unordered_set>

namespace millrace::cli {
namespace {

// Types, as bits: those that all values so far have.
enum Fit : std::uint32_t {
  kFitBigint = 1 << 0,
  kFitDecimal = 1 << 1,
  kFitFloat = 1 << 2,
  kFitComma = 1 << 3,
  kFitThousands = 1 << 4,
  kFitBoolean = 1 << 5,
  kFitUuid = 1 << 6,
  kFitInet = 1 << 7,
  kFitJson = 1 << 8,
  kFitAll = (1 << 9) - 1,
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The parts of a number: digits, perhaps in groups of three, then a fraction.
struct NumberShape {
  std::size_t whole = 0;     // digits before the point
  std::size_t fraction = 0;  // and after it
  int groups = 0;            // separators of thousands
  bool point = false;
  bool leading_zero = false;  // 007 is no number, but 0.5 is
};

bool ReadNumber(std::string_view text, char point, char thousands, NumberShape* shape) {
  if (!text.empty() && text[0] == '-') text.remove_prefix(1);
  shape->leading_zero = text.size() > 1 && text[0] == '0' && IsDigit(text[1]);
  std::size_t group = 0;
  std::size_t at = 0;
  for (; at < text.size() && text[at] != point; ++at) {
    if (IsDigit(text[at])) {
      ++shape->whole;
      ++group;
    } else if (text[at] == thousands && thousands != '\0') {
      const bool fits = shape->groups == 0 ? group >= 1 && group <= 3 : group == 3;
      if (!fits) return false;
      ++shape->groups;
      group = 0;
    } else {
      return false;
    }
  }
  if (shape->groups > 0 && group != 3) return false;
  if (at < text.size()) {
    shape->point = true;
    for (++at; at < text.size(); ++at, ++shape->fraction) {
      if (!IsDigit(text[at])) return false;
    }
    if (shape->fraction == 0) return false;
  }
  return shape->whole + shape->fraction > 0 && !shape->leading_zero;
}

// With an exponent, or no number at all.
bool IsFloat(std::string_view text) {
  if (text == "NaN" || text == "Infinity" || text == "-Infinity") return true;
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && rest == end && text.find_first_of("0123456789") <= 1;
}

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : std::isxdigit(static_cast<unsigned char>(text[i])) == 0) {
      return false;
    }
  }
  return true;
}

bool IsInet(const std::string& text) {
  if (text.size() < 2 || text.size() > 45) return false;
  in6_addr address;
  return inet_pton(AF_INET, text.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

bool IsJson(const std::string& text) {
  if (text.size() < 2 || (text[0] != '{' && text[0] != '[')) return false;
  // PostgreSQL's jsonb has no zero characters.
  return text.find("\\u0000") == std::string::npos && nlohmann::json::accept(text);
}

constexpr const char* kBooleans[] = {"true", "false", "yes", "no", "t", "f", "y", "n"};

// The place in kBooleans, as a bit; 0: none.
std::uint32_t BooleanBit(const std::string& text) {
  if (text.size() > 5) return 0;
  std::string lower = text;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (std::size_t i = 0; i < std::size(kBooleans); ++i) {
    if (lower == kBooleans[i]) return std::uint32_t{1} << i;
  }
  return 0;
}

double NumberOf(const std::string& text, NumberStyle style) {
  std::string plain;
  for (const char c : text) {
    const bool thousands = (style == NumberStyle::kComma && c == '.') ||
                           (style == NumberStyle::kThousands && c == ',');
    if (!thousands) plain += c == ',' ? '.' : c;
  }
  double value = 0;
  std::from_chars(plain.data(), plain.data() + plain.size(), value);
  return value;
}

// Reads the values of one column.
class Profiler {
 public:
  explicit Profiler(const TimeFormat* given) : given_(given) {
    profile_.time_forms = kAllTimeForms | (given == nullptr ? 0U : std::uint32_t{kTimeGiven});
  }

  void Add(const std::string& text) {
    ++profile_.values;
    profile_.longest = std::max(profile_.longest, text.size());
    if (fits_ != 0) Narrow(text);
    if (profile_.time_forms != 0) NarrowTime(text);
  }

  // `texts` are the values again, one by one.
  ColumnProfile Finish(const std::vector<const std::string*>& texts) {
    if ((profile_.time_forms & kTimeGiven) != 0) profile_.time_forms = kTimeGiven;
    profile_.type = Type();
    const bool number = profile_.type == ValueType::kBigint ||
                        profile_.type == ValueType::kDecimal || profile_.type == ValueType::kFloat;
    if (profile_.values == 0) profile_.time_forms = 0;
    if (number) Measure(texts);
    if (profile_.time_forms != 0) MeasureTimes(texts);
    return std::move(profile_);
  }

  ColumnProfile& profile() { return profile_; }

 private:
  void Keep(Fit fit, bool fits) {
    if (!fits) fits_ &= ~static_cast<std::uint32_t>(fit);
  }

  void Narrow(const std::string& text) {
    if ((fits_ & (kFitBigint | kFitDecimal)) != 0) {
      NumberShape shape;
      const bool number = text.size() <= 500 && ReadNumber(text, '.', '\0', &shape);
      std::int64_t value = 0;
      const char* const end = text.data() + text.size();
      Keep(kFitBigint,
           number && !shape.point && std::from_chars(text.data(), end, value).ec == std::errc());
      Keep(kFitDecimal, number);
      // 007 is no float either.
      if (shape.leading_zero) Keep(kFitFloat, false);
    }
    if ((fits_ & kFitFloat) != 0) Keep(kFitFloat, IsFloat(text));
    if ((fits_ & kFitComma) != 0) {
      NumberShape shape;
      Keep(kFitComma, ReadNumber(text, ',', '.', &shape));
      comma_certain_ |= shape.groups > 0 || (shape.point && shape.fraction != 3);
    }
    if ((fits_ & kFitThousands) != 0) {
      NumberShape shape;
      Keep(kFitThousands, ReadNumber(text, '.', ',', &shape));
      thousands_certain_ |= shape.groups > 1 || (shape.groups > 0 && shape.point);
    }
    if ((fits_ & kFitBoolean) != 0) {
      const std::uint32_t bit = BooleanBit(text);
      booleans_ |= bit;
      Keep(kFitBoolean, bit != 0);
    }
    if ((fits_ & kFitUuid) != 0) Keep(kFitUuid, IsUuid(text));
    if ((fits_ & kFitInet) != 0) Keep(kFitInet, IsInet(text));
    if ((fits_ & kFitJson) != 0) Keep(kFitJson, IsJson(text));
  }

  void NarrowTime(const std::string& text) {
    for (std::uint32_t form = 1; form <= profile_.time_forms; form <<= 1) {
      if ((profile_.time_forms & form) == 0) continue;
      if (!ReadTime(text, static_cast<TimeForm>(form), given_)) profile_.time_forms &= ~form;
    }
  }

  // Whether both words of a pair were seen, or the words say by themselves that they are booleans.
  bool BooleansAreSure() const {
    return booleans_ == 1 || booleans_ == 2 || booleans_ == 3 || booleans_ == 12 ||
           booleans_ == 48 || booleans_ == 192;
  }

  ValueType Type() {
    if (profile_.values == 0) return ValueType::kText;
    if ((profile_.time_forms & ~kEpochForms) != 0) return ValueType::kTime;
    if ((fits_ & kFitBigint) != 0) return ValueType::kBigint;
    if ((fits_ & kFitDecimal) != 0) return ValueType::kDecimal;
    if ((fits_ & kFitFloat) != 0) return ValueType::kFloat;
    if ((fits_ & kFitComma) != 0 && comma_certain_) {
      profile_.style = NumberStyle::kComma;
      return ValueType::kDecimal;
    }
    if ((fits_ & kFitThousands) != 0 && thousands_certain_) {
      profile_.style = NumberStyle::kThousands;
      return ValueType::kDecimal;
    }
    if ((fits_ & kFitBoolean) != 0 && BooleansAreSure()) return ValueType::kBoolean;
    if ((fits_ & kFitUuid) != 0) return ValueType::kUuid;
    if ((fits_ & kFitInet) != 0) return ValueType::kInet;
    if ((fits_ & kFitJson) != 0) return ValueType::kJson;
    return ValueType::kText;
  }

  void Measure(const std::vector<const std::string*>& texts) {
    bool first = true;
    for (const std::string* text : texts) {
      const double value = NumberOf(*text, profile_.style);
      profile_.low = first ? value : std::min(profile_.low, value);
      profile_.high = first ? value : std::max(profile_.high, value);
      const char point = profile_.style == NumberStyle::kComma ? ',' : '.';
      const auto at = text->find(point);
      const int decimals = at == std::string::npos ? 0 : static_cast<int>(text->size() - at - 1);
      profile_.same_decimals = profile_.same_decimals && (first || decimals == profile_.decimals);
      profile_.decimals = std::max(profile_.decimals, decimals);
      const auto digits = std::count_if(text->begin(), text->end(), IsDigit);
      profile_.digits = std::max(profile_.digits, static_cast<std::size_t>(digits));
      first = false;
    }
  }

  void MeasureTimes(const std::vector<const std::string*>& texts) {
    const auto form =
        static_cast<TimeForm>(std::uint32_t{1} << std::countr_zero(profile_.time_forms));
    bool first = true;
    bool clock = false;
    for (const std::string* text : texts) {
      const TimeReading time = *ReadTime(*text, form, given_);
      if (first) {
        profile_.time = time;
        profile_.first_time = profile_.last_time = time.micros;
      }
      const TimeReading& one = profile_.time;
      profile_.same_time_format = profile_.same_time_format && time.has_clock == one.has_clock &&
                                  time.has_zone == one.has_zone &&
                                  time.has_seconds == one.has_seconds &&
                                  time.separator == one.separator && time.joint == one.joint;
      clock |= time.has_clock;
      profile_.without_zone += time.has_zone ? 0 : 1;
      profile_.first_time = std::min(profile_.first_time, time.micros);
      profile_.last_time = std::max(profile_.last_time, time.micros);
      first = false;
    }
    if (profile_.type == ValueType::kTime && !clock) profile_.type = ValueType::kDate;
  }

  const TimeFormat* const given_;
  ColumnProfile profile_;
  std::uint32_t fits_ = kFitAll;
  std::uint32_t booleans_ = 0;
  bool comma_certain_ = false;
  bool thousands_certain_ = false;
};

bool IsNull(const CsvField& field, const std::string& null_text) {
  return !field.quoted && (field.value.empty() || (field.value == null_text));
}

// For messages: the beginning of a long text, without half of a character.
std::string Shortened(const std::string& text) {
  constexpr std::size_t kMost = 40;
  if (text.size() <= kMost) return text;
  std::size_t size = kMost;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size) + "...";
}

ColumnProfile ProfileColumn(const Sample& sample, std::size_t column, const std::string& null_text,
                            const TimeFormat* given = nullptr) {
  Profiler profiler(given);
  std::vector<const std::string*> texts;
  std::int64_t empty_texts = 0;
  for (const auto& row : sample.rows) {
    const CsvField& field = row[column];
    if (IsNull(field, null_text)) continue;
    if (field.value.empty()) {
      ++empty_texts;
      continue;
    }
    profiler.Add(field.value);
    texts.push_back(&field.value);
  }
  ColumnProfile profile = profiler.Finish(texts);
  profile.name = sample.names[column];
  profile.empty_texts = empty_texts;
  const bool text = profile.type == ValueType::kText;
  if (text) profile.values += empty_texts;
  profile.nulls = static_cast<std::int64_t>(sample.rows.size()) - profile.values;
  std::unordered_set<std::uint64_t> seen;
  for (const auto& row : sample.rows) {
    const CsvField& field = row[column];
    const bool null = IsNull(field, null_text) || (field.value.empty() && !text);
    const std::uint64_t key = null ? 0 : std::hash<std::string>()(field.value) | 1;
    profile.keys.push_back(key);
    if (!null && seen.insert(key).second && profile.examples.size() < 3) {
      profile.examples.push_back(Shortened(field.value));
    }
  }
  profile.distinct = static_cast<std::int64_t>(seen.size());
  return profile;
}

}  // namespace

std::vector<ColumnProfile> ProfileColumns(const Sample& sample, const std::string& null_text,
                                          const TimeFormat* given) {
  std::vector<ColumnProfile> profiles;
  for (std::size_t column = 0; column < sample.names.size(); ++column) {
    profiles.push_back(ProfileColumn(sample, column, null_text, given));
  }
  return profiles;
}

std::string GuessNullText(const Sample& sample) {
  constexpr const char* kWords[] = {"NULL", "\\N", "null", "NA",    "N/A",
                                    "None", "nil", "-",    "(null)"};
  std::string best;
  int most = 0;
  for (const char* word : kWords) {
    int mended = 0;
    for (std::size_t column = 0; column < sample.names.size(); ++column) {
      const bool has = std::any_of(sample.rows.begin(), sample.rows.end(), [&](const auto& row) {
        return !row[column].quoted && row[column].value == word;
      });
      if (!has || ProfileColumn(sample, column, "").type != ValueType::kText) continue;
      mended += ProfileColumn(sample, column, word).type != ValueType::kText ? 1 : 0;
    }
    if (mended > most) {
      most = mended;
      best = word;
    }
  }
  return best;
}

}  // namespace millrace::cli
