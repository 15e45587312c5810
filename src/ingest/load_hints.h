// Options that help with errors of the server.
#pragma once

#include <string>
#include <string_view>

namespace millrace::cli {

// What to type, in a sentence, if the server refuses a record because of how the file is written:
// in another encoding, with texts for NULL or times of its own. Empty if nothing is known. `record`
// is the bad one as it was sent.
std::string HintFor(std::string_view sqlstate, std::string_view message, std::string_view record);

}  // namespace millrace::cli
