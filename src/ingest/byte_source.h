// The bytes of an input, in order: as they are in the file, unpacked, or as UTF-8.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace millrace::cli {

// Writes at most `size` bytes to `buffer` and returns how many; 0 at the end. REQUIRES: size > 0.
// Reports failure by throwing.
using ByteSource = std::function<std::size_t(char* buffer, std::size_t size)>;

enum class Packing { kNone, kGzip, kZstd };

// How an input that begins with these bytes is packed: four are enough. Throws CliError, with a
// command that unpacks it, for a format that we know and do not read (zip, xz, bzip2, Parquet).
// `name` is the input's name in messages.
Packing PackingOf(std::string_view beginning, const std::string& name);

// The bytes of the file, unpacked if they are packed by gzip or zstd (found out by content; several
// that follow one another are read as one, as gunzip and zstd do). "-" is standard input. Opens the
// file, and reads its beginning at the first call. The source throws CliError when reading fails,
// and when what is packed is damaged or cut short; while a stop is requested (stop_signal.h) it
// ends instead.
ByteSource OpenUnpacked(const std::string& path);
// The same for bytes from elsewhere.
ByteSource Unpack(ByteSource packed, const std::string& name);

// What OpenUnpacked gives, as UTF-8. `encoding` is Dialect::encoding: if it is empty, UTF-16 and
// UTF-32 are known by their byte order mark and everything else is left as it is. A byte that is no
// character in its encoding becomes the byte 0xff, which is not UTF-8: the server refuses its row.
// Throws CliError at once for an encoding that is not known.
ByteSource OpenText(const std::string& path, const std::string& encoding);

// The first `size` bytes of a source, or all of them if there are fewer.
std::string ReadSample(const ByteSource& source, std::size_t size);
// The same, but the source gives them once more afterwards.
std::string Peek(ByteSource* source, std::size_t size);

}  // namespace millrace::cli
