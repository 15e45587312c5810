#include "dashboard/dashboard.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string_view>
#include <thread>

#include "dashboard/choice.h"
#include "dashboard/condition.h"
#include "dashboard/feed.h"
#include "dashboard/http_server.h"
#include "dashboard/link.h"
#include "dashboard/lookout.h"
#include "dashboard/metrics.h"
#include "dashboard/operations.h"
#include "dashboard/overview.h"
#include "dashboard/saved_views.h"
#include "dashboard/values.h"
#include "embedded/openapi.h"
#include "embedded/page.h"

namespace millrace::dashboard {
namespace {

using Clock = std::chrono::steady_clock;
using httplib::Request;
using httplib::Response;
using nlohmann::json;

constexpr const char* kJson = "application/json; charset=utf-8";
// Sent so that proxies and pages know that the connection works.
constexpr std::chrono::seconds kHeartbeat{15};
constexpr std::chrono::seconds kLookEvery{5};
constexpr const char* kHealth = "/healthz";
constexpr const char* kReadiness = "/readyz";

// Encodes a name or value of a query (RFC 3986): everything that is not unreserved becomes %XX.
// httplib's own function does not encode names.
std::string PercentEncode(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    encoded +=
        unreserved ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

void DoNotStore(Response& response) {
  response.headers.erase("Cache-Control");
  response.set_header("Cache-Control", "no-store");
}

void SetError(Response& response, const ApiError& error) {
  response.status = error.status();
  DoNotStore(response);
  if (error.status() == 401) response.set_header("WWW-Authenticate", "Bearer");
  response.set_content(error.ToText(), kJson);
}

// The parameters of a request, without the link that allows it.
Parameters ParametersOf(const Request& request) {
  Parameters parameters;
  for (const auto& [name, value] : request.params) {
    if (name != "link") parameters.emplace_back(name, value);
  }
  return parameters;
}

void RefuseParameters(const Request& request) {
  for (const auto& [name, value] : ParametersOf(request)) {
    throw ApiError(400, "bad_request", "there is no such parameter: " + name,
                   "/api/openapi.json lists them.");
  }
}

const char* TypeOf(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  return "image/svg+xml";
}

// Makes an answer again only if something may have changed: a rollup that has all events gives the
// same answer for the same watermark and bucket.
class OverviewMaker {
 public:
  OverviewMaker(Database& database, FamilyFinder& finder, ConditionFinder& conditions,
                OverviewRequest request, Grant grant)
      : database_(database),
        finder_(finder),
        conditions_(conditions),
        request_(std::move(request)),
        grant_(std::move(grant)) {}

  json operator()() {
    auto snapshot = database_.Begin();
    CheckLink(snapshot, grant_);
    const auto families = finder_.Find(snapshot);
    const Family* family = ChooseFamily(*families, request_.rollup, grant_);
    const Standing standing =
        conditions_.Find(snapshot, family == nullptr ? nullptr : &family->tables.front());
    const OverviewVersion version = VersionOf(snapshot, family, standing);
    if (!version.settled || version.state != version_.state || answer_.is_null()) {
      version_ = {};
      answer_ = MakeOverview(snapshot, *families, request_, grant_, standing);
      version_ = version;
    }
    SetStanding(snapshot, standing, grant_, answer_);
    return answer_;
  }

 private:
  Database& database_;
  FamilyFinder& finder_;
  ConditionFinder& conditions_;
  const OverviewRequest request_;
  const Grant grant_;
  OverviewVersion version_;
  json answer_;
};

}  // namespace

class Dashboard::Server {
 public:
  explicit Server(const DashboardOptions& options)
      : access_(options.access),
        database_(options.database),
        lookout_(options.database.conninfo),
        finder_(options.rollups),
        values_(database_, finder_),
        views_(database_, options.database.conninfo),
        embed_origins_(options.access.embed_origins),
        http_(HttpLimits{}) {
    Route();
    port_ = http_.Bind(options.host, options.port);
    if (port_ < 0) {
      throw std::runtime_error(
          fmt::format("cannot listen on {} port {}", options.host, options.port));
    }
  }

  int port() const { return port_; }
  bool Run() {
    std::thread looking([this] { KeepLooking(); });
    const bool ended_well = http_.Run();
    Stop();
    looking.join();
    return ended_well;
  }
  void Stop() {
    {
      const std::lock_guard lock(stop_mutex_);
      stopped_ = true;
      stop_.notify_all();
    }
    hub_.Stop();
    http_.Stop();
  }

 private:
  using Handler = void (Server::*)(const Request&, Response&);
  // Whom a handler answers.
  enum class For { kEverybody, kUnlimited };

  // Looks at the rollups even when nobody asks. How long a rollup has been behind can only be known
  // if somebody saw when it was not.
  void KeepLooking() {
    std::unique_lock lock(stop_mutex_);
    while (!stopped_) {
      lock.unlock();
      try {
        if (!lookout_.LookedWithin(kLookEvery)) {
          lookout_.Look([this](monitor::Session&, const monitor::Report& report) {
            conditions_.Remember(report);
          });
        }
      } catch (const std::exception&) {
        // The error is reported to whoever asks.
      }
      lock.lock();
      stop_.wait_for(lock, kLookEvery, [this] { return stopped_; });
    }
  }

  void Route() {
    http_.set_default_headers(SecurityHeaders(embed_origins_));
    http_.set_pre_routing_handler([this](const Request& request, Response& response) {
      return Admit(request, response) ? Server::kUnhandled : Server::kHandled;
    });
    http_.set_error_handler([](const Request&, Response& response) {
      if (!response.body.empty()) return;
      const int status = response.status;
      SetError(response, ApiError(status, status == 404 ? "not_found" : "bad_request",
                                  status == 404 ? "there is no such address" : "bad request",
                                  "/api/openapi.json lists what can be asked."));
    });
    for (const auto& file : embedded::kPage) {
      const std::string path = file.name == "index.html" ? "/" : "/" + std::string(file.name);
      http_.Get(Exactly(path), [&file](const Request&, Response& response) {
        response.set_header("Cache-Control", "no-cache");
        response.set_content(file.text.data(), file.text.size(), TypeOf(file.name));
      });
    }
    On("/api/overview", &Server::GetOverview);
    On("/api/values", &Server::GetValues);
    On("/api/operations", &Server::GetOperations, For::kUnlimited);
    On("/api/stream/overview", &Server::StreamOverview);
    On("/api/stream/operations", &Server::StreamOperations, For::kUnlimited);
    On("/api/openapi.json", &Server::GetDocument);
    On("/api/views", &Server::GetViews, For::kUnlimited);
    http_.Post(Exactly("/api/views"), Answering(&Server::SaveView, For::kUnlimited));
    http_.Delete(Exactly("/api/views"), Answering(&Server::DeleteView, For::kUnlimited));
    On("/metrics", &Server::GetMetrics, For::kUnlimited);
    On(kHealth, &Server::GetHealth);
    On(kReadiness, &Server::GetReadiness);
  }

  static constexpr auto kHandled = httplib::Server::HandlerResponse::Handled;
  static constexpr auto kUnhandled = httplib::Server::HandlerResponse::Unhandled;

  // A path as a pattern for httplib.
  static std::string Exactly(const std::string& path) {
    std::string pattern;
    for (const char c : path) pattern += c == '.' ? std::string("\\.") : std::string(1, c);
    return pattern;
  }

  void On(const std::string& path, Handler handler, For whom = For::kEverybody) {
    http_.Get(Exactly(path), Answering(handler, whom));
  }

  httplib::Server::Handler Answering(Handler handler, For whom) {
    return [this, handler, whom](const Request& request, Response& response) {
      DoNotStore(response);
      try {
        if (whom == For::kUnlimited && GrantOf(request).limited) {
          throw ApiError(403, "forbidden", "this link shows one view of the figures only", "");
        }
        (this->*handler)(request, response);
      } catch (const ApiError& e) {
        SetError(response, e);
      } catch (const std::exception& e) {
        SetError(response, ApiError(503, "unavailable", e.what()));
      }
    };
  }

  // What a request that was admitted may see.
  Grant GrantOf(const Request& request) const {
    Grant grant;
    if (const auto refused = access_.Refuse(request, &grant)) throw ApiError(*refused);
    return grant;
  }

  // False if the request was answered already.
  bool Admit(const Request& request, Response& response) {
    ++requests_;
    const bool writes = request.method == "POST" || request.method == "DELETE";
    const bool reads = request.method == "GET" || request.method == "HEAD";
    if (!reads && !(writes && request.path == "/api/views")) {
      response.set_header("Allow", "GET, HEAD");
      SetError(response, ApiError(405, "bad_request", "only GET is served here", ""));
      return false;
    }
    // No other site's page can send this header without asking first, and the answer is no.
    if (writes && !request.has_header("X-Millrace")) {
      SetError(response, ApiError(403, "forbidden", "the header X-Millrace is missing",
                                  "Send it with any value, so that no other site can write here."));
      return false;
    }
    // Probes know no token, and may use any name for us.
    if (request.path == kHealth || request.path == kReadiness) return true;
    const std::string cookie = access_.CookieFor(request);
    if (!cookie.empty() && request.path == "/") {
      // Removes the token from the address, where it could be seen and passed on.
      response.set_header("Set-Cookie", cookie);
      DoNotStore(response);
      std::string rest;
      for (const auto& [name, value] : request.params) {
        if (name == "token") continue;
        rest += (rest.empty() ? "?" : "&") + PercentEncode(name) + "=" + PercentEncode(value);
      }
      response.set_redirect("/" + rest, 303);
      return false;
    }
    // The page's own files have nothing secret, and a frame with a link has no cookie.
    const bool is_file =
        std::any_of(std::begin(embedded::kPage), std::end(embedded::kPage), [&](const auto& file) {
          return file.name != "index.html" && request.path == "/" + std::string(file.name);
        });
    // The page says by itself that a link does not work.
    const bool is_page = request.path == "/" && request.has_param("link");
    Grant grant;
    if (const auto refused = access_.Refuse(request, &grant)) {
      if ((is_file || is_page) && refused->status() == 401) return true;
      SetError(response, *refused);
      return false;
    }
    return true;
  }

  std::shared_ptr<Feed> OverviewFeed(const Request& request) {
    const OverviewRequest parsed = OverviewRequest::Parse(ParametersOf(request));
    const Grant grant = GrantOf(request);
    // Only one thread at a time calls the maker of a feed.
    return hub_.Find("overview|" + grant.id + "|" + parsed.Key(),
                     OverviewMaker(database_, finder_, conditions_, parsed, grant));
  }

  std::shared_ptr<Feed> OperationsFeed() {
    return hub_.Find("operations", [this] { return operations_.Make(lookout_, conditions_); });
  }

  static void Send(const std::shared_ptr<Feed>& feed, Response& response) {
    const Answer answer = feed->Get();
    response.status = answer.status;
    response.set_content(*answer.body, kJson);
  }

  // Sends the answer now and each time it changes.
  void Stream(const std::shared_ptr<Feed>& feed, const char* event, Response& response) {
    auto watch = std::make_shared<Watch>(feed);
    // The stored answer may be old. What makes no sense is refused before the stream begins.
    const Answer first = feed->Get();
    if (first.status >= 400 && first.status < 500) {
      response.status = first.status;
      response.set_content(*first.body, kJson);
      return;
    }
    response.set_header("X-Accel-Buffering", "no");
    auto version = std::make_shared<long long>(0);
    auto last = std::make_shared<Clock::time_point>(Clock::now());
    response.set_chunked_content_provider(
        "text/event-stream",
        [this, watch, version, last, event](std::size_t, httplib::DataSink& sink) {
          const auto answer = watch->feed().Wait(*version, Clock::now() + std::chrono::seconds(1));
          // httplib does not check whether the client is still there.
          if (hub_.stopped() || !sink.is_writable()) return false;
          std::string text;
          if (answer) {
            // The first event also says when to connect again if the connection breaks.
            text = fmt::format("{}event: {}\ndata: {}\n\n", *version == 0 ? "retry: 1000\n" : "",
                               answer->status == 200 ? event : "problem", *answer->body);
            *version = answer->version;
          } else if (Clock::now() - *last >= kHeartbeat) {
            text = ":\n\n";
          } else {
            return true;
          }
          *last = Clock::now();
          return sink.write(text.data(), text.size());
        });
  }

  void GetOverview(const Request& request, Response& response) {
    Send(OverviewFeed(request), response);
  }
  void GetOperations(const Request& request, Response& response) {
    RefuseParameters(request);
    Send(OperationsFeed(), response);
  }
  void StreamOverview(const Request& request, Response& response) {
    Stream(OverviewFeed(request), "overview", response);
  }
  void StreamOperations(const Request& request, Response& response) {
    RefuseParameters(request);
    Stream(OperationsFeed(), "operations", response);
  }
  void GetValues(const Request& request, Response& response) {
    response.set_content(values_.Find(ParametersOf(request), GrantOf(request)).dump(), kJson);
  }
  void GetViews(const Request& request, Response& response) {
    RefuseParameters(request);
    response.set_content(views_.List().dump(), kJson);
  }
  void SaveView(const Request& request, Response& response) {
    const Parameters parameters = ParametersOf(request);
    views_.Save(One(parameters, "name"), One(parameters, "query"));
    response.set_content(views_.List().dump(), kJson);
  }
  void DeleteView(const Request& request, Response& response) {
    views_.Delete(One(ParametersOf(request), "name"));
    response.set_content(views_.List().dump(), kJson);
  }
  void GetDocument(const Request&, Response& response) {
    response.set_content(std::string(embedded::kOpenapi[0].text), kJson);
  }
  // Answers even if the database does not, because that is just when one wants to know.
  void GetMetrics(const Request& request, Response& response) {
    RefuseParameters(request);
    const Answer answer = OperationsFeed()->Get();
    const ServerCounters counters = {requests_, database_.statements() + lookout_.statements(),
                                     http_.connections(), hub_.watchers()};
    const json operations = answer.status == 200 ? json::parse(*answer.body) : json(nullptr);
    response.set_content(metrics_.Format(operations, counters),
                         "text/plain; version=0.0.4; charset=utf-8");
  }

  // For programs that watch processes. Both answers contain nothing secret.
  void GetHealth(const Request&, Response& response) {
    response.set_content("ok\n", "text/plain; charset=utf-8");
  }
  void GetReadiness(const Request&, Response& response) {
    const Answer answer = OperationsFeed()->Get();
    std::set<std::string> codes;
    if (answer.status != 200) {
      codes.insert("database_down");
    } else {
      const json operations = json::parse(*answer.body);
      for (const json& warning : operations["warnings"]) {
        if (warning["severity"] == "critical") codes.insert(warning["code"]);
      }
    }
    std::string text = codes.empty() ? "ready" : "not ready:";
    for (const std::string& code : codes) text += " " + code;
    response.status = codes.empty() ? 200 : 503;
    response.set_content(text + "\n", "text/plain; charset=utf-8");
  }

  const Access access_;
  Database database_;
  Lookout lookout_;
  FamilyFinder finder_;
  ConditionFinder conditions_{lookout_.monitor()};
  Values values_;
  SavedViews views_;
  const std::vector<std::string> embed_origins_;
  OperationsMaker operations_;
  MetricsMaker metrics_;
  std::atomic<long long> requests_ = 0;
  FeedHub hub_{FeedOptions{}};
  std::mutex stop_mutex_;
  std::condition_variable stop_;
  bool stopped_ = false;
  // The last member, because its threads use all of the above.
  HttpServer http_;
  int port_ = -1;
};

void CheckTables(const DashboardOptions& options) {
  Database database(options.database);
  FamilyFinder finder(options.rollups);
  auto snapshot = database.Begin();
  finder.Check(snapshot);
}

Dashboard::Dashboard(const DashboardOptions& options)
    : server_(std::make_unique<Server>(options)) {}
Dashboard::~Dashboard() = default;
int Dashboard::port() const { return server_->port(); }
bool Dashboard::Run() { return server_->Run(); }
void Dashboard::Stop() { server_->Stop(); }

}  // namespace millrace::dashboard
