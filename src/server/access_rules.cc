// Who may log in to a private server: its pg_hba.conf.
#include <fstream>
#include <sstream>

#include "client/error.h"
#include "server/private_server.h"

namespace millrace::cli {
namespace fs = std::filesystem;
namespace {

// Sessions of other nodes log in as the role that runs the query, which may be the superuser.
constexpr const char* kNodeRule =
    "# Other nodes of the cluster, by the password in DIR/node_password. Add those of other "
    "networks.\n"
    "hostssl all  postgres  samenet        scram-sha-256\n";

}  // namespace

void PrivateServer::AllowNodes() const {
  const AsServerUser as(user_);
  const fs::path rules = pgdata() / "pg_hba.conf";
  std::ifstream in(rules, std::ios::binary);
  std::ostringstream read;
  read << in.rdbuf();
  const std::string text = read.str();
  if (!in) throw CliError("cannot read " + rules.string());
  if (text.find(kNodeRule) == std::string::npos) WriteOwned(rules, kNodeRule + text, 0600);
}

void PrivateServer::WriteAccessRules(ServerRole role) const {
  WriteOwned(
      pgdata() / "pg_hba.conf",
      (role == ServerRole::kAlone ? std::string() : kNodeRule) +
          R"(# Written by `millrace up` once. The superuser comes in by the socket alone, which only the server's
# operating system user and root can reach; everybody else by password, encrypted unless on loopback.
local   all  postgres                 peer map=millrace
host    all  postgres  all            reject
# Backups (pg_basebackup) and standbys: the superuser by the socket; a role with the attribute
# REPLICATION, of which there is none at first, on this machine. A standby elsewhere needs a line:
#   hostssl replication  ROLE  ADDRESS/32  scram-sha-256
local   replication  postgres                 peer map=millrace
host    replication  postgres  all            reject
host    replication  all       127.0.0.1/32   scram-sha-256
host    replication  all       ::1/128        scram-sha-256
hostssl all  all       0.0.0.0/0      scram-sha-256
hostssl all  all       ::/0           scram-sha-256
host    all  all       127.0.0.1/32   scram-sha-256
host    all  all       ::1/128        scram-sha-256
)",
      0600);
  std::string map =
      "# user of the operating system -> user of the database\nmillrace  root  postgres\n";
  if (user_.name != "root") map += "millrace  \"" + user_.name + "\"  postgres\n";
  WriteOwned(pgdata() / "pg_ident.conf", map, 0600);
  WriteOwned(pgdata() / "postgresql.conf",
             "# The settings are in millrace.conf; your own belong into custom.conf.\n"
             "include 'millrace.conf'\n",
             0600);
}

}  // namespace millrace::cli
