// Who may send requests: checks the token, and refuses requests that other sites make in a
// visitor's browser.
#pragma once

#include <httplib.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dashboard/database.h"
#include "dashboard/grant.h"

namespace millrace::dashboard {

struct AccessOptions {
  // Empty: no token is needed. Only for a server that listens on loopback alone.
  std::string token;
  // Names that a Host header may have, besides those of loopback. Empty and with a token: any name.
  // In the form that HostName takes.
  std::vector<std::string> host_names;
  // The address it listens on, which a Host header may have too.
  std::string listen;
  // The key of links (link.h). Empty: there are none.
  std::string link_key;
  // Origins whose pages may show ours in a frame, such as "https://intranet.example".
  std::vector<std::string> embed_origins;
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
  // A request with a link (`?link=`, or as Bearer) gets what the link allows and nothing else, even
  // if it has a token too; `grant` is set to it.
  std::optional<ApiError> Refuse(const httplib::Request& request, Grant* grant) const;

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

// Whether a text is the origin of a page: a scheme, a host and perhaps a port, and nothing else.
bool IsOrigin(const std::string& text);

// The headers of each answer: only our own content may be loaded, and nothing sniffed, or framed
// but by these origins.
httplib::Headers SecurityHeaders(const std::vector<std::string>& embed_origins);

}  // namespace millrace::dashboard
