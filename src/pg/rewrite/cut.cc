#include "pg/rewrite/cut.h"

#include "pg/base/list.h"

namespace millrace::pg {
namespace {

enum class Unit { kSecond, kMinute, kHour, kDay, kWeek, kMonth, kQuarter, kYear };

constexpr int64 kDayLength = USECS_PER_DAY;

struct NamedUnit {
  const char* name;
  int64 longest;
};
// In the order of Unit.
constexpr NamedUnit kUnits[] = {{"second", USECS_PER_SEC},    {"minute", USECS_PER_MINUTE},
                                {"hour", USECS_PER_HOUR},     {"day", kDayLength},
                                {"week", 7 * kDayLength},     {"month", 31 * kDayLength},
                                {"quarter", 92 * kDayLength}, {"year", 366 * kDayLength}};

// Where the buckets of a cut begin. Times are microseconds from PostgreSQL's epoch, in UTC.
struct Grid {
  bool is_fixed;  // at origin + n * width; otherwise by the calendar of `zone`
  int64 width;
  int64 origin;
  Unit unit;
  const char* zone;  // nullptr: UTC
};

const Const* ConstantAt(const FuncExpr* call, int index) {
  if (list_length(call->args) <= index) return nullptr;
  const auto* argument = static_cast<const Const*>(list_nth(call->args, index));
  return IsA(argument, Const) && !argument->constisnull ? argument : nullptr;
}

bool IsUtc(const char* zone) {
  return pg_strcasecmp(zone, "UTC") == 0 || pg_strcasecmp(zone, "GMT") == 0 ||
         pg_strcasecmp(zone, "Etc/UTC") == 0;
}

bool ReadBin(const FuncExpr* call, Grid* grid) {
  const Const* width = ConstantAt(call, 0);
  const Const* origin = ConstantAt(call, 2);
  if (width == nullptr || origin == nullptr) return false;
  const Interval* interval = DatumGetIntervalP(width->constvalue);
  // A timestamp is the same number in UTC.
  grid->origin = DatumGetTimestampTz(origin->constvalue);
  if (interval->month != 0 || TIMESTAMP_NOT_FINITE(grid->origin) ||
      abs(static_cast<int64>(interval->day)) > 100'000) {
    return false;
  }
  grid->is_fixed = true;
  grid->width = interval->day * kDayLength + interval->time;
  return grid->width > 0;
}

bool ReadTrunc(const FuncExpr* call, Grid* grid) {
  const Const* unit = ConstantAt(call, 0);
  if (unit == nullptr) return false;
  const char* name = TextDatumGetCString(unit->constvalue);
  int found = -1;
  for (int i = 0; i < static_cast<int>(lengthof(kUnits)); ++i) {
    if (pg_strcasecmp(name, kUnits[i].name) == 0) found = i;
  }
  if (found < 0) return false;
  grid->unit = static_cast<Unit>(found);
  if (call->funcid == F_DATE_TRUNC_TEXT_TIMESTAMPTZ_TEXT) {
    const Const* zone = ConstantAt(call, 2);
    if (zone == nullptr) return false;
    grid->zone = TextDatumGetCString(zone->constvalue);
    if (IsUtc(grid->zone)) grid->zone = nullptr;
  }
  grid->is_fixed = grid->zone == nullptr && grid->unit <= Unit::kWeek;
  grid->width = kUnits[found].longest;
  // PostgreSQL's epoch, 2000-01-01, was a Saturday; weeks begin on Mondays.
  grid->origin = grid->unit == Unit::kWeek ? 2 * kDayLength : 0;
  return true;
}

bool ReadGrid(const FuncExpr* call, Grid* grid) {
  *grid = {};
  switch (call->funcid) {
    case F_DATE_BIN_INTERVAL_TIMESTAMP_TIMESTAMP:
    case F_DATE_BIN_INTERVAL_TIMESTAMPTZ_TIMESTAMPTZ:
      return ReadBin(call, grid);
    case F_DATE_TRUNC_TEXT_TIMESTAMP:
    case F_DATE_TRUNC_TEXT_TIMESTAMPTZ_TEXT:
      return ReadTrunc(call, grid);
    default:
      return false;
  }
}

bool SameZone(const Grid& a, const Grid& b) {
  if (a.zone == nullptr || b.zone == nullptr) return a.zone == b.zone;
  return pg_strcasecmp(a.zone, b.zone) == 0;
}

// Whether units of a calendar are made of others.
bool UnitDivides(Unit fine, Unit coarse) {
  if (fine == coarse) return true;
  if (fine > coarse) return false;
  return fine != Unit::kWeek;
}

}  // namespace

const FuncExpr* AsCut(const Node* expression) {
  if (expression == nullptr || !IsA(expression, FuncExpr)) return nullptr;
  const auto* call = reinterpret_cast<const FuncExpr*>(expression);
  Grid grid;
  return ReadGrid(call, &grid) ? call : nullptr;
}

Node* CutTime(const FuncExpr* cut, Node* time) {
  auto* call = CopyNode(cut);
  lsecond(call->args) = time;
  return reinterpret_cast<Node*>(call);
}

bool Divides(const FuncExpr* fine, const FuncExpr* coarse) {
  Grid small, large;
  if (!ReadGrid(fine, &small) || !ReadGrid(coarse, &large)) return false;
  if (exprType(TimeOf(fine)) != exprType(TimeOf(coarse))) return false;
  if (small.is_fixed && large.is_fixed) {
    // The difference of two origins may be more than 64 bits hold; that of the remainders is not.
    return large.width % small.width == 0 &&
           (large.origin % small.width - small.origin % small.width) % small.width == 0;
  }
  // Months and longer begin at midnight.
  if (small.is_fixed) {
    return large.zone == nullptr && kDayLength % small.width == 0 &&
           small.origin % small.width == 0;
  }
  if (large.is_fixed || !SameZone(small, large)) return false;
  // Where clocks are set back, an hour is there twice, but a day is not.
  return UnitDivides(small.unit, large.unit) && large.unit >= Unit::kDay;
}

Node* CutOnce(Node* expression) {
  const FuncExpr* coarse = AsCut(expression);
  const FuncExpr* fine = coarse == nullptr ? nullptr : AsCut(TimeOf(coarse));
  if (fine == nullptr || !Divides(fine, coarse)) return expression;
  return CutTime(coarse, TimeOf(fine));
}

bool KeepsOrder(const FuncExpr* cut) {
  Grid grid;
  return ReadGrid(cut, &grid) && (grid.is_fixed || grid.unit >= Unit::kDay);
}

bool MayStartLate(const FuncExpr* cut) {
  Grid grid;
  return !ReadGrid(cut, &grid) || grid.zone != nullptr;
}

int64 LongestBucket(const FuncExpr* cut) {
  Grid grid;
  if (!ReadGrid(cut, &grid)) return 0;
  // A day on which clocks are set back is longer; so is one that a zone's change of date adds.
  return grid.is_fixed ? grid.width : grid.width + 2 * kDayLength;
}

}  // namespace millrace::pg
