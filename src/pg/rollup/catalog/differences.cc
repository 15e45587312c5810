#include "pg/rollup/catalog/differences.h"

namespace millrace::pg {

void DeleteDifferences(Oid relation, TimestampTz since, TimestampTz until) {
  AsCatalogOwner([&] {
    RunSql(
        "DELETE FROM millrace.difference WHERE relation = $1 AND bucket_from < $3 AND bucket_to > "
        "$2",
        {OidArgument(relation), TimeArgument(since), TimeArgument(until)});
  });
}

void ForgetDifferences(Oid relation, TimestampTz since, TimestampTz until) {
  AsCatalogOwner([&] {
    RunSql(
        "INSERT INTO millrace.verification AS v (relation, rebuilds) VALUES ($1, 1) ON CONFLICT "
        "(relation) DO UPDATE SET rebuilds = v.rebuilds + 1",
        {OidArgument(relation)});
  });
  DeleteDifferences(relation, since, until);
}

}  // namespace millrace::pg
