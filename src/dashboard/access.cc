#include "dashboard/access.h"

#include <algorithm>

namespace millrace::dashboard {
namespace {

constexpr const char* kCookie = "millrace_token";

// "name:80" and "[::1]:80" without the port.
std::string WithoutPort(const std::string& host) {
  const auto colon = host.rfind(':');
  if (colon == std::string::npos || host.find(']', colon) != std::string::npos) return host;
  return host.substr(0, colon);
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

bool Access::HostIsOurs(const std::string& host) const {
  const std::string name = WithoutPort(host);
  if (name == "localhost" || name == "127.0.0.1" || name == "[::1]") return true;
  if (options_.host_names.empty()) return !options_.token.empty();
  return std::find(options_.host_names.begin(), options_.host_names.end(), name) !=
         options_.host_names.end();
}

// In a time that does not tell how much of it is right.
bool Access::IsToken(const std::string& given) const {
  unsigned difference = given.size() != options_.token.size();
  for (std::size_t i = 0; i < given.size(); ++i) {
    difference |= static_cast<unsigned char>(given[i]) ^
                  static_cast<unsigned char>(options_.token[i % options_.token.size()]);
  }
  return difference == 0;
}

std::optional<ApiError> Access::Refuse(const httplib::Request& request) const {
  const std::string host = request.get_header_value("Host");
  if (request.get_header_value_count("Host") != 1 || !HostIsOurs(host)) {
    return ApiError(403, "forbidden", "this is not the host that was asked for",
                    "Open the address that `millrace serve` printed, or give it --host-name.");
  }
  if (request.has_header("Origin")) {
    const std::string origin = request.get_header_value("Origin");
    if (request.get_header_value_count("Origin") != 1 ||
        (origin != "http://" + host && origin != "https://" + host)) {
      return ApiError(403, "forbidden", "another site's page asked", "");
    }
  }
  if (options_.token.empty()) return std::nullopt;
  constexpr std::string_view kBearer = "Bearer ";
  const std::string authorization = request.get_header_value("Authorization");
  const std::string given = authorization.rfind(kBearer, 0) == 0
                                ? authorization.substr(kBearer.size())
                                : CookieOf(request);
  if (IsToken(given)) return std::nullopt;
  return ApiError(401, "unauthorized", "a token is needed",
                  "Open the address that `millrace serve` printed, with its token.");
}

std::string Access::CookieFor(const httplib::Request& request) const {
  if (options_.token.empty() || !request.has_param("token") ||
      !IsToken(request.get_param_value("token"))) {
    return "";
  }
  return std::string(kCookie) + "=" + options_.token +
         "; HttpOnly; SameSite=Strict; Path=/; Max-Age=31536000";
}

httplib::Headers SecurityHeaders() {
  return {{"Content-Security-Policy",
           "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
           "connect-src 'self'; font-src 'none'; base-uri 'none'; form-action 'none'; "
           "frame-ancestors 'none'"},
          {"X-Content-Type-Options", "nosniff"},
          {"X-Frame-Options", "DENY"},
          {"Referrer-Policy", "no-referrer"},
          {"Cross-Origin-Opener-Policy", "same-origin"},
          {"Cross-Origin-Resource-Policy", "same-origin"}};
}

}  // namespace millrace::dashboard
