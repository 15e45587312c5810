#include "core/sketch/hyperloglog.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/base/coding.h"
#include "core/sketch/hyperloglog_registers.h"

namespace millrace {
namespace {

constexpr int kVersion = 1;
constexpr int kAutomaticCode = 63;
constexpr std::uint32_t kFirstListCapacity = 8;
constexpr int kMaxRegisterValues = 1 << HllParameters::kMaxRegwidth;

static_assert(std::is_trivially_destructible_v<HyperLogLog>);

std::uint8_t EncodeExpthresh(std::int32_t expthresh) {
  if (expthresh == -1) return kAutomaticCode;
  if (expthresh == 0) return 0;
  return static_cast<std::uint8_t>(std::countr_zero(static_cast<std::uint32_t>(expthresh)) + 1);
}

// The position and rank of a hash value: the low log2m bits choose the register, the position of
// the lowest set bit of the rest, counted from 1, is its value. A rest of zero sets nothing (rank
// 0).
struct Placement {
  std::uint32_t index;
  std::uint8_t rank;
};

inline Placement Place(std::uint64_t hash, const HllParameters& parameters) {
  const std::uint64_t rest = hash >> parameters.log2m;
  const auto index = static_cast<std::uint32_t>(hash & (parameters.registers() - 1));
  if (rest == 0) return {index, 0};
  const int rank = std::countr_zero(rest) + 1;
  return {index, static_cast<std::uint8_t>(std::min<int>(rank, parameters.max_register()))};
}

// Reads `width`-bit fields, most significant bit first. REQUIRES: they lie within the bytes.
class BitReader {
 public:
  BitReader(const std::uint8_t* bytes, unsigned width)
      : next_(bytes), width_(width), mask_((std::uint64_t{1} << width) - 1) {}

  std::uint32_t Read() {
    while (bits_ < width_) {
      window_ = (window_ << 8) | *next_++;
      bits_ += 8;
    }
    bits_ -= width_;
    return static_cast<std::uint32_t>((window_ >> bits_) & mask_);
  }

 private:
  const std::uint8_t* next_;
  unsigned width_;
  unsigned bits_ = 0;
  std::uint64_t window_ = 0;
  std::uint64_t mask_;
};

class RegisterHistogram {
 public:
  void Count(const std::uint8_t* registers, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) ++counts_[registers[i]];
  }
  void Count(std::uint8_t value) { ++counts_[value]; }
  // Registers that were not listed are zero.
  void FillUp(std::uint32_t registers, std::uint32_t listed) { counts_[0] += registers - listed; }

  Status Estimate(const HllParameters& parameters, double* estimate) const;

 private:
  std::uint32_t counts_[kMaxRegisterValues] = {};
};

// Equation numbers of the paper: the raw estimate is (2); the corrections for small and large
// cardinalities are those of its figure 3.
Status RegisterHistogram::Estimate(const HllParameters& parameters, double* estimate) const {
  const int m = static_cast<int>(parameters.registers());
  if (m <= 8) {
    return Status::InvalidParameter(
        "hll with log2m below 4 has too few registers to estimate from");
  }
  // Smallest terms first: with the default width every partial sum is exact.
  double sum = 0.0;
  for (int value = parameters.max_register(); value >= 0; --value) {
    sum += std::ldexp(static_cast<double>(counts_[value]), -value);
  }
  double alpha_m2;
  switch (m) {
    case 16:
      alpha_m2 = 0.673 * m * m;
      break;
    case 32:
      alpha_m2 = 0.697 * m * m;
      break;
    case 64:
      alpha_m2 = 0.709 * m * m;
      break;
    default:
      alpha_m2 = (0.7213 / (1.0 + 1.079 / m)) * m * m;
  }
  const double raw = alpha_m2 / sum;
  const std::uint32_t zeros = counts_[0];
  const double two_to_l = std::ldexp(1.0, parameters.max_register() - 1 + parameters.log2m);
  if (zeros != 0 && raw < 5.0 * m / 2.0) {
    *estimate = m * std::log(static_cast<double>(m) / zeros);
  } else if (raw <= two_to_l / 30.0) {
    *estimate = raw;
  } else {
    // Nearly saturated registers: beyond 2^L the logarithm is not defined, so stop just short.
    const double share = std::min(raw / two_to_l, 1.0 - std::ldexp(1.0, -53));
    *estimate = -two_to_l * std::log(1.0 - share);
  }
  return Status::Ok();
}

}  // namespace

std::uint32_t HllParameters::explicit_limit() const {
  if (expthresh != -1) return static_cast<std::uint32_t>(expthresh);
  const auto full = PackedRegisterBytes(registers(), regwidth);
  return static_cast<std::uint32_t>(
      std::min<std::size_t>(full / sizeof(std::int64_t), kMaxExpthresh));
}

Status CheckHllParameters(std::int64_t log2m, std::int64_t regwidth, std::int64_t expthresh,
                          std::int64_t sparseon) noexcept {
  if (log2m < 0 || log2m > HllParameters::kMaxLog2m) {
    return Status::InvalidParameter("log2m modifier must be between 0 and 17");
  }
  if (regwidth < 1 || regwidth > HllParameters::kMaxRegwidth) {
    return Status::InvalidParameter("regwidth modifier must be between 1 and 7");
  }
  if (expthresh < -1 || expthresh > HllParameters::kMaxExpthresh) {
    return Status::InvalidParameter("expthresh modifier must be between -1 and 16383");
  }
  if (expthresh > 0 && !std::has_single_bit(static_cast<std::uint64_t>(expthresh))) {
    return Status::InvalidParameter("expthresh modifier must be -1, 0 or a power of 2");
  }
  if (sparseon < 0 || sparseon > 1) {
    return Status::InvalidParameter("sparseon modifier must be 0 or 1");
  }
  return Status::Ok();
}

Status CheckSameHllParameters(const HllParameters& a, const HllParameters& b) noexcept {
  if (a.regwidth != b.regwidth) return Status::Mismatch("hll register width does not match");
  if (a.log2m != b.log2m) return Status::Mismatch("hll register count does not match");
  if (a.expthresh != b.expthresh) return Status::Mismatch("hll explicit threshold does not match");
  if (a.sparseon != b.sparseon) return Status::Mismatch("hll sparse enable does not match");
  return Status::Ok();
}

void WriteHllHeader(HllType type, const HllParameters& parameters, std::uint8_t* out) noexcept {
  out[0] = static_cast<std::uint8_t>(kVersion << 4 | static_cast<int>(type));
  out[1] = static_cast<std::uint8_t>((parameters.regwidth - 1) << 5 | parameters.log2m);
  out[2] =
      static_cast<std::uint8_t>(parameters.sparseon << 6 | EncodeExpthresh(parameters.expthresh));
}

Status HllView::Parse(const void* bytes, std::size_t size, HllView* view) noexcept {
  const auto* p = static_cast<const std::uint8_t*>(bytes);
  if (size < kHllHeaderBytes) return Status::InvalidData("hll value is shorter than its header");
  if (p[0] >> 4 != kVersion) return Status::InvalidData("hll value has an unknown schema version");
  const int type = p[0] & 0xf;
  if (type > static_cast<int>(HllType::kFull)) {
    return Status::InvalidData("hll value has an unknown type");
  }
  if (p[2] & 0x80) return Status::InvalidData("hll value has an unknown flag in its header");
  const int code = p[2] & 0x3f;
  std::int64_t expthresh = -1;
  if (code != kAutomaticCode) expthresh = code == 0 ? 0 : std::int64_t{1} << (code - 1);
  const int sparseon = p[2] >> 6 & 1;
  Status status = CheckHllParameters(p[1] & 0x1f, (p[1] >> 5) + 1, expthresh, sparseon);
  if (!status.ok()) return Status::InvalidData(status.message());

  HllView parsed;
  parsed.type_ = static_cast<HllType>(type);
  parsed.parameters_.log2m = p[1] & 0x1f;
  parsed.parameters_.regwidth = static_cast<std::uint8_t>((p[1] >> 5) + 1);
  parsed.parameters_.sparseon = static_cast<std::uint8_t>(sparseon);
  parsed.parameters_.expthresh = static_cast<std::int32_t>(expthresh);
  parsed.body_ = p + kHllHeaderBytes;
  const std::size_t body_size = size - kHllHeaderBytes;

  switch (parsed.type_) {
    case HllType::kUndefined:
    case HllType::kEmpty:
      if (body_size != 0) return Status::InvalidData("empty hll value has a body");
      break;
    case HllType::kExplicit:
      if (body_size % sizeof(std::int64_t) != 0) {
        return Status::InvalidData("explicit hll value has an incomplete element");
      }
      if (body_size / sizeof(std::int64_t) > HllParameters::kMaxExpthresh) {
        return Status::InvalidData("explicit hll value has too many elements");
      }
      parsed.count_ = static_cast<std::uint32_t>(body_size / sizeof(std::int64_t));
      for (std::uint32_t i = 1; i < parsed.count_; ++i) {
        if (parsed.ExplicitValue(i - 1) >= parsed.ExplicitValue(i)) {
          return Status::InvalidData("explicit hll value has duplicate or descending elements");
        }
      }
      break;
    case HllType::kSparse:
      status = parsed.ParseSparse(body_size);
      if (!status.ok()) return status;
      break;
    case HllType::kFull: {
      const std::size_t bits =
          std::size_t{parsed.parameters_.registers()} * parsed.parameters_.regwidth;
      if (body_size != (bits + 7) / 8) {
        return Status::InvalidData("full hll value has a length that does not fit its header");
      }
      const unsigned padding = static_cast<unsigned>(body_size * 8 - bits);
      if (padding != 0 && (parsed.body_[body_size - 1] & ((1u << padding) - 1)) != 0) {
        return Status::InvalidData("full hll value has padding bits that are not zero");
      }
      break;
    }
  }
  *view = parsed;
  return Status::Ok();
}

Status HllView::ParseSparse(std::size_t body_size) noexcept {
  const unsigned width = parameters_.log2m + parameters_.regwidth;
  const std::size_t bits = body_size * 8;
  const std::size_t entries = bits / width;
  const Status bad_padding =
      Status::InvalidData("sparse hll value has a length that does not fit its header");
  if (bits - entries * width >= 8) return bad_padding;

  BitReader reader(body_, width);
  std::int64_t previous = -1;
  std::size_t i = 0;
  for (; i < entries; ++i) {
    const std::int64_t index = reader.Read() >> parameters_.regwidth;
    if (index <= previous) {
      // Entries narrower than a byte can be the zero bits of the padding.
      if (width < 8 && bits - i * width < 8) break;
      return Status::InvalidData("sparse hll value has duplicate or descending registers");
    }
    previous = index;
  }
  const unsigned padding = static_cast<unsigned>(bits - i * width);
  if (padding != 0 && (body_[body_size - 1] & ((1u << padding) - 1)) != 0) return bad_padding;
  count_ = static_cast<std::uint32_t>(i);
  return Status::Ok();
}

std::int64_t HllView::ExplicitValue(std::uint32_t i) const noexcept {
  return static_cast<std::int64_t>(LoadBigEndian64(body_ + std::size_t{i} * sizeof(std::int64_t)));
}

template <typename Visit>
void HllView::VisitSparse(Visit visit) const {
  const unsigned regwidth = parameters_.regwidth;
  BitReader reader(body_, parameters_.log2m + regwidth);
  for (std::uint32_t i = 0; i < count_; ++i) {
    const std::uint32_t entry = reader.Read();
    visit(entry >> regwidth, static_cast<std::uint8_t>(entry & parameters_.max_register()));
  }
}

void HllView::MaxInto(std::uint8_t* registers) const noexcept {
  if (type_ == HllType::kFull) {
    MaxPackedRegisters(body_, parameters_.registers(), parameters_.regwidth, registers);
  } else {
    VisitSparse([registers](std::uint32_t index, std::uint8_t value) {
      registers[index] = std::max(registers[index], value);
    });
  }
}

Status EstimateCardinality(const HllView& view, double* estimate) noexcept {
  const HllParameters& parameters = view.parameters();
  RegisterHistogram histogram;
  switch (view.type()) {
    case HllType::kUndefined:
    case HllType::kEmpty:
      *estimate = 0.0;
      return Status::Ok();
    case HllType::kExplicit:
      *estimate = view.count();
      return Status::Ok();
    case HllType::kSparse:
      view.VisitSparse([&](std::uint32_t, std::uint8_t value) { histogram.Count(value); });
      histogram.FillUp(parameters.registers(), view.count());
      break;
    case HllType::kFull: {
      // Unpacked in pieces of whole bytes, so that the stack stays small for any log2m.
      constexpr std::uint32_t kPiece = 2048;
      std::uint8_t registers[kPiece];
      for (std::uint32_t done = 0; done < parameters.registers(); done += kPiece) {
        const std::uint32_t n = std::min(kPiece, parameters.registers() - done);
        std::memset(registers, 0, n);
        MaxPackedRegisters(view.body() + std::size_t{done} / 8 * parameters.regwidth, n,
                           parameters.regwidth, registers);
        histogram.Count(registers, n);
      }
      break;
    }
  }
  return histogram.Estimate(parameters, estimate);
}

void HyperLogLog::Add(std::uint64_t hash, Allocator& allocator) {
  switch (mode_) {
    case Mode::kUndefined:
      return;
    case Mode::kEmpty:
      if (parameters_.explicit_limit() == 0) {
        StartRegisters(allocator);
        return Add(hash, allocator);
      }
      mode_ = Mode::kExplicit;
      [[fallthrough]];
    case Mode::kExplicit:
      if (count_ == capacity_) {
        MakeRoom(allocator);
        if (mode_ != Mode::kExplicit) return Add(hash, allocator);
      }
      list_[count_++] = static_cast<std::int64_t>(hash);
      return;
    case Mode::kSparse:
    case Mode::kFull: {
      const Placement place = Place(hash, parameters_);
      SetRegister(place.index, place.rank, allocator);
      return;
    }
  }
}

void HyperLogLog::SetRegister(std::uint32_t index, std::uint8_t value, Allocator& allocator) {
  if (mode_ == Mode::kFull) {
    if (value > registers_[index]) registers_[index] = value;
  } else if (value > 0) {
    if (count_ == capacity_) {
      MakeRoom(allocator);
      if (mode_ == Mode::kFull) return SetRegister(index, value, allocator);
    }
    list_[count_++] = static_cast<std::int64_t>(index) << 8 | value;
  }
}

// Sorts the list and takes out what is there twice; of several values of one register the highest
// stays.
void HyperLogLog::Compact() noexcept {
  if (sorted_ == count_) return;
  std::sort(list_, list_ + count_);
  std::uint32_t kept = 0;
  if (mode_ == Mode::kExplicit) {
    kept = static_cast<std::uint32_t>(std::unique(list_, list_ + count_) - list_);
  } else {
    for (std::uint32_t i = 0; i < count_; ++i) {
      const bool last_of_index = i + 1 == count_ || list_[i] >> 8 != list_[i + 1] >> 8;
      if (last_of_index) list_[kept++] = list_[i];
    }
  }
  count_ = sorted_ = kept;
}

void HyperLogLog::Reserve(std::uint32_t capacity, Allocator& allocator) {
  if (capacity <= capacity_) return;
  auto* list = allocator.AllocateArray<std::int64_t>(capacity);
  if (count_ > 0) std::memcpy(list, list_, count_ * sizeof(*list));
  allocator.Free(list_);
  list_ = list;
  capacity_ = capacity;
}

// Called when the list is full: afterwards it has room, or the sketch is in a later mode. A list is
// sorted only when at least half of it is new since the last time, so an added value costs
// O(log n) amortised.
void HyperLogLog::MakeRoom(Allocator& allocator) {
  Compact();
  if (mode_ == Mode::kExplicit && count_ > parameters_.explicit_limit()) {
    StartRegisters(allocator);
    return;
  }
  if (mode_ == Mode::kSparse && count_ * 2 * sizeof(*list_) > parameters_.registers()) {
    ToFull(allocator);
    return;
  }
  if (count_ * 2 >= capacity_) Reserve(std::max(kFirstListCapacity, capacity_ * 2), allocator);
}

// From exact values (or none) to registers.
void HyperLogLog::StartRegisters(Allocator& allocator) {
  std::int64_t* values = list_;
  const std::uint32_t count = count_;
  HyperLogLog registers(parameters_);
  registers.mode_ = Mode::kSparse;
  if (count * 2 * sizeof(*list_) > parameters_.registers()) registers.ToFull(allocator);
  for (std::uint32_t i = 0; i < count; ++i) {
    registers.Add(static_cast<std::uint64_t>(values[i]), allocator);
  }
  *this = registers;
  allocator.Free(values);
}

void HyperLogLog::ToFull(Allocator& allocator) {
  if (mode_ == Mode::kFull) return;
  registers_ = allocator.AllocateArray<std::uint8_t>(parameters_.registers());
  std::memset(registers_, 0, parameters_.registers());
  for (std::uint32_t i = 0; i < count_; ++i) {
    std::uint8_t& target = registers_[list_[i] >> 8];
    target = std::max(target, static_cast<std::uint8_t>(list_[i] & 0xff));
  }
  allocator.Free(list_);
  list_ = nullptr;
  count_ = sorted_ = capacity_ = 0;
  mode_ = Mode::kFull;
}

void HyperLogLog::MergeExplicit(const HllView& view, Allocator& allocator) {
  if (count_ == 0 && view.count() <= parameters_.explicit_limit()) {
    Reserve(std::max(kFirstListCapacity, view.count()), allocator);
    for (std::uint32_t i = 0; i < view.count(); ++i) list_[i] = view.ExplicitValue(i);
    count_ = sorted_ = view.count();
    return;
  }
  for (std::uint32_t i = 0; i < view.count(); ++i) {
    Add(static_cast<std::uint64_t>(view.ExplicitValue(i)), allocator);
  }
}

void HyperLogLog::Merge(const HllView& view, Allocator& allocator) {
  if (undefined() || view.type() == HllType::kEmpty) return;
  switch (view.type()) {
    case HllType::kUndefined:
      mode_ = Mode::kUndefined;
      return;
    case HllType::kExplicit:
      if (mode_ == Mode::kEmpty) mode_ = Mode::kExplicit;
      if (mode_ == Mode::kExplicit) {
        MergeExplicit(view, allocator);
      } else {
        for (std::uint32_t i = 0; i < view.count(); ++i) {
          Add(static_cast<std::uint64_t>(view.ExplicitValue(i)), allocator);
        }
      }
      return;
    case HllType::kSparse:
      if (mode_ == Mode::kEmpty || mode_ == Mode::kExplicit) StartRegisters(allocator);
      view.VisitSparse(
          [&](std::uint32_t index, std::uint8_t value) { SetRegister(index, value, allocator); });
      return;
    case HllType::kFull:
      if (mode_ == Mode::kEmpty || mode_ == Mode::kExplicit) StartRegisters(allocator);
      ToFull(allocator);
      view.MaxInto(registers_);
      return;
    case HllType::kEmpty:
      return;
  }
}

void HyperLogLog::Merge(const HyperLogLog& other, Allocator& allocator) {
  if (undefined() || other.mode_ == Mode::kEmpty) return;
  switch (other.mode_) {
    case Mode::kUndefined:
      mode_ = Mode::kUndefined;
      return;
    case Mode::kExplicit:
      for (std::uint32_t i = 0; i < other.count_; ++i) {
        Add(static_cast<std::uint64_t>(other.list_[i]), allocator);
      }
      return;
    case Mode::kSparse:
      if (mode_ == Mode::kEmpty || mode_ == Mode::kExplicit) StartRegisters(allocator);
      for (std::uint32_t i = 0; i < other.count_; ++i) {
        SetRegister(static_cast<std::uint32_t>(other.list_[i] >> 8),
                    static_cast<std::uint8_t>(other.list_[i] & 0xff), allocator);
      }
      return;
    case Mode::kFull:
      if (mode_ == Mode::kEmpty || mode_ == Mode::kExplicit) StartRegisters(allocator);
      ToFull(allocator);
      MaxRegisters(other.registers_, parameters_.registers(), registers_);
      return;
    case Mode::kEmpty:
      return;
  }
}

HyperLogLog::Encoding HyperLogLog::PrepareEncoding(int max_sparse, Allocator& allocator) {
  Compact();
  if (mode_ == Mode::kExplicit && count_ > parameters_.explicit_limit()) StartRegisters(allocator);
  switch (mode_) {
    case Mode::kUndefined:
      return {HllType::kUndefined, 0, kHllHeaderBytes};
    case Mode::kEmpty:
      return {HllType::kEmpty, 0, kHllHeaderBytes};
    case Mode::kExplicit:
      return {HllType::kExplicit, count_, kHllHeaderBytes + count_ * sizeof(*list_)};
    case Mode::kSparse:
    case Mode::kFull:
      break;
  }
  Compact();
  const std::uint32_t m = parameters_.registers();
  const std::uint32_t set =
      mode_ == Mode::kSparse
          ? count_
          : static_cast<std::uint32_t>(m - std::count(registers_, registers_ + m, 0));
  const std::size_t sparse_bits = std::size_t{set} * (parameters_.log2m + parameters_.regwidth);
  const std::size_t full_bits = std::size_t{m} * parameters_.regwidth;
  const bool sparse =
      parameters_.sparseon != 0 &&
      (max_sparse == -1 ? sparse_bits < full_bits : set <= static_cast<std::uint32_t>(max_sparse));
  if (sparse) return {HllType::kSparse, set, kHllHeaderBytes + (sparse_bits + 7) / 8};
  ToFull(allocator);
  return {HllType::kFull, set, kHllHeaderBytes + (full_bits + 7) / 8};
}

namespace {

// Writes fields of `width` bits, most significant bit first.
class BitWriter {
 public:
  BitWriter(std::uint8_t* out, unsigned width) : next_(out), width_(width) {}
  void Write(std::uint64_t field) {
    window_ = (window_ << width_) | field;
    bits_ += width_;
    while (bits_ >= 8) {
      bits_ -= 8;
      *next_++ = static_cast<std::uint8_t>(window_ >> bits_);
    }
  }
  void Finish() {
    if (bits_ > 0) *next_ = static_cast<std::uint8_t>(window_ << (8 - bits_));
  }

 private:
  std::uint8_t* next_;
  unsigned width_;
  unsigned bits_ = 0;
  std::uint64_t window_ = 0;
};

}  // namespace

void HyperLogLog::Encode(const Encoding& encoding, std::uint8_t* out) const noexcept {
  WriteHllHeader(encoding.type, parameters_, out);
  std::uint8_t* body = out + kHllHeaderBytes;
  if (encoding.type == HllType::kExplicit) {
    for (std::uint32_t i = 0; i < count_; ++i) {
      StoreBigEndian64(body + std::size_t{i} * sizeof(*list_),
                       static_cast<std::uint64_t>(list_[i]));
    }
  } else if (encoding.type == HllType::kFull) {
    PackRegisters(registers_, parameters_.registers(), parameters_.regwidth, body);
  } else if (encoding.type == HllType::kSparse) {
    BitWriter writer(body, parameters_.log2m + parameters_.regwidth);
    auto write = [&](std::uint64_t index, std::uint64_t value) {
      writer.Write(index << parameters_.regwidth | value);
    };
    if (mode_ == Mode::kSparse) {
      for (std::uint32_t i = 0; i < count_; ++i) {
        write(static_cast<std::uint64_t>(list_[i]) >> 8, list_[i] & 0xff);
      }
    } else {
      for (std::uint32_t i = 0; i < parameters_.registers(); ++i) {
        if (registers_[i] != 0) write(i, registers_[i]);
      }
    }
    writer.Finish();
  }
}

Status HyperLogLog::EstimateCardinality(Allocator& allocator, double* estimate) {
  const Encoding encoding = PrepareEncoding(-1, allocator);
  if (mode_ == Mode::kEmpty || mode_ == Mode::kExplicit) {
    *estimate = encoding.count;
    return Status::Ok();
  }
  RegisterHistogram histogram;
  if (mode_ == Mode::kSparse) {
    for (std::uint32_t i = 0; i < count_; ++i) {
      histogram.Count(static_cast<std::uint8_t>(list_[i] & 0xff));
    }
    histogram.FillUp(parameters_.registers(), count_);
  } else {
    histogram.Count(registers_, parameters_.registers());
  }
  return histogram.Estimate(parameters_, estimate);
}

std::size_t HyperLogLog::memory() const {
  return mode_ == Mode::kFull ? parameters_.registers() : capacity_ * sizeof(*list_);
}

std::size_t UnionExplicit(const HllView& a, const HllView& b, std::uint8_t* out) noexcept {
  const std::uint32_t limit = a.parameters().explicit_limit();
  std::uint8_t* body = out + kHllHeaderBytes;
  std::uint32_t i = 0, j = 0, n = 0;
  while (i < a.count() || j < b.count()) {
    std::int64_t value;
    if (j == b.count() || (i < a.count() && a.ExplicitValue(i) <= b.ExplicitValue(j))) {
      value = a.ExplicitValue(i++);
      if (j < b.count() && b.ExplicitValue(j) == value) ++j;
    } else {
      value = b.ExplicitValue(j++);
    }
    StoreBigEndian64(body + std::size_t{n++} * sizeof(value), static_cast<std::uint64_t>(value));
  }
  if (n > limit) return 0;
  WriteHllHeader(HllType::kExplicit, a.parameters(), out);
  return kHllHeaderBytes + n * sizeof(std::int64_t);
}

}  // namespace millrace
