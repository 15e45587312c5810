#include "dashboard/access.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "dashboard/link.h"

namespace millrace::dashboard {
namespace {

constexpr const char* kCookie = "millrace_token";

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool EqualButForCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

// The normal form of an address in brackets; empty if it is no address.
std::string Ipv6Name(const std::string& text) {
  in6_addr address;
  char canonical[INET6_ADDRSTRLEN];
  if (inet_pton(AF_INET6, text.c_str(), &address) != 1 ||
      inet_ntop(AF_INET6, &address, canonical, sizeof(canonical)) == nullptr) {
    return "";
  }
  return "[" + std::string(canonical) + "]";
}

// In lower case and without the dot at the end that a complete DNS name may have; empty if it is no
// name.
std::string DnsName(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  std::string name;
  for (const char c : text) {
    const char small = Lower(c);
    const bool good = (small >= 'a' && small <= 'z') || (small >= '0' && small <= '9') ||
                      small == '-' || small == '_' || small == '.';
    if (!good) return "";
    name += small;
  }
  return name.ends_with('.') ? "" : name;
}

// The content of a Host header, or of the end of an Origin.
struct HostAndPort {
  std::string name;  // as from HostName
  int port = -1;     // -1: not given
};

std::optional<HostAndPort> ParseHost(std::string_view text) {
  HostAndPort host;
  std::size_t end;
  if (text.starts_with('[')) {
    const std::size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return std::nullopt;
    host.name = Ipv6Name(std::string(text.substr(1, bracket - 1)));
    end = bracket + 1;
  } else {
    end = std::min(text.find(':'), text.size());
    host.name = DnsName(text.substr(0, end));
  }
  if (host.name.empty()) return std::nullopt;
  if (end == text.size()) return host;
  if (text[end] != ':') return std::nullopt;
  const std::string_view digits = text.substr(end + 1);
  // "name:" gives no port.
  if (digits.empty()) return host;
  const auto [last, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), host.port);
  if (error != std::errc() || last != digits.data() + digits.size() || host.port < 0 ||
      host.port > 65535) {
    return std::nullopt;
  }
  return host;
}

// Whether an Origin is the server that Host names. The scheme may be http or https: there may be a
// proxy with TLS before us.
bool IsOriginOf(std::string_view origin, const HostAndPort& host) {
  const std::size_t colon = origin.find("://");
  if (colon == std::string_view::npos) return false;
  const std::string_view scheme = origin.substr(0, colon);
  int usual;
  if (EqualButForCase(scheme, "http")) {
    usual = 80;
  } else if (EqualButForCase(scheme, "https")) {
    usual = 443;
  } else {
    return false;
  }
  const auto from = ParseHost(origin.substr(colon + 3));
  auto port = [usual](const HostAndPort& one) { return one.port < 0 ? usual : one.port; };
  return from && from->name == host.name && port(*from) == port(host);
}

// The token of `Authorization: Bearer TOKEN`. Any other kind of authorization is meant for somebody
// else, such as a proxy.
std::optional<std::string> BearerOf(const httplib::Request& request) {
  constexpr std::string_view kBearer = "Bearer ";
  const std::string given = request.get_header_value("Authorization");
  if (!EqualButForCase(std::string_view(given).substr(0, kBearer.size()), kBearer)) {
    return std::nullopt;
  }
  return given.substr(std::min(given.find_first_not_of(' ', kBearer.size()), given.size()));
}

std::string CookieOf(const httplib::Request& request) {
  const std::string header = request.get_header_value("Cookie");
  const std::string wanted = std::string(kCookie) + "=";
  for (std::size_t at = 0; at < header.size();) {
    const std::size_t end = std::min(header.find(';', at), header.size());
    std::size_t begin = at;
    while (begin < end && header[begin] == ' ') ++begin;
    if (header.compare(begin, wanted.size(), wanted) == 0) {
      return header.substr(begin + wanted.size(), end - begin - wanted.size());
    }
    at = end + 1;
  }
  return "";
}

}  // namespace

std::string HostName(const std::string& text) {
  // An option may also have the address without brackets.
  std::string address = Ipv6Name(text);
  if (!address.empty()) return address;
  const auto host = ParseHost(text);
  return host && host->port < 0 ? host->name : "";
}

Access::Access(AccessOptions options) : options_(std::move(options)) {
  for (const std::string& name : options_.host_names) names_.insert(HostName(name));
  for (const char* name : {"localhost", "127.0.0.1", "[::1]"}) own_.insert(name);
  const std::string listen = HostName(options_.listen);
  // These two mean any address.
  if (!listen.empty() && listen != "0.0.0.0" && listen != "[::]") own_.insert(listen);
}

bool Access::IsOurs(const std::string& name) const {
  if (own_.contains(name)) return true;
  return names_.empty() ? !options_.token.empty() : names_.contains(name);
}

// Takes the same time however much of the token is right.
bool Access::IsToken(const std::string& given) const {
  unsigned difference = given.size() != options_.token.size();
  for (std::size_t i = 0; i < given.size(); ++i) {
    difference |= static_cast<unsigned char>(given[i]) ^
                  static_cast<unsigned char>(options_.token[i % options_.token.size()]);
  }
  return difference == 0;
}

std::optional<ApiError> Access::Refuse(const httplib::Request& request, Grant* grant) const {
  const auto host = ParseHost(request.get_header_value("Host"));
  if (request.get_header_value_count("Host") != 1 || !host || !IsOurs(host->name)) {
    return ApiError(403, "forbidden", "this is not the host that was asked for",
                    "Open the address that `millrace serve` printed, or give it --host-name.");
  }
  if (request.has_header("Origin") && (request.get_header_value_count("Origin") != 1 ||
                                       !IsOriginOf(request.get_header_value("Origin"), *host))) {
    return ApiError(403, "forbidden", "another site's page asked", "");
  }
  const auto bearer = BearerOf(request);
  if (request.has_param("link")) {
    const auto link = request.get_param_value_count("link") > 1
                          ? std::nullopt
                          : ReadLink(request.get_param_value("link"), options_.link_key);
    if (!link) {
      return ApiError(401, "unauthorized", "this link is not valid", "Ask for another one.");
    }
    *grant = *link;
    return std::nullopt;
  }
  // What is no link may be the token, or is meant for somebody before us.
  if (const auto link = bearer ? ReadLink(*bearer, options_.link_key) : std::nullopt) {
    *grant = *link;
    return std::nullopt;
  }
  if (options_.token.empty()) return std::nullopt;
  const std::string given = bearer ? *bearer : CookieOf(request);
  if (IsToken(given)) return std::nullopt;
  return ApiError(
      401, "unauthorized", "a token is needed",
      "Open the address that `millrace serve --show-token` prints, or send the token as "
      "Authorization: Bearer.");
}

std::string Access::CookieFor(const httplib::Request& request) const {
  if (options_.token.empty() || !request.has_param("token") ||
      !IsToken(request.get_param_value("token"))) {
    return "";
  }
  return std::string(kCookie) + "=" + options_.token +
         "; HttpOnly; SameSite=Strict; Path=/; Max-Age=31536000";
}

bool IsOrigin(const std::string& text) {
  const std::size_t colon = text.find("://");
  if (colon == std::string::npos) return false;
  const std::string scheme = text.substr(0, colon);
  return (scheme == "http" || scheme == "https") && ParseHost(text.substr(colon + 3)).has_value();
}

httplib::Headers SecurityHeaders(const std::vector<std::string>& embed_origins) {
  std::string framers;
  for (const std::string& origin : embed_origins) framers += " " + origin;
  httplib::Headers headers = {
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
       "connect-src 'self'; font-src 'none'; base-uri 'none'; form-action 'none'; "
       "frame-ancestors" +
           (framers.empty() ? " 'none'" : framers)},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Resource-Policy", "same-origin"}};
  if (framers.empty()) headers.emplace("X-Frame-Options", "DENY");
  return headers;
}

}  // namespace millrace::dashboard
