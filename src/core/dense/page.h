// A page of dense events: 8 kB that can be read without any other page.
//
//   0     the header that every page of PostgreSQL has, kept by it (lsn, checksum, lower, upper)
//   24    parts, one after the other, up to `lower`: the rows in the order of their insertion. A
//   part
//         is an encoded chunk (chunk.h), or a young row, which is stored as it came and will be
//         encoded with others when the page is full
//   upper runs, the last one first: which transaction inserted how many rows
//   8176  PageTail
//
// Rows of a page are numbered from 1 through all runs. A number always means the same row, encoded
// or not: rows of an aborted transaction may be removed, but their numbers are not given again
// unless the page is emptied.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/coding.h"
#include "core/base/status.h"
#include "core/dense/chunk.h"

namespace millrace::dense {

inline constexpr std::size_t kPageBytes = 8192;
inline constexpr std::size_t kPageHeaderBytes = 24;
// The greatest number that PostgreSQL's indexes of any kind can hold.
inline constexpr int kMaxPageRows = 2040;

// Rows that one command of one transaction inserted, side by side.
struct Run {
  std::uint64_t transaction;  // with its epoch, so that it is never used again
  std::uint32_t command;
  std::uint16_t rows;
  std::uint8_t state;  // of kCommitted, kAborted, kRemoved; 0: ask the commit log
  std::uint8_t unused;
};
inline constexpr std::uint8_t kCommitted = 1;
inline constexpr std::uint8_t kAborted = 2;
inline constexpr std::uint8_t kRemoved = 4;  // its rows are not in the page any more

struct PageTail {
  std::uint16_t magic;
  std::uint8_t version;
  std::uint8_t flags;
  std::uint16_t runs;
  std::uint16_t rows;    // that have a number
  std::uint16_t stored;  // of those, not removed
  std::uint16_t parts;
  std::uint32_t unused;
};
inline constexpr std::uint16_t kPageMagic = 0x4d44;
inline constexpr std::uint8_t kPageVersion = 1;
inline constexpr std::size_t kTailBegin = kPageBytes - sizeof(PageTail);

inline constexpr std::uint16_t kEncodedPart = 0;  // ChunkHeader.kind
inline constexpr std::uint16_t kYoungPart = 1;

// Bytes of a part that holds a young row of `bytes` bytes.
inline constexpr std::size_t YoungPartBytes(std::size_t bytes) {
  return (sizeof(ChunkHeader) + bytes + 7) & ~std::size_t{7};
}

// Reads a page, whatever its bytes. Points into the page, which must stay and have kReadAhead
// readable bytes behind it.
class PageView {
 public:
  // Checks everything except what is in the parts.
  static Status Open(const std::uint8_t* page, PageView* view);

  const PageTail& tail() const { return tail_; }
  Run run(int i) const {
    return LoadUnaligned<Run>(page_ + kTailBegin - (static_cast<std::size_t>(i) + 1) * sizeof(Run));
  }
  // Parts in their order: begin with `at` = kPageHeaderBytes; false after the last.
  bool NextPart(std::size_t* at, const std::uint8_t** part, ChunkHeader* header) const;
  std::size_t free_bytes() const { return upper_ - lower_; }

 private:
  const std::uint8_t* page_ = nullptr;
  std::size_t lower_ = 0, upper_ = 0;
  PageTail tail_ = {};
};

// Changes a page that PageView::Open has accepted, or that Init has made. The page's header apart
// from `lower` and `upper` is its owner's.
class PageEditor {
 public:
  explicit PageEditor(std::uint8_t* page) : page_(page) {}
  std::uint8_t* bytes() const { return page_; }
  // Makes an empty page. `special`, where the tail begins, is the owner's to set.
  void Init();

  // Whether the page's bounds are ones that can be written within, as PageView::Open asks too.
  bool IsSound() const;

  std::size_t free_bytes() const { return upper() - lower(); }
  // Bytes that rows of this transaction and command need besides their part: 0 if they can go into
  // the last run.
  std::size_t RunBytes(std::uint64_t transaction, std::uint32_t command) const;
  // Appends a part of `bytes` bytes (a multiple of 8) with `rows` rows, and returns where to write
  // it. REQUIRES: room for it and RunBytes; kMaxPageRows is not exceeded.
  std::uint8_t* AddPart(std::size_t bytes, int rows, std::uint64_t transaction,
                        std::uint32_t command);
  // The same without a run: for rows that are written again in their order.
  std::uint8_t* AddPart(std::size_t bytes);
  void SetRun(int i, const Run& run) {
    StoreUnaligned(page_ + kTailBegin - (static_cast<std::size_t>(i) + 1) * sizeof(Run), run);
  }
  // Removes the parts from offset `at` on, so that `parts` are left; runs stay.
  void DropParts(std::size_t at, int parts);
  void ClearParts() { DropParts(kPageHeaderBytes, 0); }
  // Marks that the rows of run `i` are gone; their part must be.
  void SetStored(int stored) {
    PageTail tail = this->tail();
    tail.stored = static_cast<std::uint16_t>(stored);
    SetTail(tail);
  }
  PageTail tail() const { return LoadUnaligned<PageTail>(page_ + kTailBegin); }
  void SetFlags(std::uint8_t flags) {
    PageTail tail = this->tail();
    tail.flags = flags;
    SetTail(tail);
  }
  // Appends a run as it is, without rows in a part; they must follow by AddPart(bytes).
  void AddRun(const Run& run);

 private:
  std::size_t lower() const { return LoadUnaligned<std::uint16_t>(page_ + 12); }
  std::size_t upper() const { return LoadUnaligned<std::uint16_t>(page_ + 14); }
  void SetLower(std::size_t at) { StoreUnaligned(page_ + 12, static_cast<std::uint16_t>(at)); }
  void SetUpper(std::size_t at) { StoreUnaligned(page_ + 14, static_cast<std::uint16_t>(at)); }
  void SetTail(const PageTail& tail) { StoreUnaligned(page_ + kTailBegin, tail); }

  std::uint8_t* page_;
};

}  // namespace millrace::dense
