// Who may ask: the token, and requests that other sites make in a visitor's browser.
#pragma once

#include <httplib.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dashboard/database.h"

namespace millrace::dashboard {

struct AccessOptions {
  // Empty: none is needed. Only for a server that listens on loopback alone.
  std::string token;
  // Names, besides those of loopback, that a Host header may have; empty with a token: any. As
  // HostName takes them.
  std::vector<std::string> host_names;
  // The address it listens on, which is a name of ours too.
  std::string listen;
};

// A name or address as names are compared: in small letters, without a dot at the end, IPv6 in
// brackets and in its shortest form. Empty where it is none, or has a port.
std::string HostName(const std::string& text);

class Access {
 public:
  explicit Access(AccessOptions options);

  // The error a request is answered with, if it is not allowed. Checked are: Host, so that no name
  // of somebody else's that resolves to us opens the door (DNS rebinding); Origin, so that no other
  // site's page reads; and the token, as `Authorization: Bearer` or as our cookie. Names are
  // compared as HostName has them.
  std::optional<ApiError> Refuse(const httplib::Request& request) const;

  // The value of Set-Cookie where the address brings the right token (`?token=`), so that it can be
  // taken out of the address; empty otherwise.
  std::string CookieFor(const httplib::Request& request) const;

 private:
  // `name`: as HostName has it.
  bool IsOurs(const std::string& name) const;
  bool IsToken(const std::string& given) const;

  const AccessOptions options_;
  // As HostName has them: what a Host header may always say, and what we were told.
  std::set<std::string> own_;
  std::set<std::string> names_;
};

// The headers of each answer: nothing but ourselves may be loaded, framed or sniffed.
httplib::Headers SecurityHeaders();

}  // namespace millrace::dashboard
