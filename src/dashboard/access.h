// Who may send requests: checks the token, and refuses requests that other sites make in a
// visitor's browser.
#pragma once

#include <httplib.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dashboard/database.h"

namespace millrace::dashboard {

struct AccessOptions {
  // Empty: no token is needed. Only for a server that listens on loopback alone.
  std::string token;
  // Names that a Host header may have, besides those of loopback. Empty and with a token: any name.
  // In the form that HostName takes.
  std::vector<std::string> host_names;
  // The address it listens on, which a Host header may have too.
  std::string listen;
};

// The normal form in which names and addresses are compared: in lower case, without a dot at the
// end, IPv6 in brackets and in its shortest form. Empty if it is neither, or has a port.
std::string HostName(const std::string& text);

class Access {
 public:
  explicit Access(AccessOptions options);

  // The error to answer a request with, if it is not allowed. Checks Host, so that a name of
  // somebody else's which resolves to us is of no use (DNS rebinding); Origin, so that no page of
  // another site can read; and the token, as `Authorization: Bearer` or as our cookie. Names are
  // compared in their normal form (HostName).
  std::optional<ApiError> Refuse(const httplib::Request& request) const;

  // The value of Set-Cookie if the address contains the right token (`?token=`), so that the token
  // can be removed from the address; empty otherwise.
  std::string CookieFor(const httplib::Request& request) const;

 private:
  // `name`: in the form of HostName.
  bool IsOurs(const std::string& name) const;
  bool IsToken(const std::string& given) const;

  const AccessOptions options_;
  // In the form of HostName: the names that a Host header may have in any case, and those from the
  // options.
  std::set<std::string> own_;
  std::set<std::string> names_;
};

// The headers of each answer: only our own content may be loaded, and nothing framed or sniffed.
httplib::Headers SecurityHeaders();

}  // namespace millrace::dashboard
