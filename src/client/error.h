// The one error type of the command-line program.
#pragma once

#include <stdexcept>
#include <string>

namespace millrace {

// An error that the user can act on. main() prints "millrace: <what>" and, below it, what to do,
// both on standard error, and exits with `exit_code`.
class CliError : public std::runtime_error {
 public:
  explicit CliError(const std::string& what, std::string way_out = "", int exit_code = 1)
      : std::runtime_error(what), way_out_(std::move(way_out)), exit_code_(exit_code) {}

  const std::string& way_out() const { return way_out_; }
  int exit_code() const { return exit_code_; }

 private:
  std::string way_out_;
  int exit_code_;
};

// An error of the server about a statement.
class SqlError : public CliError {
 public:
  SqlError(const std::string& what, std::string way_out, std::string sqlstate)
      : CliError(what, std::move(way_out)), sqlstate_(std::move(sqlstate)) {}

  // The five characters that PostgreSQL's manual lists.
  const std::string& sqlstate() const { return sqlstate_; }

 private:
  std::string sqlstate_;
};

}  // namespace millrace
