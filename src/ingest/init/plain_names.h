// Names of columns in files, made into names that SQL takes without double quotes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace::cli {

// `name` in lower case, with "_" between words and in place of every other character that is no
// letter or digit: "Device ID", "deviceId" and "device-id" are all device_id. Letters outside ASCII
// stay as they are. A name that SQL reserves ("order") and that of a system column get a "_" at the
// end; one that begins with a digit gets "column_" before it. At most 40 bytes, so that the names
// of what is computed from it fit too. Empty if `name` has no letter or digit.
std::string PlainName(std::string_view name);

// The same for all columns of a file. An empty name becomes column_N, with N counted from 1; of
// equal names the second becomes name_2.
std::vector<std::string> PlainNames(const std::vector<std::string>& names);

// The words of a plain name: {"device", "id"} of device_id.
std::vector<std::string> WordsOf(const std::string& plain_name);

// `name` as it is if SQL reads it as itself without double quotes, otherwise in double quotes.
std::string SqlName(const std::string& name);

}  // namespace millrace::cli
