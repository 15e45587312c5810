// Passwords for new servers.
#pragma once

#include <string>

namespace millrace::cli {

// 24 letters and digits from the kernel's random source: 142 bits. Throws CliError when it fails.
std::string MakePassword();

}  // namespace millrace::cli
