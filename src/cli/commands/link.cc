// `millrace link`: links to the dashboard that show some tenants only.

#include "dashboard/link.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands/commands.h"
#include "cli/commands/serve.h"
#include "client/connection.h"
#include "client/error.h"
#include "client/secret_options.h"
#include "dashboard/families.h"
#include "server/options.h"
#include "server/password.h"

namespace millrace::cli {
namespace {

using dashboard::ApiError;
using dashboard::Family;

constexpr long kMostDays = 3660;

struct LinkOptions {
  ConnectionOptions connection;
  SecretSource key;
  std::vector<std::string> tenants;
  std::string rollup, name, view, panel;
  std::string base = "http://localhost:8080";
  long days = 30;  // 0: for ever
  bool list = false;
  std::string revoked;  // the id of the link to revoke
};

std::string PercentEncode(const std::string& text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' ||
                       c == '.' || c == '~';
    encoded += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

// The family whose tenants are meant.
Family FindFamily(const std::string& conninfo, const std::string& rollup) {
  try {
    dashboard::Database database({conninfo});
    auto snapshot = database.Begin();
    std::vector<std::string> named;
    if (!rollup.empty()) named.push_back(rollup);
    dashboard::FamilyFinder finder(named);
    const auto families = finder.Find(snapshot);
    if (families->empty()) throw CliError("there is no rollup to show", "Declare one first.");
    return families->front();
  } catch (const ApiError& e) {
    throw CliError(e.what(), e.hint());
  }
}

// A literal of an array for PostgreSQL.
std::string ArrayOf(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) {
    text += text.empty() ? "\"" : ",\"";
    for (const char c : value) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    text += '"';
  }
  return "{" + text + "}";
}

void Make(const LinkOptions& options) {
  const std::string key = LinkKey(options.key, options.connection);
  if (key.empty()) {
    throw CliError("there is no key for the link",
                   "Give the key that the dashboard has, with --link-key-file or "
                   "--link-key-command.");
  }
  const std::string conninfo = ResolveConninfo(options.connection);
  const Family family = FindFamily(conninfo, options.rollup);
  if (family.tenant() == nullptr) {
    throw CliError(
        family.id + " has no tenants",
        "Say which of its keys is the tenant:\nINSERT INTO millrace.label (rollup, name, "
        "tenant) VALUES ('" +
            family.id + "', '...', true);");
  }
  dashboard::Grant grant = {true, MakePassword(), family.id, family.tenant()->name,
                            options.tenants};
  const std::string days = std::to_string(options.days);
  Connection::Open(conninfo).Execute(
      "INSERT INTO millrace.link (id, name, rollup, dimension, tenants, expires_at) VALUES ($1, "
      "$2, "
      "$3, $4, $5::pg_catalog.text[], CASE WHEN $6::pg_catalog.int4 > 0 THEN pg_catalog.now() + "
      "pg_catalog.make_interval(days => $6::pg_catalog.int4) END)",
      {grant.id.c_str(), options.name.c_str(), grant.rollup.c_str(), grant.dimension.c_str(),
       ArrayOf(options.tenants).c_str(), days.c_str()});
  std::string query = options.view;
  if (!query.empty()) query += '&';
  query += "rollup=" + PercentEncode(family.id);
  if (!options.panel.empty()) query += "&embed=1&panel=" + PercentEncode(options.panel);
  fmt::print("{}/?{}&link={}\n", options.base, query, dashboard::SignLink(grant, key));
  fmt::print(stderr, "`millrace link --revoke {}` ends it\n", grant.id);
}

void List(const LinkOptions& options) {
  Connection connection = Connection::Open(ResolveConninfo(options.connection));
  const QueryResult links = connection.Execute(
      "SELECT id, name, rollup, pg_catalog.array_to_string(tenants, ', '), "
      "coalesce(expires_at::pg_catalog.text, 'never'), CASE WHEN revoked_at IS NOT NULL THEN "
      "'revoked' WHEN expires_at <= pg_catalog.now() THEN 'expired' ELSE 'valid' END FROM "
      "millrace.link ORDER BY made_at");
  fmt::print("{:<24} {:<8} {:<16} {:<24} {:<30} {}\n", "id", "state", "name", "rollup", "expires",
             "tenants");
  for (int i = 0; i < links.rows(); ++i) {
    fmt::print("{:<24} {:<8} {:<16} {:<24} {:<30} {}\n", links.Value(i, 0), links.Value(i, 5),
               links.Value(i, 1), links.Value(i, 2), links.Value(i, 4), links.Value(i, 3));
  }
}

void Revoke(const LinkOptions& options) {
  Connection connection = Connection::Open(ResolveConninfo(options.connection));
  const QueryResult revoked = connection.Execute(
      "UPDATE millrace.link SET revoked_at = pg_catalog.now() WHERE id = $1 AND revoked_at IS NULL",
      {options.revoked.c_str()});
  if (revoked.affected() == 0) {
    throw CliError("there is no link " + options.revoked + " that is not revoked",
                   "`millrace link --list` shows all.");
  }
  fmt::print("The link is revoked\n");
}

void Run(const LinkOptions& options) {
  if (options.list) return List(options);
  if (!options.revoked.empty()) return Revoke(options);
  if (options.tenants.empty()) {
    throw CliError("a link needs a tenant", "Give --tenant; or --list or --revoke.", 2);
  }
  Make(options);
}

void AddLinkOptions(CLI::App* command, LinkOptions& options) {
  command->add_option("--tenant", options.tenants, "A tenant that the link shows; may be repeated")
      ->allow_extra_args(false);
  command->add_option("--rollup", options.rollup, "The rollup that it shows [default: the first]");
  command->add_option("--name", options.name, "A name for the list, such as whom it is for");
  command->add_option("--view", options.view,
                      "What is shown: the part of the page's address after ?, such as span=7d");
  command->add_option("--panel", options.panel,
                      "Only one panel, for a frame: tiles, trend, by-DIMENSION or top-MEASURE");
  command->add_option("--days", options.days, "Days until it expires; 0: it does not")
      ->capture_default_str()
      ->check(CLI::Range(0L, kMostDays));
  command->add_option("--address", options.base, "Address of the dashboard, without a / at its end")
      ->capture_default_str();
}

}  // namespace

void AddLinkCommand(CLI::App& app) {
  auto options = std::make_shared<LinkOptions>();
  CLI::App* command = app.add_subcommand(
      "link", "Make a link to the dashboard that shows some tenants only, or list or revoke links");
  AddLinkOptions(command, *options);
  CLI::Option* list = command->add_flag("--list", options->list, "List the links instead");
  CLI::Option* revoke = command->add_option(
      "--revoke", options->revoked, "End the link with this id instead; --list shows the ids");
  revoke->excludes(list);
  for (CLI::Option* instead : {list, revoke}) instead->excludes(command->get_option("--tenant"));
  AddSecretOptions(*command, "--link-key",
                   "the key that `millrace serve` has [default: that of the private server]",
                   options->key);
  AddConnectionOptions(*command, options->connection);
  command->callback([options] { Run(*options); });
}

}  // namespace millrace::cli
