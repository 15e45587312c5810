#include "server/password.h"

#include <sys/random.h>

#include <string_view>

#include "client/error.h"

namespace millrace::cli {

std::string MakePassword() {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  // Bytes at or above the largest multiple are not used: they would make some characters more
  // likely than others.
  constexpr unsigned kFair = 256 / kAlphabet.size() * kAlphabet.size();
  std::string password;
  while (password.size() < 24) {
    unsigned char byte;
    if (getrandom(&byte, 1, 0) != 1) throw CliError("the kernel has no random numbers");
    if (byte < kFair) password += kAlphabet[byte % kAlphabet.size()];
  }
  return password;
}

}  // namespace millrace::cli
