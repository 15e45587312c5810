#include "ingest/init/load_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "client/text.h"
#include "ingest/init/choose_time.h"
#include "ingest/init/rollups.h"

namespace millrace::cli {

LoadOptions LoadPlan(const std::vector<std::string>& files, const SampledFiles& sampled,
                     const InitChoices& choices, const Proposal& proposal, LoadOptions options) {
  options.files = files;
  options.table = SqlName(proposal.table);
  options.header = sampled.header ? HeaderMode::kYes : HeaderMode::kNo;
  for (const Column& column : proposal.columns) {
    options.columns.push_back(column.raw_name.empty() ? column.name : column.raw_name);
  }
  (void)choices;
  return options;
}

std::string LoadCommand(const LoadOptions& options) {
  std::string command = "millrace load --table " + ShellWord(options.table);
  command += fmt::format(" --header {}", options.header == HeaderMode::kYes ? "yes" : "no");
  command +=
      fmt::format(" --columns {}", ShellWord(fmt::format("{}", fmt::join(options.columns, ","))));
  for (const std::string& file : options.files) command += " " + ShellWord(file);
  return command;
}

}  // namespace millrace::cli
