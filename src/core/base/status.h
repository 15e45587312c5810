// The result of an operation that can fail on its input. Trivially copyable, so that it may live in
// a frame that a PostgreSQL error jumps over; messages are therefore string literals.
#pragma once

namespace millrace {

enum class StatusCode {
  kOk,
  kInvalidData,       // stored bytes that do not follow their format
  kInvalidParameter,  // an argument out of its range
  kMismatch,          // two values whose parameters differ
  kTooLarge,          // the result would not fit its type
  kOutOfRange,        // a number would be out of its range
};

class [[nodiscard]] Status {
 public:
  constexpr Status() = default;
  constexpr Status(StatusCode code, const char* message) : code_(code), message_(message) {}

  static constexpr Status Ok() { return Status(); }
  static constexpr Status InvalidData(const char* m) { return {StatusCode::kInvalidData, m}; }
  static constexpr Status InvalidParameter(const char* m) {
    return {StatusCode::kInvalidParameter, m};
  }
  static constexpr Status Mismatch(const char* m) { return {StatusCode::kMismatch, m}; }
  static constexpr Status OutOfRange(const char* m) { return {StatusCode::kOutOfRange, m}; }
  static constexpr Status TooLarge(const char* m) { return {StatusCode::kTooLarge, m}; }

  constexpr bool ok() const { return code_ == StatusCode::kOk; }
  constexpr StatusCode code() const { return code_; }
  // A string literal; empty when ok().
  constexpr const char* message() const { return message_; }

 private:
  StatusCode code_ = StatusCode::kOk;
  const char* message_ = "";
};

}  // namespace millrace
