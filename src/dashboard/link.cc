#include "dashboard/link.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdint>
#include <string_view>

namespace millrace::dashboard {
namespace {

using nlohmann::json;

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
// Longer tokens were not made here.
constexpr std::size_t kLongest = 16'384;

std::string Encode(std::string_view bytes) {
  std::string text;
  std::uint32_t bits = 0;
  int have = 0;
  for (const char c : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(c);
    for (have += 8; have >= 6; have -= 6) text += kAlphabet[(bits >> (have - 6)) & 63];
  }
  if (have > 0) text += kAlphabet[(bits << (6 - have)) & 63];
  return text;
}

std::optional<std::string> Decode(std::string_view text) {
  std::string bytes;
  std::uint32_t bits = 0;
  int have = 0;
  for (const char c : text) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    have += 6;
    if (have < 8) continue;
    have -= 8;
    bytes += static_cast<char>((bits >> have) & 255);
  }
  return bytes;
}

std::string Signature(std::string_view text, const std::string& key) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest,
           &size) == nullptr) {
    throw std::runtime_error("cannot compute an HMAC");
  }
  return {reinterpret_cast<const char*>(digest), size};
}

}  // namespace

std::string SignLink(const Grant& grant, const std::string& key) {
  const json content = {{"id", grant.id},
                        {"rollup", grant.rollup},
                        {"dimension", grant.dimension},
                        {"tenants", grant.tenants}};
  const std::string text = Encode(content.dump());
  return text + "." + Encode(Signature(text, key));
}

std::optional<Grant> ReadLink(const std::string& token, const std::string& key) {
  const std::size_t dot = token.find('.');
  if (key.empty() || token.size() > kLongest || dot == std::string::npos) return std::nullopt;
  const std::string_view text = std::string_view(token).substr(0, dot);
  const auto given = Decode(std::string_view(token).substr(dot + 1));
  const std::string right = Signature(text, key);
  if (!given || given->size() != right.size() ||
      CRYPTO_memcmp(given->data(), right.data(), right.size()) != 0) {
    return std::nullopt;
  }
  const auto decoded = Decode(text);
  if (!decoded) return std::nullopt;
  const json content = json::parse(*decoded, nullptr, false);
  Grant grant;
  grant.limited = true;
  try {
    grant.id = content.at("id");
    grant.rollup = content.at("rollup");
    grant.dimension = content.at("dimension");
    grant.tenants = content.at("tenants").get<std::vector<std::string>>();
  } catch (const json::exception&) {
    return std::nullopt;
  }
  if (grant.tenants.empty()) return std::nullopt;
  return grant;
}

void CheckLink(Database::Snapshot& snapshot, const Grant& grant) {
  if (!grant.limited) return;
  const json rows = snapshot.Rows(
      "SELECT revoked_at IS NOT NULL AS revoked, coalesce(expires_at <= now(), false) AS expired "
      "FROM millrace.link WHERE id = $1",
      {grant.id.c_str()});
  if (rows.empty() || rows[0]["revoked"].get<bool>()) {
    throw ApiError(401, "unauthorized", "this link was revoked", "Ask for another one.");
  }
  if (rows[0]["expired"].get<bool>()) {
    throw ApiError(401, "unauthorized", "this link has expired", "Ask for another one.");
  }
}

}  // namespace millrace::dashboard
