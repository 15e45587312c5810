#include "ingest/byte_source.h"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "client/error.h"
#include "client/text.h"
#include "ingest/input_file.h"
#include "ingest/stop_signal.h"
#include "ingest/text_encoding.h"

namespace millrace::cli {
namespace {

constexpr std::size_t kInputBytes = 256 << 10;

[[noreturn]] void Damaged(const std::string& name, const std::string& reason) {
  throw CliError(fmt::format("{} is damaged: {}", name, reason),
                 "What comes after the damage is lost. Fetch the file again.");
}

[[noreturn]] void CutShort(const std::string& name) {
  throw CliError(fmt::format("{} is cut short: it ends in the middle of what is packed", name),
                 "The end is missing. Fetch the file again.");
}

// What has been read of a packed input and not been unpacked yet.
class PackedInput {
 public:
  PackedInput(ByteSource source, std::string name)
      : name_(std::move(name)), source_(std::move(source)), buffer_(kInputBytes) {}

  // Reads more when everything was used. False at the end of the input.
  bool Fill() {
    if (used_ < size_) return true;
    if (!at_end_) {
      used_ = 0;
      size_ = source_(buffer_.data(), buffer_.size());
      at_end_ = size_ == 0;
    }
    return used_ < size_;
  }
  std::string_view rest() const { return {buffer_.data() + used_, size_ - used_}; }
  void Use(std::size_t bytes) { used_ += bytes; }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  ByteSource source_;
  std::vector<char> buffer_;
  std::size_t used_ = 0, size_ = 0;
  bool at_end_ = false;
};

class Gunzip {
 public:
  Gunzip(ByteSource source, const std::string& name) : input_(std::move(source), name) {
    // 15: the largest window; 16: gzip's format alone.
    if (inflateInit2(&stream_, 15 + 16) != Z_OK) throw std::bad_alloc();
  }
  ~Gunzip() { inflateEnd(&stream_); }
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  std::size_t Read(char* buffer, std::size_t size) {
    size = std::min(size, std::size_t{1} << 30);
    stream_.next_out = reinterpret_cast<Bytef*>(buffer);
    stream_.avail_out = static_cast<uInt>(size);
    while (stream_.avail_out == size) {
      if (!input_.Fill()) {
        if (in_member_ && !StopRequested()) CutShort(input_.name());
        break;
      }
      if (in_member_) {
        Inflate();
      } else if (!NextMember()) {
        break;
      }
    }
    return size - stream_.avail_out;
  }

 private:
  void Inflate() {
    const std::string_view rest = input_.rest();
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(rest.data()));
    stream_.avail_in = static_cast<uInt>(rest.size());
    const int result = inflate(&stream_, Z_NO_FLUSH);
    input_.Use(rest.size() - stream_.avail_in);
    if (result == Z_STREAM_END) {
      in_member_ = false;
    } else if (result == Z_MEM_ERROR) {
      throw std::bad_alloc();
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      Damaged(input_.name(), stream_.msg == nullptr ? "not in gzip's format" : stream_.msg);
    }
  }

  // After a member: begins another one. Zero bytes there fill up the blocks of a tape.
  bool NextMember() {
    while (input_.Fill() && input_.rest().front() == '\0') input_.Use(1);
    if (!input_.Fill()) return false;
    inflateReset(&stream_);
    in_member_ = true;
    return true;
  }

  PackedInput input_;
  z_stream stream_ = {};
  bool in_member_ = true;
};

class Unzstd {
 public:
  Unzstd(ByteSource source, const std::string& name)
      : input_(std::move(source), name), stream_(ZSTD_createDStream(), &ZSTD_freeDStream) {
    if (stream_ == nullptr) throw std::bad_alloc();
  }

  std::size_t Read(char* buffer, std::size_t size) {
    ZSTD_outBuffer out = {buffer, size, 0};
    while (out.pos == 0) {
      const bool more = input_.Fill();
      if (!more && at_frame_end_) break;
      const std::string_view rest = input_.rest();
      ZSTD_inBuffer in = {rest.data(), rest.size(), 0};
      // Without further input, what the decoder has kept is given out.
      const std::size_t result = ZSTD_decompressStream(stream_.get(), &out, &in);
      input_.Use(in.pos);
      if (ZSTD_isError(result) != 0) {
        if (ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge) {
          throw CliError(fmt::format("{} was packed with a very large window", input_.name()),
                         fmt::format("Unpack it outside: zstd -dc --long=31 {} | millrace load -",
                                     ShellWord(input_.name())));
        }
        Damaged(input_.name(), ZSTD_getErrorName(result));
      }
      at_frame_end_ = result == 0;
      if (!more && !at_frame_end_ && out.pos == 0) {
        if (StopRequested()) break;
        CutShort(input_.name());
      }
    }
    return out.pos;
  }

 private:
  PackedInput input_;
  std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream_;
  bool at_frame_end_ = true;
};

template <typename Unpacker>
ByteSource SourceOf(ByteSource packed, const std::string& name) {
  auto unpacker = std::make_shared<Unpacker>(std::move(packed), name);
  return [unpacker](char* buffer, std::size_t size) { return unpacker->Read(buffer, size); };
}

// A source that is made at the first call, when the beginning of `source` can be read.
using Maker = std::function<ByteSource(ByteSource source)>;
ByteSource Later(ByteSource source, Maker make) {
  auto made = std::make_shared<ByteSource>();
  auto from = std::make_shared<ByteSource>(std::move(source));
  return [made, from, make = std::move(make)](char* buffer, std::size_t size) {
    if (!*made) *made = make(std::move(*from));
    return (*made)(buffer, size);
  };
}

}  // namespace

std::string ReadSample(const ByteSource& source, std::size_t size) {
  std::string sample(size, '\0');
  std::size_t got = 0;
  while (got < size) {
    const std::size_t n = source(sample.data() + got, size - got);
    if (n == 0) break;
    got += n;
  }
  sample.resize(got);
  return sample;
}

std::string Peek(ByteSource* source, std::size_t size) {
  std::string beginning = ReadSample(*source, size);
  *source = [source = std::move(*source), beginning, given = std::size_t{0}](
                char* buffer, std::size_t wanted) mutable {
    if (given == beginning.size()) return source(buffer, wanted);
    const std::size_t got = beginning.copy(buffer, wanted, given);
    given += got;
    return got;
  };
  return beginning;
}

Packing PackingOf(std::string_view beginning, const std::string& name) {
  using namespace std::string_view_literals;
  if (beginning.starts_with("\x1f\x8b"sv)) return Packing::kGzip;
  if (beginning.starts_with("\x28\xb5\x2f\xfd"sv)) return Packing::kZstd;
  // A frame with no data, which some programs write first.
  if (beginning.size() >= 4 && (beginning[0] & '\xf0') == '\x50' &&
      beginning.substr(1, 3) == "\x2a\x4d\x18"sv) {
    return Packing::kZstd;
  }
  const std::string word = ShellWord(name);
  const auto refuse = [&](const char* what, const std::string& way_out) {
    throw CliError(fmt::format("{} is packed by {}, which is not read here", name, what), way_out);
  };
  if (beginning.starts_with("PK\x03\x04"sv)) {
    refuse(
        "zip (spreadsheets are, too)",
        fmt::format("unzip -p {} | millrace load -\nA spreadsheet: save it as CSV first.", word));
  }
  if (beginning.starts_with("\xfd\x37zX"sv)) {
    refuse("xz", fmt::format("xz -dc {} | millrace load -", word));
  }
  if (beginning.starts_with("BZh"sv)) {
    refuse("bzip2", fmt::format("bzip2 -dc {} | millrace load -", word));
  }
  if (beginning.starts_with("PAR1"sv)) {
    throw CliError(fmt::format("{} is a Parquet file, which is not read here", name),
                   "Export it as CSV or JSON lines.");
  }
  return Packing::kNone;
}

ByteSource Unpack(ByteSource packed, const std::string& name) {
  return Later(std::move(packed), [name](ByteSource source) -> ByteSource {
    switch (PackingOf(Peek(&source, 4), name)) {
      case Packing::kGzip:
        return SourceOf<Gunzip>(std::move(source), name);
      case Packing::kZstd:
        return SourceOf<Unzstd>(std::move(source), name);
      case Packing::kNone:
        break;
    }
    return source;
  });
}

ByteSource OpenUnpacked(const std::string& path) {
  auto file = std::make_shared<InputFile>(path);
  return Unpack([file](char* buffer, std::size_t size) { return file->Read(buffer, size); },
                InputName(path));
}

ByteSource OpenText(const std::string& path, const std::string& encoding) {
  ByteSource bytes = OpenUnpacked(path);
  if (!encoding.empty()) return ToUtf8(std::move(bytes), encoding);
  return Later(std::move(bytes), [](ByteSource source) {
    const std::string marked = EncodingOfMark(Peek(&source, 4));
    return marked.empty() ? source : ToUtf8(std::move(source), marked);
  });
}

}  // namespace millrace::cli
