#include "dashboard/lookout.h"

#include "client/error.h"
#include "dashboard/database.h"

namespace millrace::dashboard {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kConnect{3};
// The time for one whole look. Prometheus gives up after ten seconds, and may have to wait for
// another look first.
constexpr std::chrono::seconds kLook{4};

}  // namespace

// An idle connection may have been closed in the meantime; then uses a new one.
monitor::Report Lookout::Examine(std::unique_ptr<monitor::Session>* session) {
  if (connection_ != nullptr && connection_->alive()) {
    try {
      *session = std::make_unique<monitor::Session>(*connection_, Clock::now() + kLook);
      return monitor_.Examine(**session);
    } catch (const CliError& e) {
      if (connection_->alive() || e.exit_code() == Connection::kTimedOut) throw;
    }
  }
  session->reset();
  connection_.reset();
  connection_ = std::make_unique<Connection>(Connection::Open(conninfo_, Clock::now() + kConnect));
  connection_->Execute("SET application_name = 'millrace dashboard'");
  *session = std::make_unique<monitor::Session>(*connection_, Clock::now() + kLook);
  return monitor_.Examine(**session);
}

void Lookout::Look(const Use& use) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<monitor::Session> session;
  try {
    const monitor::Report report = Examine(&session);
    use(*session, report);
    statements_ += session->questions();
    looked_ = Clock::now();
  } catch (const CliError& e) {
    connection_.reset();
    throw ApiError(503, "unavailable", std::string("the database cannot be asked: ") + e.what(),
                   e.way_out());
  }
}

}  // namespace millrace::dashboard
