#include "core/dense/page.h"

#include <cstring>

namespace millrace::dense {

Status PageView::Open(const std::uint8_t* page, PageView* view) {
  view->page_ = page;
  view->lower_ = LoadUnaligned<std::uint16_t>(page + 12);
  view->upper_ = LoadUnaligned<std::uint16_t>(page + 14);
  view->tail_ = LoadUnaligned<PageTail>(page + kTailBegin);
  const PageTail& tail = view->tail_;
  if (tail.magic != kPageMagic) return Status::InvalidData("the page is not one of dense events");
  if (tail.version != kPageVersion) {
    return Status::InvalidData("the page was written by another version of millrace");
  }
  if (view->lower_ < kPageHeaderBytes || view->lower_ % 8 != 0 || view->lower_ > view->upper_ ||
      view->upper_ + tail.runs * sizeof(Run) != kTailBegin || tail.rows > kMaxPageRows) {
    return Status::InvalidData("the page's bounds are damaged");
  }
  std::size_t rows = 0, stored = 0;
  for (int i = 0; i < tail.runs; ++i) {
    const Run run = view->run(i);
    rows += run.rows;
    if ((run.state & kRemoved) == 0) stored += run.rows;
  }
  if (rows != tail.rows || stored != tail.stored) {
    return Status::InvalidData("the page's runs do not have its rows");
  }
  std::size_t in_parts = 0, at = kPageHeaderBytes;
  int parts = 0;
  const std::uint8_t* part;
  ChunkHeader header;
  for (; view->NextPart(&at, &part, &header); ++parts) in_parts += header.rows;
  if (at != view->lower_ || parts != tail.parts || in_parts != stored) {
    return Status::InvalidData("the page's parts do not have its rows");
  }
  return Status::Ok();
}

bool PageView::NextPart(std::size_t* at, const std::uint8_t** part, ChunkHeader* header) const {
  if (*at + sizeof(ChunkHeader) > lower_) return false;
  *part = page_ + *at;
  *header = LoadUnaligned<ChunkHeader>(*part);
  if (header->bytes < sizeof(ChunkHeader) || header->bytes % 8 != 0 ||
      header->bytes > lower_ - *at || header->rows == 0 || header->rows > kMaxChunkRows ||
      header->kind > kYoungPart || (header->kind == kYoungPart && header->rows != 1)) {
    return false;
  }
  *at += header->bytes;
  return true;
}

void PageEditor::Init() {
  std::memset(page_ + kPageHeaderBytes, 0, kPageBytes - kPageHeaderBytes);
  SetLower(kPageHeaderBytes);
  SetUpper(kTailBegin);
  SetTail({kPageMagic, kPageVersion, 0, 0, 0, 0, 0, 0});
}

bool PageEditor::IsSound() const {
  const PageTail tail = this->tail();
  return tail.magic == kPageMagic && tail.version == kPageVersion && lower() >= kPageHeaderBytes &&
         lower() % 8 == 0 && lower() <= upper() &&
         upper() + tail.runs * sizeof(Run) == kTailBegin && tail.rows <= kMaxPageRows;
}

std::size_t PageEditor::RunBytes(std::uint64_t transaction, std::uint32_t command) const {
  const PageTail tail = this->tail();
  if (tail.runs == 0) return sizeof(Run);
  const auto last = LoadUnaligned<Run>(page_ + upper());
  return last.transaction == transaction && last.command == command &&
                 (last.state & (kAborted | kRemoved)) == 0
             ? 0
             : sizeof(Run);
}

std::uint8_t* PageEditor::AddPart(std::size_t bytes, int rows, std::uint64_t transaction,
                                  std::uint32_t command) {
  PageTail tail = this->tail();
  if (RunBytes(transaction, command) != 0) {
    SetUpper(upper() - sizeof(Run));
    StoreUnaligned(page_ + upper(), Run{transaction, command, 0, 0, 0});
    ++tail.runs;
  }
  auto run = LoadUnaligned<Run>(page_ + upper());
  run.rows = static_cast<std::uint16_t>(run.rows + rows);
  StoreUnaligned(page_ + upper(), run);
  tail.rows = static_cast<std::uint16_t>(tail.rows + rows);
  tail.stored = static_cast<std::uint16_t>(tail.stored + rows);
  SetTail(tail);
  return AddPart(bytes);
}

std::uint8_t* PageEditor::AddPart(std::size_t bytes) {
  PageTail tail = this->tail();
  ++tail.parts;
  SetTail(tail);
  std::uint8_t* part = page_ + lower();
  SetLower(lower() + bytes);
  return part;
}

void PageEditor::AddRun(const Run& run) {
  PageTail tail = this->tail();
  SetUpper(upper() - sizeof(Run));
  StoreUnaligned(page_ + upper(), run);
  ++tail.runs;
  tail.rows = static_cast<std::uint16_t>(tail.rows + run.rows);
  if ((run.state & kRemoved) == 0) tail.stored = static_cast<std::uint16_t>(tail.stored + run.rows);
  SetTail(tail);
}

void PageEditor::DropParts(std::size_t at, int parts) {
  std::memset(page_ + at, 0, lower() - at);
  PageTail tail = this->tail();
  tail.parts = static_cast<std::uint16_t>(parts);
  SetTail(tail);
  SetLower(at);
}

}  // namespace millrace::dense
