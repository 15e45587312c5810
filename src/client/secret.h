// Passwords and tokens: where a program gets them from, and how it keeps them from others.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace millrace {

// Where the user has a secret. At most one of the two is given.
struct SecretSource {
  std::string file;     // its first line is the secret
  std::string command;  // the first line that it prints is the secret
  bool given() const { return !file.empty() || !command.empty(); }
};

// The longest secret, in bytes. Tokens of clouds are used as passwords and take some thousand.
inline constexpr std::size_t kMaxSecretBytes = 65'536;
// How long the command may take.
inline constexpr int kSecretCommandSeconds = 60;

// Reads a secret.
//
// A file that others than its owner can read is refused, as libpq does; root's own may be readable
// by its group, as systemd's credentials are. A pipe, such as bash's <(...), is not checked.
//
// A command is run by /bin/sh, with empty standard input and with our standard error. It and what
// it has started are ended when it takes longer than kSecretCommandSeconds. An exit status other
// than 0 is an error.
//
// `what` names it in errors: "password". Throws CliError, which never shows what was read or the
// command. The secret is not empty and has no NUL. REQUIRES: source.given().
std::string ReadSecret(const SecretSource& source, const std::string& what);

// A file of settings, some of which may be secret.
struct SettingsFile {
  std::string text;
  // Why a secret must not be in it, as ReadSecret says it: others can read it. Empty: it may.
  std::string open_to_others;
};
// Reads it, at most kMaxSecretBytes. Throws CliError.
SettingsFile ReadSettingsFile(const std::string& path);
// What to do about a file that is open to others.
inline constexpr const char* kCloseTheFile =
    "Close it: chmod 600 FILE. If somebody could have read it, change the secret.";

// The argument of a command line with asterisks in place of each password that a connection string
// in it has.
std::string HidePasswords(const std::string& argument);

// Overwrites an argument of this process's own command line, so that `ps` shows `shown` instead.
// `shown` is cut to the length of the argument.
void ShowArgumentAs(char* argument, const std::string& shown);

// The arguments of the command line, without the name of the program. From then on `ps` shows them
// without the passwords in connection strings.
std::vector<std::string> TakeArguments(int argc, char** argv);

}  // namespace millrace
