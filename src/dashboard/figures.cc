#include "dashboard/figures.h"

#include <fmt/format.h>

#include "dashboard/source.h"

namespace millrace::dashboard {

std::string MergeSql(const Measure& measure, const std::string& column) {
  switch (measure.kind) {
    case MeasureKind::kCount:
      return fmt::format("sum({})::bigint", column);
    case MeasureKind::kSum:
      return fmt::format("sum({})", column);
    case MeasureKind::kMin:
      return fmt::format("min({})", column);
    case MeasureKind::kMax:
      return fmt::format("max({})", column);
    case MeasureKind::kAllTrue:
      return fmt::format("bool_and({})", column);
    case MeasureKind::kAnyTrue:
      return fmt::format("bool_or({})", column);
    case MeasureKind::kDistinct:
      return fmt::format("hll_union_agg({})", column);
    case MeasureKind::kTop:
      return fmt::format("topn_union_agg({})", column);
    case MeasureKind::kAverage:
    case MeasureKind::kRatio:
      break;  // these are not stored
  }
  return "NULL";
}

std::string FigureSql(const Family& family, const Measure& measure, const StoredSql& merged) {
  switch (measure.kind) {
    case MeasureKind::kCount:
      return fmt::format("coalesce({}, 0)", merged(measure.name));
    case MeasureKind::kDistinct:
      return fmt::format("coalesce(hll_cardinality({}), 0)", merged(measure.name));
    case MeasureKind::kAverage:
    case MeasureKind::kRatio: {
      const auto part = [&](const std::string& name) {
        const Measure* found = family.measure(name);
        return found == nullptr ? merged(name) : FigureSql(family, *found, merged);
      };
      return fmt::format("{}::float8 / nullif({}, 0)", part(measure.numerator),
                         part(measure.denominator));
    }
    default:
      return measure.text ? fmt::format("({})::text", merged(measure.name)) : merged(measure.name);
  }
}

std::string ErrorSql(const std::string& sketch) {
  return fmt::format(
      "CASE WHEN coalesce(hll_type({0}), 1) <= 2 THEN 0 ELSE 1.04 / sqrt(2 ^ hll_log2m({0})) END",
      sketch);
}

std::set<std::string> StoredOf(const Measure& measure) {
  if (IsStored(measure.kind)) return {measure.name};
  return {measure.numerator, measure.denominator};
}

std::string Alias(const Family& family, const Measure& measure, const char* prefix) {
  // Names in PostgreSQL have 63 bytes at most.
  constexpr std::size_t kLongest = 48;
  // The columns that statements have besides measures, and the prefixes of these.
  static const std::set<std::string> taken = {"value", "time", "end", "now", "before"};
  const std::string& name = measure.name;
  if (name.size() <= kLongest && !taken.contains(name) && !name.starts_with("before ") &&
      !name.starts_with("error of ") && !name.starts_with("measure ")) {
    return prefix + name;
  }
  return fmt::format("{}measure {}", prefix, &measure - family.measures.data() + 1);
}

}  // namespace millrace::dashboard
