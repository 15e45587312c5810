#include "core/sketch/hyperloglog_view.h"

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

std::uint8_t EncodeExpthresh(std::int64_t expthresh) {
  if (expthresh == -1) return kAutomaticCode;
  if (expthresh == 0) return 0;
  return static_cast<std::uint8_t>(std::countr_zero(static_cast<std::uint64_t>(expthresh)) + 1);
}

// How many of `entries` sparse entries, from the front, have ascending indexes.
std::size_t CountAscending(BitReader reader, std::size_t entries, unsigned regwidth) {
  std::int64_t previous = -1;
  for (std::size_t i = 0; i < entries; ++i) {
    const std::int64_t index = reader.Read() >> regwidth;
    if (index <= previous) return i;
    previous = index;
  }
  return entries;
}

// Whether entries of two bytes (the default parameters) have ascending indexes. Without an early
// exit, so that the compiler can vectorize it.
bool AllAscending(const std::uint8_t* body, std::size_t entries, unsigned regwidth) {
  auto index = [&](std::size_t i) {
    const auto entry = LoadUnaligned<std::uint16_t>(body + i * 2);
    return static_cast<std::uint16_t>(static_cast<std::uint16_t>(entry << 8 | entry >> 8) >>
                                      regwidth);
  };
  std::uint16_t descending = 0;
  for (std::size_t i = 1; i < entries; ++i) {
    descending |= static_cast<std::uint16_t>(index(i - 1) >= index(i));
  }
  return descending == 0;
}

}  // namespace

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
    // When nearly all registers are saturated, stop just below 2^L: at and above it the logarithm
    // is not defined.
    const double share = std::min(raw / two_to_l, 1.0 - std::ldexp(1.0, -53));
    *estimate = -two_to_l * std::log(1.0 - share);
  }
  return Status::Ok();
}

std::uint32_t HllParameters::explicit_limit() const {
  if (expthresh != -1) {
    return static_cast<std::uint32_t>(std::min<std::int64_t>(expthresh, kMaxExplicit));
  }
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

void WriteHllHeader(HllType type, const HllParameters& parameters, std::uint8_t* out) noexcept {
  out[0] = static_cast<std::uint8_t>(kVersion << 4 | static_cast<int>(type));
  out[1] = static_cast<std::uint8_t>((parameters.regwidth - 1) << 5 | parameters.log2m);
  out[2] =
      static_cast<std::uint8_t>(parameters.sparseon << 6 | EncodeExpthresh(parameters.expthresh));
}

// Long, but flat: one check after the other, and one case per type of value.
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
  // Any power of two may be stored, even thresholds with which no new sketch is made.
  Status status = CheckHllParameters(p[1] & 0x1f, (p[1] >> 5) + 1, -1, sparseon);
  if (!status.ok()) return Status::InvalidData(status.message());

  HllView parsed;
  parsed.type_ = static_cast<HllType>(type);
  parsed.parameters_.log2m = p[1] & 0x1f;
  parsed.parameters_.regwidth = static_cast<std::uint8_t>((p[1] >> 5) + 1);
  parsed.parameters_.sparseon = static_cast<std::uint8_t>(sparseon);
  parsed.parameters_.expthresh = expthresh;
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
      if (body_size / sizeof(std::int64_t) > HllParameters::kMaxExplicit) {
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

  const unsigned regwidth = parameters_.regwidth;
  const std::size_t ascending = width == 16 && AllAscending(body_, entries, regwidth)
                                    ? entries
                                    : CountAscending(BitReader(body_, width), entries, regwidth);
  // The padding may look like zero entries if entries are narrower than a byte.
  if (ascending < entries && (width >= 8 || bits - ascending * width >= 8)) {
    return Status::InvalidData("sparse hll value has duplicate or descending registers");
  }
  const unsigned padding = static_cast<unsigned>(bits - ascending * width);
  if (padding != 0 && (body_[body_size - 1] & ((1u << padding) - 1)) != 0) return bad_padding;
  count_ = static_cast<std::uint32_t>(ascending);
  return Status::Ok();
}

void HllView::MaxInto(std::uint8_t* registers) const noexcept {
  if (type_ == HllType::kFull) {
    MaxPackedRegisters(body_, parameters_.registers(), parameters_.regwidth, registers);
  } else {
    VisitSparse([registers](std::uint32_t index, std::uint8_t value) {
      // Usually it is not higher, and a branch that is predicted costs less than a store.
      if (value > registers[index]) registers[index] = value;
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
