// Who may ask: the token, and requests that other sites make in a visitor's browser.
#pragma once

#include <httplib.h>

#include <optional>
#include <string>

#include "dashboard/database.h"

namespace millrace::dashboard {

struct AccessOptions {
  // Empty: none is needed. Only for a server that listens on loopback alone.
  std::string token;
  // Names, besides those of loopback, that a Host header may have; empty with a token: any.
  std::vector<std::string> host_names;
};

class Access {
 public:
  explicit Access(AccessOptions options) : options_(std::move(options)) {}

  // The error a request is answered with, if it is not allowed. Checked are: Host, so that no name
  // of somebody else's that resolves to us opens the door (DNS rebinding); Origin, so that no other
  // site's page reads; and the token, as `Authorization: Bearer` or as our cookie.
  std::optional<ApiError> Refuse(const httplib::Request& request) const;

  // The value of Set-Cookie where the address brings the right token (`?token=`), so that it can be
  // taken out of the address; empty otherwise.
  std::string CookieFor(const httplib::Request& request) const;

 private:
  bool HostIsOurs(const std::string& host) const;
  bool IsToken(const std::string& given) const;

  const AccessOptions options_;
};

// The headers of each answer: nothing but ourselves may be loaded, framed or sniffed.
httplib::Headers SecurityHeaders();

}  // namespace millrace::dashboard
