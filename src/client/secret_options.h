// The options for a secret, the same in all programs.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "client/secret.h"

namespace millrace {

// Adds NAME-file and NAME-command, of which one may be given. `what`: "the role's password". Only
// with `needed`, if it is there.
inline void AddSecretOptions(CLI::App& app, const std::string& name, const std::string& what,
                             SecretSource& source, CLI::Option* needed = nullptr) {
  CLI::Option* file = app.add_option(
      name + "-file", source.file,
      "File whose first line is " + what + "; nobody but its owner may be able to read it");
  CLI::Option* command = app.add_option(name + "-command", source.command,
                                        "Command whose first line of output is " + what +
                                            ", such as a vault's client; run by /bin/sh -c");
  command->excludes(file);
  if (needed != nullptr) {
    file->needs(needed);
    command->needs(needed);
  }
}

}  // namespace millrace
