// A message of a topic, as the rest of the program sees it: nothing of a client library.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::cli {

// The texts belong to somebody else. All bytes come from whoever writes to the topic.
struct KafkaMessage {
  std::string_view topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::optional<std::string_view> key;
  std::optional<std::string_view> payload;   // none: a tombstone
  std::optional<std::int64_t> milliseconds;  // since 1970, as the producer or the broker gives it
  std::vector<std::pair<std::string_view, std::optional<std::string_view>>> headers;

  // The value of the last header of that name; nullopt if there is none or it has no value.
  std::optional<std::string_view> Header(std::string_view name) const {
    for (auto header = headers.rbegin(); header != headers.rend(); ++header) {
      if (header->first == name) return header->second;
    }
    return std::nullopt;
  }
};

}  // namespace millrace::cli
