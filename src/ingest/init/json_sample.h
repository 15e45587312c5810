// Rows of a sample from lines of JSON.
#pragma once

#include <string_view>

#include "ingest/init/column_profile.h"

namespace millrace::cli {

// Adds the objects of `text`, one per line, to the sample. A field of an object within an object is
// a column of its own, named as "user.id"; an array stays JSON. A field that a row does not have is
// NULL. A line that is no object is an odd row; if the last line has no line end, it may be cut off
// and is left out.
void AddJsonRows(std::string_view text, bool complete, Sample* sample);

}  // namespace millrace::cli
